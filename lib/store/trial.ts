/** What is known of one trial, and how the events of all journals add up to it. */
import type { DamagedLine, JournalEntry } from './journal'

export type Scalar = number | string | boolean
/** Option values of a trial by name. */
export type Point = Readonly<Record<string, Scalar>>

/**
 * `waiting` has not been started, or was interrupted; `running` is being worked on; `stale` was left by a worker that is
 * gone; `complete`, `pruned`, `failed` and `cancelled` have ended.
 */
export type TrialState = 'waiting' | 'running' | 'stale' | 'complete' | 'pruned' | 'failed' | 'cancelled'
export const trialStates: readonly TrialState[] = [
  'waiting',
  'running',
  'stale',
  'complete',
  'pruned',
  'failed',
  'cancelled',
]

/** Where the trace of a trial lies. */
export interface TraceReference {
  file: string
  offset: number
  bytes: number
}

export interface TrialFailure {
  code: string
  message: string
}

export interface TrialRecord {
  /** Hash of options, data, version and seed. */
  id: string
  /** Place in the study, from 0. */
  number: number
  options: Point
  seed: number
  state: TrialState
  /** How often it was started. */
  attempts: number
  /** Session that started it last. */
  worker?: string | undefined
  /** Milliseconds since 1970. */
  started?: number | undefined
  ended?: number | undefined
  /** Results by name: `objective`, `gap`, `test.accuracy`, … */
  metrics: Readonly<Record<string, number>>
  /** What is not a number: device, stop, chosen values, words of the certificate. */
  details?: Readonly<Record<string, unknown>>
  /** Values reported on the way, for pruning, by resource. */
  reports: readonly (readonly [resource: number, value: number])[]
  trace?: TraceReference
  failure?: TrialFailure
}

/** Names of the options of trials, in the order of their first use. */
export const optionNames = (trials: readonly TrialRecord[]): string[] => [
  ...new Set(trials.flatMap(({ options }) => Object.keys(options))),
]
/** Names of their metrics, likewise. */
export const metricNames = (trials: readonly TrialRecord[]): string[] => [
  ...new Set(trials.flatMap(({ metrics }) => Object.keys(metrics))),
]

const ended: readonly TrialState[] = ['complete', 'pruned', 'failed', 'cancelled']
export const hasEnded = (state: TrialState): boolean => ended.includes(state)

type Mutable = { -readonly [K in keyof TrialRecord]: TrialRecord[K] } & { reports: [number, number][] }

/**
 * The trials of a study from the events of its journals, in any order of the journals. A trial that was completed twice
 * (by two workers, neither knowing of the other) counts once, as what came first.
 */
export class TrialTable {
  readonly #byId = new Map<string, Mutable>()
  readonly #early = new Map<string, [JournalEntry, string][]>()
  /** Ever larger; a follower sees by it that something has changed. */
  revision = 0

  /** @param worker session whose journal the entries are from */
  add(entries: readonly JournalEntry[], worker: string): void {
    for (const entry of entries) this.#apply(entry, worker)
    if (entries.length > 0) this.revision++
  }

  get size(): number {
    return this.#byId.size
  }

  get(id: string): TrialRecord | undefined {
    return this.#byId.get(id)
  }

  /** By number, ties by id. */
  all(): TrialRecord[] {
    return [...this.#byId.values()].sort((a, b) => a.number - b.number || (a.id < b.id ? -1 : 1))
  }

  #apply(entry: JournalEntry, worker: string): void {
    if (entry.event === 'trials') {
      for (const trial of entry.trials as Declaration[]) this.#declare(trial)
      return
    }
    const id = entry.trial
    if (typeof id !== 'string') return
    const known = this.#byId.get(id)
    if (known) change(known, entry, worker)
    else {
      // Its declaration is in a journal that has not been read yet.
      const early = this.#early.get(id)
      if (early) early.push([entry, worker])
      else this.#early.set(id, [[entry, worker]])
    }
  }

  #declare({ id, number, options, seed }: Declaration): void {
    const known = this.#byId.get(id)
    if (known) {
      known.number = Math.min(known.number, number)
      return
    }
    const trial: Mutable = {
      id,
      number,
      options,
      seed,
      state: 'waiting',
      attempts: 0,
      worker: undefined,
      started: undefined,
      ended: undefined,
      metrics: noMetrics,
      reports: noReports,
    }
    this.#byId.set(id, trial)
    const early = this.#early.get(id)
    if (!early) return
    this.#early.delete(id)
    for (const [event, from] of early) change(trial, event, from)
  }
}

type Declaration = Pick<TrialRecord, 'id' | 'number' | 'options' | 'seed'>

const noMetrics = {}
const noReports: [number, number][] = []

function change(trial: Mutable, entry: JournalEntry, worker: string): void {
  const { event, time } = entry
  if (event === 'report') {
    const { resource, value } = entry as { resource?: unknown; value?: unknown }
    if (typeof resource !== 'number' || typeof value !== 'number') return
    if (trial.reports.every(([known]) => known !== resource)) trial.reports = [...trial.reports, [resource, value]]
    return
  }
  const latest = Math.max(trial.started ?? Number.NEGATIVE_INFINITY, trial.ended ?? Number.NEGATIVE_INFINITY)
  if (event === 'start') {
    trial.attempts++
    if (trial.state === 'complete' || time < latest) return
    trial.state = 'running'
    trial.worker = worker
    trial.started = time
    if (trial.failure) delete trial.failure
    return
  }
  const state: TrialState | undefined = event === 'interrupt' ? 'waiting' : ended.find((name) => name === event)
  if (!state) return
  if (trial.state === 'complete' && !(state === 'complete' && time < (trial.ended ?? 0))) return
  if (state !== 'complete' && time < latest) return
  trial.state = state
  if (hasEnded(state)) trial.ended = time
  trial.worker = worker
  if (state === 'complete' || state === 'pruned') {
    trial.metrics = numbers(entry.metrics)
    if (entry.details) trial.details = entry.details as Record<string, unknown>
    if (entry.trace) trial.trace = entry.trace as TraceReference
  }
  if (state === 'failed') trial.failure = entry.failure as TrialFailure
  else if (trial.failure) delete trial.failure
}

/** JSON has null for what is not finite. */
function numbers(values: unknown): Record<string, number> {
  const found = (values ?? {}) as Record<string, number | null>
  for (const name in found) if (found[name] === null) found[name] = Number.NaN
  return found as Record<string, number>
}

export type { DamagedLine }
