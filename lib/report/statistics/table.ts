/** Results as a table in plain text, Markdown or LaTeX. */
import { formatNumber, formatValue } from '../text'
import type { Comparison, ResultTable } from './results'

export type TableFormat = 'text' | 'markdown' | 'latex'

/** Rows are points, columns metrics: the mean over seeds with its 95 % bootstrap interval. */
export function formatTable(table: ResultTable, format: TableFormat, mostRows = Number.POSITIVE_INFINITY): string {
  const header = [...table.parameters, 'seeds', ...table.columns]
  const body = table.rows.slice(0, mostRows).map(({ options, seeds, cells }) => [
    ...table.parameters.map((name) => formatValue(options[name])),
    String(seeds),
    ...table.columns.map((name) => {
      const { mean = Number.NaN, interval: [low, high] = [NaN, NaN] } = cells[name] ?? {}
      const interval = Number.isFinite(low) ? ` [${number(low)}, ${number(high)}]` : ''
      return `${number(mean)}${interval}`
    }),
  ])
  const text = tableText(header, body, format, table.parameters.length)
  const left = table.left + table.rows.length - body.length
  return left > 0 && format === 'text' ? `${text}\n… and ${left} more.` : text
}

/** Mean ranks, then each pair with its corrected p-value. */
export function formatComparison(comparison: Comparison, format: TableFormat): string {
  const { parameter, metric, methods, ranks, blocks, friedman, criticalDifference, pairs } = comparison
  const order = methods.map((_, j) => j).sort((a, b) => (ranks[a] as number) - (ranks[b] as number))
  const rankRows = order.map((j) => [methods[j] as string, number(ranks[j] as number)])
  const pairRows = pairs.map(({ a, b, meanDifference, p, adjusted }) => [
    `${a} − ${b}`,
    number(meanDifference),
    number(p),
    number(adjusted),
  ])
  const words =
    `${metric} over ${blocks} blocks: Friedman χ² = ${number(friedman.statistic)}, p = ${number(friedman.p)}; ` +
    `mean ranks that differ by ${number(criticalDifference)} differ at 5 % (Nemenyi).`
  return [
    format === 'latex' ? escapeLatex(words) : words,
    tableText([parameter, 'mean rank'], rankRows, format, 1),
    tableText(['pair', 'mean difference', 'p (signed rank)', 'p (Holm)'], pairRows, format, 1),
  ].join('\n\n')
}

const number = (value: number) => (Number.isNaN(value) ? '–' : formatNumber(value))

/** Rows of cells with their header, the first columns flush left. */
export function tableText(header: string[], body: string[][], format: TableFormat, leftColumns: number): string {
  if (format === 'latex') {
    const row = (cells: string[]) => `${cells.map(escapeLatex).join(' & ')} \\\\`
    const columns = header.map((_, j) => (j < leftColumns ? 'l' : 'r')).join('')
    return [
      `\\begin{tabular}{${columns}}`,
      '\\hline',
      row(header),
      '\\hline',
      ...body.map(row),
      '\\hline',
      '\\end{tabular}',
    ].join('\n')
  }
  if (format === 'markdown') {
    const row = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
    return [row(header), row(header.map((_, j) => (j < leftColumns ? '---' : '---:'))), ...body.map(row)].join('\n')
  }
  const widths = header.map((name, j) => Math.max(name.length, ...body.map((cells) => (cells[j] as string).length)))
  const row = (cells: string[]) =>
    cells
      .map((cell, j) => (j < leftColumns ? cell.padEnd(widths[j] as number) : cell.padStart(widths[j] as number)))
      .join('  ')
      .trimEnd()
  return [row(header), ...body.map(row)].join('\n')
}

const latexCharacters: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '−': '$-$',
  '–': '--',
  '±': '$\\pm$',
  χ: '$\\chi$',
  '²': '$^2$',
  '∞': '$\\infty$',
}

function escapeLatex(text: string): string {
  return text.replace(/[\\~^−–±χ²∞&%$#_{}]/g, (character) => latexCharacters[character] ?? `\\${character}`)
}
