/** What the particle measure and the minimax game have in common: options and arrays of numbers. */
import { requireNames } from '../data/options'
import type { MeasureRunOptions } from '../generated/catalogue'
import { catalogue, InvalidDataError, type OptionValues } from '../native'

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
