/** Checks of the records that pages are made from. */
import { InvalidDataError } from '../native'

/** @throws InvalidDataError with what was seen, unless `good` */
export function requireThat(good: boolean, seen: string, expected: string): asserts good {
  if (!good) throw new InvalidDataError(`${seen}; expected ${expected}. Make the record from a fit that has ended.`)
}

/** A finite number within [low, high]. */
export function requireNumber(name: string, value: unknown, low = -Infinity, high = Infinity): void {
  const good = typeof value === 'number' && Number.isFinite(value) && value >= low && value <= high
  const above = low > -Infinity ? ` of at least ${low}` : ''
  const below = high < Infinity ? `${above ? ' and' : ' of'} at most ${high}` : ''
  requireThat(good, `${name} is ${shown(value)}`, `a finite number${above}${below}`)
}

export function requireCount(name: string, value: unknown, low = 1, high = Infinity): void {
  requireNumber(name, value, low, high)
  requireThat(Number.isInteger(value), `${name} is ${shown(value)}`, 'a whole number')
}

/** Finite numbers, `length` of them where it is given. */
export function requireNumbers(name: string, values: unknown, length?: number): void {
  requireThat(Array.isArray(values), `${name} is ${shown(values)}`, 'an array of numbers')
  if (length !== undefined)
    requireThat(values.length === length, `${name} has ${values.length} numbers`, `${length} of them`)
  const bad = values.findIndex((value) => typeof value !== 'number' || !Number.isFinite(value))
  requireThat(bad < 0, `${name}[${bad}] is ${shown(values[bad])}`, 'a finite number')
}

export function requireOneOf(name: string, value: unknown, known: readonly string[]): void {
  requireThat(known.includes(value as string), `${name} is ${shown(value)}`, `one of ${known.join(', ')}`)
}

export function requireText(name: string, value: unknown): void {
  requireThat(typeof value === 'string', `${name} is ${shown(value)}`, 'a text')
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`
  return value !== null && typeof value === 'object' ? 'an object' : String(value)
}
