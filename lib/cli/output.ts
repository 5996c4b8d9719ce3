/** Where words go: results on standard output, everything else on standard error. */
import type { SingleBar } from 'cli-progress'
import { formatSeconds } from '../report'

/** Exactly one JSON document. Numbers that JSON lacks (NaN, infinities) become null; typed arrays become arrays. */
export function printJson(document: unknown): void {
  const plain = (_key: string, value: unknown) =>
    ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value
  process.stdout.write(`${JSON.stringify(document, plain, 2)}\n`)
}

export function print(line = ''): void {
  process.stdout.write(`${line}\n`)
}

export function note(line: string): void {
  process.stderr.write(`${line}\n`)
}

export interface Progress {
  /** `fraction` from 0 to 1, or undefined where the end is not known. */
  update(fraction: number | undefined, words: string): void
  stop(): void
}

const quiet: Progress = { update() {}, stop() {} }

/**
 * A bar where standard error is a terminal, a line every few seconds where it is not, and nothing where a program reads
 * (`json`).
 */
export function startProgress(title: string, json: boolean): Progress {
  if (process.stderr.isTTY) return bar(title)
  return json ? quiet : lines(title)
}

function bar(title: string): Progress {
  const { SingleBar, Presets } = require('cli-progress') as typeof import('cli-progress')
  const width = Math.max(10, Math.min(40, (process.stderr.columns ?? 80) - 60))
  const single: SingleBar = new SingleBar(
    { format: `${title} {bar} {percent} {words}`, stream: process.stderr, barsize: width, hideCursor: true, fps: 10 },
    Presets.shades_classic,
  )
  single.start(1, 0, { percent: '', words: '' })
  return {
    update(fraction, words) {
      const part = Math.min(1, Math.max(0, fraction ?? 0))
      single.update(part, { percent: fraction === undefined ? '' : `${Math.floor(100 * part)} %`, words })
    },
    stop: () => single.stop(),
  }
}

const secondsBetweenLines = 5

function lines(title: string): Progress {
  const start = performance.now()
  let last = start
  return {
    update(fraction, words) {
      const now = performance.now()
      if (now - last < 1000 * secondsBetweenLines) return
      last = now
      const percent = fraction === undefined ? '' : ` ${Math.floor(100 * fraction)} %,`
      note(`${title}:${percent} ${formatSeconds((now - start) / 1000)}, ${words}`)
    },
    stop() {},
  }
}
