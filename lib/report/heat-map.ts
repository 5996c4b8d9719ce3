/** Heat maps: the cells of a table coloured by their values, which are printed in them. */
import { type Figure, points } from './figure'
import { round, text, wrap } from './marks'
import { formatNumber } from './text'

// From dark blue to yellow in even steps of lightness, readable with colour blindness and in grey.
const anchors = [
  [0, 34, 78],
  [53, 69, 108],
  [102, 105, 112],
  [148, 142, 119],
  [200, 184, 102],
  [254, 232, 56],
] as const

/** Draws the cells from `top` on and appends their elements to `parts`. Returns where they end. */
export function heatMap(
  figure: Figure,
  left: number,
  right: number,
  top: number,
  height: number,
  parts: string[],
): number {
  const columns = [...new Set(figure.series.flatMap(({ x }) => Array.from(x)))].sort((a, b) => a - b)
  const values = figure.series.flatMap(({ y }) => Array.from(y)).filter(Number.isFinite)
  const [low, high] = figure.yDomain ?? [Math.min(...values), Math.max(...values)]
  const names = 10 + 7 * Math.max(...figure.series.map(({ name }) => name.length))
  const [wide, tall] = [(right - left - names) / columns.length, height / figure.series.length]
  if (figure.heat) parts.push(text(left, top + 12, figure.heat.rows, 'mf-soft'))
  const first = top + 22
  // The first series at the bottom, as on an axis.
  figure.series.forEach((series, i) => {
    const y = first + height - (i + 1) * tall
    parts.push(text(left + names - 8, y + tall / 2 + 4, series.name, 'mf-soft', 'end'))
    for (const [valueX, value] of points(series)) {
      const x = left + names + columns.indexOf(valueX) * wide
      const part = Math.min(1, Math.max(0, (value - low) / (high - low || 1)))
      if (!Number.isFinite(value)) continue
      parts.push(
        `<rect x="${round(x)}" y="${round(y)}" width="${round(wide - 1)}" height="${round(tall - 1)}" fill="${color(part)}"/>`,
        text(
          x + wide / 2,
          y + tall / 2 + 4,
          formatNumber(value, 2),
          part > 0.55 ? 'mf-on-light' : 'mf-on-dark',
          'middle',
        ),
      )
    }
  })
  let end = first + height + 16
  columns.forEach((value, j) => {
    parts.push(text(left + names + (j + 0.5) * wide, end, formatNumber(value), 'mf-soft', 'middle'))
  })
  for (const line of wrap(figure.xLabel, right - left, 6.8)) {
    end += 17
    parts.push(text((left + names + right) / 2, end, line, 'mf-soft', 'middle'))
  }
  return end
}

/** `part` from 0 to 1. */
function color(part: number): string {
  const at = part * (anchors.length - 1)
  const from = Math.min(anchors.length - 2, Math.floor(at))
  const [a, b] = [anchors[from], anchors[from + 1]] as [readonly number[], readonly number[]]
  const mixed = a.map((value, c) => Math.round(value + (at - from) * ((b[c] as number) - value)))
  return `rgb(${mixed.join(',')})`
}
