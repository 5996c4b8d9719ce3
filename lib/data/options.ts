/**
 * Checks of options and allocation that readers, splits and generators share. Each throws InvalidOptionError with the
 * name of the option, what it was, what it may be and what to do.
 */

import { InvalidOptionError, OutOfMemoryError, suggest } from '../native/errors'

export type Dtype = 'float32' | 'float64'

/** The options of `what` must be an object without names besides `names`; the nearest known name is suggested. */
export function requireNames(what: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOptionError(`the options of ${what} are ${show(options)}, expected an object; pass { … }`, {
      option: what,
    })
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue
    const near = suggest(name, names)
    throw new InvalidOptionError(
      `${what} has no option '${name}', expected ${names.join(', ')}; ${near ? `did you mean '${near}'?` : 'remove it'}`,
      { option: name, choices: names },
    )
  }
}

/** The entry of `choices` that `value` names. */
export function requireChoice<T>(option: string, value: unknown, choices: Readonly<Record<string, T>>): T {
  if (typeof value === 'string' && Object.hasOwn(choices, value)) return choices[value] as T
  const names = Object.keys(choices)
  throw new InvalidOptionError(
    `${option} is ${show(value)}, expected one of ${names.map((name) => `'${name}'`).join(', ')}; choose one of these`,
    { option, choices: names },
  )
}

export function requireBoolean(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new InvalidOptionError(`${option} is ${show(value)}, expected true or false; pass one of these`, { option })
}

/** `value` as a finite number that `accepts` takes; `expected` says in words what that is. */
export function requireNumber(
  option: string,
  value: unknown,
  accepts: (value: number) => boolean,
  expected: string,
): number {
  if (typeof value === 'number' && Number.isFinite(value) && accepts(value)) return value
  throw new InvalidOptionError(`${option} is ${show(value)}, expected ${expected}; pass ${option} in that range`, {
    option,
  })
}

/** An array of `length` zeros; throws OutOfMemoryError when there is no room for it. */
export function allocate(type: Float32ArrayConstructor, length: number): Float32Array<ArrayBuffer>
export function allocate(type: Float64ArrayConstructor, length: number): Float64Array<ArrayBuffer>
export function allocate(
  type: Float32ArrayConstructor | Float64ArrayConstructor,
  length: number,
): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>
export function allocate(
  type: Float32ArrayConstructor | Float64ArrayConstructor,
  length: number,
): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  try {
    return new type(length)
  } catch (cause) {
    throw new OutOfMemoryError(
      `there is no room for ${length} numbers of ${type.BYTES_PER_ELEMENT} bytes; use fewer rows or columns`,
      { length },
      { cause },
    )
  }
}

/** A value as it is shown in a message: short, and with quotes around text. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'function') return 'a function'
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
