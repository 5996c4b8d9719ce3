/**
 * The smallest minibatch that is still fastest: queries and passes to a given accuracy against the minibatch b, step tuned for
 * every method and b. Without acceleration the queries stop falling near √n; the optimal methods go on to b* = √n + n/√κ.
 *
 * The paper's abstract tells the protocol and no data; data, accuracies and steps are ours. The steps stop below
 * 2/L_F: on these data the curvature at the optimum is far below L_F, and steps beyond any theory help all methods.
 */
import type { LinearAlgorithm, LinearAlgorithmName } from '../generated/catalogue'
import { LinearModel } from '../models'
import type { Figure, Series } from '../report'
import { atLeast, atMost, type Claim } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { denseLogistic, sideBySide, unlessDiverged } from './finite-sum-data'

export const minibatchSizeSettings = {
  rows: 16384,
  features: 64,
  /** P − P* is to be at most `accuracy` (P(0) − P*). */
  problems: [{ id: 'ill', l1: 0, l2: 1e-6, accuracy: 1e-6 }],
  minibatches: [8, 32, 128, 512, 2048],
  /** η, and 1/L of Katyusha. */
  steps: [32, 16, 8, 4, 2, 1],
  methods: ['svrg', 'saga', 'katyusha', 'acc-svrg', 'acc-svrg-appa', 'dasvrda'] as LinearAlgorithmName[],
  /** Where a run is given up. */
  passes: 600,
  /** Data sets for the claims about numbers of queries, each with a seed of its own. */
  instances: 5,
  /** Minibatches between which the claims compare. */
  compare: { small: 32, root: 128, large: 512 },
}

type Settings = typeof minibatchSizeSettings
type Problem = Settings['problems'][number]

const published: Partial<Settings> = {
  problems: [
    ...minibatchSizeSettings.problems,
    { id: 'well', l1: 0, l2: 1e-4, accuracy: 1e-8 },
    { id: 'ill-l1', l1: 1e-4, l2: 1e-6, accuracy: 1e-6 },
    { id: 'well-l1', l1: 1e-4, l2: 1e-4, accuracy: 1e-8 },
  ],
  minibatches: Array.from({ length: 15 }, (_, i) => 2 ** i),
  methods: [
    ...minibatchSizeSettings.methods,
    ...(['l-svrg', 'sag', 'sarah', 'l-katyusha', 'catalyst', 'miso'] as const),
  ],
}

export const minibatchSize: Experiment = {
  id: 'minibatch-size',
  title: 'The optimal minibatch: accelerated methods need a few hundred queries at b = 512, the others thousands',
  source: 'Nitanda, Murata, Suzuki, ICDM 2019 and Knowledge and Information Systems 2021; data and settings are ours',
  summary:
    'Logistic regression is solved to a fixed accuracy with minibatches of b rows. A query is one minibatch gradient, a full ' +
    'gradient counts n/b. SVRG and SAGA gain nothing from minibatches above √n; Katyusha, DASVRDA and Acc-SVRG with APPA need ' +
    'fewer queries up to b* = √n + n/√κ and stay near the count of a deterministic accelerated method.',
  measure: (context) =>
    measureMinibatchSize(context.full ? { ...minibatchSizeSettings, ...published } : minibatchSizeSettings, context),
}

interface Cell {
  queries: number
  passes: number
  step: number
}

export async function measureMinibatchSize(settings: Settings, context: Context): Promise<Findings> {
  const { problems, instances, compare } = settings
  const { seed } = context
  // The first problem is also solved on other data sets, at the minibatch that the claims name.
  const parts = [
    ...problems.map((problem) => ({ ...settings, problem, seed })),
    ...Array.from({ length: instances - 1 }, (_, i) => ({
      ...settings,
      problem: problems[0] as Problem,
      seed: seed + 1 + i,
      minibatches: [compare.large],
      methods: named,
    })),
  ]
  const total = parts.reduce((sum, { minibatches, methods }) => sum + minibatches.length * methods.length, 0)
  let done = 0
  const onCell = (words: string) => context.onProgress?.(done++ / total, words)
  const tables: Table[] = []
  for (const part of parts) tables.push(await fillTable(part, part.problem, { ...context, seed: part.seed }, onCell))
  const { problems: _, compare: __, ...told } = settings
  return {
    claims: claimsOf(settings, tables[0] as Table, [tables[0] as Table, ...tables.slice(problems.length)]),
    figures: problems.flatMap((problem, i) => figuresOf(settings, problem, tables[i] as Table)),
    settings: [
      ...problems.map(({ id, l1, l2, accuracy }): [string, string] => [
        `problem ${id}`,
        `λ1 = ${l1}, λ2 = ${l2}, accuracy ${accuracy}`,
      ]),
      ...listSettings(told, context.seed),
    ],
  }
}

/** Methods whose number of queries is claimed. */
const named: LinearAlgorithmName[] = ['svrg', 'acc-svrg-appa', 'dasvrda']

type Table = (method: string, minibatch: number) => Cell

const missing: Cell = { queries: Number.NaN, passes: Number.NaN, step: Number.NaN }

async function fillTable(
  settings: Settings,
  problem: Problem,
  { seed, threads, signal }: Context,
  onCell: (words: string) => void,
): Promise<Table> {
  const rows = denseLogistic(settings.rows, settings.features, seed)
  const { l1, l2, accuracy } = problem
  const model = (algorithm: LinearAlgorithm) =>
    new LinearModel({ loss: 'logistic', intercept: false, l1, l2, algorithm })
  const best = completed(
    await model(l1 > 0 ? 'coordinate-descent' : 'newton').fit(rows, { tolerance: 1e-13, threads, signal }),
  ).objective
  const targetObjective = best + accuracy * (Math.log(2) - best)
  const cells = new Map<string, Cell>()
  /** The row of one method. The best step changes little from one b to the next; the grid is gone through from there outwards. */
  const fillRow = async (method: LinearAlgorithmName) => {
    let near = Math.min(...settings.steps)
    for (const minibatch of settings.minibatches) {
      onCell(`${method}, b = ${minibatch}`)
      let cell = missing
      for (const step of outwards(settings.steps, near)) {
        // The rest of the grid need not be followed beyond the best so far.
        const passes = Number.isNaN(cell.passes) ? settings.passes : cell.passes
        const algorithm = optionsOf(method, minibatch, step)
        const fit = await unlessDiverged(async () =>
          model(algorithm).fit(rows, {
            tolerance: 0,
            targetObjective,
            passes,
            traceEvery: 1,
            seed,
            threads: 1,
            signal,
          }),
        )
        if (fit && completed(fit).stop === 'target' && !(fit.queries >= cell.queries))
          cell = { queries: fit.queries, passes: fit.passes, step }
        if (!tuned(method)) break
      }
      cells.set(`${method} ${minibatch}`, cell)
      if (!Number.isNaN(cell.step)) near = cell.step
    }
  }
  await sideBySide(
    settings.methods.map((method) => () => fillRow(method)),
    threads,
  )
  return (method, minibatch) => cells.get(`${method} ${minibatch}`) ?? missing
}

/** The nearest first; of two at the same distance the longer. */
function outwards(steps: number[], from: number): number[] {
  const distance = (step: number) => Math.abs(Math.log(step / from))
  return [...steps].sort((a, b) => distance(a) - distance(b) || b - a)
}

const byConstant = (method: string) => method === 'katyusha' || method === 'l-katyusha'
const tuned = (method: string) => method !== 'miso'

function optionsOf(name: string, minibatch: number, step: number): LinearAlgorithm {
  const size = byConstant(name) ? { smoothness: 1 / step } : tuned(name) ? { step } : {}
  return { name, minibatch, ...size } as LinearAlgorithm
}

const optimal = ['katyusha', 'acc-svrg-appa', 'dasvrda']

function claimsOf({ methods, compare }: Settings, table: Table, instances: Table[]): Claim[] {
  const { small, root, large } = compare
  const queries = (method: string, b: number) => table(method, b).queries
  const typical = (method: string) => median(instances.map((instance) => instance(method, large).queries))
  const words = (method: string) => `${method}: queries at b = ${large}, median of ${instances.length} data sets`
  return [
    ...['svrg', 'saga'].map((method) =>
      atLeast(
        `${method}: queries at b = ${large} over those at b = √n = ${root}`,
        queries(method, large) / queries(method, root),
        0.8,
      ),
    ),
    ...optimal
      .filter((method) => (methods as string[]).includes(method))
      .map((method) =>
        atMost(
          `${method}: queries at b = √n = ${root} over those at b = ${small}`,
          queries(method, root) / queries(method, small),
          0.5,
        ),
      ),
    atMost(words('acc-svrg-appa'), typical('acc-svrg-appa'), 500),
    atMost(words('dasvrda'), typical('dasvrda'), 700),
    atLeast(words('svrg'), typical('svrg'), 2000),
  ]
}

/** Of an odd number of values; not a number when one of them is not. */
function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return values.some(Number.isNaN) ? Number.NaN : (sorted[Math.floor(sorted.length / 2)] as number)
}

function figuresOf({ rows, methods, minibatches }: Settings, problem: Problem, table: Table): Figure[] {
  const curves = (column: 'queries' | 'passes'): Series[] =>
    methods.map((name, i) => ({
      name,
      x: minibatches,
      y: minibatches.map((b) => table(name, b)[column]),
      // Colours and dashes come round after six.
      dash: (i + Math.floor(i / 6)) % 6,
    }))
  // Rows have length 1: L = 1/4.
  const star = Math.sqrt(rows) + rows / Math.sqrt(0.25 / problem.l2)
  const upright = (name: string, x: number, dash: number, series: Series[]): Series => {
    const shown = series.flatMap(({ y }) => Array.from(y)).filter(Number.isFinite)
    return { name, x: [x, x], y: [Math.min(...shown), Math.max(...shown)], color: 3, dash }
  }
  const words = `λ1 = ${problem.l1}, λ2 = ${problem.l2}`
  return (['queries', 'passes'] as const).map((column) => {
    const series = curves(column)
    return {
      id: `minibatch-size-${problem.id}-${column}`,
      title:
        column === 'queries'
          ? `Queries against the minibatch, ${words}`
          : `Data passes against the minibatch, ${words}`,
      description:
        `${column === 'queries' ? 'Minibatch queries' : 'Data passes'} to P − P* ≤ ${problem.accuracy} (P(0) − P*) against b, ` +
        `each with its best step; cells that were not reached in the passes allowed are left out. √n and b* are marked.`,
      xLabel: 'minibatch b (rows)',
      yLabel: column === 'queries' ? 'queries (full gradient: n/b)' : 'data passes (examples / n)',
      xScale: 'log',
      yScale: 'log',
      series: [...series, upright('√n', Math.sqrt(rows), 2, series), upright('b*', star, 4, series)],
    }
  })
}
