/**
 * Fits and scores of trials that run at the same time, handed to the native pool in batches while fits are short: a job of its
 * own, with its thread and its call back into JavaScript, costs more than a tiny fit. Each does what it would do alone, bit for
 * bit. How long fits take is measured as they come; a batch that takes much longer than expected is stopped, and what it
 * had not finished is done alone, so that results never wait long to be written down.
 */
import type { Dataset } from '../data'
import { MeanFieldNetwork } from '../models'
import { CancelledError } from '../native/errors'
import type { FitSummary, TrialModel } from './models'
import type { Fitting, TrialFitOptions } from './trial'

/** Seconds of one slot above which a fit is on its own. */
const short = 0.05
/** Seconds that a batch is meant to take, and those after which it is stopped. */
const batchSeconds = 0.1
const patience = 0.5
/** Most fits of a batch for each of its threads. */
const mostEach = 32
/** Rows of data above which a score is on its own: a batch keeps all of its predictions. */
const fewRows = 10_000
/** How much the latest measurement counts. */
const recent = 0.2

interface Asked<R> {
  network: MeanFieldNetwork
  data: Dataset
  resolve: (result: R) => void
  reject: (reason: unknown) => void
}

interface AskedFit extends Asked<FitSummary> {
  options: TrialFitOptions
  /** A batch could not do it. */
  alone?: boolean
}

export class Together implements Fitting {
  readonly #slots: number
  /** Slots of one batch: half of them, so that the others work while the results of a batch are put away. */
  readonly #lane: number
  #taken = 0
  #fits: AskedFit[] = []
  #scores: Asked<object>[] = []
  #scheduled = false
  /** Seconds of one slot that a fit takes. */
  #typical = Number.POSITIVE_INFINITY

  constructor(slots: number) {
    this.#slots = slots
    this.#lane = Math.max(1, Math.floor(slots / 2))
  }

  /** Trials that should run at the same time. */
  get width(): number {
    return this.#typical < short ? 2 * this.#most : this.#slots
  }

  get #most(): number {
    return this.#lane * Math.max(2, Math.min(mostEach, Math.floor(batchSeconds / this.#typical)))
  }

  fit(model: TrialModel, train: Dataset, options: TrialFitOptions): PromiseLike<FitSummary> {
    if (!(model instanceof MeanFieldNetwork)) return model.fit(train, options)
    return new Promise((resolve, reject) => {
      this.#fits.push({ network: model, data: train, options, resolve, reject })
      this.#schedule()
    })
  }

  score(model: TrialModel, data: Dataset): Promise<object> {
    if (!(model instanceof MeanFieldNetwork) || this.#typical >= short || data.rows > fewRows) return model.score(data)
    return new Promise((resolve, reject) => {
      this.#scores.push({ network: model, data, resolve, reject })
      this.#schedule()
    })
  }

  /** When all who are ready now have asked. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#scores.length > 0) void this.#scoreAll(this.#scores.splice(0))
      this.#begin()
    })
  }

  #begin(): void {
    while (this.#fits.length > 0) {
      const [first] = this.#fits as [AskedFit, ...AskedFit[]]
      const alone = first.alone === true || this.#typical >= short
      const takes = alone ? 1 : this.#lane
      if (this.#taken + takes > this.#slots) return
      this.#taken += takes
      const some = this.#fits.splice(0, alone ? 1 : this.#most)
      void (alone ? this.#fitAlone(first) : this.#fitAll(some)).finally(() => {
        this.#taken -= takes
        this.#begin()
      })
    }
  }

  async #fitAlone({ network, data, options, resolve, reject }: AskedFit): Promise<void> {
    const start = performance.now()
    try {
      resolve((await network.fit(data, options)) as FitSummary)
      this.#learn(start, 1)
    } catch (error) {
      reject(error)
    }
  }

  async #fitAll(asked: readonly AskedFit[]): Promise<void> {
    const start = performance.now()
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), 1000 * patience)
    const signal = (asked[0] as AskedFit).options.signal
    const forward = () => late.abort()
    signal.addEventListener('abort', forward, { once: true })
    if (signal.aborted) forward()
    try {
      const runs = asked.map(({ network, data, options: { signal: _, threads: __, ...options } }) => ({
        network,
        train: data,
        options,
      }))
      const results = await MeanFieldNetwork.fitMany(runs, { threads: this.#lane, signal: late.signal })
      const unfinished: AskedFit[] = []
      for (const [i, one] of asked.entries()) {
        const result = results[i] as (typeof results)[number]
        const stopped =
          result.status === 'fulfilled' ? result.value.stop === 'aborted' : result.reason instanceof CancelledError
        if (stopped && !signal.aborted) unfinished.push({ ...one, alone: true })
        else if (result.status === 'fulfilled') one.resolve(result.value as FitSummary)
        else one.reject(result.reason)
      }
      this.#learn(start, Math.max(1, (asked.length - unfinished.length) / this.#lane))
      this.#fits.unshift(...unfinished)
    } catch {
      // One of them cannot be begun, which each finds out for itself.
      this.#fits.unshift(...asked.map((one) => ({ ...one, alone: true })))
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', forward)
    }
  }

  #learn(start: number, fits: number): void {
    const seconds = (performance.now() - start) / 1000 / fits
    // From a long one on they are taken to be long: a batch that is too large is the worse mistake.
    const known = Number.isFinite(this.#typical) && seconds < short
    this.#typical = known ? this.#typical + recent * (seconds - this.#typical) : seconds
  }

  async #scoreAll(asked: readonly Asked<object>[]): Promise<void> {
    try {
      const results = await MeanFieldNetwork.scoreMany(asked, { threads: this.#lane })
      for (const [i, { resolve, reject }] of asked.entries()) {
        const result = results[i] as (typeof results)[number]
        if (result.status === 'fulfilled') resolve(result.value)
        else reject(result.reason)
      }
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }
}
