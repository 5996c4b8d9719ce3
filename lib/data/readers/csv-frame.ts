/** Delimited text as a table of typed columns. */
import { InvalidDataError } from '../../native/errors'
import { isMissing } from '../cell-error'
import { chooseColumns, type HeaderOptions, requireHeaderOptions } from '../columns'
import { fedScanner, type RecordScanner, requireCells } from '../csv'
import { ColumnBuilder, type Frame, type PieceRows } from '../frame'

/**
 * Cells as in Dataset.fromCsv; a cell that is empty, NA, N/A, NaN, null or ? is missing. The file is read as pieces are asked
 * for.
 */
export async function* csvFrames(
  path: string,
  options: HeaderOptions,
  hints: readonly (string | number)[],
  { head, rows }: PieceRows,
): AsyncGenerator<Frame, void, undefined> {
  const { delimiter, header } = requireHeaderOptions(path, options)
  const features = hints.length > 0 ? hints : undefined
  let names: readonly string[] | undefined
  let [most, lines, builders] = [head, [] as number[], [] as ColumnBuilder[]]
  const piece = (): Frame => {
    const taken = lines
    const columns = builders.map((builder) => builder.finish())
    most = rows
    lines = []
    builders = (names ?? []).map((name) => new ColumnBuilder(name))
    return { source: path, rows: taken.length, columns, place: (row) => `${path}, line ${taken[row]}` }
  }
  let empty = true
  for await (const scanner of fedScanner(path, delimiter)) {
    while (scanner.next()) {
      if (scanner.blank && builders.length !== 1)
        throw new InvalidDataError(`${path}, line ${scanner.line}: the line is blank; remove it`, {
          file: path,
          line: scanner.line,
        })
      if (!names) {
        const chosen = chooseColumns(path, scanner, { header, delimiter, features }, false)
        names = chosen.names
        builders = names.map((name) => new ColumnBuilder(name))
        if (chosen.header) continue
      }
      addRecord(path, scanner, builders)
      empty = false
      if (lines.push(scanner.line) === most) yield piece()
    }
  }
  if (empty)
    throw new InvalidDataError(`${path} has no rows, expected at least one row of data; check the file`, { file: path })
  if (lines.length > 0) yield piece()
}

function addRecord(path: string, scanner: RecordScanner, builders: readonly ColumnBuilder[]): void {
  requireCells(path, scanner, builders.length)
  const place = () => `${path}, line ${scanner.line}`
  for (const [cell, builder] of builders.entries()) {
    const number = scanner.number(cell)
    if (!Number.isNaN(number)) {
      // A number among texts is the category that is written there.
      builder.add(number, place, scanner.text(cell))
      continue
    }
    const text = scanner.text(cell)
    builder.add(isMissing(text) ? undefined : text, place)
  }
}
