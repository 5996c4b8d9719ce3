import { Random } from '../../../lib/data/random'
import {
  bootstrapInterval,
  compareMethods,
  formatComparison,
  formatTable,
  holm,
  midRanks,
  pairedT,
  quantile,
  rankMethods,
  resultTable,
  signedRank,
  summarize,
} from '../../../lib/report'
import {
  chiSquaredTail,
  fisherTail,
  incompleteBeta,
  logGamma,
  normalCdf,
  studentizedRangeQuantile,
  studentTwoSided,
  upperGamma,
} from '../../../lib/report/statistics/special'
import type { TrialRecord } from '../../../lib/store'

// Numbers without another source are those of SciPy 1.10.1.
test('special functions have known values', () => {
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 13)
  expect(logGamma(11)).toBeCloseTo(Math.log(3628800), 12)
  const values: [number, number][] = [
    [incompleteBeta(0.1, 2.5, 0.5), 0.00111444],
    [incompleteBeta(0.5, 2.5, 0.5), 0.07558682],
    [incompleteBeta(0.99, 2.5, 0.5), 0.83108228],
    [upperGamma(0.5, 0.2), 0.52708926],
    [upperGamma(3, 5), 0.12465202],
    [upperGamma(20, 10), 0.99654566],
    [normalCdf(-1.96), 0.0249978951],
    [normalCdf(0.3), 0.617911422],
    [studentTwoSided(2.228, 10), 0.05001177181711132],
    [chiSquaredTail(7, 3), 0.07189777249646509],
    [fisherTail(9.68085106382977, 2, 10), 0.004582409088751611],
    [studentizedRangeQuantile(0.95, 2), 2.77180765],
    [studentizedRangeQuantile(0.95, 5), 3.85765551],
    [studentizedRangeQuantile(0.95, 10), 4.47412422],
  ]
  for (const [found, expected] of values) expect(found).toBeCloseTo(expected, 7)
  expect(normalCdf(-5) / 2.866515718791933e-7).toBeCloseTo(1, 10)
})

test('a sample in a few numbers', () => {
  expect(summarize([1, 2, 4, 8, 16, 32])).toEqual({
    count: 6,
    mean: 10.5,
    deviation: Math.sqrt(703.5 / 5),
    median: 6,
    quartiles: [2.5, 14],
    min: 1,
    max: 32,
  })
  expect(quantile([3], 0.9)).toBe(3)
  expect(summarize([1, Number.NaN]).mean).toBeNaN()
  expect(summarize([]).median).toBeNaN()
})

test('the bootstrap interval of the mean covers as often as it says', () => {
  // 100 samples of 20 normals: the percentile interval covers about 0.93 there; 0.93 ± 0.1 is four standard deviations
  // (0.0255) around it.
  const random = new Random(5)
  let covered = 0
  for (let i = 0; i < 100; i++) {
    const sample = Array.from({ length: 20 }, () => random.normal())
    const [low, high] = bootstrapInterval(sample, { resamples: 200, seed: i })
    if (low <= 0 && 0 <= high) covered++
  }
  expect(covered).toBeGreaterThan(82)
  expect(bootstrapInterval([2, 2, 2])).toEqual([2, 2])
  expect(bootstrapInterval([1, 5, 9], { seed: 3 })).toEqual(bootstrapInterval([1, 5, 9], { seed: 3 }))
})

test('paired tests', () => {
  const a = [0.91, 0.89, 0.93, 0.9, 0.88, 0.95, 0.92, 0.9, 0.87, 0.94]
  const b = [0.9, 0.85, 0.94, 0.88, 0.86, 0.9, 0.93, 0.87, 0.85, 0.9]
  expect(pairedT(a, b).statistic).toBeCloseTo(3.279648999660733, 10)
  expect(pairedT(a, b).p).toBeCloseTo(0.009534613041300955, 10)
  expect(pairedT(a, a)).toEqual({ statistic: 0, p: 1 })
  const d = [1.25, -0.5, 2, 3.5, -1.5, 4.25, 5, 0.75, 2.75, -0.25, 6.5, 1]
  expect(
    signedRank(
      d,
      d.map(() => 0),
    ),
  ).toEqual({ statistic: 9, p: 0.01611328125 })
  // With ties: counted over all 2^8 sign patterns.
  expect(signedRank([5, 3, 4, 4, 2, 6, 7, 3], [3, 3, 1, 2, 4, 3, 3, 2])).toEqual({ statistic: 3, p: 0.078125 })
  const large = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? -1 : 1) * (i + 1))
  expect(
    signedRank(
      large,
      large.map(() => 0),
    ).p,
  ).toBeCloseTo(0.016901653275967533, 8)
  expect(signedRank(a, a).p).toBe(1)
  expect(() => signedRank([1], [1, 2])).toThrow(/as many/)
})

test('Holm steps down and never falls below an earlier value', () => {
  expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02])
  expect(holm([0.9, 0.8])).toEqual([1, 1])
})

test('ranks and whether they differ', () => {
  expect(midRanks([3, 1, 3, 2])).toEqual([3.5, 1, 3.5, 2])
  const blocks = [
    [0.9, 0.85, 0.8],
    [0.7, 0.72, 0.65],
    [0.88, 0.83, 0.84],
    [0.6, 0.58, 0.51],
    [0.75, 0.75, 0.7],
    [0.93, 0.9, 0.85],
  ]
  const { ranks, friedman, imanDavenport, criticalDifference } = rankMethods(blocks, { maximize: true })
  expect(ranks.map((rank) => rank.toFixed(4))).toEqual(['1.2500', '1.9167', '2.8333'])
  expect(friedman.statistic).toBeCloseTo(7.913043478260865, 10)
  expect(friedman.p).toBeCloseTo(0.019129536225545064, 10)
  expect(imanDavenport.p).toBeCloseTo(0.004582409088751611, 10)
  // Demšar, JMLR 2006, table 5: q = 2.343 for three methods.
  expect(criticalDifference).toBeCloseTo(2.3437 * Math.sqrt(12 / 36), 3)
})

const trial = (number: number, options: TrialRecord['options'], seed: number, accuracy: number): TrialRecord => ({
  id: String(number),
  number,
  options,
  seed,
  state: 'complete',
  attempts: 1,
  metrics: { 'test.accuracy': accuracy, other: 1 },
  reports: [],
})

test('tables over seeds in three formats, and the comparison of methods', () => {
  const trials = ['a', 'b_c'].flatMap((algorithm, i) =>
    [0, 1, 2].map((seed) => trial(3 * i + seed, { algorithm, particles: 8 }, seed, 0.5 + 0.1 * i + 0.01 * seed)),
  )
  const table = resultTable(trials)
  expect(table.parameters).toEqual(['algorithm'])
  expect(table.columns).toEqual(['test.accuracy'])
  expect(table.rows.map(({ seeds, cells }) => [seeds, cells['test.accuracy']?.mean])).toEqual([
    [3, 0.51],
    [3, 0.61],
  ])
  expect(formatTable(table, 'markdown').split('\n')[3]).toMatch(/^\| b_c \| 3 \| 0\.61 \[0\.6, 0\.62\] \|$/)
  expect(formatTable(table, 'latex')).toContain('b\\_c & 3 & 0.61 [0.6, 0.62] \\\\')
  expect(formatTable(table, 'text').split('\n')).toHaveLength(3)
  expect(formatTable(table, 'text', 1)).toMatch(/and 1 more/)
  const short = resultTable(trials, undefined, 1)
  expect(short).toEqual({ ...table, rows: table.rows.slice(0, 1), left: 1 })
  expect(formatTable(short, 'text')).toBe(formatTable(table, 'text', 1))
  const comparison = compareMethods(trials, 'algorithm', 'test.accuracy', true)
  expect(comparison).toMatchObject({ methods: ['a', 'b_c'], blocks: 3, ranks: [2, 1] })
  expect(comparison?.pairs[0]?.p).toBe(0.25)
  for (const format of ['text', 'markdown', 'latex'] as const)
    expect(formatComparison(comparison as NonNullable<typeof comparison>, format)).toMatch(/0\.25/)
  expect(compareMethods(trials.slice(0, 3), 'algorithm', 'test.accuracy', true)).toBeUndefined()
})
