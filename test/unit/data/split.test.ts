import { Dataset, type SplitOptions } from '../../../lib/data'
import { Random } from '../../../lib/data/random'
import { splitRows } from '../../../lib/data/split'
import { InvalidOptionError } from '../../../lib/native/errors'

/** Class indices of `sizes` rows each, in random order. */
function classOf(sizes: number[], seed = 1): Float64Array {
  const all = sizes.flatMap((size, c) => Array.from({ length: size }, () => c))
  return Float64Array.from(new Random(seed).permutation(all.length), (i) => all[i] as number)
}

const count = (rows: Int32Array, labels: Float64Array, c: number) => rows.filter((row) => labels[row] === c).length

describe('splitRows', () => {
  it.each([0.25, 0.001, 0.999, 1, 37, 99])('gives every row to one part, in order, for test: %p', (test) => {
    for (const labels of [undefined, classOf([50, 30, 20])]) {
      const parts = splitRows(100, { classOf: labels }, { test, seed: 3 })
      const size = test < 1 ? Math.min(99, Math.max(1, Math.round(100 * test))) : test
      expect(parts.test).toHaveLength(size)
      expect([...parts.train, ...parts.test].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
      for (const part of [parts.train, parts.test]) expect(part).toEqual(Int32Array.from(part).sort())
    }
  })

  it('gives every class its share within one row, for sizes of all kinds', () => {
    const random = new Random(2)
    for (let k = 0; k < 300; k++) {
      // An empty class is one that is known from another part of the data.
      const sizes = [2, ...Array.from({ length: random.below(12) }, () => random.below(40))]
      const labels = classOf(sizes, k)
      const test = random.below(2) === 0 ? random.uniform() : 1 + random.below(labels.length - 1)
      const parts = splitRows(labels.length, { classOf: labels }, { test, seed: k })
      const fraction = parts.test.length / labels.length
      sizes.forEach((size, c) => {
        expect(Math.abs(count(parts.test, labels, c) - size * fraction)).toBeLessThan(1)
      })
      expect(Math.abs(parts.test.length - (test < 1 ? test * labels.length : test))).toBeLessThanOrEqual(1)
    }
  })

  it('is exact where the shares are whole', () => {
    const labels = classOf([40, 80, 4])
    const { test } = splitRows(124, { classOf: labels }, { test: 0.25 })
    expect([0, 1, 2].map((c) => count(test, labels, c))).toEqual([10, 20, 1])
  })

  it('is a function of the data and the seed', () => {
    const labels = classOf([50, 50])
    const split = (seed?: number, stratify?: boolean) =>
      splitRows(
        100,
        { classOf: labels },
        {
          test: 0.3,
          ...(seed === undefined ? {} : { seed }),
          ...(stratify === undefined ? {} : { stratify }),
        },
      )
    expect(split(5)).toEqual(split(5))
    expect(split()).toEqual(split(0))
    expect(split(5).test).not.toEqual(split(6).test)
    expect(split(5).test).not.toEqual(split(5, false).test)
  })

  it('puts every row into the test part equally often', () => {
    const repeats = 2000
    for (const labels of [undefined, classOf([6, 4])]) {
      const hits = new Float64Array(10)
      for (let seed = 0; seed < repeats; seed++) {
        for (const row of splitRows(10, { classOf: labels }, { test: 5, seed }).test)
          hits[row] = (hits[row] as number) + 1
      }
      // Five standard errors of a binomial frequency with p = 1/2; both classes give half of their rows.
      for (const hit of hits) expect(Math.abs(hit / repeats - 0.5)).toBeLessThan((5 * 0.5) / Math.sqrt(repeats))
    }
  })

  it.each<[object, RegExp]>([
    [{}, /test is undefined, expected a fraction above 0 and below 1, or a count from 1 to 9/],
    [{ test: 0 }, /test is 0/],
    [{ test: -0.5 }, /test is -0.5/],
    [{ test: 10 }, /test is 10/],
    [{ test: 1.5 }, /test is 1.5/],
    [{ test: Number.NaN }, /test is NaN/],
    [{ test: '0.5' }, /test is '0.5'/],
    [{ test: 0.5, stratify: 1 }, /stratify is 1, expected true or false/],
    [{ test: 0.5, seed: -1 }, /seed is -1/],
    [{ test: 0.5, stratified: true }, /no option 'stratified'.*did you mean 'stratify'/],
  ])('refuses %j', (options, message) => {
    const labels = classOf([5, 5])
    expect(() => splitRows(10, { classOf: labels }, options as SplitOptions)).toThrow(InvalidOptionError)
    expect(() => splitRows(10, { classOf: labels }, options as SplitOptions)).toThrow(message)
  })

  it('refuses to stratify regression, and to split one row', () => {
    expect(() => splitRows(10, {}, { test: 0.5, stratify: true })).toThrow(/expected false for regression/)
    expect(() => splitRows(1, {}, { test: 0.5 })).toThrow(/there is 1 row, expected at least 2/)
  })
})

describe('Dataset.split', () => {
  it('stratifies classes by default and keeps them all', () => {
    const labels = Array.from(classOf([30, 10]), (c) => 'ab'.charAt(c))
    const data = Dataset.fromArrays(Float32Array.from(labels.keys()), labels, { columns: 1 })
    const { train, test } = data.split({ test: 0.2, seed: 1 })
    expect([train.rows, test.rows]).toEqual([32, 8])
    expect(test.targets.filter((c) => c === 1)).toHaveLength(2)
    for (const part of [train, test]) {
      expect(part.classes).toEqual(['a', 'b'])
      // The feature of a row is its index.
      part.features.forEach((row, i) => {
        expect(part.classes?.[part.targets[i] as number]).toBe(labels[row])
      })
    }
    expect(data.split({ test: 0.2, seed: 1 }).test.hash).toBe(test.hash)
    expect(data.split({ test: 0.2, seed: 2 }).test.hash).not.toBe(test.hash)
  })

  it('splits regression', () => {
    const data = Dataset.fromArrays([[1], [2], [3]], [0.1, 0.2, 0.3])
    const { train, test } = data.split({ test: 1 })
    expect([...train.targets, ...test.targets].sort()).toEqual([0.1, 0.2, 0.3])
  })
})
