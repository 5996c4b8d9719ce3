/** Convergence curves of a study: the median over seeds with the quartiles as a band, for the best of the points. */
import type { TraceColumns, TrialRecord } from '../../store'
import { paletteSize } from '../chart'
import type { Figure, Series } from '../figure'
import { groupByPoint, varyingOptions } from '../statistics'
import { quantile, summarize } from '../statistics/summary'
import { formatValue } from '../text'

export interface CurveGroup {
  name: string
  traces: TraceColumns[]
}

/** What can be on either axis, with its words. */
export const abscissas = { step: 'steps', passes: 'passes over the data', seconds: 'time (s)' } as const
export const ordinates = {
  objective: 'objective',
  loss: 'training loss',
  validationLoss: 'test loss',
  score: 'training score (accuracy or R²)',
  validationScore: 'test score (accuracy or R²)',
  gap: 'certified gap',
} as const
export type Abscissa = keyof typeof abscissas
export type Ordinate = keyof typeof ordinates

/** Where curves are compared, and of how many places on the axis. */
const places = 60

/**
 * At most as many groups as there are colours, the best first.
 *
 * @param better compares the mean of the objective; absent: groups in the order of their numbers
 */
export function curveGroups(
  trials: readonly TrialRecord[],
  traceOf: (trial: TrialRecord) => TraceColumns | undefined,
  objective?: { metric: string; direction: 'minimize' | 'maximize' },
): { groups: CurveGroup[]; all: number } {
  const names = varyingOptions(trials.filter(({ state }) => state === 'complete'))
  let groups = [...groupByPoint(trials).values()]
  const all = groups.length
  if (objective) {
    const sign = objective.direction === 'minimize' ? 1 : -1
    const rank = new Map(
      groups.map((group) => [
        group,
        sign * summarize(group.map(({ metrics }) => metrics[objective.metric] ?? NaN)).mean,
      ]),
    )
    const place = (group: TrialRecord[]) => rank.get(group) ?? NaN
    groups = groups.sort((a, b) => (Number.isNaN(place(a)) ? 1 : Number.isNaN(place(b)) ? -1 : place(a) - place(b)))
  }
  const found = groups.slice(0, paletteSize).map((group) => ({
    name: label(group[0] as TrialRecord, names),
    traces: group.map(traceOf).filter((trace) => trace !== undefined),
  }))
  return { groups: found.filter(({ traces }) => traces.length > 0), all }
}

export function label({ options, number }: TrialRecord, names: readonly string[]): string {
  const words = names
    .filter((name) => name in options)
    .map((name) => (typeof options[name] === 'string' ? options[name] : `${name} ${formatValue(options[name])}`))
  return words.length > 0 ? words.join(', ') : `trial ${number}`
}

/** Undefined where no trace has both columns. */
export function curveFigure(groups: readonly CurveGroup[], x: Abscissa, y: Ordinate): Figure | undefined {
  const series = groups.flatMap(({ name, traces }, color): Series[] => {
    const curve = overSeeds(traces, x, y)
    return curve ? [{ name, color, ...curve }] : []
  })
  if (series.length === 0) return undefined
  const score = y === 'score' || y === 'validationScore'
  const positive =
    !score && series.every(({ y, low = [] }) => [...Array.from(y), ...Array.from(low)].every((value) => !(value <= 0)))
  return {
    id: `${y}-${x}`,
    title: `${ordinates[y]} against ${abscissas[x]}`,
    description: 'Median over the seeds; the band is from the first to the third quartile.',
    xLabel: abscissas[x],
    yLabel: ordinates[y],
    yScale: positive ? 'log' : 'linear',
    series,
  }
}

/** Primal and dual value closing in on each other, for one group: the optimum lies between them. */
export function certificateFigure({ name, traces }: CurveGroup, index: number): Figure | undefined {
  const [primal, dual] = [overSeeds(traces, 'passes', 'primal'), overSeeds(traces, 'passes', 'dual')]
  if (!primal || !dual) return undefined
  return {
    id: `certificate-${index}`,
    title: `Primal and dual value: ${name}`,
    description:
      'The optimum lies between the two; median over the seeds, with quartiles. Estimates, with the errors that the table gives.',
    xLabel: abscissas.passes,
    yLabel: 'value',
    series: [
      { name: 'primal', ...primal },
      { name: 'dual', ...dual },
    ],
  }
}

function overSeeds(
  traces: readonly TraceColumns[],
  x: string,
  y: string,
): Pick<Series, 'x' | 'y' | 'low' | 'high'> | undefined {
  const usable = traces.map((trace) => pairs(trace[x], trace[y])).filter((curve) => curve.length > 1)
  if (usable.length === 0) return undefined
  const end = Math.max(...usable.map((curve) => (curve.at(-1) as Pair)[0]))
  const start = Math.min(...usable.map(([first]) => (first as Pair)[0]))
  // With one clock for all (steps), the places of the first trace; else evenly spread ones.
  const [first] = usable as [Pair[]]
  const same = usable.every(
    (curve) => curve.length === first.length && curve.every(([at], i) => at === (first[i] as Pair)[0]),
  )
  const grid = same
    ? first.map(([at]) => at)
    : Array.from({ length: places }, (_, i) => start + ((end - start) * i) / (places - 1))
  const bands = grid.map((at) => {
    const values = usable.flatMap((curve) => interpolate(curve, at) ?? []).sort((a, b) => a - b)
    return [quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75)] as const
  })
  const line = { x: grid, y: bands.map(([, middle]) => middle) }
  return usable.length > 1 ? { ...line, low: bands.map(([low]) => low), high: bands.map(([, , high]) => high) } : line
}

type Pair = readonly [x: number, y: number]

function pairs(x: readonly number[] | undefined, y: readonly number[] | undefined): Pair[] {
  if (!x || !y) return []
  return x.map((at, i) => [at, y[i] as number] as const).filter((pair) => pair.every(Number.isFinite))
}

/** Undefined outside of the curve. */
function interpolate(curve: readonly Pair[], at: number): number | undefined {
  const after = curve.findIndex(([x]) => x >= at)
  const [x1, y1] = curve[after] ?? []
  if (x1 === undefined || y1 === undefined) return undefined
  if (x1 === at) return y1
  const [x0, y0] = curve[after - 1] ?? []
  return x0 === undefined || y0 === undefined ? undefined : y0 + ((y1 - y0) * (at - x0)) / (x1 - x0)
}
