/** What a reproduction is, and how one is run and written down. */
import { setMaxListeners } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { abortError } from '../native/errors'
import { chartFile, type Figure, figureCsv } from '../report'
import type { Claim } from './claim'

export interface Context {
  /** Seed of data, split and noise. */
  seed: number
  /** The whole experiment as published, instead of the part that fits in a minute. */
  full: boolean
  /** Threads of every fit, or fits of one thread at a time; absent: all that are available. Does not change the result. */
  threads?: number
  signal?: AbortSignal
  /** `fraction` of the work done, from 0 to 1. */
  onProgress?: (fraction: number, words: string) => void
}

export interface Findings {
  claims: Claim[]
  figures: Figure[]
  /** Name and value of every setting, as used. */
  settings: [string, string][]
}

export interface Experiment {
  /** Name on the command line. */
  id: string
  title: string
  /** Paper, and place in it. */
  source: string
  /** What is done and what it shows, in a few sentences. */
  summary: string
  measure(context: Context): Promise<Findings>
}

export interface Reproduction extends Findings {
  id: string
  title: string
  source: string
  summary: string
  /** Files written: for every figure an SVG and its numbers as CSV. */
  files: string[]
  seconds: number
}

/** Runs an experiment and writes its figures into the folder `out`, which is made when it is not there. */
export async function runExperiment(experiment: Experiment, context: Context, out: string): Promise<Reproduction> {
  await mkdir(out, { recursive: true })
  if (context.signal) setMaxListeners(0, context.signal) // as many as there are fits under way
  const start = performance.now()
  const findings = await experiment.measure(context)
  const seconds = (performance.now() - start) / 1000
  const files: string[] = []
  for (const figure of findings.figures)
    for (const [ending, text] of Object.entries({ svg: chartFile(figure), csv: figureCsv(figure) })) {
      const file = join(out, `${figure.id}.${ending}`)
      await writeFile(file, text)
      files.push(file)
    }
  const { id, title, source, summary } = experiment
  return { id, title, source, summary, ...findings, files, seconds }
}

/** A fit that was not aborted: a claim is not judged by half a run. */
export function completed<T extends { stop: string }>(fit: T): T {
  if (fit.stop === 'aborted') throw abortError('the experiment was interrupted')
  return fit
}

/** Settings as they stand in a report. */
export function listSettings(settings: object, seed: number): [string, string][] {
  return [
    ...Object.entries(settings).map(([name, value]): [string, string] => [name, String(value)]),
    ['seed', String(seed)],
  ]
}
