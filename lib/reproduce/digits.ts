/**
 * Handwritten digits with the defaults alone: every algorithm of the mean-field family learns ten classes from 64 pixels,
 * and the test rows are looked at only to be scored.
 *
 * Data: Alpaydin, Kaynak, Optical Recognition of Handwritten Digits, UCI (CC BY 4.0), 1797 images of 8 × 8.
 */
import { join } from 'node:path'
import { Dataset } from '../data'
import type { MeanFieldAlgorithmName } from '../generated/catalogue'
import { type ClassScores, MeanFieldNetwork, type Trace } from '../models'
import type { Figure, Series } from '../report'
import { atLeast, type Claim } from './claim'
import { type Context, completed, type Experiment, type Findings } from './experiment'

export interface DigitsSettings {
  algorithms: string[]
  /** Fraction of the rows that is kept for the test, the same in every class. */
  testFraction: number
  /** Seeds of splits to take the mean over, the first being the seed of the experiment. */
  splits: number
  /** Test accuracy that the mean over splits must reach. */
  bound: number
  /** Budget in steps; absent: the default of each algorithm. */
  steps?: number
  /** Particles; absent: the default. */
  particles?: number
}

export const digitsSettings: DigitsSettings = {
  algorithms: ['dual-averaging', 'langevin'],
  testFraction: 0.25,
  splits: 5,
  bound: 0.965,
}

export const digits: Experiment = {
  id: 'digits',
  title: 'Handwritten digits with the defaults alone',
  source:
    'Particle dual averaging: Nitanda, Wu, Suzuki, NeurIPS 2021; noisy gradient descent: Nitanda, Wu, Suzuki, AISTATS 2022; ' +
    'data: Alpaydin, Kaynak, UCI 1998, CC BY 4.0',
  summary:
    'A mean-field network learns to tell ten digits apart from 8 × 8 pixels, once by particle dual averaging and once by ' +
    'noisy gradient descent, without a single option set. A quarter of the rows, drawn by class, is kept for the test.',
  measure: (context) => measureDigits(digitsSettings, context),
}

/** The data that come with the package. */
export const digitsFile = join(__dirname, '..', '..', 'data', 'digits.csv.gz')

export async function measureDigits(settings: DigitsSettings, context: Context): Promise<Findings> {
  const { seed, threads, signal, onProgress } = context
  const { algorithms, particles, steps } = settings
  const data = await Dataset.fromCsv(digitsFile, { target: 'label' })
  const splits = Array.from({ length: settings.splits }, (_, i) => seed + i)
  const fits: Fit[] = []
  for (const algorithm of algorithms)
    for (const split of splits) {
      const { train, test } = data.split({ test: settings.testFraction, stratify: true, seed: split })
      const net = new MeanFieldNetwork({ algorithm: algorithm as MeanFieldAlgorithmName, particles })
      const run = net.fit(train, { seed: split, threads, signal, validation: test, steps, certificate: false })
      const done = fits.length / (algorithms.length * splits.length)
      for await (const { validationScore } of run)
        onProgress?.(done, `${algorithm}, split ${split}, test accuracy ${validationScore.toFixed(3)}`)
      const { trace } = completed(await run)
      const { accuracy } = (await net.score(test, { signal })) as ClassScores
      fits.push({ algorithm, accuracy, trace })
    }
  return describe(settings, data, splits, fits)
}

interface Fit {
  algorithm: string
  /** On the test rows, after the last step. */
  accuracy: number
  trace: Trace
}

function describe(settings: DigitsSettings, data: Dataset, splits: number[], fits: Fit[]): Findings {
  const claims: Claim[] = settings.algorithms.map((algorithm) => {
    const accuracies = fits.filter((fit) => fit.algorithm === algorithm).map(({ accuracy }) => accuracy)
    const mean = accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length
    return atLeast(`${algorithm}: test accuracy, mean over ${splits.length} splits`, mean, settings.bound)
  })
  // Curves of the first split only.
  const shown = settings.algorithms.map((algorithm) => fits.find((fit) => fit.algorithm === algorithm) as Fit)
  const curves = (part: 'train' | 'test', column: keyof Trace): Series[] =>
    shown.map(({ algorithm, trace }, color) => ({
      name: `${algorithm}, ${part}`,
      x: trace.passes,
      y: trace[column],
      color,
      dash: part === 'train' ? 1 : 0,
    }))
  const figures: Figure[] = [
    {
      id: 'digits-accuracy',
      title: 'Test accuracy rises to that of the best networks of this size',
      description: 'Fraction of the test rows whose digit is recognized, against passes over the training data.',
      xLabel: 'passes over the data',
      yLabel: 'accuracy',
      yDomain: [0.8, 1],
      series: [...curves('test', 'validationScore'), ...curves('train', 'score')],
      rules: [{ y: settings.bound, label: `claim: at least ${settings.bound}` }],
    },
    {
      id: 'digits-loss',
      title: 'Training and test loss',
      description: 'Mean cross-entropy on the training and the test rows, against passes over the training data.',
      xLabel: 'passes over the data',
      yLabel: 'mean cross-entropy',
      yScale: 'log',
      series: [...curves('test', 'validationLoss'), ...curves('train', 'loss')],
    },
  ]
  const test = Math.round(settings.testFraction * 100)
  return {
    claims,
    figures,
    settings: [
      ['data', `${data.rows} rows of ${data.columns} pixels, ${data.classes?.length} classes`],
      ['test rows', `${test} %, stratified`],
      ['split seeds', splits.join(', ')],
      ['particles', String(settings.particles ?? 'default')],
      ['steps', String(settings.steps ?? 'default of each algorithm')],
    ],
  }
}
