/**
 * Annealed noise on the discrepancy objective: a larger temperature converges faster, to a measure further from the target;
 * a temperature that falls like 1/t reaches the target where plain gradient descent gets stuck.
 *
 * Chizat, TMLR 2022 (arXiv 2202.01009): kernel, sizes, step and schedules are the paper's code's.
 */
import { Random } from '../data/random'
import type { ParticleMeasureOptions } from '../generated/catalogue'
import { ParticleMeasure, type ParticleMeasureFit } from '../models'
import { atLeast, atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { firstBelow, mean } from './numbers'

export const annealingSettings = {
  targets: 10,
  particles: 50,
  step: 0.08,
  steps: 1000,
  /** Last part of the run without noise. */
  quietFraction: 0.2,
  temperatures: [0.03, 0.1, 0.3],
  /** τ₀ of τ_t = τ₀/(t + 1). */
  annealed: 20,
  repeats: 10,
  /** Steps of the moving mean. */
  window: 11,
  stream: 0x886,
}
type Settings = typeof annealingSettings

export const annealing: Experiment = {
  id: 'annealing',
  title: 'Annealed noise reaches what plain descent misses',
  source: 'Chizat, TMLR 2022, arXiv 2202.01009, numerical experiments',
  summary:
    'Fifty particles on the torus are fitted to ten points by their maximum mean discrepancy. At fixed temperature the regularized ' +
    'objective falls faster the larger the temperature; with temperature 20/(t + 1) the discrepancy itself ends far below that of ' +
    'gradient descent without noise.',
  measure: (context) => measureAnnealing(annealingSettings, context),
}

export async function measureAnnealing(settings: Settings, context: Context): Promise<Findings> {
  const { temperatures, annealed, repeats, steps, quietFraction, window } = settings
  const { seed, onProgress } = context
  const kinds: ParticleMeasureOptions[] = [
    ...temperatures.map((temperature) => ({ temperature })),
    { temperature: annealed, annealing: 'harmonic' },
    { temperature: 0 },
  ]
  let done = 0
  const runs: ParticleMeasureFit[][] = []
  let shown: Float64Array = new Float64Array()
  for (const options of kinds)
    runs.push(
      await Promise.all(
        Array.from({ length: repeats }, async (_, i) => {
          const measure = new ParticleMeasure({ ...common(settings), ...options })
          const fit = completed(
            await measure.fit(points(settings, seed + i), {
              steps,
              seed: seed + i,
              traceEvery: 1,
              threads: 1,
              ...(context.signal && { signal: context.signal }),
            }),
          )
          onProgress?.(++done / (kinds.length * repeats), `temperature ${options.temperature}`)
          if (i === 0 && options === kinds[1]) shown = measure.particles
          return fit
        }),
      ),
    )
  const [first] = runs[0] as [ParticleMeasureFit]
  const x = first.trace.step
  const hot = Math.floor(steps * (1 - quietFraction))
  // F_τ, the mean over repeats, smoothed; less its level while the noise is on, so that the curves can be compared.
  const regularized = temperatures.map((temperature, k) => {
    const curve = x.map((_, t) =>
      mean(
        (runs[k] ?? []).map(
          ({ trace }) => (trace.discrepancy[t] as number) + temperature * (trace.negentropy[t] as number),
        ),
      ),
    )
    const smooth = curve.map((_, t) => mean(curve.subarray(Math.max(0, t - window + 1), t + 1)))
    const level = mean(smooth.subarray(hot >> 1, hot))
    return smooth.map((value) => value - level)
  })
  // Steps until a twentieth of the excess of the start is left.
  const times = regularized.map((curve) => firstBelow(x, curve, (curve[0] as number) / 20))
  const [cooled, plain] = runs.slice(-2) as [ParticleMeasureFit[], ParticleMeasureFit[]]
  const logs = (fits: ParticleMeasureFit[]) => fits.map(({ discrepancy }) => Math.log10(discrepancy))
  const better = logs(cooled).filter((value, i) => value < (logs(plain)[i] as number)).length
  const course = (fits: ParticleMeasureFit[]) =>
    x.map((_, t) => 10 ** mean(fits.map(({ trace }) => Math.log10(trace.discrepancy[t] as number))))
  const target = points(settings, seed)
  const ends = [course(cooled), course(plain)] as [Float64Array, Float64Array]
  const extremes = [Math.min(...ends[0], ...ends[1]), Math.max(...ends[0], ...ends[1])]
  return {
    claims: [
      atMost(
        'temperatures that converge more slowly than a lower one',
        times.filter((t, k) => k > 0 && t > (times[k - 1] as number)).length,
        0,
      ),
      atLeast(
        'log10 of G, plain descent less annealed, mean over repeats',
        mean(logs(plain)) - mean(logs(cooled)),
        0.5,
      ),
      atLeast(`repeats out of ${repeats} in which annealing ends lower`, better, Math.ceil(0.8 * repeats)),
    ],
    figures: [
      {
        id: 'annealing-configuration',
        title: `Particles and targets after ${steps} steps at temperature ${temperatures[1]}`,
        description: 'Positions on the torus of one run. Particles crowd where the targets are.',
        xLabel: 'first coordinate',
        yLabel: 'second coordinate',
        xDomain: [0, 2 * Math.PI],
        yDomain: [0, 2 * Math.PI],
        equalScale: true,
        series: [
          { name: 'particles', ...plane(shown), mark: 'points' },
          { name: 'targets', ...plane(Float64Array.from(target.flat())), mark: 'points', color: 1 },
        ],
      },
      {
        id: 'annealing-temperatures',
        title: 'At fixed temperature: the larger, the faster',
        description: `Discrepancy plus temperature times negative entropy, mean of ${repeats} runs, less its level in the second half of the steps with noise.`,
        xLabel: 'steps',
        yLabel: 'regularized objective, shifted',
        yDomain: [-0.1, 0.6],
        series: temperatures.map((temperature, k) => ({
          name: `τ = ${temperature}`,
          x: x.subarray(0, hot >> 1),
          y: (regularized[k] as Float64Array).subarray(0, hot >> 1),
        })),
      },
      {
        id: 'annealing',
        title: 'Annealed noise ends lower than no noise',
        description: `Discrepancy, geometric mean of ${repeats} runs. The noise stops at the dashed line.`,
        xLabel: 'steps',
        yLabel: 'discrepancy G',
        yScale: 'log',
        series: [
          { name: `τ = ${annealed}/(t + 1)`, x, y: ends[0] },
          { name: 'τ = 0', x, y: ends[1] },
          { name: 'noise off', x: [hot, hot], y: extremes, dash: 2, color: 3 },
        ],
      },
    ],
    settings: listSettings(settings, seed),
  }
}

const common = ({ particles, step, quietFraction }: Settings): ParticleMeasureOptions => ({
  particles,
  step,
  quietFraction,
})

/** Uniform on the torus. */
function points({ targets, stream }: Settings, seed: number): number[][] {
  const random = new Random(seed, stream)
  return Array.from({ length: targets }, () => [0, 1].map(() => 2 * Math.PI * random.uniform()))
}

function plane(flat: Float64Array): { x: Float64Array; y: Float64Array } {
  return { x: flat.filter((_, i) => i % 2 === 0), y: flat.filter((_, i) => i % 2 === 1) }
}
