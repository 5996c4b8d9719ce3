/**
 * Two concentric circles: the first-layer weights of a network trained by particle dual averaging leave the Gaussian that
 * they are drawn from and gather on a ring, which is what separates circles. A kernel machine's features do not move.
 *
 * Nitanda, Wu, Suzuki, NeurIPS 2021 (arXiv 2012.15477), the figure of the parameter plane; its settings are not published,
 * these are ours.
 */
import { circles } from '../data'
import { type ClassScores, MeanFieldNetwork } from '../models'
import { atLeast, atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { mean } from './numbers'

export const pdaCirclesSettings = {
  rows: 400,
  noise: 0.05,
  particles: 2000,
  outputScale: 10,
  ridge: 1e-3,
  entropy: 3e-4,
  innerSteps: 10,
  outerSteps: 100,
}

export const pdaCircles: Experiment = {
  id: 'pda-circles',
  title: 'Two circles: the weights end on a ring',
  source: 'Nitanda, Wu, Suzuki, NeurIPS 2021, arXiv 2012.15477; settings are ours',
  summary:
    'A network of tanh neurons tells two concentric circles apart. Its weights start as a Gaussian cloud. Particle dual ' +
    'averaging moves two thirds of them to a ring, one direction as good as another, and the rest to the centre, where a ' +
    'neuron is a constant; between ring and centre nothing is left.',
  measure: (context) => measurePdaCircles(pdaCirclesSettings, context),
}

export async function measurePdaCircles(settings: typeof pdaCirclesSettings, context: Context): Promise<Findings> {
  const { rows, noise, particles, outputScale, ridge, entropy, innerSteps, outerSteps } = settings
  const { seed, threads, signal, onProgress } = context
  const { dataset } = circles({ rows, noise, seed })
  const net = new MeanFieldNetwork({
    particles,
    secondLayer: 'fixed',
    outputScale,
    loss: 'logistic',
    scale: 'none',
    ridge,
    entropy,
    initialVariance: 1,
    algorithm: { name: 'dual-averaging', innerSteps },
  })
  const snapshots = [0, 3, 10, 30, 100].filter((step) => step < outerSteps).concat(outerSteps)
  const run = net.fit(dataset, { steps: outerSteps, snapshots, seed, threads, signal, certificate: false })
  for await (const point of run) onProgress?.(point.step / outerSteps, `outer step ${point.step}`)
  const fit = completed(await run)
  const clouds = fit.snapshots.map(({ step, particles: theta }) => ({ step, ...plane(theta) }))
  const { accuracy } = (await net.score(dataset, { signal })) as ClassScores
  const start = ring(clouds[0] as Cloud)
  const end = ring(clouds.at(-1) as Cloud)
  return {
    claims: [
      atLeast('training accuracy', accuracy, 0.99),
      atLeast('share of the particles on the ring', end.share, 0.5),
      atMost('spread of their radius (deviation over mean)', end.spread, 0.15),
      atLeast('spread at the start', start.spread, 0.3),
      atMost('share of the particles between ring and centre', end.between, 0.02),
      atMost('mean direction of the ring (0: every direction alike)', end.resultant, 0.15),
    ],
    figures: [
      {
        id: 'pda-circles',
        title: 'The parameter plane, coloured by time',
        description:
          'The two weights of every particle. The Gaussian cloud of the start opens into a ring with a crowded centre.',
        xLabel: 'first weight',
        yLabel: 'second weight',
        xDomain: [-6, 6],
        yDomain: [-6, 6],
        equalScale: true,
        series: clouds.map(({ step, x, y }) => ({ name: `outer step ${step}`, x, y, mark: 'points' })),
      },
    ],
    settings: listSettings(settings, seed),
  }
}

interface Cloud {
  x: Float64Array
  y: Float64Array
}

/** Particles are (w₁, w₂, b). */
function plane(theta: Float32Array): Cloud {
  const coordinate = (j: number) =>
    Float64Array.from({ length: theta.length / 3 }, (_, r) => theta[3 * r + j] as number)
  return { x: coordinate(0), y: coordinate(1) }
}

/** The ring is what lies further out than half the median radius. */
function ring({ x, y }: Cloud): { share: number; spread: number; between: number; resultant: number } {
  const radius = x.map((value, r) => Math.hypot(value, y[r] as number))
  const median = radius.slice().sort()[radius.length >> 1] as number
  const on = (r: number) => (radius[r] as number) > median / 2
  const members = Array.from(radius.keys()).filter(on)
  const center = mean(members.map((r) => radius[r] as number))
  const deviation = Math.sqrt(mean(members.map((r) => ((radius[r] as number) - center) ** 2)))
  const direction = [x, y].map((values) => mean(members.map((r) => (values[r] as number) / (radius[r] as number))))
  return {
    share: members.length / radius.length,
    spread: deviation / center,
    between: radius.filter((value) => value > 0.3 * center && value < 0.6 * center).length / radius.length,
    resultant: Math.hypot(...direction),
  }
}
