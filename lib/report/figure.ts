/**
 * A figure as data: what the SVG, the CSV and the page are all made from.
 */

/** One curve. A point where x or y is not finite is left out and breaks the line. */
export interface Series {
  name: string
  x: ArrayLike<number>
  y: ArrayLike<number>
  /** Where a band around the curve begins and ends, for example quartiles over seeds. */
  low?: ArrayLike<number>
  high?: ArrayLike<number>
  /** Place in the palette, from 0; default: the place of the series in the figure. */
  color?: number
  /** Default: a line through the points in their order. */
  mark?: 'line' | 'points'
  /** Place among the shapes of `shapes`, for points that tell classes apart; default: see-through dots that show a density. */
  shape?: number
  /** Line pattern, 0 solid, from 1 on dashed in different ways; default: that of `color`'s place. */
  dash?: number
}

/** A line across the figure to compare with, horizontal at `y`, for example the bound of a claim, or vertical at `x`. */
export type Rule = { label: string } & ({ y: number; x?: undefined } | { x: number; y?: undefined })

export interface Figure {
  /** File name without extension: lower-case letters, digits and hyphens. */
  id: string
  title: string
  /** One or two sentences that say what to see; read out to those who cannot see the figure. */
  description: string
  /** Axis titles with the unit, for example `time (s)`. */
  xLabel: string
  yLabel: string
  xScale?: 'linear' | 'log'
  yScale?: 'linear' | 'log'
  /** Default: from the data. */
  xDomain?: [number, number]
  /** Default: from the data. */
  yDomain?: [number, number]
  /** A plane: one unit is as long on the x axis as on the y axis. Both linear, both domains given. */
  equalScale?: boolean
  series: Series[]
  rules?: Rule[]
  /** Drawn as a heat map: a row a series, a column an x, coloured by y; `rows` is what the names of the series stand for. */
  heat?: { rows: string }
}

/** The points of a series as pairs, those that are not finite included. */
export function points(series: Series): [number, number][] {
  const ys = Array.from(series.y)
  return Array.from(series.x)
    .slice(0, ys.length)
    .map((x, i) => [x, ys[i] ?? Number.NaN])
}

/** The numbers of a figure in long form, `series,x,y`, one row a point, with `low,high` where there are bands. */
export function figureCsv(figure: Figure): string {
  const bands = figure.series.some(({ low, high }) => low && high)
  const rows = [['series', figure.xLabel, figure.yLabel, ...(bands ? ['low', 'high'] : [])].map(csvField).join(',')]
  for (const series of figure.series) {
    points(series).forEach(([x, y], i) => {
      const band = bands ? `,${series.low?.[i] ?? ''},${series.high?.[i] ?? ''}` : ''
      rows.push(`${csvField(series.name)},${x},${y}${band}`)
    })
  }
  return `${rows.join('\n')}\n`
}

/** Quoted when it must be. A text that a spreadsheet would run as a formula gets a leading apostrophe. */
export function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
