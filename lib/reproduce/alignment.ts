/**
 * Parameter alignment. A mean-field network trained by particle dual averaging turns its weights towards the direction of a
 * single-neuron teacher; a network of the same width in the tangent-kernel scaling fits the data and leaves its weights
 * where they were.
 *
 * Nitanda, Wu, Suzuki, NeurIPS 2021 (arXiv 2012.15477), the figure of singular directions; the measure P(µ) is
 * Definition 5.3 of Takakura, Suzuki, ICML 2024.
 */

import { Dataset, singleIndex } from '../data'
import { type MeanFieldFit, MeanFieldNetwork } from '../models'
import { rightSingularVectors } from '../native'
import type { Figure } from '../report'
import { atLeast, atMost } from './claim'
import { type Context, completed, type Experiment, type Findings } from './experiment'
import { tanhNeurons } from './neurons'
import { rowRange } from './numbers'

/** Defaults are the settings of the published time scale. */
export interface AlignmentSettings {
  rows: number
  features: number
  particles: number
  /** Standard deviation of the noise on the training targets. */
  labelNoise: number
  /** λ' and λ of the mean-field network. */
  ridge: number
  entropy: number
  /** Inner step in the units of the master objective, and inner steps for each outer step. */
  step: number
  innerSteps: number
  outerSteps: number
  /** Learning rate of the control in its own scaling, and its gradient steps. */
  controlRate: number
  controlSteps: number
  /** Rows to measure the error against the teacher on. */
  testRows: number
  /** Snapshots of each run, evenly spaced, the start not counted. */
  snapshots: number
}

export const alignmentSettings: AlignmentSettings = {
  rows: 500,
  features: 50,
  particles: 200,
  labelNoise: 0.1,
  ridge: 1e-3,
  entropy: 1e-3,
  step: 0.05,
  innerSteps: 2,
  outerSteps: 1000,
  controlRate: 1,
  controlSteps: 2000,
  testRows: 1000,
  snapshots: 100,
}

const directions = 5

/** What a run looks like from the teacher's direction. */
interface Course {
  steps: number[]
  /** |⟨v_j, w*⟩| for the leading right singular vectors v_j of the weights, sorted by singular value at every step. */
  cosines: number[][]
  /** P(µ) = E[(w·w*)²/‖w‖²] */
  measure: number[]
  testSteps: number[]
  testLoss: number[]
}

export const alignment: Experiment = {
  id: 'alignment',
  title: 'Parameter alignment: mean field against tangent kernel',
  source: 'Nitanda, Wu, Suzuki, NeurIPS 2021, arXiv 2012.15477; P(µ) after Takakura, Suzuki, ICML 2024, Definition 5.3',
  summary:
    'Two networks of the same width, started from the same weights, learn one tanh neuron from noisy data. Particle dual ' +
    'averaging in the mean-field scaling turns the leading singular direction of the weights to the direction of the ' +
    'teacher. Gradient descent in the tangent-kernel scaling fits the data too, but its weights stay where they were.',
  measure: (context) => measureAlignment(alignmentSettings, context),
}

export async function measureAlignment(settings: AlignmentSettings, context: Context): Promise<Findings> {
  const teacher = teacherData(settings, context.seed)
  const whole = settings.outerSteps * (settings.innerSteps + 1) + settings.controlSteps
  const share = (settings.outerSteps * (settings.innerSteps + 1)) / whole
  const meanField = await trainMeanField(settings, teacher, context, (part, words) =>
    context.onProgress?.(part * share, `mean field, ${words}`),
  )
  const control = await trainControl(settings, teacher, meanField.start, context, (part, words) =>
    context.onProgress?.(share + part * (1 - share), `tangent kernel, ${words}`),
  )
  return describe(settings, context.seed, meanField.course, control)
}

interface Teacher {
  train: Dataset
  /** Rows never trained on, with the noiseless targets of the teacher. */
  test: Dataset
  /** w*, of norm 1 */
  direction: Float64Array
}

type Progress = (part: number, words: string) => void

function teacherData({ rows, features, labelNoise, testRows }: AlignmentSettings, seed: number): Teacher {
  const draw = (noise: number) => singleIndex({ rows: rows + testRows, columns: features, link: 'tanh', noise, seed })
  // With another noise level the same seed gives the same features and the same teacher.
  const { dataset, direction } = draw(labelNoise)
  return { train: dataset.subset(rowRange(0, rows)), test: draw(0).dataset.subset(rowRange(rows, testRows)), direction }
}

const evenly = (steps: number, count: number) => [
  ...new Set(Array.from({ length: count + 1 }, (_, i) => Math.round((i * steps) / count))),
]

async function trainMeanField(
  settings: AlignmentSettings,
  teacher: Teacher,
  { seed, threads, signal }: Context,
  onProgress: Progress,
): Promise<{ course: Course; start: Float32Array }> {
  const { particles, ridge, entropy, step, innerSteps, outerSteps } = settings
  const algorithm = { name: 'dual-averaging', step, innerSteps } as const
  const net = new MeanFieldNetwork({
    ...tanhNeurons,
    particles,
    ridge,
    entropy,
    initialVariance: 1,
    algorithm,
  })
  const run = net.fit(teacher.train, {
    seed,
    threads,
    signal,
    validation: teacher.test,
    steps: outerSteps,
    snapshots: evenly(outerSteps, settings.snapshots),
    certificate: false,
  })
  for await (const point of run) onProgress(point.step / outerSteps, `outer step ${point.step}`)
  const fit = completed(await run)
  return { course: courseOf(fit, teacher.direction), start: fit.snapshots[0]?.particles as Float32Array }
}

/**
 * The control: f(x) = M^(−1/2) Σ ±tanh(⟨w_r, x⟩), centred at its start f_0, gradient descent of rate `controlRate`. As a
 * mean of particles its output weights are ±√M, and a gradient step of rate c on f is one of c/M on the mean-field gradient.
 */
async function trainControl(
  settings: AlignmentSettings,
  teacher: Teacher,
  initial: Float32Array,
  { seed, threads, signal }: Context,
  onProgress: Progress,
): Promise<Course> {
  const { particles, controlRate, controlSteps } = settings
  const net = new MeanFieldNetwork({
    ...tanhNeurons,
    particles,
    signs: 'balanced',
    outputScale: Math.sqrt(particles),
    ridge: 0,
    algorithm: { name: 'langevin', step: controlRate / particles, noise: false },
  })
  await net.fit(teacher.train, { initial, steps: 0, seed, threads, signal })
  const centred = async (data: Dataset) => {
    const start = await net.predict(data)
    return Dataset.fromArrays(
      data.features,
      data.targets.map((y, i) => y + (start[i] as number)),
      { columns: data.columns, task: 'regression' },
    )
  }
  const [train, validation] = [await centred(teacher.train), await centred(teacher.test)]
  const snapshots = evenly(controlSteps, settings.snapshots)
  const run = net.fit(train, { initial, validation, snapshots, steps: controlSteps, seed, threads, signal })
  for await (const point of run) onProgress(point.step / controlSteps, `gradient step ${point.step}`)
  return courseOf(completed(await run), teacher.direction)
}

function courseOf({ snapshots, trace }: MeanFieldFit, direction: Float64Array): Course {
  const columns = direction.length
  const views = snapshots.map(({ particles }) => {
    const rows = particles.length / columns
    const { vectors } = rightSingularVectors({ values: particles, rows, columns }, directions)
    const row = (values: ArrayLike<number>, r: number) =>
      direction.reduce((sum, w, j) => sum + w * (values[r * columns + j] as number), 0)
    let measure = 0
    for (let r = 0; r < rows; r++) {
      const square = particles.subarray(r * columns, (r + 1) * columns).reduce((sum, w) => sum + w * w, 0)
      measure += square === 0 ? 0 : row(particles, r) ** 2 / square / rows
    }
    return { cosines: Array.from({ length: directions }, (_, j) => Math.abs(row(vectors, j))), measure }
  })
  return {
    steps: snapshots.map(({ step }) => step),
    cosines: Array.from({ length: directions }, (_, j) => views.map(({ cosines }) => cosines[j] as number)),
    measure: views.map(({ measure }) => measure),
    testSteps: Array.from(trace.step),
    testLoss: Array.from(trace.validationLoss),
  }
}

function describe(settings: AlignmentSettings, seed: number, meanField: Course, control: Course): Findings {
  const rise = (course: Course) => (course.measure.at(-1) ?? Number.NaN) / (course.measure[0] as number)
  const claims = [
    atLeast(
      `mean field: cosine of direction 1 after ${settings.outerSteps} outer steps`,
      meanField.cosines[0]?.at(-1) ?? Number.NaN,
      0.9,
    ),
    atMost(
      'tangent kernel: largest cosine of direction 1 at any step',
      Math.max(...(control.cosines[0] as number[])),
      0.5,
    ),
    atLeast('mean field: P(µ) at the end over P(µ) at the start', rise(meanField), 5),
    atMost('tangent kernel: P(µ) at the end over P(µ) at the start', rise(control), 1.5),
  ]
  const cosines = (course: Course) => course.cosines.map((y, j) => ({ name: `direction ${j + 1}`, x: course.steps, y }))
  const figures: Figure[] = [
    {
      id: 'alignment-mean-field',
      title: 'Mean field: the leading direction of the weights turns to the teacher',
      description:
        'Absolute cosine between the direction of the teacher and each of the five leading right singular vectors of the ' +
        'weights, against outer steps of particle dual averaging. Direction 1 rises to the teacher, the others stay low.',
      xLabel: 'outer steps',
      yLabel: 'absolute cosine to the teacher',
      yDomain: [0, 1],
      series: cosines(meanField),
      rules: [{ y: 0.9, label: 'claim: at least 0.9' }],
    },
    {
      id: 'alignment-tangent-kernel',
      title: 'Tangent kernel: every direction stays where it was',
      description:
        'The same cosines for the control, a network in the tangent-kernel scaling trained by plain gradient descent from ' +
        'the same weights. Direction 1 stays under 0.5.',
      xLabel: 'gradient steps',
      yLabel: 'absolute cosine to the teacher',
      yDomain: [0, 1],
      series: cosines(control),
      rules: [{ y: 0.5, label: 'claim: at most 0.5' }],
    },
    {
      id: 'alignment-measure',
      title: 'Alignment of the particles with the teacher',
      description:
        'P(µ), the mean over particles of the squared cosine between a particle and the teacher, against steps. For ' +
        'isotropic weights it is 1/d. It rises many times over in the mean-field network and hardly in the control.',
      xLabel: 'steps (outer steps, gradient steps)',
      yLabel: 'P(µ), mean squared cosine',
      series: [
        { name: 'mean field', x: meanField.steps, y: meanField.measure },
        { name: 'tangent kernel', x: control.steps, y: control.measure },
      ],
      rules: [{ y: 1 / settings.features, label: 'isotropic weights: 1/d' }],
    },
    {
      id: 'alignment-test-loss',
      title: 'Error against the teacher',
      description:
        'Half the mean squared difference to the noiseless teacher on rows never seen, against steps, for both networks.',
      xLabel: 'steps (outer steps, gradient steps)',
      yLabel: 'half mean squared error',
      yScale: 'log',
      series: [
        { name: 'mean field', x: meanField.testSteps, y: meanField.testLoss },
        { name: 'tangent kernel', x: control.testSteps, y: control.testLoss },
      ],
    },
  ]
  const words: Record<keyof AlignmentSettings, string> = {
    rows: 'rows n',
    features: 'features d',
    particles: 'particles M',
    labelNoise: 'label noise (standard deviation)',
    ridge: "ridge λ'",
    entropy: 'entropy λ',
    step: 'inner step η',
    innerSteps: 'inner steps K',
    outerSteps: 'outer steps T',
    controlRate: 'control: learning rate',
    controlSteps: 'control: gradient steps',
    testRows: 'test rows',
    snapshots: 'snapshots of each run',
  }
  const named = Object.entries(words).map(([key, name]): [string, string] => [
    name,
    String(settings[key as keyof AlignmentSettings]),
  ])
  return { claims, figures, settings: [...named, ['seed', String(seed)]] }
}
