/** Delimited text as a table of typed columns. */
import { InvalidDataError } from '../../native/errors'
import { readBytes } from '../bytes'
import { isMissing } from '../cell-error'
import { chooseColumns, type HeaderOptions, requireHeaderOptions } from '../columns'
import { RecordScanner } from '../csv'
import { ColumnBuilder, type Frame } from '../frame'

/** Cells as in Dataset.fromCsv; a cell that is empty, NA, N/A, NaN, null or ? is missing. */
export async function readCsvFrame(
  path: string,
  options: HeaderOptions,
  hints: readonly (string | number)[],
): Promise<Frame> {
  const { delimiter, header } = requireHeaderOptions(path, options)
  const scanner = new RecordScanner(path, delimiter)
  const lines: number[] = []
  let builders: ColumnBuilder[] | undefined
  const drain = () => {
    while (scanner.next()) {
      if (scanner.blank && builders?.length !== 1)
        throw new InvalidDataError(`${path}, line ${scanner.line}: the line is blank; remove it`, {
          file: path,
          line: scanner.line,
        })
      if (!builders) {
        const found = chooseColumns(
          path,
          scanner,
          { header, delimiter, features: hints.length > 0 ? hints : undefined },
          false,
        )
        builders = found.names.map((name) => new ColumnBuilder(name))
        if (found.header) continue
      }
      addRecord(path, scanner, builders)
      lines.push(scanner.line)
    }
  }
  for await (const chunk of readBytes(path)) {
    scanner.push(chunk)
    drain()
  }
  scanner.end()
  drain()
  if (!builders || lines.length === 0)
    throw new InvalidDataError(`${path} has no rows, expected at least one row of data; check the file`, { file: path })
  return {
    source: path,
    rows: lines.length,
    columns: builders.map((builder) => builder.finish()),
    place: (row) => `${path}, line ${lines[row]}`,
  }
}

function addRecord(path: string, scanner: RecordScanner, builders: readonly ColumnBuilder[]): void {
  if (scanner.cells !== builders.length)
    throw new InvalidDataError(
      `${path}, line ${scanner.line}: the row has ${scanner.cells} cells, expected ${builders.length} as in the first line; complete or remove the row`,
      { file: path, line: scanner.line, cells: scanner.cells, expected: builders.length },
    )
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
