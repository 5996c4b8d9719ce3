import { curveFigure, figureCsv, importance } from '../../../lib/report'
import type { TrialRecord } from '../../../lib/store'

test('curves over seeds: median and quartiles, on a common clock where there is none', () => {
  const trace = (level: number, every: number) => ({
    step: [0, 1, 2, 3],
    seconds: [0, every, 2 * every, 3 * every],
    objective: [level, level + 3, level + 6, level + 9],
  })
  const group = { name: 'a', traces: [1, 2, 3, 4, 5].map((level) => trace(level, 1)) }
  const [bySteps] = curveFigure([group], 'step', 'objective')?.series ?? []
  expect(bySteps).toMatchObject({ x: [0, 1, 2, 3], y: [3, 6, 9, 12], low: [2, 5, 8, 11], high: [4, 7, 10, 13] })
  const uneven = { name: 'b', traces: [trace(0, 1), trace(0, 2)] }
  const byTime = curveFigure([uneven], 'seconds', 'objective')?.series[0]
  const [xs, ys] = [Array.from(byTime?.x ?? []), Array.from(byTime?.y ?? [])]
  const at = xs.findIndex((x) => x > 1.9 && x < 2)
  const x = xs[at] as number
  expect(ys[at]).toBeCloseTo((3 * x + 1.5 * x) / 2, 10) // the mean of two is their median
  expect(ys.at(-1)).toBe(9) // the slower one alone
  expect(figureCsv(curveFigure([group], 'step', 'objective') as never).split('\n')[1]).toBe('a,0,3,2,4')
  expect(curveFigure([group], 'step', 'gap')).toBeUndefined()
})

test('importance: what decides has nearly all, what does not has nearly none', () => {
  const trials = Array.from({ length: 60 }, (_, i): TrialRecord => {
    const options = { main: i % 3, none: Math.floor(i / 3) % 2 ? 'a' : 'b', many: (i * 37) % 60 }
    return {
      id: String(i),
      number: i,
      options,
      seed: 0,
      state: 'complete',
      attempts: 1,
      reports: [],
      metrics: { y: options.main + 0.01 * Math.sin(i) },
    }
  })
  const shares = Object.fromEntries(
    importance(trials, ['main', 'none', 'many'], 'y').map(({ name, share }) => [name, share]),
  )
  expect(shares.main).toBeGreaterThan(0.99)
  expect(shares.none).toBeLessThan(0.05)
  expect(shares.many).toBeLessThan(0.2)
})
