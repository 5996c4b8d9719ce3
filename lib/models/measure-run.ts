/** What the particle measure and the minimax game have in common: options, live points, traces. */
import { requireNames } from '../data/options'
import type { MeasureRunOptions } from '../generated/catalogue'
import { catalogue, fromNative, InvalidDataError, InvalidOptionError, type OptionValues } from '../native'
import type { NativeJob } from '../native/binding'
import { abortError, Run } from './run'

/** Options of the catalogue's measure `name`, checked by name; values are checked when it runs. */
export function measureOptions<T extends object>(title: string, name: string, options: T): Readonly<T> {
  const fields = catalogue().measures.find((entry) => entry.name === name)?.options ?? []
  requireNames(
    title,
    options,
    fields.map((field) => field.name),
  )
  return { ...options }
}

/** The run options among `options`, which may hold `own` ones too. */
export function measureRun(title: string, options: MeasureRunOptions, own: readonly string[]): OptionValues {
  const names = catalogue().measureRun.map(({ name }) => name)
  requireNames(`${title}, of a run,`, options, [...names, ...own])
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name))) as OptionValues
}

/** Runs one job at a time for an object: claims it, passes on live points, and turns failures into typed errors. */
export class MeasureRunner {
  #busy = false

  run<R, T, P>(
    start: (onPoints: (rows: Float64Array) => void) => NativeJob<R>,
    toPoint: (rows: Float64Array) => P,
    settle: (result: R) => T,
    signal: AbortSignal | undefined,
  ): Run<T, P> {
    return new Run<T, P>(async ({ signal: stop, emit }) => {
      if (this.#busy)
        throw new InvalidOptionError('this measure is being fitted; wait for that run, or use another one.')
      this.#busy = true
      try {
        const job = start((rows) => emit(toPoint(rows)))
        stop.addEventListener('abort', job.cancel, { once: true })
        if (stop.aborted) throw abortError(stop.reason)
        return settle(await job.promise)
      } catch (error) {
        throw fromNative(error)
      } finally {
        this.#busy = false
      }
    }, signal)
  }
}

/** Numbers as a copy in double. Throws InvalidDataError for anything else. */
export function numbers(what: string, values: unknown): Float64Array {
  if (Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView)))
    return Float64Array.from(values as ArrayLike<number>, Number)
  throw new InvalidDataError(`${what} are ${String(values)}, expected numbers; pass a typed array or an array.`)
}

export function requireFitted<T>(fitted: T | undefined, what: string): T {
  if (fitted !== undefined) return fitted
  throw new InvalidDataError(`the ${what} has not been run; await that first.`)
}
