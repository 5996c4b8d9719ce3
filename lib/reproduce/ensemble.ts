/**
 * Ensembles of mean-field networks: training R networks of M particles apart and putting their particles together averages
 * the outputs. The variance falls like 1/R; what a finite M adds as a bias stays.
 *
 * Nitanda, Lee, Tan, Sakaguchi, Suzuki, ICML 2025 (arXiv 2502.05784); the problem is ours.
 */

import { teacherStudent } from '../data'
import { MeanFieldNetwork, type MeanFieldNetworkOptions } from '../models'
import { atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { tanhNeurons } from './neurons'
import { logSlope, mean } from './numbers'

export const ensembleSettings = {
  rows: 200,
  features: 5,
  particles: 50,
  /** Networks trained; ensembles are of 1, 2, 4, … of them. */
  networks: 32,
  /** Stands for infinite width. */
  limit: 8192,
  ridge: 1e-2,
  entropy: 1e-2,
  step: 0.1,
  steps: 1000,
}

export const ensemble: Experiment = {
  id: 'ensemble',
  title: 'Ensembles: independent networks, put together',
  source: 'Nitanda, Lee, Tan, Sakaguchi, Suzuki, ICML 2025, arXiv 2502.05784; the problem is ours',
  summary:
    'Thirty-two small networks are trained with seeds of their own. Putting the particles of R of them into one network gives ' +
    'the mean of their outputs, whose squared distance to the network of infinite width falls like 1/R.',
  measure: (context) => measureEnsemble(ensembleSettings, context),
}

export async function measureEnsemble(settings: typeof ensembleSettings, context: Context): Promise<Findings> {
  const { rows, features, particles, networks, limit, ridge, entropy, step, steps } = settings
  const { seed, threads, signal, onProgress } = context
  const { dataset } = teacherStudent({ rows, columns: features, neurons: 3, seed })
  const options = (width: number): MeanFieldNetworkOptions => ({
    particles: width,
    ...tanhNeurons,
    ridge,
    entropy,
    initialVariance: 1,
    algorithm: { name: 'langevin', step },
  })
  let done = 0
  const train = async (width: number, run: number, threads?: number) => {
    const net = new MeanFieldNetwork(options(width))
    completed(await net.fit(dataset, { steps, seed: 1000 * seed + run, threads, signal, certificate: false }))
    onProgress?.(++done / (networks + 1), `network ${run}`)
    return { theta: net.particles, outputs: await net.predict(dataset) }
  }
  const wide = await train(limit, 0, threads)
  // Small networks: one thread each, side by side.
  const small = await Promise.all(Array.from({ length: networks }, (_, i) => train(particles, i + 1, 1)))
  const distance = (members: typeof small) =>
    mean(wide.outputs.map((z, i) => (mean(members.map(({ outputs }) => outputs[i] as number)) - z) ** 2))
  const sizes = Array.from({ length: Math.log2(networks) + 1 }, (_, i) => 2 ** i)
  // Every size uses all networks, in disjoint groups.
  const errors = sizes.map((size) =>
    mean(Array.from({ length: networks / size }, (_, g) => distance(small.slice(g * size, (g + 1) * size)))),
  )
  const together = new MeanFieldNetwork(options(particles * networks))
  const initial = Float32Array.from(small.flatMap(({ theta }) => Array.from(theta)))
  await together.fit(dataset, { initial, steps: 0, signal, certificate: false })
  const joined = await together.predict(dataset)
  const largest = joined.reduce(
    (most, z, i) => Math.max(most, Math.abs(z - mean(small.map(({ outputs }) => outputs[i] as number)))),
    0,
  )
  return {
    claims: [
      atMost('joined particles against the mean of the outputs: largest difference', largest, 1e-5),
      atMost('distance of the slope of log error against log R from −1', Math.abs(logSlope(sizes, errors) + 1), 0.25),
    ],
    figures: [
      {
        id: 'ensemble',
        title: 'The distance to infinite width falls like 1/R',
        description:
          'Mean squared difference to the outputs of the widest network against the number of networks, and c/R.',
        xLabel: 'networks R',
        yLabel: 'mean squared difference',
        xScale: 'log',
        yScale: 'log',
        series: [
          { name: 'measured', x: sizes, y: errors },
          { name: 'c/R', x: sizes, y: sizes.map((size) => (errors[0] as number) / size), dash: 1 },
        ],
      },
    ],
    settings: listSettings(settings, seed),
  }
}
