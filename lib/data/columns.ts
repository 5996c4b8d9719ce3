/** Which columns of a delimited file are features and which is the target, from its first line. */

import { InvalidDataError, InvalidOptionError, suggest } from '../native/errors'
import type { RecordScanner } from './csv'
import { show } from './options'

export interface HeaderOptions {
  /**
   * Whether the first line holds the names. 'auto', the default: it does when the target or one of the features is named
   * in it, or when none of its cells is a number. Without a header the columns are x0, x1, … .
   */
  header?: boolean | 'auto'
  /** One character. Default: tab for files named .tsv, .tab, .tsv.gz or .tab.gz, comma for others. */
  delimiter?: string
}

export interface Columns {
  readonly names: readonly string[]
  /** Index of the target column, -1 for none. */
  readonly target: number
  /** Indices of the feature columns. */
  readonly features: readonly number[]
  /** Whether the first line is the header. */
  readonly header: boolean
  /** Whether that was told from the line itself. */
  readonly guessed: boolean
}

interface Choice {
  header: boolean | 'auto'
  delimiter: string
  target?: string | number
  features?: readonly (string | number)[]
}

export function requireHeaderOptions(path: string, options: HeaderOptions): Required<HeaderOptions> {
  const { header = 'auto', delimiter = /\.(tsv|tab)(\.gz)?$/i.test(path) ? '\t' : ',' } = options
  if (header !== true && header !== false && header !== 'auto') {
    throw new InvalidOptionError(`header is ${show(header)}, expected true, false or 'auto'; pass one of these`, {
      option: 'header',
    })
  }
  // Characters of numbers and of the syntax would make cells ambiguous.
  if (typeof delimiter !== 'string' || !/^[\t -~]$/.test(delimiter) || /[A-Za-z0-9+\-."]/.test(delimiter)) {
    throw new InvalidOptionError(
      `delimiter is ${show(delimiter)}, expected one character such as ',', ';', '|' or a tab; pass the one of the file`,
      { option: 'delimiter' },
    )
  }
  return { header, delimiter }
}

/**
 * Choose the columns from the first record, on which the scanner stands.
 *
 * @throws InvalidOptionError for a target or feature that is no column, InvalidDataError for a header that has no name
 * or the same name twice
 */
export function chooseColumns(file: string, scanner: RecordScanner, options: Choice, withTarget: boolean): Columns {
  const first = Array.from({ length: scanner.cells }, (_, cell) => scanner.text(cell))
  const isNumber = (cell: number) => !Number.isNaN(scanner.number(cell))
  const wanted = [options.target, ...(Array.isArray(options.features) ? options.features : [])]
  const guessed = options.header === 'auto'
  const header = guessed
    ? wanted.some((name) => typeof name === 'string' && first.includes(name)) || !first.some((_, i) => isNumber(i))
    : (options.header as boolean)
  const names = header ? first : first.map((_, column) => `x${column}`)
  const fail = (message: string, option: string, extra: Record<string, unknown> = {}) =>
    new InvalidOptionError(`${file}: ${message}`, { file, option, columns: names, ...extra })

  const seen = new Set<string>()
  for (const name of names) {
    if (name !== '' && seen.has(name)) {
      throw new InvalidDataError(
        `${file}, line ${scanner.line}: the header has the name ${show(name)} twice; rename one column`,
        { file, line: scanner.line, column: name },
      )
    }
    seen.add(name)
  }

  const find = (column: unknown, option: string): number => {
    const index = typeof column === 'string' ? names.indexOf(column) : column
    if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < names.length) return index
    throw fail(`there is no column ${show(column)}, expected one of ${listed(names)}; ${advice(column)}`, option, {
      column,
    })
  }
  const advice = (column?: unknown): string => {
    const other = [',', ';', '\t', '|'].find(
      (c) => c !== options.delimiter && first.length === 1 && first[0]?.includes(c),
    )
    if (other !== undefined) return `the first line has ${JSON.stringify(other)}: pass it as delimiter`
    if (!header && guessed) return 'pass header: true if the first line holds the names'
    const near = typeof column === 'string' ? suggest(column, names) : undefined
    return near === undefined ? 'choose one of them' : `did you mean ${show(near)}?`
  }
  let target = -1
  if (withTarget) {
    if (options.target === undefined || options.target === null) {
      throw fail(`no target is given, expected one of ${listed(names)}; pass target, or use readFeatures`, 'target')
    }
    target = find(options.target, 'target')
  }
  return { names, target, features: chooseFeatures(options.features), header, guessed }

  function chooseFeatures(asked: unknown): number[] {
    if (asked === undefined) {
      const rest = names.flatMap((_, column) => (column === target ? [] : [column]))
      const nameless = rest.find((column) => names[column] === '')
      if (nameless !== undefined) {
        throw new InvalidDataError(
          `${file}, line ${scanner.line}: column ${nameless + 1} has no name (row numbers, perhaps); name it, or choose columns with features`,
          { file, line: scanner.line, column: nameless },
        )
      }
      if (rest.length > 0) return rest
      throw fail(`the only column is the target, expected features; ${advice()}`, 'target')
    }
    if (!Array.isArray(asked) || asked.length === 0) {
      throw fail(`features is ${show(asked)}, expected a list of columns; pass their names`, 'features')
    }
    const chosen = asked.map((column) => find(column, 'features'))
    chosen.forEach((column, i) => {
      if (column === target)
        throw fail(`the target ${show(names[column])} is among the features; remove it`, 'features')
      if (chosen.indexOf(column) < i) throw fail(`features has ${show(names[column])} twice; remove one`, 'features')
    })
    return chosen
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 20).map(show).join(', ')
  return names.length > 20 ? `${shown}, … (${names.length})` : shown
}
