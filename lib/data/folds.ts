/** Rows divided into parts: at random, by class, by group or by time; a function of the data and a seed. */
import { InvalidDataError, InvalidOptionError } from '../native/errors'
import { requireBoolean, requireNames } from './options'
import { permutation, requireInteger } from './random'

/** What a row belongs to beside its features: rows of one group, and rows of one moment, stay on one side. */
export interface RowKeys {
  /** Class indices; absent for regression. */
  classOf?: Float64Array | undefined
  groups?: readonly string[] | undefined
  /** In any unit. */
  times?: Float64Array | undefined
}

export interface FoldOptions {
  /** How many, from 2. Default 5. */
  folds?: number
  /** Give every fold its share of every class. Default: true for classification without groups or times. */
  stratify?: boolean
  /** Non-negative safe integer; not used with times. Default 0. */
  seed?: number
}

export interface RowParts {
  train: Int32Array
  test: Int32Array
}

/**
 * Cross-validation. Every row is in one test part, except with times: then the rows are cut into folds + 1 blocks of
 * increasing time, and fold i tests block i + 1 after training on all before it.
 *
 * @throws InvalidOptionError for an option that is unknown or out of range, InvalidDataError for too few rows or groups
 */
export function foldRows(rows: number, { classOf, groups, times }: RowKeys, options: FoldOptions = {}): RowParts[] {
  requireNames('folds', options, ['folds', 'stratify', 'seed'])
  const { folds = 5, seed = 0, stratify = classOf !== undefined && !groups && !times } = options
  requireInteger('folds', folds, 2, 1e6)
  if (requireBoolean('stratify', stratify) && (!classOf || groups || times))
    throw new InvalidOptionError(
      'stratify is true, expected false for data without classes, or with groups or times; leave it out',
      {
        option: 'stratify',
      },
    )
  if (times) return timeFolds(times, folds)
  const foldOf = groups
    ? groupFolds(groups, folds, seed)
    : randomFolds(rows, stratify ? classOf : undefined, folds, seed)
  return Array.from({ length: folds }, (_, fold) => ({
    train: Int32Array.from(foldOf.keys()).filter((row) => foldOf[row] !== fold),
    test: Int32Array.from(foldOf.keys()).filter((row) => foldOf[row] === fold),
  }))
}

/** Dealt like cards, class after class, so that sizes of folds, and of classes in folds, differ by one row at most. */
function randomFolds(rows: number, classOf: Float64Array | undefined, folds: number, seed: number): Int32Array {
  if (rows < folds) throw new InvalidDataError(`there are ${rows} rows for ${folds} folds; use fewer folds`)
  const order = Array.from(permutation(rows, seed))
  if (classOf) order.sort((a, b) => (classOf[a] as number) - (classOf[b] as number))
  const foldOf = new Int32Array(rows)
  order.forEach((row, place) => {
    foldOf[row] = place % folds
  })
  return foldOf
}

/** Groups from large to small, in random order among equals, each to the fold that has the fewest rows. */
function groupFolds(groups: readonly string[], folds: number, seed: number): Int32Array {
  const members = rowsByGroup(groups)
  if (members.size < folds)
    throw new InvalidDataError(`there are ${members.size} groups for ${folds} folds; use fewer folds`)
  const lists = [...members.values()]
  const order = Array.from(permutation(lists.length, seed), (i) => lists[i] as number[])
  order.sort((a, b) => b.length - a.length)
  const sizes = new Array<number>(folds).fill(0)
  const foldOf = new Int32Array(groups.length)
  for (const list of order) {
    const fold = sizes.indexOf(Math.min(...sizes))
    sizes[fold] = (sizes[fold] as number) + list.length
    for (const row of list) foldOf[row] = fold
  }
  return foldOf
}

function timeFolds(times: Float64Array, folds: number): RowParts[] {
  const order = byTime(times)
  const cuts = Array.from({ length: folds + 1 }, (_, i) =>
    cutNear(order, times, Math.round(((i + 1) * times.length) / (folds + 1))),
  )
  return Array.from({ length: folds }, (_, fold) => {
    const [from, to] = [cuts[fold] as number, cuts[fold + 1] as number]
    if (from === to || from === 0)
      throw new InvalidDataError(`there are too few different times for ${folds} folds; use fewer folds`)
    return { train: order.slice(0, from).sort(), test: order.slice(from, to).sort() }
  })
}

/** Whole groups in random order while they bring the test part nearer to `count` rows; at least one on each side. */
export function splitGroups(groups: readonly string[], count: number, seed: number): RowParts {
  const lists = [...rowsByGroup(groups).values()]
  if (lists.length < 2) throw new InvalidDataError('there is 1 group, expected at least 2 to split; use more data')
  const test: number[] = []
  let left = lists.length
  for (const i of permutation(lists.length, seed)) {
    const list = lists[i] as number[]
    const nearer = Math.abs(test.length + list.length - count) < Math.abs(test.length - count)
    if (left > 1 && (test.length === 0 || nearer)) {
      test.push(...list)
      left--
    }
  }
  return partsOf(groups.length, test)
}

/** The last `count` rows in time, or as near as rows of one moment allow. */
export function splitTimes(times: Float64Array, count: number): RowParts {
  const order = byTime(times)
  const cut = cutNear(order, times, times.length - count)
  if (cut === 0 || cut === times.length)
    throw new InvalidDataError(
      'all rows are of one time, expected at least two different ones; split at random instead',
    )
  return partsOf(times.length, Array.from(order.subarray(cut)))
}

function partsOf(rows: number, test: readonly number[]): RowParts {
  const inTest = new Uint8Array(rows)
  for (const row of test) inTest[row] = 1
  const pick = (part: number) => Int32Array.from(inTest.keys()).filter((row) => inTest[row] === part)
  return { train: pick(0), test: pick(1) }
}

function rowsByGroup(groups: readonly string[]): Map<string, number[]> {
  const members = new Map<string, number[]>()
  groups.forEach((group, row) => {
    const list = members.get(group)
    if (list) list.push(row)
    else members.set(group, [row])
  })
  return members
}

function byTime(times: Float64Array): Int32Array {
  return Int32Array.from(times.keys()).sort((a, b) => (times[a] as number) - (times[b] as number) || a - b)
}

/** The place nearest to `cut` in the order of time that does not part rows of one moment. */
function cutNear(order: Int32Array, times: Float64Array, cut: number): number {
  const at = (place: number) => times[order[place] as number]
  if (cut <= 0 || cut >= order.length) return Math.max(0, Math.min(order.length, cut))
  let [before, after] = [cut, cut]
  while (before > 0 && at(before - 1) === at(before)) before--
  while (after < order.length && at(after - 1) === at(after)) after++
  const inside = (place: number) => place > 0 && place < order.length
  if (!inside(before)) return after
  return inside(after) && after - cut < cut - before ? after : before
}
