/** Where the trials of a process come from when other processes work on the same study. */
import { pause } from '../executor/executor'
import { InvalidOptionError } from '../native'
import { hasEnded, type TrialRecord } from '../store'
import type { AskedTrial, Study } from './study'

export interface TrialSource {
  /** The next trial to be carried out; undefined when nothing is left, or when it is time to stop. */
  next(): Promise<AskedTrial | undefined>
  /** How many trials it would give at once. */
  readonly ready: number
  /** It was carried out, and its journal says with what result. */
  done(trial: AskedTrial): Promise<void>
  close(): Promise<void>
}

/** A sampler that learns draws from the results of all trials, which no process has while others still run. */
export function requireFixedDesign(study: Study): void {
  if (!study.learns) return
  throw new InvalidOptionError(
    `the search of '${study.name}' is ${study.resolved.sampler}, which learns from every result, so that its trials cannot be shared out; ` +
      "set search.sampler to grid, random or sobol, or run it in one process with 'meanfield run'.",
  )
}

/** Milliseconds between looks at what other processes have done. */
const lookEvery = 500

/**
 * The trials that `select` chooses, until all of them have ended. One that a living process is at (an earlier one with the same
 * part, perhaps on a machine that has died a moment ago) is waited for, until it ends or its heartbeat does.
 */
export class PartSource implements TrialSource {
  readonly #study: Study
  readonly #select: (number: number) => boolean
  readonly #signal: AbortSignal
  #ready: TrialRecord[] = []
  readonly #mine = new Set<string>()

  constructor(study: Study, select: (number: number) => boolean, signal: AbortSignal) {
    requireFixedDesign(study)
    this.#study = study
    this.#select = select
    this.#signal = signal
  }

  get ready(): number {
    return this.#ready.length
  }

  async next(): Promise<AskedTrial | undefined> {
    while (!this.#signal.aborted) {
      const trial = this.#ready.pop()
      if (trial) {
        this.#mine.add(trial.id)
        return trial
      }
      const left = this.#study.trials(
        ({ id, number, state }) => this.#select(number) && !hasEnded(state) && !this.#mine.has(id),
      )
      if (left.length === 0) return undefined
      this.#ready = left.filter(({ state }) => state !== 'running').reverse()
      if (this.#ready.length === 0) await pause(lookEvery, this.#signal)
    }
    return undefined
  }

  async done({ id }: AskedTrial): Promise<void> {
    this.#mine.delete(id)
  }

  async close(): Promise<void> {}
}
