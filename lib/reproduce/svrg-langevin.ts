/**
 * Full batch, minibatches and variance reduction at equal gradient evaluations: SGD levels off above its rivals, at the
 * floor of its gradient noise; SVRG goes on below it and needs fewer evaluations than full batches.
 *
 * Suzuki, Wu, Nitanda, NeurIPS 2023 (arXiv 2306.07221) prove it and show no figure; data and settings are ours.
 */
import { teacherStudent } from '../data'
import { MeanFieldNetwork, type Trace } from '../models'
import type { Figure } from '../report'
import { atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { firstBelow, tailMean } from './numbers'

export const svrgLangevinSettings = {
  rows: 1000,
  features: 10,
  labelNoise: 0.5,
  particles: 1000,
  ridge: 3e-3,
  entropy: 3e-3,
  outputScale: 5,
  step: 0.3,
  /** Data passes of the stochastic runs, and of the full-batch run they are held against. */
  passes: 100,
  fullPasses: 400,
  /** Full-batch passes whose second half gives the level of the optimum. */
  referencePasses: 3000,
}

export const svrgLangevin: Experiment = {
  id: 'svrg-langevin',
  title: 'Variance reduction: below the floor of SGD, in fewer evaluations than full batches',
  source: 'Suzuki, Wu, Nitanda, NeurIPS 2023, arXiv 2306.07221; the paper has no figure, data and settings are ours',
  summary:
    'A network learns a three-neuron teacher from noisy targets by three forms of mean-field Langevin dynamics with the same ' +
    'step and the same Gaussian noise. The gradient noise of minibatches keeps SGD at a floor; the control variate of SVRG ' +
    'takes it away and pays for it with one full gradient every √n steps.',
  measure: (context) => measureSvrgLangevin(svrgLangevinSettings, context),
}

export async function measureSvrgLangevin(settings: typeof svrgLangevinSettings, context: Context): Promise<Findings> {
  const { rows, features, labelNoise, particles, ridge, entropy, outputScale, step } = settings
  const { seed, threads, signal, onProgress } = context
  const { dataset } = teacherStudent({ rows, columns: features, neurons: 3, noise: labelNoise, seed })
  const names = ['langevin', 'sgd-langevin', 'svrg-langevin'] as const
  const traces = {} as Record<(typeof names)[number], Trace>
  for (const [index, name] of names.entries()) {
    const net = new MeanFieldNetwork({
      particles,
      ridge,
      entropy,
      outputScale,
      initialVariance: 1,
      scale: 'none',
      scaleTargets: false,
      algorithm: { name, step },
    })
    const passes = name === 'langevin' ? settings.referencePasses : settings.passes
    const run = net.fit(dataset, { passes, seed, threads, signal, certificate: false })
    for await (const point of run) onProgress?.((index + point.passes / passes) / names.length, name)
    traces[name] = completed(await run).trace
  }
  const optimum = tailMean(traces.langevin.objective, 0.5)
  const excess = (name: (typeof names)[number]) => traces[name].objective.map((value) => value - optimum)
  const full = excess('langevin')
  const reached = full[traces.langevin.passes.findIndex((passes) => passes >= settings.fullPasses)] ?? Number.NaN
  const floor = tailMean(excess('sgd-langevin'), 0.5)
  const svrg = excess('svrg-langevin')
  const shown = (name: (typeof names)[number]) => traces[name].passes.filter((passes) => passes <= settings.fullPasses)
  const figure: Figure = {
    id: 'svrg-langevin',
    title: 'SVRG passes below the floor of SGD',
    description:
      'Objective F above its level at the end of a long full-batch run, against data passes. SGD falls first and stays at its ' +
      'floor; SVRG follows and passes below it; full batches need several times as many passes.',
    xLabel: 'data passes (gradient evaluations per particle / n)',
    yLabel: 'objective above the optimum',
    yScale: 'log',
    yDomain: [3e-4, 1],
    series: names.map((name) => ({ name, x: shown(name), y: excess(name) })),
    rules: [{ y: floor, label: 'floor of SGD, measured' }],
  }
  return {
    claims: [
      atMost(
        'excess of SVRG over the last tenth of its passes, over the floor of SGD',
        tailMean(svrg, 0.1) / floor,
        0.5,
      ),
      atMost(
        `passes of SVRG to where full batches are after ${settings.fullPasses}`,
        firstBelow(traces['svrg-langevin'].passes, svrg, reached),
        settings.fullPasses / 2,
      ),
    ],
    figures: [figure],
    settings: listSettings(settings, seed),
  }
}
