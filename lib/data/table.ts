/** Delimited text as a matrix of features and a target column, typed cell by cell as it is read. */

import { InvalidDataError } from '../native/errors'
import { requirePath } from './bytes'
import { cellError } from './cell-error'
import { type Columns, chooseColumns, type HeaderOptions, requireHeaderOptions } from './columns'
import { type RecordScanner, requireCells, scanRecords } from './csv'
import { type FrameFeatureOptions, featuresFromFrame, frameFeatureNames } from './from-frame'
import { requireClasses, requireTask, type Task } from './labels'
import { allocate, type Dtype, requireChoice, requireNames } from './options'
import { type FrameOptions, formatOf, readFrame } from './read-frame'
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
 * @param path as in Dataset.fromFile
 * @param options for a fitted model, its `encoding` where it has one, else `features` is the featureNames of its training data: columns are found by name, and
 * further ones are ignored
 * @throws InvalidDataError naming file, line and column; InvalidOptionError for an option or a column that is unknown
 */
export async function readFeatures(
  path: string,
  options: FeatureOptions & FrameOptions & FrameFeatureOptions = {},
): Promise<FeatureMatrix> {
  requireNames('readFeatures', options, [...featureOptionNames, ...frameFeatureNames, 'format'])
  const { format, header, delimiter, ...rest } = options
  if (
    formatOf(path, format) !== 'csv' ||
    rest.encoding ||
    rest.categorical !== undefined ||
    rest.missing !== undefined
  ) {
    const wanted = rest.encoding?.columns.map(({ name }) => name) ?? rest.features
    const reading = {
      ...(format && { format }),
      ...(header !== undefined && { header }),
      ...(delimiter !== undefined && { delimiter }),
    }
    return featuresFromFrame(await readFrame(path, reading, wanted), rest)
  }
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
  requirePath(path)
  const { delimiter, header } = requireHeaderOptions(path, options)
  const type = requireChoice('dtype', options.dtype ?? 'float32', { float32: Float32Array, float64: Float64Array })
  const found: { rows?: Rows } = {}
  let blankLine = 0
  await scanRecords(path, delimiter, (scanner) => {
    if (scanner.blank) {
      blankLine ||= scanner.line
      return
    }
    if (blankLine > 0) {
      throw new InvalidDataError(`${path}, line ${blankLine}: the line is blank; remove it`, {
        file: path,
        line: blankLine,
      })
    }
    if (found.rows === undefined) {
      const columns = chooseColumns(path, scanner, { ...options, header, delimiter }, target !== undefined)
      found.rows = new Rows(path, columns, type, target)
      if (columns.header) return
    }
    found.rows.add(scanner)
  })
  const { rows } = found
  if (rows === undefined || rows.rows === 0) {
    const seen = rows === undefined ? 'is empty' : 'has a header and no rows'
    throw new InvalidDataError(`${path} ${seen}, expected at least one row of data; check the file`, { file: path })
  }
  return rows.finish()
}

const blockLength = 2 ** 16

/** The rows read so far. */
class Rows {
  rows = 0
  readonly #file: string
  readonly #columns: Columns
  readonly #type: Float32ArrayConstructor | Float64ArrayConstructor
  readonly #target: TargetColumn | undefined
  readonly #cells: Int32Array
  // Rows go to blocks that are put together at the end, so that no more than two copies ever exist.
  readonly #blocks: (Float32Array | Float64Array)[] = []
  #block: Float32Array | Float64Array
  #offset = 0

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
    this.#block = this.#newBlock()
    if (target !== undefined) target.name = columns.names[columns.target] as string
  }

  /** Add the current record of the scanner. */
  add(scanner: RecordScanner): void {
    const { names, target } = this.#columns
    requireCells(this.#file, scanner, names.length)
    const cells = this.#cells
    if (this.#offset === this.#block.length) this.#block = this.#newBlock()
    const block = this.#block
    let offset = this.#offset
    for (let j = 0; j < cells.length; j++) {
      const cell = cells[j] as number
      const value = scanner.number(cell)
      block[offset] = value
      // Infinite also where a finite float64 is beyond float32.
      if (!Number.isFinite(block[offset])) this.#refuse(scanner, cell, value)
      offset++
    }
    this.#offset = offset
    this.#target?.add(scanner, target, this.rows)
    this.rows++
  }

  finish(): FeatureMatrix {
    const { names, features: columns } = this.#columns
    const features = allocate(this.#type, this.rows * columns.length)
    let offset = 0
    for (const block of this.#blocks) {
      const rest = features.length - offset
      features.set(block.length > rest ? block.subarray(0, rest) : block, offset)
      offset += block.length
    }
    return {
      features,
      rows: this.rows,
      columns: columns.length,
      featureNames: Object.freeze(columns.map((column) => names[column] as string)),
    }
  }

  #newBlock(): Float32Array | Float64Array {
    const columns = this.#cells.length
    const block = allocate(this.#type, columns * Math.ceil(blockLength / columns))
    this.#blocks.push(block)
    this.#offset = 0
    return block
  }

  #refuse(scanner: RecordScanner, cell: number, value: number): never {
    const { names, guessed } = this.#columns
    const hint =
      guessed && this.rows === 0 && scanner.line === 1 ? ', or pass header: true if line 1 holds the names' : ''
    throw cellError(this.#file, scanner, cell, names[cell] as string, this.rows, value, {
      missing: "pass missing: 'drop', 'mean' or 'median', or leave the column out with features",
      text: `correct it, or pass categorical: 'one-hot' for categories, or leave the column out with features${hint}`,
      overflow: "scale the column, or pass dtype: 'float64' when it is within the range of float64",
    })
  }
}
