/**
 * The rate of particle dual averaging: L(q^(t)) − L(q*) falls at least as fast as 1/t in outer steps, until the floor that
 * finitely many particles and the inner step leave.
 *
 * Nitanda, Wu, Suzuki, NeurIPS 2021 (arXiv 2012.15477), Figure 2a; ridge, entropy and sizes are not published, these are
 * ours. Neurons have two weights, so that the log-partition of the dual is exact to quadrature.
 */

import { teacherStudent } from '../data'
import { MeanFieldNetwork } from '../models'
import { atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { tanhNeurons } from './neurons'
import { logSlope, tailMean } from './numbers'

export const pdaRateSettings = {
  rows: 200,
  features: 2,
  labelNoise: 0.1,
  particles: 4000,
  ridge: 1e-2,
  entropy: 1e-2,
  /** K_t = K_1 t^growth */
  innerSteps: 10,
  innerGrowth: 1,
  outerSteps: 40,
}

export const pdaRate: Experiment = {
  id: 'pda-rate',
  title: 'Particle dual averaging: at least 1/t in outer steps',
  source: 'Nitanda, Wu, Suzuki, NeurIPS 2021, arXiv 2012.15477, Figure 2a; settings are ours',
  summary:
    'A network learns a three-neuron teacher from noisy targets. At every outer step the entropy-regularized objective is ' +
    'estimated (entropy by nearest neighbours) and held against the largest dual value of the run, which no objective can ' +
    'be below. On logarithmic axes it falls faster than the line of slope −1 that is proved.',
  measure: (context) => measurePdaRate(pdaRateSettings, context),
}

export async function measurePdaRate(settings: typeof pdaRateSettings, context: Context): Promise<Findings> {
  const { rows, features, labelNoise, particles, ridge, entropy, innerSteps, innerGrowth, outerSteps } = settings
  const { seed, threads, signal, onProgress } = context
  const { dataset } = teacherStudent({ rows, columns: features, neurons: 3, noise: labelNoise, seed })
  const net = new MeanFieldNetwork({
    particles,
    ...tanhNeurons,
    ridge,
    entropy,
    initialVariance: 1,
    algorithm: { name: 'dual-averaging', innerSteps, innerGrowth },
  })
  const run = net.fit(dataset, { steps: outerSteps, traceEvery: 1, certificateEvery: 1, seed, threads, signal })
  // Inner loops grow with t: the work done is proportional to passes.
  for await (const { step } of run) onProgress?.((step / outerSteps) ** (1 + innerGrowth), `outer step ${step}`)
  const { trace } = completed(await run)
  const { step, primal, dual } = trace
  const optimum = dual.reduce((best, value) => Math.max(best, value), Number.NEGATIVE_INFINITY)
  const excess = primal.map((value) => value - optimum)
  const floor = tailMean(excess, 0.5)
  const end = excess.findIndex((value) => value < 2 * floor)
  const slope = logSlope(step.subarray(1, end + 1), excess.subarray(1, end + 1))
  const first = excess[1] as number
  return {
    claims: [
      atMost('slope of log excess against log t, from t = 1 to twice the floor', slope, -1),
      atMost('floor over the excess at t = 1', floor / first, 0.1),
    ],
    figures: [
      {
        id: 'pda-rate',
        title: 'Excess objective against outer steps',
        description:
          'L(q) less the largest dual value, against outer steps, on logarithmic axes, with a line of slope −1 through the first ' +
          'point. The curve falls below the line and levels off at a floor.',
        xLabel: 'outer steps t',
        yLabel: 'L(q) − L(q*)',
        xScale: 'log',
        yScale: 'log',
        series: [
          { name: 'particle dual averaging', x: step.subarray(1), y: excess.subarray(1) },
          { name: 'c/t', x: step.subarray(1), y: step.subarray(1).map((t) => first / t), dash: 1 },
        ],
        rules: [{ y: floor, label: 'floor' }],
      },
    ],
    settings: listSettings(settings, seed),
  }
}
