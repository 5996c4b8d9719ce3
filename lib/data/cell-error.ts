/** What is wrong with a cell, in words. */

import { InvalidDataError } from '../native/errors'
import type { RecordScanner } from './csv'

/** The error for a cell that is not a finite number; `value` is what it was read as. */
export function cellError(
  file: string,
  scanner: RecordScanner,
  cell: number,
  column: string,
  row: number,
  value: number,
  remedies: { missing: string; text: string; overflow: string },
): InvalidDataError {
  const text = scanner.text(cell)
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text
  const [problem, remedy] = isMissing(text)
    ? [`the value is missing (${shown === '' ? 'an empty cell' : `'${shown}'`})`, remedies.missing]
    : Number.isNaN(value)
      ? [`the value is '${shown}', expected a number`, remedies.text]
      : [`the value is ${shown}, too large for the number type`, remedies.overflow]
  return new InvalidDataError(`${file}, line ${scanner.line}, column '${column}': ${problem}; ${remedy}`, {
    file,
    line: scanner.line,
    column,
    row,
    value: shown,
  })
}

/** Whether a cell stands for a missing value. */
export function isMissing(text: string): boolean {
  return /^(na|n\/a|nan|null|\?)?$/i.test(text)
}
