/**
 * Particle dual averaging on the line, where densities can be drawn: the outer loop moves the Gibbs target, the particles
 * follow it, and both arrive at the optimum, which quadrature knows exactly.
 *
 * Nitanda, Wu, Suzuki, NeurIPS 2021 (arXiv 2012.15477), Figure 1; the problem is ours.
 */

import { MeanFieldNetwork } from '../models'
import type { Figure, Series } from '../report'
import { atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { bound, grid, LineProblem, spacing } from './line-problem'
import { tanhNeurons } from './neurons'
import { logSlope } from './numbers'

export const pdaDensitiesSettings = {
  rows: 20,
  teacher: 1.3,
  labelNoise: 0.1,
  ridge: 0.1,
  entropy: 0.05,
  particles: 20000,
  step: 0.05,
  innerSteps: 100,
  outerSteps: 20,
  shown: [1, 2, 5, 20],
  stream: 0x201,
}

type Settings = typeof pdaDensitiesSettings

export const pdaDensities: Experiment = {
  id: 'pda-densities',
  title: 'Dual averaging as densities',
  source: 'Nitanda, Wu, Suzuki, NeurIPS 2021, arXiv 2012.15477, Figure 1; the problem is ours',
  summary:
    'Neurons tanh(θx) with a single weight learn twenty points. Every outer step defines a Gibbs density, which is drawn from ' +
    'the exact recursion, and the inner Langevin steps move the particles to it. Target and particles end at the optimum.',
  measure: (context) => measurePdaDensities(pdaDensitiesSettings, context),
}

export async function measurePdaDensities(settings: Settings, context: Context): Promise<Findings> {
  const { ridge, entropy, particles, step, innerSteps, outerSteps, shown } = settings
  const { seed, threads, signal, onProgress } = context
  const problem = new LineProblem(settings, seed)
  const exact = problem.dualAveraging(Math.max(outerSteps, 100))
  const optimum = problem.optimum()
  const net = new MeanFieldNetwork({
    particles,
    ...tanhNeurons,
    ridge,
    entropy,
    initialVariance: 1,
    algorithm: { name: 'dual-averaging', step, innerSteps },
  })
  const run = net.fit(problem.data, { steps: outerSteps, snapshots: shown, seed, threads, signal, certificate: false })
  for await (const point of run) onProgress?.(point.step / outerSteps, `outer step ${point.step}`)
  const { snapshots } = completed(await run)
  const best = problem.objective(optimum)
  const times = exact.map((_, t) => t + 1).slice(1)
  const excess = exact.map((density) => problem.objective(density) - best).slice(1)
  const last = snapshots.at(-1)?.particles as Float32Array
  return {
    claims: [
      atMost('exact targets: slope of log excess against log t', logSlope(times, excess), -1.5),
      // Kolmogorov's distance of M draws is under 1.95/√M with odds of 999 in 1000; the bias of the inner step is of order η.
      atMost(
        'distance of the particles to the optimum (largest difference of distribution functions)',
        distance(last, optimum),
        0.03,
      ),
    ],
    figures: [
      ...snapshots.map(({ step: t, particles: theta }) => panel(t, theta, exact[t - 1] as Float64Array, optimum)),
      rate(times, excess),
    ],
    settings: listSettings(settings, seed),
  }
}

/** sup |F_M − F| */
function distance(theta: Float32Array, density: Float64Array): number {
  const sorted = theta.slice().sort()
  let largest = 0
  let below = 0
  let cumulated = 0
  for (let k = 0; k < grid.length; k++) {
    cumulated += (density[k] as number) * spacing
    while (below < sorted.length && (sorted[below] as number) <= (grid[k] as number) + spacing / 2) below++
    largest = Math.max(largest, Math.abs(below / sorted.length - cumulated))
  }
  return largest
}

/** Grid points between those of the densities, and to a bin of the histogram. */
const every = 4
const toBin = 20

function panel(t: number, theta: Float32Array, target: Float64Array, optimum: Float64Array): Figure {
  const thin = (values: Float64Array, by: number) => values.filter((_, k) => k % by === 0)
  const width = toBin * spacing
  const histogram = new Float64Array(Math.ceil(grid.length / toBin))
  for (const value of theta) {
    const bin = Math.round((value + bound) / width)
    if (bin >= 0 && bin < histogram.length) histogram[bin] = (histogram[bin] as number) + 1 / (theta.length * width)
  }
  const visible = (y: Float64Array, x: Float64Array) => ({
    x: x.filter(inside),
    y: y.filter((_, i) => inside(x[i] as number)),
  })
  const series: Series[] = [
    { name: 'particles', ...visible(histogram, thin(grid, toBin)) },
    { name: 'target', ...visible(thin(target, every), thin(grid, every)) },
    { name: 'optimum', ...visible(thin(optimum, every), thin(grid, every)) },
  ]
  return {
    id: `pda-densities-${t}`,
    title: `After outer step ${t}`,
    description:
      'Density of the particles, of the Gibbs target of this outer step, and of the optimum, over the weight.',
    xLabel: 'weight θ',
    yLabel: 'density',
    series,
  }
}

const inside = (theta: number) => Math.abs(theta) <= 4

function rate(times: number[], excess: number[]): Figure {
  return {
    id: 'pda-densities-rate',
    title: 'With exact inner solves the excess falls like 1/t²',
    description: 'L(q) less its optimum for the exact targets, against outer steps, with a line of slope −2.',
    xLabel: 'outer steps t',
    yLabel: 'L(q) − L(q*)',
    xScale: 'log',
    yScale: 'log',
    series: [
      { name: 'exact targets', x: times, y: excess },
      {
        name: 'c/t²',
        x: times,
        y: times.map((t) => ((excess[0] as number) * (times[0] as number) ** 2) / t ** 2),
        dash: 1,
      },
    ],
  }
}
