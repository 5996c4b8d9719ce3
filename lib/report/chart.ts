/**
 * Charts of lines and points as SVG text, without a browser and without a plotting library.
 *
 * Colours are those of Okabe and Ito (Color Universal Design, 2008), told apart by people with colour blindness; every
 * curve has its own line pattern too. The style has no variables, so that viewers other than browsers draw it as well, and
 * follows the reader's light or dark setting where that is known.
 */
import { type Figure, points, type Rule, type Series } from './figure'
import { heatMap } from './heat-map'
import { round, shapeOf, shorten, text, wrap } from './marks'
import { linearScale, logScale, type Scale } from './scale'
import { escapeMarkup, formatNumber } from './text'

const light = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9']
const dark = ['#56b4e9', '#e69f00', '#00b386', '#cc79a7', '#d55e00', '#f0e442']
const dashes = ['', '7 3', '2 3', '9 3 2 3', '5 5', '1 2']
export const paletteSize = light.length

function strokes(colors: string[]): string {
  return colors.map((color, i) => `.mf-s${i}{stroke:${color}}.mf-d${i}{fill:${color}}`).join('')
}

/** Style of the classes that charts use; a page with several charts needs it once. */
export const chartStyle = `
.mf-chart{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:12px}
.mf-back{fill:#fff}.mf-text{fill:#1c2126}.mf-soft{fill:#4d565e}.mf-title{font-size:15px;font-weight:600}
.mf-grid{stroke:#e3e6e9}.mf-axis{stroke:#6b747c}.mf-rule{stroke:#4d565e;stroke-dasharray:4 4}
.mf-halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.mf-cloud{fill:none;stroke-width:4;stroke-linecap:round;opacity:.55}.mf-few{stroke-width:8}
.mf-shapes{stroke:#fff;stroke-width:.7;opacity:.85}.mf-band{opacity:.18}.mf-line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:butt}${strokes(light)}
.mf-on-light{fill:#1c2126}.mf-on-dark{fill:#fff}
@media (prefers-color-scheme:dark){.mf-back{fill:#15191d}.mf-text{fill:#e8ebee}.mf-soft{fill:#aab3bb}.mf-grid{stroke:#2c3238}
.mf-axis{stroke:#8a939b}.mf-rule{stroke:#aab3bb}.mf-halo,.mf-shapes{stroke:#15191d}${strokes(dark)}}
`

export interface ChartSize {
  /** Pixels; default 720. */
  width?: number
  /** Height of the plotting area in pixels; default 300. */
  plotHeight?: number
  /** Makes the ids inside unique where a page shows the figure twice. */
  suffix?: string
  /** Leave the title out, where the page has it as a heading. */
  untitled?: boolean
  /** Leave the legend out, where the page has its own. */
  unnamed?: boolean
}

/** A whole SVG file. */
export function chartFile(figure: Figure, size: ChartSize = {}): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${chart(figure, size, `<style>${chartStyle}</style>`)}\n`
}

/** An `<svg>` element; `chartStyle` must be on the page. */
export function chartElement(figure: Figure, size: ChartSize = {}): string {
  return chart(figure, size, '')
}

/** Of a picture whose axes have one scale, which would otherwise be as high as it is wide. */
const planeWidth = 480

function chart(figure: Figure, size: ChartSize, style: string): string {
  const width = Math.min(size.width ?? 720, figure.equalScale ? planeWidth : Number.POSITIVE_INFINITY)
  const plotHeight = size.plotHeight ?? 300
  const name = `${figure.id}${size.suffix ?? ''}`.replace(/[^a-z0-9-]/gi, '-')
  const inset = size.untitled ? 0 : 12
  const parts: string[] = []
  let top = size.untitled ? 0 : 8

  if (!size.untitled)
    for (const line of wrap(figure.title, width - 2 * inset, 8.2)) {
      top += 18
      parts.push(text(inset, top - 2, line, 'mf-text mf-title'))
    }
  if (!figure.heat && !size.unnamed) top = legend(figure, inset, width - inset, top + 4, parts) + 4
  for (const line of wrap(figure.yLabel, width - 2 * inset, 6.8)) {
    top += 17
    parts.push(text(inset, top - 2, line, 'mf-soft'))
  }
  top += 12
  const end = figure.heat
    ? heatMap(figure, inset, width - inset, top, plotHeight, parts)
    : curves(figure, inset, width, top, plotHeight, name, parts)

  const height = end + 12
  const title = escapeMarkup(figure.title)
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="mf-chart" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" role="img" aria-labelledby="${name}-title ${name}-desc"><title id="${name}-title">${title}</title>` +
    `<desc id="${name}-desc">${escapeMarkup(figure.description)}</desc>${style}` +
    `<rect class="mf-back" width="${width}" height="${height}"/>${parts.join('')}</svg>`
  )
}

/** Axes, curves and rules from `top` on. Returns where they end. */
function curves(
  figure: Figure,
  inset: number,
  width: number,
  top: number,
  usualHeight: number,
  name: string,
  parts: string[],
): number {
  const labels = yScale(figure, [0, 1]).ticks.map((tick) => formatNumber(tick).length)
  const left = inset + 9 + Math.ceil(7.6 * Math.max(...labels))
  const right = width - 20
  const x = xScale(figure, [left, right], width)
  const span = ([low, high]: [number, number] = [0, 1]) => high - low
  const plotHeight = figure.equalScale ? ((right - left) * span(figure.yDomain)) / span(figure.xDomain) : usualHeight
  const bottom = top + plotHeight
  const y = yScale(figure, [bottom, top])

  for (const tick of y.ticks) {
    const at = round(y(tick))
    parts.push(`<line class="mf-grid" x1="${left}" x2="${right}" y1="${at}" y2="${at}"/>`)
    parts.push(text(left - 6, at + 4, formatNumber(tick), 'mf-soft', 'end'))
  }
  parts.push(`<line class="mf-axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`)
  for (const tick of x.ticks) {
    const at = round(x(tick))
    parts.push(`<line class="mf-axis" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 4}"/>`)
    parts.push(text(at, bottom + 17, formatNumber(tick), 'mf-soft', 'middle'))
  }
  let end = bottom + 20
  for (const line of wrap(figure.xLabel, right - left, 6.8)) {
    end += 16
    parts.push(text((left + right) / 2, end, line, 'mf-soft', 'middle'))
  }

  const clip = `${name}-clip`
  parts.push(
    `<clipPath id="${clip}"><rect x="${left}" y="${top - 2}" width="${right - left}" height="${plotHeight + 4}"/></clipPath>`,
  )
  parts.push(`<g clip-path="url(#${clip})" data-area="${left} ${top} ${right} ${round(bottom)}">`)
  for (const rule of figure.rules ?? []) {
    const [x1, x2] = rule.x === undefined ? [left, right] : [round(x(rule.x)), round(x(rule.x))]
    const [y1, y2] = rule.x === undefined ? [round(y(rule.y)), round(y(rule.y))] : [top, round(bottom)]
    parts.push(`<line class="mf-rule" x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}"/>`)
  }
  figure.series.forEach((series, i) => {
    parts.push(band(series, i, x, y))
  })
  figure.series.forEach((series, i) => {
    parts.push(curve(series, i, x, y))
  })
  parts.push('</g>')
  for (const rule of figure.rules ?? []) parts.push(ruleLabel(rule, figure, x, y))
  return end
}

/** Rows of samples with names, wrapped to the width. Returns where they end. */
function legend(figure: Figure, left: number, right: number, top: number, parts: string[]): number {
  let x = left
  let row = top + 12
  figure.series.forEach((series, i) => {
    const label = shorten(series.name, right - left - 34)
    const wide = 34 + 7 * label.length + 14
    if (x > left && x + wide - 14 > right) {
      x = left
      row += 19
    }
    if (series.shape !== undefined)
      parts.push(`<path class="mf-shapes mf-d${place(series, i)}" d="M${x + 13} ${row}${shapeOf(series.shape)}"/>`)
    else if (series.mark === 'points')
      parts.push(`<circle class="mf-d${place(series, i)}" cx="${x + 13}" cy="${row}" r="4"/>`)
    else parts.push(`<path class="${look(series, i)}"${pattern(series, i)} d="M${x} ${row}h26"/>`)
    parts.push(text(x + 32, row + 4, label, 'mf-text'))
    x += wide
  })
  return row + 8
}

function curve(series: Series, index: number, x: Scale, y: Scale): string {
  if (series.mark === 'points') return cloud(series, index, x, y)
  const runs: string[][] = [[]]
  for (const [valueX, valueY] of points(series)) {
    const [px, py] = [x(valueX), y(valueY)]
    if (Number.isFinite(px) && Number.isFinite(py)) runs.at(-1)?.push(`${round(px)} ${round(py)}`)
    else runs.push([])
  }
  const lone = runs.filter((run) => run.length === 1).map(([point = '']) => point.split(' '))
  const dots = lone.map(([cx, cy]) => `<circle class="mf-d${place(series, index)}" cx="${cx}" cy="${cy}" r="3"/>`)
  const path = runs.filter((run) => run.length > 1).map((run) => `M${run.join('L')}`)
  if (path.length === 0) return dots.join('')
  const label = `<title>${escapeMarkup(series.name)}</title>`
  return `<path class="${look(series, index)}"${pattern(series, index)} d="${path.join('')}">${label}</path>${dots.join('')}`
}

/** From `low` to `high`, see-through, where there is such a thing. */
function band({ low, high, ...series }: Series, index: number, x: Scale, y: Scale): string {
  if (!low || !high) return ''
  const edge = (values: ArrayLike<number>) =>
    points({ ...series, y: values })
      .map(([valueX, valueY]) => [x(valueX), y(valueY)] as const)
      .filter(([px, py]) => Number.isFinite(px) && Number.isFinite(py))
      .map(([px, py]) => `${round(px)} ${round(py)}`)
  const [upper, lower] = [edge(high), edge(low).reverse()]
  if (upper.length < 2 || lower.length < 2) return ''
  return `<path class="mf-band mf-d${place(series, index)}" d="M${[...upper, ...lower].join('L')}Z"/>`
}

/** Every point as its shape, or as a dot, small and see-through, so that a crowd shows its density. */
function cloud(series: Series, index: number, x: Scale, y: Scale): string {
  const dots = points(series)
    .map(([valueX, valueY]) => [round(x(valueX)), round(y(valueY))])
    .filter((dot) => dot.every(Number.isFinite))
    .map(([cx, cy]) => `M${cx} ${cy}${series.shape === undefined ? 'h0' : shapeOf(series.shape)}`)
  const label = `<title>${escapeMarkup(series.name)}</title>`
  if (series.shape !== undefined)
    return `<path class="mf-shapes mf-d${place(series, index)}" d="${dots.join('')}">${label}</path>`
  const few = dots.length <= 200 ? ' mf-few' : ''
  return `<path class="mf-cloud${few} mf-s${place(series, index)}" d="${dots.join('')}">${label}</path>`
}

/** At an end of its line where the fewest points of curves are in the way, on one side or the other. */
function ruleLabel(rule: Rule, figure: Figure, x: Scale, y: Scale): string {
  const width = 7 * rule.label.length + 8
  const [left, right] = x.domain.map(x) as [number, number]
  const [bottom, top] = y.domain.map(y) as [number, number]
  const corners: [number, number][] =
    rule.x === undefined
      ? [right - width, left].flatMap((from) =>
          [y(rule.y) - 19, y(rule.y) + 3].map((up): [number, number] => [from, up]),
        )
      : [x(rule.x) + 1, x(rule.x) - width - 1]
          .filter((from) => from >= left && from + width <= right)
          .flatMap((from) => [top + 4, bottom - 22].map((up): [number, number] => [from, up]))
  const all = figure.series.flatMap(points)
  const crowd = corners.map(
    ([from, up]) =>
      all.filter(([valueX, valueY]) => {
        const [px, py] = [x(valueX) - from, y(valueY) - up]
        return px >= -4 && px <= width + 4 && py >= -4 && py <= 20
      }).length,
  )
  const [from, up] = corners[crowd.indexOf(Math.min(...crowd))] ?? [left, top]
  const end = rule.x === undefined ? from > left : from < x(rule.x)
  return text(end ? from + width - 4 : from + 4, up + 13, rule.label, 'mf-soft mf-halo', end ? 'end' : undefined)
}

function place(series: Series, index: number): number {
  return (series.color ?? index) % paletteSize
}
function look(series: Series, index: number): string {
  return `mf-line mf-s${place(series, index)}`
}
function pattern(series: Series, index: number): string {
  const dash = dashes[(series.dash ?? place(series, index)) % dashes.length]
  return dash ? ` stroke-dasharray="${dash}"` : ''
}

function yScale(figure: Figure, range: [number, number]): Scale {
  const positive = figure.yScale === 'log'
  const values = [
    ...figure.series.flatMap(({ y, low = [], high = [] }) => [
      ...Array.from(y),
      ...Array.from(low),
      ...Array.from(high),
    ]),
    ...(figure.rules ?? []).flatMap((rule) => rule.y ?? []),
  ]
  const domain = figure.yDomain ?? extent(values, positive)
  if (positive) return logScale(figure.yDomain ? domain : [0.9 * domain[0], domain[1]], range, 6)
  return linearScale(domain, range, 5, figure.yDomain !== undefined)
}
function xScale(figure: Figure, range: [number, number], width: number): Scale {
  const positive = figure.xScale === 'log'
  const values = [
    ...figure.series.flatMap((series) => Array.from(series.x)),
    ...(figure.rules ?? []).flatMap((rule) => rule.x ?? []),
  ]
  const domain = figure.xDomain ?? extent(values, positive)
  return positive ? logScale(domain, range, width / 90) : linearScale(domain, range, width / 110, true)
}
function extent(values: number[], positive: boolean): [number, number] {
  const usable = values.filter((value) => Number.isFinite(value) && !(positive && value <= 0))
  if (usable.length === 0) return positive ? [1, 10] : [0, 1]
  return usable.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity])
}
