/**
 * Dual coordinate ascent against dual averaging when the entropy is small: averaged gradients forget slowly, coordinates
 * are replaced. At equal gradient evaluations the former ends lower.
 *
 * Oko, Suzuki, Nitanda, Wu, ICLR 2022, the experiment at λ1 = λ2 = 1e-4; sizes are not published, these are ours.
 */

import { teacherStudent } from '../data'
import { MeanFieldNetwork, type Trace } from '../models'
import { atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { tanhNeurons } from './neurons'
import { firstBelow } from './numbers'

export const dualCoordinateAscentSettings = {
  rows: 300,
  features: 20,
  particles: 1000,
  ridge: 1e-4,
  entropy: 1e-4,
  innerSteps: 20,
  passes: 3000,
}

export const dualCoordinateAscent: Experiment = {
  id: 'dual-coordinate-ascent',
  title: 'Dual coordinate ascent against dual averaging at small entropy',
  source: 'Oko, Suzuki, Nitanda, Wu, ICLR 2022; sizes are ours',
  summary:
    'A network learns a three-neuron teacher at λ = λ′ = 1e-4. Particle dual averaging and particle stochastic dual coordinate ' +
    'ascent (Metropolis-adjusted chains at resampling) get the same number of gradient evaluations.',
  measure: (context) => measureDualCoordinateAscent(dualCoordinateAscentSettings, context),
}

export async function measureDualCoordinateAscent(
  settings: typeof dualCoordinateAscentSettings,
  context: Context,
): Promise<Findings> {
  const { rows, features, particles, ridge, entropy, innerSteps, passes } = settings
  const { seed, threads, signal, onProgress } = context
  const { dataset } = teacherStudent({ rows, columns: features, neurons: 3, seed })
  const algorithms = [
    { name: 'dual-averaging', innerSteps } as const,
    { name: 'dual-coordinate-ascent', innerSteps, sampler: 'mala' } as const,
  ]
  const traces: Trace[] = []
  for (const algorithm of algorithms) {
    const net = new MeanFieldNetwork({
      particles,
      ...tanhNeurons,
      ridge,
      entropy,
      initialVariance: 1,
      algorithm,
    })
    const run = net.fit(dataset, { passes, traceEvery: 1, seed, threads, signal, certificate: false })
    for await (const point of run)
      onProgress?.((traces.length + point.passes / passes) / algorithms.length, algorithm.name)
    traces.push(completed(await run).trace)
  }
  const [averaging, ascent] = traces as [Trace, Trace]
  const end = averaging.objective.at(-1) as number
  const later = { passes: averaging.passes.subarray(1), objective: averaging.objective.subarray(1) }
  return {
    claims: [
      atMost(
        'objective of coordinate ascent over that of averaging, at the end',
        (ascent.objective.at(-1) as number) / end,
        1,
      ),
      atMost(
        'share of the passes after which coordinate ascent is where averaging ends',
        firstBelow(ascent.passes, ascent.objective, end) / passes,
        0.6,
      ),
    ],
    figures: [
      {
        id: 'dual-coordinate-ascent',
        title: 'Coordinate ascent starts later and ends lower',
        description: 'Objective F (mean loss and ridge term) against gradient evaluations, on logarithmic axes.',
        xLabel: 'data passes (gradient evaluations per particle / n)',
        yLabel: 'objective F',
        xScale: 'log',
        yScale: 'log',
        series: [
          { name: 'dual averaging', x: later.passes, y: later.objective },
          { name: 'dual coordinate ascent', x: ascent.passes.subarray(1), y: ascent.objective.subarray(1) },
        ],
      },
    ],
    settings: listSettings(settings, seed),
  }
}
