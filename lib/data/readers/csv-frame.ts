/** Delimited text as a table of typed columns. */
import { InvalidDataError } from '../../native/errors'
import { isMissing } from '../cell-error'
import { chooseColumns, type HeaderOptions, requireHeaderOptions } from '../columns'
import { type RecordScanner, requireCells, scanRecords } from '../csv'
import { ColumnBuilder, type Frame } from '../frame'

/** Cells as in Dataset.fromCsv; a cell that is empty, NA, N/A, NaN, null or ? is missing. */
export async function readCsvFrame(
  path: string,
  options: HeaderOptions,
  hints: readonly (string | number)[],
): Promise<Frame> {
  const { delimiter, header } = requireHeaderOptions(path, options)
  const features = hints.length > 0 ? hints : undefined
  const lines: number[] = []
  const builders: ColumnBuilder[] = []
  await scanRecords(path, delimiter, (scanner) => {
    if (scanner.blank && builders.length !== 1)
      throw new InvalidDataError(`${path}, line ${scanner.line}: the line is blank; remove it`, {
        file: path,
        line: scanner.line,
      })
    if (builders.length === 0) {
      const { names, header: named } = chooseColumns(path, scanner, { header, delimiter, features }, false)
      builders.push(...names.map((name) => new ColumnBuilder(name)))
      if (named) return
    }
    addRecord(path, scanner, builders)
    lines.push(scanner.line)
  })
  if (lines.length === 0)
    throw new InvalidDataError(`${path} has no rows, expected at least one row of data; check the file`, { file: path })
  return {
    source: path,
    rows: lines.length,
    columns: builders.map((builder) => builder.finish()),
    place: (row) => `${path}, line ${lines[row]}`,
  }
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
