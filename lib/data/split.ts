/** Rows divided into a training and a test part, as a function of the data and a seed. */

import { InvalidOptionError } from '../native/errors'
import { type RowKeys, splitGroups, splitTimes } from './folds'
import { requireNames, requireNumber } from './options'
import { permutation } from './random'

export interface SplitOptions {
  /** Rows of the test part: a fraction below 1, or a count from 1; with groups or times the nearest that these allow. */
  test: number
  /** Give every class its share of the test part, within one row. Default: true for classification without groups or times. */
  stratify?: boolean
  /** Non-negative safe integer; not used with times. Default 0. */
  seed?: number
}

/**
 * Row indices of the two parts, each in increasing order. A fraction is rounded to a count, and both parts have at least
 * one row. Stratified counts per class are those of the largest remainder: rounded down, then the rows still to be given
 * go to the classes with the largest fractions, the lowest index first among equals.
 *
 * @throws InvalidOptionError for an option that is unknown or out of range
 */
export function splitRows(
  rows: number,
  { classOf, groups, times }: RowKeys,
  options: SplitOptions,
): { train: Int32Array; test: Int32Array } {
  requireNames('split', options, ['test', 'stratify', 'seed'])
  const { test, stratify = classOf !== undefined && !groups && !times, seed = 0 } = options
  const isSize = (value: number) => value > 0 && (value < 1 || (Number.isInteger(value) && value < rows))
  requireNumber('test', test, isSize, `a fraction above 0 and below 1, or a count from 1 to ${rows - 1}`)
  if (rows < 2) {
    throw new InvalidOptionError(`there is ${rows} row, expected at least 2 to split; use more data`, {
      option: 'test',
    })
  }
  if (typeof stratify !== 'boolean' || (stratify && (classOf === undefined || groups || times))) {
    throw new InvalidOptionError(
      `stratify is ${String(stratify)}, expected ${classOf && !groups && !times ? 'true or false' : 'false for regression, and for groups and times'}; leave it out`,
      { option: 'stratify' },
    )
  }
  const count = test < 1 ? Math.min(rows - 1, Math.max(1, Math.round(test * rows))) : test
  if (times) return splitTimes(times, count)
  if (groups) return splitGroups(groups, count, seed)
  const order = permutation(rows, seed)
  const inTest = new Uint8Array(rows)
  const open = stratify ? shares(classOf as Float64Array, count) : [count]
  for (const row of order) {
    const stratum = stratify ? ((classOf as Float64Array)[row] as number) : 0
    if ((open[stratum] as number) === 0) continue
    inTest[row] = 1
    open[stratum] = (open[stratum] as number) - 1
  }
  const pick = (part: number) => Int32Array.from(order.keys()).filter((row) => inTest[row] === part)
  return { train: pick(0), test: pick(1) }
}

// Rows of the test part for every class; `count` in all.
function shares(classOf: Float64Array, count: number): number[] {
  const sizes: number[] = []
  for (const c of classOf) {
    while (sizes.length <= c) sizes.push(0)
    sizes[c] = (sizes[c] as number) + 1
  }
  // Whole rows and remainders of count · size / rows, in integers, so that rounding cannot break a tie.
  const rows = classOf.length
  const remainders = sizes.map((size) => (size * count) % rows)
  const given = sizes.map((size, c) => (size * count - (remainders[c] as number)) / rows)
  const rest = count - given.reduce((sum, share) => sum + share, 0)
  const byRemainder = sizes.map((_, c) => c).sort((a, b) => (remainders[b] as number) - (remainders[a] as number))
  for (const c of byRemainder.slice(0, rest)) given[c] = (given[c] as number) + 1
  return given
}
