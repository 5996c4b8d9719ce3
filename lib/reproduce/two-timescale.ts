/**
 * Features that turn to the target: with the second layer solved at every step, the kernel of the first layer aligns with
 * f°(x) = x₁x₂, and label noise in the gradient lowers its degrees of freedom.
 *
 * Takakura, Suzuki, ICML 2024, Figures 1 and 2 and Definition 5.1; rows, width and steps are fewer here.
 */
import { Dataset } from '../data'
import { Random } from '../data/random'
import { type MeanFieldFit, MeanFieldNetwork } from '../models'
import { atLeast, atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'

export const twoTimescaleSettings = {
  rows: 200,
  features: 15,
  testRows: 1000,
  /** Half-width of the uniform noise of the targets. */
  targetNoise: 0.1,
  /** Half-width of the label noise in the gradient of the second run. */
  labelNoise: 1,
  particles: 200,
  /** λ, λ λ_w/2 and λ λ_a of λ = 0.004, λ_w = λ_a = 0.25 */
  entropy: 4e-3,
  ridge: 5e-4,
  secondRidge: 1e-3,
  step: 0.2,
  steps: 1500,
  snapshots: 15,
  stream: 0x203,
}

type Settings = typeof twoTimescaleSettings

/** The published size, as far as it is known. */
const published = { rows: 500, particles: 2000, steps: 10000 }

export const twoTimescale: Experiment = {
  id: 'two-timescale',
  title: 'Two timescales: the kernel aligns with the target, label noise thins it out',
  source: 'Takakura, Suzuki, ICML 2024, Figures 1 and 2; sizes are ours',
  summary:
    'Two runs learn the product of two of fifteen coordinates, the second with label noise in the gradient. At every snapshot ' +
    'the kernel matrix of the first layer is computed: its alignment with the target and its degrees of freedom.',
  measure: (context) =>
    measureTwoTimescale(context.full ? { ...twoTimescaleSettings, ...published } : twoTimescaleSettings, context),
}

interface Course {
  steps: number[]
  /** f°ᵀΣ̂f°/(‖f°‖² ‖Σ̂‖_F) on the training rows */
  alignment: number[]
  /** tr Σ̂(Σ̂ + nλ̄I)⁻¹ */
  freedom: number[]
  fit: MeanFieldFit
}

export async function measureTwoTimescale(settings: Settings, context: Context): Promise<Findings> {
  const { train, test, truth } = productData(settings, context.seed)
  const courses: Course[] = []
  for (const labelNoise of [0, settings.labelNoise])
    courses.push(await trainCourse(settings, labelNoise, train, test, truth, context, courses.length / 2))
  const [plain, noisy] = courses as [Course, Course]
  const last = (values: number[]) => values.at(-1) as number
  const names = ['no label noise', `label noise ${settings.labelNoise}`]
  const curves = (values: (course: Course) => number[]) =>
    courses.map((course, i) => ({ name: names[i] as string, x: course.steps, y: values(course) }))
  return {
    claims: [
      atLeast(
        'kernel alignment at the end over that at the start',
        last(plain.alignment) / (plain.alignment[0] as number),
        2,
      ),
      atMost(
        'test loss at the end over that at the start',
        lastOf(plain) / (plain.fit.trace.validationLoss[0] as number),
        0.95,
      ),
      atMost('degrees of freedom with label noise over those without', last(noisy.freedom) / last(plain.freedom), 0.99),
    ],
    figures: [
      {
        id: 'two-timescale-alignment',
        title: 'The kernel aligns with the target',
        description: 'Alignment of the kernel matrix of the first layer with the noiseless targets, against steps.',
        xLabel: 'steps',
        yLabel: 'kernel alignment',
        series: curves(({ alignment }) => alignment),
      },
      {
        id: 'two-timescale-freedom',
        title: 'Label noise lowers the degrees of freedom',
        description: 'Degrees of freedom of the kernel ridge regression on the first layer, against steps.',
        xLabel: 'steps',
        yLabel: 'degrees of freedom',
        series: curves(({ freedom }) => freedom),
      },
      {
        id: 'two-timescale-loss',
        title: 'Test loss',
        description: 'Half the mean squared difference to the noiseless target on rows never seen, against steps.',
        xLabel: 'steps',
        yLabel: 'half mean squared error',
        series: courses.map(({ fit }, i) => ({
          name: names[i] as string,
          x: fit.trace.step,
          y: fit.trace.validationLoss,
        })),
      },
    ],
    settings: listSettings(settings, context.seed),
  }
}

const lastOf = ({ fit }: Course) => fit.trace.validationLoss.at(-1) as number

/** x ~ N(0, I), y = x₁x₂ + Unif[−σ, σ] for training, noiseless for the test. */
function productData({ rows, features: d, testRows, targetNoise, stream }: Settings, seed: number) {
  const random = new Random(seed, stream)
  const n = rows + testRows
  const x = Float32Array.from({ length: n * d }, () => random.normal())
  const truth = Float64Array.from({ length: n }, (_, i) => (x[i * d] as number) * (x[i * d + 1] as number))
  const noisy = truth.subarray(0, rows).map((y) => y + targetNoise * (2 * random.uniform() - 1))
  const table = (features: Float32Array, targets: Float64Array) =>
    Dataset.fromArrays(features, targets, { columns: d, task: 'regression' })
  return {
    train: table(x.slice(0, rows * d), noisy),
    test: table(x.slice(rows * d), truth.slice(rows)),
    truth: truth.subarray(0, rows),
  }
}

async function trainCourse(
  settings: Settings,
  labelNoise: number,
  train: Dataset,
  validation: Dataset,
  truth: Float64Array,
  { seed, threads, signal, onProgress }: Context,
  done: number,
): Promise<Course> {
  const { particles, entropy, ridge, secondRidge, step, steps } = settings
  const net = new MeanFieldNetwork({
    particles,
    ridge,
    entropy,
    scale: 'none',
    scaleTargets: false,
    algorithm: { name: 'two-timescale', step, secondRidge, labelNoise },
  })
  const snapshots = Array.from({ length: settings.snapshots + 1 }, (_, i) =>
    Math.round((i * steps) / settings.snapshots),
  )
  const run = net.fit(train, { steps, snapshots, validation, seed, threads, signal, certificate: false })
  for await (const point of run)
    onProgress?.(done + point.step / steps / 2, `label noise ${labelNoise}, step ${point.step}`)
  const fit = completed(await run)
  const views = fit.snapshots.map(({ particles: theta }) => kernelView(theta, particles, train, truth, secondRidge))
  return {
    steps: fit.snapshots.map((snapshot) => snapshot.step),
    alignment: views.map(({ alignment }) => alignment),
    freedom: views.map(({ freedom }) => freedom),
    fit,
  }
}

/** Σ̂ = HHᵀ/M with H_ij = tanh(⟨w_j, x_i⟩ + b_j); a particle is (w, b, output weight). */
function kernelView(theta: Float32Array, particles: number, data: Dataset, truth: Float64Array, secondRidge: number) {
  const { rows: n, columns: d, features } = data
  const p = theta.length / particles
  const h = Float64Array.from({ length: n * particles }, (_, index) => {
    const [i, r] = [Math.floor(index / particles), index % particles]
    let s = theta[r * p + d] as number
    for (let j = 0; j < d; j++) s += (theta[r * p + j] as number) * (features[i * d + j] as number)
    return Math.tanh(s) / Math.sqrt(particles)
  })
  const kernel = new Float64Array(n * n)
  let square = 0
  let form = 0
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let r = 0; r < particles; r++) sum += (h[i * particles + r] as number) * (h[j * particles + r] as number)
      kernel[i * n + j] = sum
      square += sum * sum
      form += sum * (truth[i] as number) * (truth[j] as number)
    }
  const norm = truth.reduce((sum, y) => sum + y * y, 0)
  const shift = n * secondRidge
  // tr Σ̂(Σ̂ + sI)⁻¹ = n − s tr (Σ̂ + sI)⁻¹
  return { alignment: form / norm / Math.sqrt(square), freedom: n - shift * traceOfInverse(kernel, n, shift) }
}

/** tr (A + sI)⁻¹ = ‖L⁻¹‖_F² with the Cholesky factor L of A + sI. */
function traceOfInverse(a: Float64Array, n: number, shift: number): number {
  const l = a.slice()
  const at = (i: number, j: number) => l[i * n + j] as number
  for (let j = 0; j < n; j++) {
    let pivot = at(j, j) + shift
    for (let k = 0; k < j; k++) pivot -= at(j, k) ** 2
    l[j * n + j] = Math.sqrt(pivot)
    for (let i = j + 1; i < n; i++) {
      let value = at(i, j)
      for (let k = 0; k < j; k++) value -= at(i, k) * at(j, k)
      l[i * n + j] = value / at(j, j)
    }
  }
  let trace = 0
  const column = new Float64Array(n)
  for (let c = 0; c < n; c++)
    for (let i = c; i < n; i++) {
      let value = i === c ? 1 : 0
      for (let k = c; k < i; k++) value -= at(i, k) * (column[k] as number)
      column[i] = value / at(i, i)
      trace += (column[i] as number) ** 2
    }
  return trace
}
