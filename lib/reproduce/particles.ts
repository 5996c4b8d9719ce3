/**
 * How many particles are enough: the training error of a wider network is lower, and what is left of it above the limit
 * of infinite width falls like 1/M, uniformly in time.
 *
 * Suzuki, Nitanda, Wu, ICLR 2023 (uniform-in-time propagation of chaos), the experiment of its section on convergence;
 * rows are fewer here, the loss is half of the squared error, and ridge and entropy are halved with it.
 */
import { Dataset } from '../data'
import { Random } from '../data/random'
import { MeanFieldNetwork, type Trace } from '../models'
import { atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { logSlope, mean, tailMean } from './numbers'

export const particlesSettings = {
  rows: 500,
  features: 20,
  widths: [10, 20, 40, 80, 160],
  /** Stands for infinite width. */
  limit: 4096,
  ridge: 5e-3,
  entropy: 5e-3,
  step: 2e-2,
  steps: 4000,
  /** Runs of each width, with seeds of their own. */
  repeats: 8,
  stream: 0x200,
}

export const particles: Experiment = {
  id: 'particles',
  title: 'Particles: the error levels off like 1/M',
  source: 'Suzuki, Nitanda, Wu, ICLR 2023; settings as published, with fewer rows',
  summary:
    'Noisy gradient descent learns f(x) = exp(−‖x − a‖²/2d) with networks of ten to a hundred and sixty particles and with one ' +
    'of four thousand, which stands for infinite width. Wider is better at every time, and the excess at the end is ' +
    'proportional to 1/M.',
  measure: (context) => measureParticles(particlesSettings, context),
}

/** y = exp(−‖x − a‖²/2d), x ~ N(0, I), a uniform on the sphere of radius √d. */
function bump({ rows, features: d, stream }: typeof particlesSettings, seed: number): Dataset {
  const random = new Random(seed, stream)
  const direction = Float64Array.from({ length: d }, () => random.normal())
  const norm = Math.hypot(...direction)
  const center = direction.map((a) => (a * Math.sqrt(d)) / norm)
  const features = Float32Array.from({ length: rows * d }, () => random.normal())
  const targets = Float64Array.from({ length: rows }, (_, i) => {
    const square = center.reduce((sum, a, j) => sum + ((features[i * d + j] as number) - a) ** 2, 0)
    return Math.exp(-square / (2 * d))
  })
  return Dataset.fromArrays(features, targets, { columns: d, task: 'regression' })
}

export async function measureParticles(settings: typeof particlesSettings, context: Context): Promise<Findings> {
  const { widths, limit, ridge, entropy, step, steps, repeats } = settings
  const { seed, threads, signal, onProgress } = context
  const data = bump(settings, seed)
  const work = widths.reduce((sum, width) => sum + width, 0) * repeats + limit
  let done = 0
  const train = async (width: number, repeat: number, threads?: number): Promise<Trace> => {
    const net = new MeanFieldNetwork({
      particles: width,
      secondLayer: 'fixed',
      outputScale: 1,
      ridge,
      entropy,
      initialVariance: 1,
      scale: 'none',
      scaleTargets: false,
      algorithm: { name: 'langevin', step },
    })
    const run = net.fit(data, { steps, seed: 1000 * seed + repeat, threads, signal, certificate: false })
    const { trace } = completed(await run)
    done += width
    onProgress?.(done / work, `${width} particles`)
    return trace
  }
  const wide = await train(limit, 0, threads)
  // The squared error is twice the loss.
  const error = (trace: Trace) => 2 * tailMean(trace.loss, 0.5)
  const curves: { name: string; x: Float64Array; y: Float64Array }[] = []
  const excess: number[] = []
  for (const width of widths) {
    // Small networks: one thread each, side by side.
    const traces = await Promise.all(Array.from({ length: repeats }, (_, repeat) => train(width, repeat, 1)))
    excess.push(mean(traces.map(error)) - error(wide))
    const y = Float64Array.from(wide.step, (_, i) => 2 * mean(traces.map((trace) => trace.loss[i] as number)))
    curves.push({ name: `M = ${width}`, x: wide.step, y })
  }
  curves.push({ name: `M = ${limit}`, x: wide.step, y: wide.loss.map((loss) => 2 * loss) })
  const slope = logSlope(widths, excess)
  const falls = excess.every((value, i) => i === 0 || value < (excess[i - 1] as number))
  return {
    claims: [
      atMost('distance of the slope of log excess against log M from −1', Math.abs(slope + 1), 0.25),
      atMost('widths at which a wider network is worse', falls ? 0 : 1, 0),
    ],
    figures: [
      {
        id: 'particles-error',
        title: 'Wider is uniformly better',
        description: `Mean squared training error against steps, mean of ${repeats} runs a width. Narrow networks level off higher.`,
        xLabel: 'steps',
        yLabel: 'mean squared error',
        yScale: 'log',
        series: curves,
      },
      {
        id: 'particles-excess',
        title: 'The excess over infinite width is proportional to 1/M',
        description:
          'Mean squared error over the second half of the steps, less that of the widest network, against M; and c/M.',
        xLabel: 'particles M',
        yLabel: 'excess mean squared error',
        xScale: 'log',
        yScale: 'log',
        series: [
          { name: 'measured', x: widths, y: excess },
          {
            name: 'c/M',
            x: widths,
            y: widths.map((width) => ((excess[0] as number) * (widths[0] as number)) / width),
            dash: 1,
          },
        ],
      },
    ],
    settings: listSettings(settings, seed),
  }
}
