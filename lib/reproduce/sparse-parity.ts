/**
 * Sparse parity: a mean-field network learns the product of two signs out of d from a number of rows that grows linearly
 * in d, by turning its weights to the two coordinates. Kernel methods need d² rows.
 *
 * Suzuki, Wu, Oko, Nitanda, NeurIPS 2023 (feature learning via mean-field Langevin dynamics), Figure 1; ridge, entropy and
 * step are recalled, not read in the paper.
 */
import { parity } from '../data'
import { type ClassScores, MeanFieldNetwork } from '../models'
import { atLeast, atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { mean, rowRange } from './numbers'

export interface SparseParitySettings {
  dimensions: number[]
  rows: number[]
  /** Trials of each cell, with data and noise of their own. */
  trials: number
  testRows: number
  particles: number
  outputScale: number
  step: number
  /** λ = temperature/d, and λ' = λ · decay: the decay of the weights is 2 λ decay. */
  temperature: number
  decay: number
  steps: number
}

export const sparseParitySettings: SparseParitySettings = {
  dimensions: [5, 10, 20],
  rows: [25, 50, 100, 200, 400],
  trials: 3,
  testRows: 1000,
  particles: 500,
  outputScale: 15,
  step: 0.2,
  temperature: 0.1,
  decay: 0.1,
  steps: 4000,
}

/** The published size. */
const published = {
  particles: 2000,
  trials: 5,
  steps: 10000,
  dimensions: [5, 10, 15, 20, 25],
  rows: [50, 100, 200, 400, 800],
}

export const sparseParity: Experiment = {
  id: 'sparse-parity',
  title: 'Sparse parity: rows in proportion to the dimension are enough',
  source: 'Suzuki, Wu, Oko, Nitanda, NeurIPS 2023, Figure 1; step, ridge and entropy as recalled',
  summary:
    'The class is the product of the signs of two coordinates out of d. The network has to find the two. Test accuracy is ' +
    'measured over a grid of dimensions and numbers of rows; twenty rows for each dimension are enough throughout.',
  measure: (context) =>
    measureSparseParity(context.full ? { ...sparseParitySettings, ...published } : sparseParitySettings, context),
}

interface Cell {
  d: number
  n: number
  accuracy: number
  /** Mean of (w₁² + w₂²)/‖w‖² over the particles; 2/d at the start. */
  energy: number
}

export async function measureSparseParity(settings: SparseParitySettings, context: Context): Promise<Findings> {
  const { dimensions, rows, trials, steps } = settings
  const cells: Cell[] = []
  const total = dimensions.length * rows.length
  for (const d of dimensions)
    for (const n of rows) {
      const runs: Omit<Cell, 'd' | 'n'>[] = []
      for (let trial = 0; trial < trials; trial++) {
        context.onProgress?.((cells.length + trial / trials) / total, `d = ${d}, n = ${n}`)
        runs.push(await runTrial(settings, context, d, n, 100 * context.seed + trial))
      }
      cells.push({ d, n, accuracy: mean(runs.map((run) => run.accuracy)), energy: mean(runs.map((run) => run.energy)) })
    }
  const enough = dimensions.map((d) => cells.find((cell) => cell.d === d && cell.n >= 20 * d) as Cell)
  const least = (d: number) => cells.find((cell) => cell.d === d && cell.accuracy >= 0.9)?.n ?? Number.POSITIVE_INFINITY
  const [low, high] = [dimensions[0] as number, dimensions.at(-1) as number]
  const of = (d: number) => cells.filter((cell) => cell.d === d)
  return {
    claims: [
      ...enough.map(({ d, n, accuracy }) => atLeast(`d = ${d}, n = ${n}: test accuracy`, accuracy, 0.95)),
      ...enough.map(({ d, n, energy }) =>
        atLeast(`d = ${d}, n = ${n}: share of the two coordinates in ‖w‖²`, energy, 0.6),
      ),
      atMost(
        `rows for accuracy 0.9 at d = ${high} over those at d = ${low}, as a multiple of ${high}/${low}`,
        least(high) / least(low) / (high / low),
        2,
      ),
    ],
    figures: [
      {
        id: 'sparse-parity',
        title: 'Test accuracy over dimensions and rows',
        description: `Mean over ${trials} trials after ${steps} steps. Accuracy rises from chance to one along a line: rows in proportion to the dimension.`,
        xLabel: 'rows n',
        yLabel: 'test accuracy',
        yDomain: [0.5, 1],
        heat: { rows: 'dimension d' },
        series: dimensions.map((d) => ({
          name: String(d),
          x: of(d).map(({ n }) => n),
          y: of(d).map(({ accuracy }) => accuracy),
        })),
      },
      {
        id: 'sparse-parity-energy',
        title: 'The weights turn to the two coordinates',
        description: 'Share of the two relevant coordinates in the squared norm of the weights; 2/d at the start.',
        xLabel: 'rows n / dimension d',
        yLabel: 'share of ‖w‖²',
        xScale: 'log',
        yDomain: [0, 1],
        series: dimensions.map((d) => ({
          name: `d = ${d}`,
          x: of(d).map(({ n }) => n / d),
          y: of(d).map(({ energy }) => energy),
        })),
      },
    ],
    settings: listSettings(settings, context.seed),
  }
}

async function runTrial(
  settings: SparseParitySettings,
  { threads, signal }: Context,
  d: number,
  n: number,
  seed: number,
): Promise<Omit<Cell, 'd' | 'n'>> {
  const { testRows, particles, outputScale, step, temperature, decay, steps } = settings
  const { dataset } = parity({ rows: n + testRows, columns: d, seed })
  const entropy = temperature / d
  const net = new MeanFieldNetwork({
    particles,
    secondLayer: 'parity',
    outputScale,
    loss: 'logistic',
    scale: 'none',
    ridge: entropy * decay,
    entropy,
    initialVariance: 1,
    algorithm: { name: 'langevin', step },
  })
  completed(await net.fit(dataset.subset(rowRange(0, n)), { steps, seed, threads, signal, certificate: false }))
  const { accuracy } = (await net.score(dataset.subset(rowRange(n, testRows)), { signal })) as ClassScores
  const p = d + 2
  const shares = Array.from({ length: particles }, (_, r) => {
    const squares = net.particles.subarray(r * p, r * p + d).map((w) => w * w)
    return ((squares[0] as number) + (squares[1] as number)) / squares.reduce((sum, value) => sum + value, 0)
  })
  return { accuracy, energy: mean(shares) }
}
