/**
 * Entropic fictitious play needs no log-Sobolev constant: with exact responses the excess objective is at most (1 − γ)^k of
 * what it was at the start. Particles with Langevin responses follow the exact curve to their floor.
 *
 * Nitanda, Oko, Wu, Takenouchi, Suzuki, ICML 2023 (arXiv 2303.02957); the problem is ours.
 */

import { MeanFieldNetwork } from '../models'
import type { Series } from '../report'
import { atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { LineProblem } from './line-problem'
import { tanhNeurons } from './neurons'
import { tailMean } from './numbers'

export const fictitiousPlaySettings = {
  rows: 20,
  teacher: 1.3,
  labelNoise: 0.1,
  ridge: 0.1,
  entropy: 0.05,
  mixings: [0.5, 0.2, 0.1],
  steps: 60,
  particles: 20000,
  step: 0.05,
  innerSteps: 100,
  stream: 0x202,
}

export const fictitiousPlay: Experiment = {
  id: 'fictitious-play',
  title: 'Entropic fictitious play: (1 − γ)^k',
  source: 'Nitanda, Oko, Wu, Takenouchi, Suzuki, ICML 2023, arXiv 2303.02957; the problem is ours',
  summary:
    'On a problem with one weight a neuron the Gibbs responses can be computed by quadrature. The excess objective of exact ' +
    'fictitious play stays below (1 − γ)^k for every share γ. The particle method ends at the same objective.',
  measure: (context) => measureFictitiousPlay(fictitiousPlaySettings, context),
}

export async function measureFictitiousPlay(
  settings: typeof fictitiousPlaySettings,
  context: Context,
): Promise<Findings> {
  const { ridge, entropy, mixings, steps, particles, step, innerSteps } = settings
  const { seed, threads, signal, onProgress } = context
  const problem = new LineProblem(settings, seed)
  const optimum = problem.optimum()
  const best = problem.objective(optimum)
  const series: Series[] = []
  let worst = 0
  for (const mixing of mixings) {
    const excess = problem.fictitiousPlay(mixing, steps).map((density) => problem.objective(density) - best)
    const start = excess[0] as number
    // Below 1e-12 of the start, rounding is all that is left.
    const ratios = excess
      .map((value, k) => value / (start * (1 - mixing) ** k))
      .filter((_, k) => (1 - mixing) ** k > 1e-12)
    worst = Math.max(worst, ...ratios)
    const x = excess.map((_, k) => k)
    series.push(
      { name: `γ = ${mixing}`, x, y: excess, color: series.length / 2, dash: 0 },
      { name: `(1 − ${mixing})^k`, x, y: x.map((k) => start * (1 - mixing) ** k), color: series.length / 2, dash: 1 },
    )
  }
  const net = new MeanFieldNetwork({
    particles,
    ...tanhNeurons,
    ridge,
    entropy,
    algorithm: { name: 'fictitious-play', mixing: mixings.at(-1) as number, step, innerSteps },
  })
  const run = net.fit(problem.data, { steps, seed, threads, signal, certificate: false })
  for await (const point of run) onProgress?.(point.step / steps, `step ${point.step}`)
  const { trace } = completed(await run)
  const exactLoss = problem.residuals(optimum).reduce((sum, r) => sum + (r * r) / (2 * settings.rows), 0)
  return {
    claims: [
      atMost('exact: largest excess over (1 − γ)^k times that of the start', worst, 1),
      // Outputs of M particles have a deviation of at most 1/√M; the loss moves by |r| times that and the step's bias.
      atMost(
        'particles: difference to the loss of the exact optimum',
        Math.abs(tailMean(trace.loss, 0.2) - exactLoss),
        0.005,
      ),
    ],
    figures: [
      {
        id: 'fictitious-play',
        title: 'The excess stays below (1 − γ)^k',
        description: 'Excess objective of exact fictitious play against steps, beside the bound, for three shares γ.',
        xLabel: 'steps k',
        yLabel: 'L(q) − L(q*)',
        yScale: 'log',
        yDomain: [1e-12, 1],
        series,
      },
      {
        id: 'fictitious-play-particles',
        title: 'Particles reach the loss of the exact optimum',
        description: 'Mean loss of the network of particles against steps, and of the exact optimum.',
        xLabel: 'steps k',
        yLabel: 'mean loss',
        series: [{ name: 'particles', x: trace.step, y: trace.loss }],
        rules: [{ y: exactLoss, label: 'exact optimum' }],
      },
    ],
    settings: listSettings(settings, seed),
  }
}
