import { Dataset } from '../../../lib/data'
import { foldRows, type RowParts } from '../../../lib/data/folds'
import { Random } from '../../../lib/data/random'
import { splitRows } from '../../../lib/data/split'
import { InvalidDataError, InvalidOptionError } from '../../../lib/native/errors'

const random = new Random(5)
const rows = 103
const classOf = Float64Array.from({ length: rows }, () => random.below(3))
const groups = Array.from({ length: rows }, () => `g${random.below(20)}`)
const times = Float64Array.from({ length: rows }, () => random.below(40))

const count = (part: Int32Array, c: number) => part.filter((row) => classOf[row] === c).length
const all = (parts: RowParts) => [...parts.train, ...parts.test].sort((a, b) => a - b)

test('every row is tested once, folds and classes in folds differ by one row at most', () => {
  for (const keys of [{}, { classOf }]) {
    const folds = foldRows(rows, keys, { folds: 4, seed: 2 })
    expect(folds.flatMap(({ test }) => [...test]).sort((a, b) => a - b)).toEqual(
      Array.from({ length: rows }, (_, i) => i),
    )
    for (const fold of folds) expect(all(fold)).toEqual(Array.from({ length: rows }, (_, i) => i))
    const sizes = folds.map(({ test }) => test.length)
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    if (keys.classOf)
      for (let c = 0; c < 3; c++) {
        const shares = folds.map(({ test }) => count(test, c))
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
      }
  }
  expect(foldRows(rows, {}, { seed: 1 })).toEqual(foldRows(rows, {}, { seed: 1 }))
  expect(foldRows(rows, {}, { seed: 1 })).not.toEqual(foldRows(rows, {}, { seed: 2 }))
})

test('a group is on one side, in folds and in a split of about the size asked for', () => {
  const folds = foldRows(rows, { classOf, groups }, { folds: 5 })
  for (const { train, test } of folds) {
    const inTest = new Set(Array.from(test, (row) => groups[row]))
    expect(Array.from(train).some((row) => inTest.has(groups[row]))).toBe(false)
  }
  expect(folds.flatMap(({ test }) => [...test])).toHaveLength(rows)
  // The largest group has the greatest part in how uneven folds can be: greedy filling is off by less than it.
  const largest = Math.max(...groups.map((group) => groups.filter((other) => other === group).length))
  const sizes = folds.map(({ test }) => test.length)
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(largest)
  for (let seed = 0; seed < 20; seed++) {
    const { train, test } = splitRows(rows, { classOf, groups }, { test: 0.3, seed })
    const inTest = new Set(Array.from(test, (row) => groups[row]))
    expect(Array.from(train).some((row) => inTest.has(groups[row]))).toBe(false)
    expect(Math.abs(test.length - 0.3 * rows)).toBeLessThanOrEqual(largest / 2 + 1)
  }
})

test('with times, what is tested is later than what is trained on, and moments are not parted', () => {
  const most = (part: Int32Array) => Math.max(...Array.from(part, (row) => times[row] as number))
  const least = (part: Int32Array) => Math.min(...Array.from(part, (row) => times[row] as number))
  const folds = foldRows(rows, { times }, { folds: 4 })
  for (const { train, test } of folds) expect(most(train)).toBeLessThan(least(test))
  for (const [i, { train }] of folds.slice(1).entries())
    expect([...train]).toEqual([...(folds[i] as RowParts).train, ...(folds[i] as RowParts).test].sort((a, b) => a - b))
  const { train, test } = splitRows(rows, { times }, { test: 0.2 })
  expect(most(train)).toBeLessThan(least(test))
  expect(Math.abs(test.length - 0.2 * rows)).toBeLessThan(10)
  expect(all({ train, test })).toHaveLength(rows)
})

test('what cannot be is refused', () => {
  expect(() => foldRows(3, {}, { folds: 4 })).toThrow(InvalidDataError)
  expect(() => foldRows(rows, { groups: Array(rows).fill('one') }, { folds: 2 })).toThrow(
    /there are 1 groups for 2 folds/,
  )
  expect(() => foldRows(rows, { times: new Float64Array(rows) }, { folds: 2 })).toThrow(/too few different times/)
  expect(() => foldRows(rows, { classOf, groups }, { stratify: true })).toThrow(InvalidOptionError)
  expect(() => foldRows(rows, {}, { folds: 1 })).toThrow(/folds is 1, expected an integer from 2/)
  expect(() => foldRows(rows, {}, { fold: 3 } as never)).toThrow(/did you mean 'folds'/)
  expect(() => splitRows(rows, { groups: Array(rows).fill('one') }, { test: 0.5 })).toThrow(/there is 1 group/)
  expect(() => splitRows(rows, { times: new Float64Array(rows) }, { test: 0.5 })).toThrow(/all rows are of one time/)
})

test('data sets come in folds with their groups', () => {
  const frame = {
    source: 'here',
    rows: 6,
    place: (row: number) => `row ${row}`,
    columns: [
      { name: 'x', type: 'number', values: Float64Array.of(0, 1, 2, 3, 4, 5) },
      { name: 'who', type: 'text', values: ['a', 'a', 'b', 'b', 'c', 'c'] },
      { name: 'y', type: 'number', values: Float64Array.of(0.5, 1, 2, 3, 4, 5) },
    ],
  } as const
  const data = Dataset.fromFrame(frame, { target: 'y', group: 'who' })
  expect(data.featureNames).toEqual(['x'])
  const tested = Array.from(data.folds({ folds: 3 }), ({ train, test }) => {
    expect(new Set([...(train.groups ?? []), ...(test.groups ?? [])]).size).toBe(3)
    return test.groups?.join('')
  })
  expect(tested.sort()).toEqual(['aa', 'bb', 'cc'])
})
