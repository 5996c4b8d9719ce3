/** The results of a study by what was compared: over the seeds of each point, and between the values of an option. */
import type { Point, Scalar, TrialRecord } from '../../store'
import { bootstrapInterval, type Summary, summarize } from './summary'
import { holm, type RankResult, rankMethods, signedRank } from './tests'

export interface ResultCell extends Summary {
  /** Interval of the mean, 95 %, by the bootstrap up to 200 values; NaN for one value. */
  interval: [number, number]
}

export interface ResultRow {
  options: Point
  /** Complete trials, one a seed. */
  seeds: number
  cells: Record<string, ResultCell>
}

export interface ResultTable {
  /** Options that differ between rows. */
  parameters: string[]
  /** Metrics. */
  columns: string[]
  /** By the numbers of the trials. */
  rows: ResultRow[]
  /** Rows that were left out. */
  left: number
}

/** Metrics that a reader asks for first, in this order. */
const first = ['test.accuracy', 'test.r2', 'test.loss', 'test.mse', 'train.accuracy', 'train.r2', 'objective', 'gap']

export function metricNames(trials: readonly TrialRecord[]): string[] {
  const names = new Set<string>()
  for (const { metrics } of trials) for (const name in metrics) names.add(name)
  const order = (name: string) => (first.includes(name) ? first.indexOf(name) : first.length)
  return [...names].sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1))
}

/** Options that have more than one value among the trials, or that some lack. */
export function varyingOptions(trials: readonly TrialRecord[]): string[] {
  const values = new Map<string, Set<Scalar>>()
  const counts = new Map<string, number>()
  for (const { options } of trials)
    for (const name in options) {
      const seen = values.get(name)
      if (!seen) values.set(name, new Set([options[name] as Scalar]))
      // Two values tell as much as any number of them.
      else if (seen.size < 2) seen.add(options[name] as Scalar)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  return [...values].filter(([name, seen]) => seen.size > 1 || counts.get(name) !== trials.length).map(([name]) => name)
}

/** Complete trials grouped by their options, in the order of their numbers. */
export function groupByPoint(trials: readonly TrialRecord[]): Map<string, TrialRecord[]> {
  const groups = new Map<string, TrialRecord[]>()
  for (const trial of trials) {
    if (trial.state !== 'complete') continue
    const key = JSON.stringify(trial.options)
    const group = groups.get(key)
    if (group) group.push(trial)
    else groups.set(key, [trial])
  }
  return groups
}

/**
 * @param metrics default: those of `first` that there are, at most four, or all where there are none of them
 * @param mostRows intervals take a while to compute; default: all
 */
export function resultTable(
  trials: readonly TrialRecord[],
  metrics?: readonly string[],
  mostRows = Number.POSITIVE_INFINITY,
): ResultTable {
  const complete = trials.filter(({ state }) => state === 'complete')
  const groups = [...groupByPoint(complete).values()]
  const names = metricNames(complete)
  const common = names.filter((name) => first.includes(name)).slice(0, 4)
  const columns = [...(metrics ?? (common.length > 0 ? common : names))]
  const rows = groups.slice(0, mostRows).map((group): ResultRow => {
    const cells = columns.map((name) => {
      const values = group.map(({ metrics }) => metrics[name] ?? Number.NaN)
      const summary = summarize(values)
      return [name, { ...summary, interval: meanInterval(values, summary) }] as const
    })
    return { options: group[0]?.options ?? {}, seeds: group.length, cells: Object.fromEntries(cells) }
  })
  return { parameters: varyingOptions(complete), columns, rows, left: groups.length - rows.length }
}

/** Above this the interval is the normal one, which the bootstrap's has come to by then. */
const bootstrapUpTo = 200

function meanInterval(values: number[], { count, mean, deviation }: Summary): [number, number] {
  if (count < 2) return [Number.NaN, Number.NaN]
  if (count <= bootstrapUpTo) return bootstrapInterval(values, { resamples: 1000 })
  const half = (1.959964 * deviation) / Math.sqrt(count)
  return [mean - half, mean + half]
}

export interface Comparison extends RankResult {
  parameter: string
  metric: string
  methods: string[]
  /** Blocks (other options × seed) in which every method is complete. */
  blocks: number
  /** Wilcoxon's signed-rank test of each pair, p-values corrected by Holm. */
  pairs: { a: string; b: string; meanDifference: number; p: number; adjusted: number }[]
}

/** Compares the values of one option, paired by the other options and the seed; undefined with fewer than two whole blocks. */
export function compareMethods(
  trials: readonly TrialRecord[],
  parameter: string,
  metric: string,
  maximize: boolean,
): Comparison | undefined {
  const complete = trials.filter(({ state, options }) => state === 'complete' && parameter in options)
  const methods = [...new Set(complete.map(({ options }) => String(options[parameter])))]
  const blocks = new Map<string, Map<string, number>>()
  for (const { options, seed, metrics } of complete) {
    const { [parameter]: method, ...others } = options
    const key = JSON.stringify([others, seed])
    const block = blocks.get(key) ?? new Map<string, number>()
    blocks.set(key, block.set(String(method), metrics[metric] ?? Number.NaN))
  }
  const whole = [...blocks.values()]
    .map((block) => methods.map((method) => block.get(method) ?? Number.NaN))
    .filter((values) => values.every((value) => Number.isFinite(value)))
  if (whole.length < 2 || methods.length < 2) return undefined
  const column = (j: number) => whole.map((values) => values[j] as number)
  const pairs = methods.flatMap((a, i) =>
    methods.slice(i + 1).map((b, k) => {
      const [x, y] = [column(i), column(i + 1 + k)]
      const difference = x.reduce((sum, value, row) => sum + value - (y[row] as number), 0) / x.length
      return { a, b, meanDifference: difference, p: signedRank(x, y).p }
    }),
  )
  const adjusted = holm(pairs.map(({ p }) => p))
  return {
    ...rankMethods(whole, { maximize }),
    parameter,
    metric,
    methods,
    blocks: whole.length,
    pairs: pairs.map((pair, i) => ({ ...pair, adjusted: adjusted[i] as number })),
  }
}
