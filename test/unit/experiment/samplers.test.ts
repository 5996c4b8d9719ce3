import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Study } from '../../../lib/experiment'
import { Pruner } from '../../../lib/experiment/pruning'
import { type Observation, randomSampler, sobolSampler, tpeSampler } from '../../../lib/experiment/samplers'
import { sobolPoint } from '../../../lib/experiment/sobol'
import type { Space } from '../../../lib/experiment/space'
import { rankByDominance } from '../../../lib/experiment/tpe'

const space: Space = new Map([
  ['x', { kind: 'range', min: -5, max: 10, scale: 'linear', integer: false }],
  ['rate', { kind: 'range', min: 1e-4, max: 1, scale: 'log', integer: false }],
  ['layers', { kind: 'range', min: 1, max: 4, scale: 'linear', integer: true }],
  ['kind', { kind: 'choice', values: ['a', 'b', 'c'] }],
  ['only', { kind: 'range', min: 0, max: 1, scale: 'linear', integer: false, when: { kind: ['b'] } }],
])

test.each([
  ['random', randomSampler(space, 1000, 1), 0.09],
  ['sobol', sobolSampler(space, 1000, 1), 0.02],
] as const)('%s points are in their ranges and spread as they should', (_, sampler, tolerance) => {
  const points = Array.from({ length: 1000 }, (_, i) => sampler.sample(i, []))
  expect(sampler.sample(77, [])).toEqual(points[77])
  const part = (holds: (point: (typeof points)[number]) => boolean) => points.filter(holds).length / points.length
  // The standard deviation of a fraction of 1000 is below 0.0159; 0.09 is more than five of them.
  expect(Math.abs(part(({ x }) => Number(x) < 2.5) - 0.5)).toBeLessThan(tolerance)
  expect(Math.abs(part(({ rate }) => Number(rate) < 1e-2) - 0.5)).toBeLessThan(tolerance)
  for (const layers of [1, 2, 3, 4])
    expect(Math.abs(part((point) => point.layers === layers) - 0.25)).toBeLessThan(tolerance)
  for (const kind of ['a', 'b', 'c'])
    expect(Math.abs(part((point) => point.kind === kind) - 1 / 3)).toBeLessThan(tolerance)
  expect(points.every((point) => 'only' in point === (point.kind === 'b'))).toBe(true)
  expect(
    points.every(({ x, rate }) => Number(x) >= -5 && Number(x) <= 10 && Number(rate) >= 1e-4 && Number(rate) <= 1),
  ).toBe(true)
})

test("Sobol's points are those of Joe and Kuo, and every dimension is a net", () => {
  // scipy.stats.qmc.Sobol(21, scramble=False), points 5 and 11, in sixteenths.
  const sixteenths = (number: number) => sobolPoint(number, 21).map((u) => u * 16)
  expect(sixteenths(5)).toEqual([14, 14, 2, 6, 14, 10, 14, 6, 6, 2, 6, 14, 14, 2, 14, 6, 14, 6, 6, 10, 10])
  expect(sixteenths(11)).toEqual([7, 9, 3, 11, 13, 1, 11, 11, 11, 1, 15, 5, 3, 3, 9, 3, 9, 1, 11, 9, 15])
  for (const seed of [undefined, 4]) {
    const points = Array.from({ length: 256 }, (_, i) => sobolPoint(i, 21, seed))
    for (let dimension = 0; dimension < 21; dimension++)
      expect(new Set(points.map((point) => Math.floor((point[dimension] as number) * 256))).size).toBe(256)
  }
  expect(() => sobolPoint(0, 22)).toThrow(/up to 21/)
})

test('the Parzen estimator finds a minimum, and the branch that it is on, where random search does not', () => {
  const loss = ({ x, rate, kind, only }: Record<string, unknown>) =>
    (Number(x) - 3) ** 2 / 20 +
    (Math.log10(Number(rate)) + 2) ** 2 / 4 +
    (kind === 'b' ? Math.abs(Number(only) - 0.7) : 1)
  const best = (learns: boolean, seed: number) => {
    const sampler = (learns ? tpeSampler : randomSampler)(space, 60, seed)
    const seen: Observation[] = []
    for (let i = 0; i < 60; i++) {
      const point = sampler.sample(i, seen)
      seen.push({ point, losses: [loss(point)] })
    }
    return Math.min(...seen.map(({ losses }) => losses[0] as number))
  }
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  // Each seed is a pair; by chance alone learning would win at least 8 of 9 with probability 10/512.
  expect(seeds.filter((seed) => best(true, seed) < best(false, seed)).length).toBeGreaterThanOrEqual(8)
})

test('with several objectives, what nothing dominates comes first', () => {
  const losses = [
    [3, 3],
    [1, 4],
    [2, 2],
    [4, 1],
    [5, 5],
  ]
  const ranked = rankByDominance(losses.map((pair) => ({ point: {}, losses: pair })))
  expect(
    ranked
      .slice(0, 3)
      .map(({ losses: [a] }) => a)
      .sort(),
  ).toEqual([1, 2, 4])
  expect(ranked.at(-1)?.losses).toEqual([5, 5])
})

test('pruners stop what is worse at a rung', () => {
  const median = new Pruner(
    { method: 'median', from: 10, factor: 2, atLeast: 3 },
    { metric: 'loss', direction: 'minimize' },
  )
  expect(median.rungs(100)).toEqual([10, 20, 40, 80])
  for (const [i, value] of [1, 2, 3].entries()) expect(median.goesOn(`t${i}`, 10, value)).toBe(true)
  expect(median.goesOn('t3', 10, 2)).toBe(true)
  expect(median.goesOn('t4', 10, 2.1)).toBe(false)
  expect(median.goesOn('t5', 10, Number.NaN)).toBe(false)
  expect(median.goesOn('t6', 20, 9)).toBe(true)
  const asha = new Pruner(
    { method: 'asha', from: 1, factor: 3, atLeast: 2 },
    { metric: 'accuracy', direction: 'maximize' },
  )
  const went = [0.5, 0.4, 0.3, 0.6, 0.55, 0.7, 0.65].map((value, i) => asha.goesOn(`t${i}`, 1, value))
  expect(went).toEqual([true, true, false, true, false, true, true])
})

describe('ask and tell', () => {
  const root = mkdtempSync(join(tmpdir(), 'meanfield-study-'))
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  const definition = {
    name: 'parabola',
    options: { x: { min: -5, max: 5 } },
    search: { sampler: 'tpe' as const, trials: 40 },
    seeds: [0, 1],
    objective: { metric: 'value', direction: 'minimize' as const },
  }

  test('one’s own loop, left and taken up again', async () => {
    const folder = join(root, 'tpe')
    const first = await Study.create(folder, definition)
    for (let i = 0; i < 31; i++) {
      const trial = first.ask()
      if (trial) first.tell(trial, { metrics: { value: (Number(trial.options.x) - 2) ** 2 } })
    }
    expect(() => first.tell({ id: 'x' }, { metrics: { loss: 1 } })).toThrow(/lack the objective 'value'/)
    first.close()
    const second = await Study.open(folder)
    let told = 0
    for (let trial = second.ask(); trial; trial = second.ask(), told++)
      second.tell(trial, { metrics: { value: (Number(trial.options.x) - 2) ** 2 } })
    const trials = second.trials()
    expect(told).toBe(80 - 31)
    expect(trials).toHaveLength(80)
    expect(trials.every(({ state }) => state === 'complete')).toBe(true)
    expect(Math.min(...trials.map(({ metrics }) => metrics.value as number))).toBeLessThan(0.05)
    second.close()
  })

  test('points of a design that fall together are one trial', async () => {
    const study = await Study.create(join(root, 'same'), {
      name: 'same',
      options: { kind: ['a', 'b'] },
      search: { sampler: 'random', trials: 20 },
    })
    study.plan()
    expect(study.trials()).toHaveLength(2)
    study.close()
  })
})
