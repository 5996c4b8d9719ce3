/** A small experiment, and processes that work on it together. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { StudyStore as Store, type StudyStore, type TrialRecord } from '../../lib/store'
import { command, put } from './command'

export const small = put(
  'small.yaml',
  `name: small
data: { file: '${join(__dirname, '..', '..', 'data', 'breast-cancer.csv')}', target: label, holdout: 0.25 }
model: mean-field
options: { algorithm: [langevin, dual-averaging], entropy: [1e-3, 1e-5], particles: 32, steps: 60, certificateDraws: 100 }
seeds: 0..2
run: { checkpointSeconds: 1, parallel: 2, threads: 1, backoff: 0.01 }
`,
)
/** Makes one trial of the experiment that takes many seconds. */
export const long = ['algorithm=langevin', 'entropy=1e-3', 'seed=0', 'particles=64', 'steps=100000']

/** Everything that must not depend on who carried a trial out, and when. */
export function results(folder: string) {
  return Store.open(folder)
    .trials()
    .map(({ id, number, options, seed, state, metrics }) => {
      const { seconds: _, ...rest } = metrics
      return { id, number, options, seed, state, metrics: rest }
    })
}

/** How often each trial was completed, by all journals together. */
export function completions(folder: string): Record<string, number> {
  const counts: Record<string, number> = {}
  const store: StudyStore = Store.open(folder)
  for (const { id } of store.trials()) counts[id] = 0
  const { readJournal } = require('../../lib/store/journal') as typeof import('../../lib/store/journal')
  for (const name of readdirSync(join(folder, 'journals')))
    for (const { event, trial } of readJournal(join(folder, 'journals', name)).entries)
      if (event === 'complete') counts[trial as string] = (counts[trial as string] as number) + 1
  return counts
}

export interface Process {
  child: ChildProcess
  ended: Promise<number | NodeJS.Signals | null>
  words: () => string
}

const processes = new Set<ChildProcess>()
afterAll(() => {
  for (const child of processes) child.kill('SIGKILL')
})

export function launch(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  processes.add(child)
  let words = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes) => {
      words += bytes
    })
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      processes.delete(child)
      resolve(code ?? signal)
    })
  })
  return { child, ended, words: () => words }
}

export const meanfieldProcess = (...args: string[]) => launch(process.execPath, [command, ...args])

/** Looks again and again, for at most half a minute. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + 30_000
  while (!holds()) {
    if (Date.now() > end) throw new Error(`half a minute, and still not: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A whole one: those being written have longer names. */
export const hasCheckpoint = (folder: string) =>
  existsSync(join(folder, 'checkpoints')) &&
  readdirSync(join(folder, 'checkpoints')).some((name) => /^[0-9a-f]{32}$/.test(name))

export const states = (folder: string): TrialRecord['state'][] =>
  Store.open(folder)
    .trials()
    .map(({ state }) => state)
