/**
 * A target along one direction out of fifty, with the other directions shrunk: the effective dimension of the inputs, not their
 * number, decides how many rows are needed.
 *
 * Mousavi-Hosseini, Wu, Erdogdu, ICLR 2025 (arXiv 2408.07254), Figures 1b and 2; the loss is half the squared error.
 */
import { Dataset } from '../data'
import { Random } from '../data/random'
import { MeanFieldNetwork } from '../models'
import { atLeast, atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { mean } from './numbers'

export const multiIndexSettings = {
  features: 50,
  /** d_eff = tr Σ/‖Σ^½u‖² */
  effective: [2, 5, 10, 20, 50],
  /** Rows of the heat map, and of the generalisation gap. */
  rows: [50, 100, 200, 500, 1000],
  gapRows: [100, 200, 500],
  trials: 5,
  particles: 50,
  step: 0.1,
  /** λ' of decay 0.01 = 2 λ', and λ = 1/β. */
  ridge: 5e-3,
  entropy: 1e-3,
  steps: 200,
  gapSteps: 3000,
  testRows: 5000,
  stream: 0x887,
}
type Settings = typeof multiIndexSettings

export const multiIndex: Experiment = {
  id: 'multi-index',
  title: 'The effective dimension decides how many rows are needed',
  source:
    'Mousavi-Hosseini, Wu, Erdogdu, ICLR 2025, arXiv 2408.07254, Figures 1b and 2; half the squared error is ours',
  summary:
    'A ReLU network with fixed signs learns x₁² − 1 from fifty inputs, of which all but the first are shrunk. Test loss after 200 ' +
    'steps and the generalisation gap after 3000 are measured against the number of rows and the effective dimension.',
  measure: (context) =>
    measureMultiIndex(context.full ? { ...multiIndexSettings, testRows: 100_000 } : multiIndexSettings, context),
}

interface Cell {
  n: number
  effective: number
  /** Half the mean squared error. */
  train: number
  test: number
}

export async function measureMultiIndex(settings: Settings, context: Context): Promise<Findings> {
  const { effective, rows, gapRows, steps, gapSteps, trials } = settings
  const jobs = [
    ...rows.flatMap((n) => effective.map((d) => ({ n, d, length: steps }))),
    ...gapRows.flatMap((n) => effective.map((d) => ({ n, d, length: gapSteps }))),
  ]
  const work = jobs.map(({ n, length }) => n * length)
  const total = work.reduce((sum, value) => sum + value, 0)
  const cells: Cell[] = []
  let spent = 0
  for (const [index, { n, d, length }] of jobs.entries()) {
    context.onProgress?.(spent / total, `n = ${n}, d_eff = ${d}`)
    const runs = await Promise.all(
      Array.from({ length: trials }, (_, trial) =>
        runTrial(settings, context, n, d, length, 100 * context.seed + trial),
      ),
    )
    cells.push({
      n,
      effective: d,
      train: mean(runs.map(({ train }) => train)),
      test: mean(runs.map(({ test }) => test)),
    })
    spent += work[index] as number
  }
  const early = cells.slice(0, rows.length * effective.length)
  const late = cells.slice(early.length)
  const at = (table: Cell[], n: number) => table.filter((cell) => cell.n === n)
  const gap = ({ test, train }: Cell) => test - train
  const rising = (values: number[]) => values.filter((value, i) => i > 0 && value <= (values[i - 1] as number)).length
  const most = rows.at(-1) as number
  const [low, high] = [effective[0] as number, effective.at(-1) as number]
  const gaps = at(late, gapRows[0] as number).map(gap)
  return {
    claims: [
      atMost(
        'neighbours in effective dimension whose generalisation gap falls, over all numbers of rows',
        gapRows.reduce((sum, n) => sum + rising(at(late, n).map(gap)), 0),
        0,
      ),
      atLeast(
        `n = ${gapRows[0]}: generalisation gap at d_eff = ${high} over that at d_eff = ${low}`,
        (gaps.at(-1) as number) / (gaps[0] as number),
        3,
      ),
      atMost(
        `test loss after ${steps} steps at d_eff = ${low}, n = ${rows[1]}, over that at d_eff = ${high}, n = ${most}`,
        (at(early, rows[1] as number)[0] as Cell).test / (at(early, most).at(-1) as Cell).test,
        1,
      ),
    ],
    figures: [
      {
        id: 'multi-index',
        title: `Test loss after ${steps} steps`,
        description: `Half the mean squared error on new rows, mean over ${trials} trials, by number of rows and effective dimension.`,
        xLabel: 'effective dimension d_eff',
        yLabel: 'half mean squared error',
        heat: { rows: 'rows n' },
        series: rows.map((n) => ({ name: String(n), x: effective, y: at(early, n).map(({ test }) => test) })),
      },
      {
        id: 'multi-index-gap',
        title: `Generalisation gap after ${gapSteps} steps`,
        description: 'Test loss less training loss against the effective dimension, a curve a number of rows.',
        xLabel: 'effective dimension d_eff',
        yLabel: 'test loss − training loss',
        xScale: 'log',
        yScale: 'log',
        series: gapRows.map((n) => ({ name: `n = ${n}`, x: effective, y: at(late, n).map(gap) })),
      },
    ],
    settings: listSettings(settings, context.seed),
  }
}

async function runTrial(
  settings: Settings,
  { signal }: Context,
  n: number,
  effective: number,
  steps: number,
  seed: number,
): Promise<{ train: number; test: number }> {
  const { features, particles, step, ridge, entropy, testRows, stream } = settings
  const random = new Random(seed, stream)
  const train = rowsOf(random, n, features, effective)
  const net = new MeanFieldNetwork({
    particles,
    activation: 'relu',
    secondLayer: 'fixed',
    signs: 'balanced',
    outputScale: 1,
    scale: 'none',
    scaleTargets: false,
    ridge,
    entropy,
    algorithm: { name: 'langevin', step },
  })
  const initial = sphere(random, particles, features + 1)
  const { loss } = completed(await net.fit(train, { steps, seed, threads: 1, initial, signal, certificate: false }))
  const test = rowsOf(random, testRows, features, effective)
  const outputs = await net.predict(test, { signal })
  return { train: loss, test: mean(outputs.map((z, i) => (z - (test.targets[i] as number)) ** 2 / 2)) }
}

/** x ~ N(0, diag(1, s, …, s)), s = (d_eff − 1)/(d − 1), y = x₁² − 1. */
function rowsOf(random: Random, rows: number, columns: number, effective: number): Dataset {
  const spread = Math.sqrt((effective - 1) / (columns - 1))
  const features = Float32Array.from(
    { length: rows * columns },
    (_, i) => (i % columns === 0 ? 1 : spread) * random.normal(),
  )
  const targets = Float64Array.from({ length: rows }, (_, i) => (features[i * columns] as number) ** 2 - 1)
  return Dataset.fromArrays(features, targets, { columns, task: 'regression' })
}

/** M weights (with the bias) uniform on the unit sphere. */
function sphere(random: Random, count: number, inputs: number): Float32Array {
  const points = Float32Array.from({ length: count * inputs }, () => random.normal())
  return points.map((value, i) => {
    const start = i - (i % inputs)
    return value / Math.hypot(...points.subarray(start, start + inputs))
  })
}
