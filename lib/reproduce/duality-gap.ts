/**
 * The certificate at work: primal and dual values close in on each other along noisy gradient descent, and the gap, which
 * bounds the distance to the optimum without knowing it, falls by orders of magnitude; the faster the larger the entropy.
 *
 * Nitanda, Wu, Suzuki, AISTATS 2022 (arXiv 2201.10469), Theorem 3; settings are ours.
 */

import { Dataset, teacherStudent } from '../data'
import { type MeanFieldFit, MeanFieldNetwork } from '../models'
import { atLeast, atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { tanhNeurons } from './neurons'
import { firstBelow } from './numbers'

export const dualityGapSettings = {
  rows: 200,
  features: 5,
  neurons: 3,
  particles: 1000,
  /** λ = λ', one run each; the first is shown in full. */
  entropies: [1e-2, 1e-1, 1e-3],
  step: 0.1,
  steps: 3000,
  certificateEvery: 50,
}

export const dualityGap: Experiment = {
  id: 'duality-gap',
  title: 'Duality gap: a certificate that closes in',
  source: 'Nitanda, Wu, Suzuki, AISTATS 2022, arXiv 2201.10469, Theorem 3; settings are ours',
  summary:
    'A network of tanh neurons learns the mean of three of them. Every fifty steps the primal and the dual value are estimated ' +
    'from the particles alone. Their difference is λ KL(q‖p_q), an upper bound of the distance to the optimum.',
  measure: (context) => measureDualityGap(dualityGapSettings, context),
}

export async function measureDualityGap(settings: typeof dualityGapSettings, context: Context): Promise<Findings> {
  const { entropies, steps } = settings
  const { seed, threads, signal, onProgress } = context
  const data = teacherMean(settings, seed)
  const fits: MeanFieldFit[] = []
  for (const entropy of entropies) {
    const net = new MeanFieldNetwork({
      particles: settings.particles,
      ...tanhNeurons,
      ridge: entropy,
      entropy,
      initialVariance: 1,
      algorithm: { name: 'langevin', step: settings.step },
    })
    const every = settings.certificateEvery
    const run = net.fit(data, { steps, traceEvery: every, certificateEvery: every, seed, threads, signal })
    for await (const { step } of run) onProgress?.((fits.length + step / steps) / entropies.length, `λ = ${entropy}`)
    fits.push(completed(await run))
  }
  const [first] = fits as [MeanFieldFit]
  const { gap, gapError, step, primal, dual } = first.trace
  const bias = first.certificate?.biasBound ?? Number.NaN
  const lowest = gap.reduce((least, value, i) => Math.min(least, value + bias + 3 * (gapError[i] as number)), Infinity)
  // Steps to a fifth of the gap at the start, in the order of falling λ.
  const order = [...entropies.keys()].sort((a, b) => (entropies[b] as number) - (entropies[a] as number))
  const times = order.map((i) => {
    const { trace } = fits[i] as MeanFieldFit
    return firstBelow(trace.step, trace.gap, (trace.gap[0] as number) / 5)
  })
  return {
    claims: [
      atLeast(
        `λ = ${entropies[0]}: gap at the start over gap at the end`,
        (gap[0] as number) / (gap.at(-1) as number),
        50,
      ),
      atLeast('smallest gap + bias bound + 3 standard errors', lowest, 0),
      atMost(
        'λ at which the gap falls faster than at a larger one',
        times.filter((t, i) => i > 0 && t < (times[i - 1] as number)).length,
        0,
      ),
    ],
    figures: [
      {
        id: 'duality-gap-primal-dual',
        title: 'Primal and dual close in on the optimum',
        description: `Estimated primal and dual values at λ = ${entropies[0]} against steps. The primal falls, the dual rises, and they meet.`,
        xLabel: 'steps',
        yLabel: 'objective',
        series: [
          { name: 'primal L(q)', x: step, y: primal },
          { name: 'dual D(g)', x: step, y: dual },
        ],
      },
      {
        id: 'duality-gap',
        title: 'The gap falls faster at larger entropy, and to a higher floor',
        description: 'Primal minus dual against steps for three entropies, on a logarithmic axis.',
        xLabel: 'steps',
        yLabel: 'gap',
        yScale: 'log',
        series: order.map((i) => {
          const { trace } = fits[i] as MeanFieldFit
          return { name: `λ = ${entropies[i]}`, x: trace.step, y: trace.gap }
        }),
      },
    ],
    settings: listSettings(settings, seed),
  }
}

/** y = (1/m) Σ tanh(⟨w_i, x⟩): the generator divides by √m. */
function teacherMean({ rows, features, neurons }: typeof dualityGapSettings, seed: number): Dataset {
  const { dataset } = teacherStudent({ rows, columns: features, neurons, seed })
  const targets = dataset.targets.map((y) => y / Math.sqrt(neurons))
  return Dataset.fromArrays(dataset.features, targets, { columns: features, task: 'regression' })
}
