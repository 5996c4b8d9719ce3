/** The target column of a file: numbers or labels, told apart as it is read. */

import { InvalidDataError } from '../native/errors'
import { cellError, isMissing } from './cell-error'
import type { RecordScanner } from './csv'
import { LabelEncoder, numericTask, type Task, unknownLabel } from './labels'
import { allocate } from './options'

export interface Targets {
  readonly task: Task
  /** Numbers, or indices of classes; one for each row. */
  readonly values: Float64Array
  readonly classes: readonly string[] | undefined
}

/**
 * Numbers and texts in one column are refused unless the task is given: a typing error in a numeric target would
 * otherwise turn regression into classification.
 */
export class TargetColumn {
  name = ''
  readonly #file: string
  readonly #task: Task | undefined
  readonly #classes: readonly string[] | undefined
  readonly #encoder: LabelEncoder
  #kind: 'numbers' | 'labels' | undefined
  #values = allocate(Float64Array, 256)
  #rows = 0

  constructor(file: string, task: Task | undefined, classes: readonly string[] | undefined) {
    this.#file = file
    this.#task = task
    this.#classes = classes
    this.#encoder = new LabelEncoder(classes)
    if (task !== undefined) this.#kind = task === 'regression' ? 'numbers' : 'labels'
  }

  /** Add a cell of the current record. */
  add(scanner: RecordScanner, cell: number, row: number): void {
    const number = scanner.number(cell)
    if (row === this.#values.length) {
      const larger = allocate(Float64Array, 2 * row)
      larger.set(this.#values)
      this.#values = larger
    }
    const isText = Number.isNaN(number)
    if (Math.abs(number) === Number.POSITIVE_INFINITY || (isText && isMissing(scanner.text(cell)))) {
      throw this.#cellError(scanner, cell, row, number)
    }
    this.#kind ??= isText ? 'labels' : 'numbers'
    if (this.#kind === 'numbers' && isText && this.#task !== undefined) {
      throw this.#cellError(scanner, cell, row, number)
    }
    if (this.#task === undefined && isText !== (this.#kind === 'labels')) {
      const [one, other] = isText ? ['text', 'numbers'] : ['a number', 'texts']
      throw new InvalidDataError(
        `${this.#place(scanner)}: the target is '${scanner.text(cell)}', ${one} after ${other}; correct the cell, or pass task: 'classification' if all are labels`,
        this.#details(scanner, row),
      )
    }
    this.#values[row] = this.#kind === 'numbers' ? number : this.#code(scanner, cell, row, number)
    this.#rows = row + 1
  }

  finish(): Targets {
    const values = this.#values.slice(0, this.#rows)
    if (this.#kind === 'labels') {
      return { task: 'classification', classes: this.#encoder.finish(values), values }
    }
    const task = this.#task ?? numericTask(values)
    if (task === 'regression') return { task, values, classes: undefined }
    for (let row = 0; row < values.length; row++) {
      values[row] = this.#encoder.encode(String(values[row])) as number
    }
    return { task, classes: this.#encoder.finish(values), values }
  }

  // A label that reads as a number is that number, so that 1 and 1.0 are one class, whichever file has which.
  #code(scanner: RecordScanner, cell: number, row: number, number: number): number {
    const text = scanner.text(cell)
    const asWritten = Number.isNaN(number) || this.#classes !== undefined ? this.#encoder.encode(text) : undefined
    const code = asWritten ?? this.#encoder.encode(String(number))
    if (code !== undefined) return code
    throw unknownLabel(this.#place(scanner), text, this.#classes as readonly string[], this.#details(scanner, row))
  }

  #cellError(scanner: RecordScanner, cell: number, row: number, number: number): InvalidDataError {
    return cellError(this.#file, scanner, cell, this.name, row, number, {
      missing: 'remove the row or fill in the target',
      text: "correct the cell, or pass task: 'classification' if the targets are labels",
      overflow: 'scale the targets',
    })
  }

  #place(scanner: RecordScanner): string {
    return `${this.#file}, line ${scanner.line}, column '${this.name}'`
  }

  #details(scanner: RecordScanner, row: number): Record<string, unknown> {
    return { file: this.#file, line: scanner.line, column: this.name, row }
  }
}
