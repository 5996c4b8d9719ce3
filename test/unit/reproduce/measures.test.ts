// The experiments on measures, and the one on the effective dimension, small; whether their claims hold at full size is for
// `meanfield reproduce`.
import { annealingSettings, measureAnnealing } from '../../../lib/reproduce/annealing'
import type { Findings } from '../../../lib/reproduce/experiment'
import { gridEquilibrium, quantiles } from '../../../lib/reproduce/line-game'
import { measureMinimax, minimaxSettings } from '../../../lib/reproduce/minimax'
import { measureMultiIndex, multiIndexSettings } from '../../../lib/reproduce/multi-index'

const context = { seed: 1, full: false }
function requireFinite({ claims, figures }: Findings, figureCount: number): void {
  for (const { measured } of claims) expect(measured).not.toBeNaN()
  expect(figures).toHaveLength(figureCount)
  for (const { series } of figures) for (const { x, y } of series) expect(x.length).toBe(y.length)
}

test('annealing: curves of every temperature', async () => {
  const small = { ...annealingSettings, particles: 12, steps: 60, repeats: 2 }
  const findings = await measureAnnealing(small, context)
  requireFinite(findings, 3)
  const [configuration, temperatures, annealed] = findings.figures
  expect(configuration.series.map(({ x }) => x.length)).toEqual([12, 10])
  expect(temperatures.series).toHaveLength(3)
  expect(annealed.series[0].y).toHaveLength(61)
})

test('multi-index: a heat map and gaps', async () => {
  const small = { ...multiIndexSettings, features: 6, effective: [2, 6], rows: [20, 60], gapRows: [20], trials: 1 }
  const findings = await measureMultiIndex({ ...small, steps: 20, gapSteps: 60, testRows: 500 }, context)
  requireFinite(findings, 2)
  expect(findings.figures[0].heat).toEqual({ rows: 'rows n' })
  expect(findings.figures[0].series.map(({ name }) => name)).toEqual(['20', '60'])
})

test('minimax: the grid equilibrium is a fixed point of exact best responses, and quantiles follow it', async () => {
  const { grid, x, y } = gridEquilibrium(0.05)
  const spacing = grid[1] - grid[0]
  const values = Array.from(grid, (t) =>
    y.reduce((sum, q, j) => sum + (q * spacing) / (1 + Math.exp(-((t - grid[j]) ** 2))), 0),
  )
  const response = values.map((value, i) => Math.exp(-value / 0.05 - grid[i] ** 2 / 2))
  const total = response.reduce((sum, value) => sum + value * spacing, 0)
  response.forEach((value, i) => {
    expect(Math.abs(value / total - x[i])).toBeLessThan(1e-6)
  })
  const levels = Float64Array.from([0.1, 0.5, 0.9])
  const [low, middle, high] = quantiles(x, levels)
  expect(middle).toBeCloseTo(0, 6) // the game is symmetric
  expect(low).toBeCloseTo(-high, 6)
  const findings = await measureMinimax({ ...minimaxSettings, particles: 40, epochs: 20, samples: 2 }, context)
  requireFinite(findings, 3)
})
