/** Parallel coordinates: an axis for each option that varies and for the objective, a line for each trial. */
import type { Scalar, TrialRecord } from '../../store'
import { escapeMarkup, formatNumber } from '../text'

/** Lines that are drawn; more would be a wall. */
const mostLines = 400

/** Colours of the objective from worst to best: steps of cividis (Nuñez et al., PLOS ONE 13, 2018), made for colour blindness. */
export const parallelStyle = `
.mf-p0{stroke:#2f4b86}.mf-p1{stroke:#5d6672}.mf-p2{stroke:#7c7b78}.mf-p3{stroke:#a69b61}.mf-p4{stroke:#b58900}
.mf-parallel{fill:none;stroke-width:1.5;opacity:.6}.mf-p4.mf-parallel{stroke-width:2.5;opacity:1}
@media (prefers-color-scheme:dark){.mf-p0{stroke:#4f6fb5}.mf-p1{stroke:#7c8593}.mf-p2{stroke:#a09f9a}.mf-p3{stroke:#d3c57e}.mf-p4{stroke:#ffe650}}
`

interface Axis {
  name: string
  place(value: Scalar): number
  ticks: [place: number, label: string][]
}

/** An `<svg>` element, or '' where there is nothing to compare. */
export function parallelChart(
  trials: readonly TrialRecord[],
  names: readonly string[],
  { metric, direction }: { metric: string; direction: 'minimize' | 'maximize' },
  width: number,
): string {
  const usable = trials.filter(({ state, metrics }) => state === 'complete' && Number.isFinite(metrics[metric] ?? NaN))
  if (usable.length < 2 || names.length === 0) return ''
  const sign = direction === 'maximize' ? 1 : -1
  const value = ({ metrics }: TrialRecord) => metrics[metric] as number
  // Worst first, so that the best lie on top; thinned evenly where there are too many.
  const sorted = [...usable].sort((a, b) => sign * (value(a) - value(b)))
  const every = Math.ceil(sorted.length / mostLines)
  const shown = sorted.filter((_, i) => (sorted.length - 1 - i) % every === 0)

  const axes = [
    ...names.map((name) =>
      axisOf(
        name,
        usable.flatMap(({ options }) => (name in options ? [options[name] as Scalar] : [])),
      ),
    ),
    axisOf(metric, usable.map(value)),
  ]
  const [top, bottom, left, right] = [40, 260, 56, width - 66]
  const x = (i: number) => Math.round(left + ((right - left) * i) / (axes.length - 1))
  const y = (place: number) => Math.round((bottom - (bottom - top) * place) * 10) / 10
  const lines = shown.map((trial, rank) => {
    const points = axes.flatMap((axis, i) => {
      const at = i === names.length ? value(trial) : trial.options[axis.name]
      return at === undefined ? [] : [`${x(i)} ${y(axis.place(at))}`]
    })
    const color = Math.min(4, Math.floor((5 * rank) / shown.length))
    return `<path class="mf-parallel mf-p${color}" d="M${points.join('L')}"/>`
  })
  const drawn = axes.map(({ name, ticks }, i) => {
    const anchor = i === 0 ? 'start' : i === axes.length - 1 ? 'end' : 'middle'
    const title = i === 0 ? 4 : i === axes.length - 1 ? width - 4 : x(i)
    const high = i % 2 === 0 ? 14 : 28
    const marks = ticks.map(
      ([place, words]) =>
        `<text class="mf-soft mf-halo" x="${x(i) + 6}" y="${y(place) + 4}">${escapeMarkup(words)}</text>`,
    )
    return (
      `<line class="mf-axis" x1="${x(i)}" x2="${x(i)}" y1="${top}" y2="${bottom}"/>` +
      `<text class="mf-text" x="${title}" y="${high}" text-anchor="${anchor}">${escapeMarkup(name)}</text>${marks.join('')}`
    )
  })
  const id = `parallel-${width}`
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="mf-chart" viewBox="0 0 ${width} 276" width="${width}" height="276" role="img" ` +
    `aria-labelledby="${id}"><title id="${id}">Options and ${escapeMarkup(metric)} of ${shown.length} trials, a line each, the best in yellow</title>` +
    `<rect class="mf-back" width="${width}" height="276"/>${lines.join('')}${drawn.join('')}</svg>`
  )
}

function axisOf(name: string, values: readonly Scalar[]): Axis {
  const numbers = values.filter((value): value is number => typeof value === 'number')
  if (numbers.length === values.length) {
    const [low, high] = numbers.reduce(
      ([a, b], value) => [Math.min(a, value), Math.max(b, value)],
      [Infinity, -Infinity],
    )
    // Orders of magnitude are compared by their logarithms.
    const log = low > 0 && high / low >= 20
    const to = (value: number) => (log ? Math.log(value) : value)
    const place = (value: Scalar) => (high === low ? 0.5 : (to(Number(value)) - to(low)) / (to(high) - to(low)))
    const ticks = (high === low ? [low] : [low, high]).map((value): [number, string] => [
      place(value),
      formatNumber(value, 3),
    ])
    return { name, place, ticks }
  }
  const different = [...new Set(values.map(String))].sort()
  const place = (value: Scalar) =>
    different.length === 1 ? 0.5 : different.indexOf(String(value)) / (different.length - 1)
  return { name, place, ticks: different.map((value) => [place(value), value]) }
}
