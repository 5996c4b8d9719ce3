/** Delimited text as a matrix of features and a target column, typed cell by cell as it is read. */

import { InvalidDataError, InvalidOptionError } from '../native/errors'
import { readBytes } from './bytes'
import { cellError } from './cell-error'
import { type Columns, chooseColumns, type HeaderOptions, requireHeaderOptions } from './columns'
import { RecordScanner } from './csv'
import { parseDecimal } from './decimal'
import { requireClasses, requireTask, type Task } from './labels'
import { allocate, type Dtype, requireChoice, requireNames } from './options'
import { TargetColumn, type Targets } from './target-column'

export interface FeatureOptions extends HeaderOptions {
  /** Names or 0-based indices of the feature columns, in the order wanted. Default: all but the target, as in the file. */
  features?: readonly (string | number)[]
  /** Number type of the features: nearest float64, for 'float32' rounded once more. Default 'float32'. */
  dtype?: Dtype
}

export interface TableOptions extends FeatureOptions {
  /** Name or 0-based index of the target column. */
  target: string | number
  task?: Task
  /** The classes of the training data: labels are numbered by them, and others refused. */
  classes?: readonly string[]
}

/** Features of rows without targets. */
export interface FeatureMatrix {
  /** rows × columns, row by row. */
  readonly features: Float32Array | Float64Array
  readonly rows: number
  readonly columns: number
  readonly featureNames: readonly string[]
}

export interface Table extends FeatureMatrix {
  readonly targets: Targets
  readonly targetName: string
}

const featureOptionNames = ['header', 'delimiter', 'features', 'dtype']

/**
 * Read the features of rows to predict from a file that needs no target.
 *
 * @param path CSV or TSV, plain or gzip
 * @param options for a fitted model, `features` is the featureNames of its training data: columns are found by name, and
 * further ones are ignored
 * @throws InvalidDataError naming file, line and column; InvalidOptionError for an option or a column that is unknown
 */
export async function readFeatures(path: string, options: FeatureOptions = {}): Promise<FeatureMatrix> {
  requireNames('readFeatures', options, featureOptionNames)
  return read(path, options, undefined)
}

/** Read features and the target column; see Dataset.fromCsv. */
export async function readTable(path: string, options: TableOptions): Promise<Table> {
  requireNames('fromCsv', options, [...featureOptionNames, 'target', 'task', 'classes'])
  const classes = requireClasses(options.classes)
  const target = new TargetColumn(path, requireTask(options.task, classes), classes)
  const table = await read(path, options, target)
  return { ...table, targets: target.finish(), targetName: target.name }
}

async function read(
  path: string,
  options: FeatureOptions & { target?: string | number },
  target: TargetColumn | undefined,
): Promise<FeatureMatrix> {
  if (typeof path !== 'string' || path === '') {
    throw new InvalidOptionError('the path is not a text with a file name; pass the path of a file', { option: 'path' })
  }
  const { delimiter, header } = requireHeaderOptions(path, options)
  const type = requireChoice('dtype', options.dtype ?? 'float32', { float32: Float32Array, float64: Float64Array })
  const scanner = new RecordScanner(path, delimiter)
  let rows: Rows | undefined
  let blankLine = 0
  const drain = () => {
    while (scanner.next()) {
      if (scanner.blank) {
        blankLine ||= scanner.line
        continue
      }
      if (blankLine > 0) {
        throw new InvalidDataError(`${path}, line ${blankLine}: the line is blank; remove it`, {
          file: path,
          line: blankLine,
        })
      }
      if (rows === undefined) {
        const columns = chooseColumns(path, scanner, { ...options, header, delimiter }, target !== undefined)
        rows = new Rows(path, columns, type, target)
        if (columns.header) continue
      }
      rows.add(scanner)
    }
  }
  for await (const chunk of readBytes(path)) {
    scanner.push(chunk)
    drain()
  }
  scanner.end()
  drain()
  if (rows === undefined || rows.rows === 0) {
    const seen = rows === undefined ? 'is empty' : 'has a header and no rows'
    throw new InvalidDataError(`${path} ${seen}, expected at least one row of data; check the file`, { file: path })
  }
  return rows.finish()
}

/** The rows read so far. */
class Rows {
  rows = 0
  readonly #file: string
  readonly #columns: Columns
  readonly #type: Float32ArrayConstructor | Float64ArrayConstructor
  readonly #target: TargetColumn | undefined
  readonly #cells: Int32Array
  #values: Float32Array | Float64Array

  constructor(
    file: string,
    columns: Columns,
    type: Float32ArrayConstructor | Float64ArrayConstructor,
    target: TargetColumn | undefined,
  ) {
    this.#file = file
    this.#columns = columns
    this.#type = type
    this.#target = target
    this.#cells = Int32Array.from(columns.features)
    this.#values = allocate(type, 256 * columns.features.length)
    if (target !== undefined) target.name = columns.names[columns.target] as string
  }

  /** Add the current record of the scanner. */
  add(scanner: RecordScanner): void {
    const { names, target } = this.#columns
    if (scanner.cells !== names.length) {
      throw new InvalidDataError(
        `${this.#file}, line ${scanner.line}: the row has ${scanner.cells} cells, expected ${names.length} as in the first line; complete or remove the row`,
        { file: this.#file, line: scanner.line, cells: scanner.cells, expected: names.length },
      )
    }
    const cells = this.#cells
    const offset = this.rows * cells.length
    if (offset + cells.length > this.#values.length) {
      const larger = allocate(this.#type, 2 * this.#values.length)
      larger.set(this.#values)
      this.#values = larger
    }
    const values = this.#values
    const { bytes, starts, ends } = scanner
    for (let j = 0; j < cells.length; j++) {
      const cell = cells[j] as number
      const value = parseDecimal(bytes, starts[cell] as number, ends[cell] as number)
      values[offset + j] = value
      // Infinite also where a finite float64 is beyond float32.
      if (!Number.isFinite(values[offset + j] as number)) this.#refuse(scanner, cell, value)
    }
    this.#target?.add(scanner, target, this.rows)
    this.rows++
  }

  finish(): FeatureMatrix {
    const { names, features } = this.#columns
    return {
      features: this.#values.slice(0, this.rows * features.length),
      rows: this.rows,
      columns: features.length,
      featureNames: Object.freeze(features.map((column) => names[column] as string)),
    }
  }

  #refuse(scanner: RecordScanner, cell: number, value: number): never {
    const { names, guessed } = this.#columns
    const hint =
      guessed && this.rows === 0 && scanner.line === 1 ? ', or pass header: true if line 1 holds the names' : ''
    throw cellError(this.#file, scanner, cell, names[cell] as string, this.rows, value, {
      missing: 'remove the row, fill in a value, or leave the column out with features',
      text: `encode the categories as numbers, or leave the column out with features${hint}`,
      overflow: "scale the column, or pass dtype: 'float64' when it is within the range of float64",
    })
  }
}
