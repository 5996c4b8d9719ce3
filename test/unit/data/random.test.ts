import { type PhiloxCounter, type PhiloxKey, permutation, philox4x32_10, Random } from '../../../lib/data/random'
import { InvalidOptionError } from '../../../lib/native/errors'

const ones = 0xffffffff
const draw = (count: number, next: () => number) => Array.from({ length: count }, next)
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe('philox4x32_10', () => {
  const vectors: [PhiloxCounter, PhiloxKey, number[]][] = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ones, ones, ones, ones],
      [ones, ones],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ]
  it.each(vectors)('gives the known answer of Random123 for counter %j', (counter, key, expected) => {
    expect(philox4x32_10(counter, key)).toEqual(expected)
  })
})

describe('Random', () => {
  it('reads the blocks of its counter in order, seed in the key, stream in the counter', () => {
    const seed = 5 * 2 ** 32 + 7
    const random = new Random(seed, 3)
    const blocks = [0, 1].flatMap((block) => philox4x32_10([block, 0, 3, 0xff000000], [7, 5]))
    expect(draw(8, () => random.uint32())).toEqual(blocks)
  })

  it('repeats itself, and differs between seeds and streams', () => {
    const first = (seed: number, stream?: number) => new Random(seed, stream).uint32()
    expect(first(1)).toBe(first(1, 0))
    expect(new Set([first(1), first(2), first(1, 1), first(2 ** 32 + 1)]).size).toBe(4)
  })

  // Every tolerance below is five standard errors of the statistic.
  const count = 40000
  it('draws uniforms with the mean, variance and range of (0, 1)', () => {
    const random = new Random(11)
    const values = draw(count, () => random.uniform())
    expect(Math.min(...values)).toBeGreaterThan(0)
    expect(Math.max(...values)).toBeLessThan(1)
    // Var(u) = 1/12 and Var((u − ½)²) = 1/80 − 1/144 = 1/180.
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / count))
    expect(Math.abs(mean(values.map((u) => (u - 0.5) ** 2)) - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / count))
  })

  it('draws normals with the first four moments, both members of a pair independent', () => {
    const random = new Random(12)
    const values = draw(count, () => random.normal())
    const moments: [number, number, number][] = [
      // power, E z^p, Var z^p = E z^2p − (E z^p)²
      [1, 0, 1],
      [2, 1, 2],
      [3, 0, 15],
      [4, 3, 96],
    ]
    for (const [power, expected, variance] of moments) {
      const moment = mean(values.map((z) => z ** power))
      expect(Math.abs(moment - expected)).toBeLessThan(5 * Math.sqrt(variance / count))
    }
    const products = Array.from(
      { length: count / 2 },
      (_, i) => (values[2 * i] as number) * (values[2 * i + 1] as number),
    )
    expect(Math.abs(mean(products))).toBeLessThan(5 / Math.sqrt(count / 2))
  })

  it.each([1, 2, 7, 2 ** 32])('draws below %d over the whole range', (n) => {
    const random = new Random(13)
    const values = draw(count, () => random.below(n))
    expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < n)).toBe(true)
    // Var of the discrete uniform is (n² − 1) / 12.
    expect(Math.abs(mean(values) - (n - 1) / 2)).toBeLessThanOrEqual(5 * Math.sqrt((n * n - 1) / 12 / count))
  })

  it('has no modulo bias where 2³² mod n is large', () => {
    const n = 3 * 2 ** 30
    const random = new Random(14)
    const low = mean(draw(count, () => Number(random.below(n) < 2 ** 30)))
    // A plain remainder would give 1/2 here.
    expect(Math.abs(low - 1 / 3)).toBeLessThan(5 * Math.sqrt(2 / 9 / count))
  })

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1' as unknown as number])(
    'refuses the seed %p',
    (seed) => {
      expect(() => new Random(seed)).toThrow(InvalidOptionError)
      expect(() => new Random(seed)).toThrow(/seed is .* expected an integer/)
    },
  )

  it('refuses a bad stream and a bad n', () => {
    expect(() => new Random(0, 2 ** 32)).toThrow(InvalidOptionError)
    for (const n of [0, 1.5, 2 ** 32 + 1]) expect(() => new Random(0).below(n)).toThrow(InvalidOptionError)
    for (const n of [-1, 2 ** 31]) expect(() => permutation(n, 0)).toThrow(InvalidOptionError)
  })
})

describe('permutation', () => {
  it('contains every index once and depends on seed and stream only', () => {
    const order = permutation(1000, 4)
    expect(order).toBeInstanceOf(Int32Array)
    expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(permutation(1000, 4)).toEqual(order)
    expect(permutation(1000, 4, 1)).not.toEqual(order)
    expect(permutation(0, 4)).toHaveLength(0)
  })

  it('draws the six orders of three equally often', () => {
    const repeats = 12000
    const random = new Random(15)
    const counts = new Map<string, number>()
    for (let i = 0; i < repeats; i++) {
      const order = random.permutation(3).join()
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    // Five standard errors of a binomial frequency with p = 1/6.
    for (const seen of counts.values())
      expect(Math.abs(seen / repeats - 1 / 6)).toBeLessThan(5 * Math.sqrt(5 / 36 / repeats))
  })
})
