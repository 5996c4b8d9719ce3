/** Rows of features with their targets: what models are fitted on and scored against. */

import { createHash } from 'node:crypto'
import { InvalidDataError } from '../native/errors'
import { type ArrayOptions, type FeatureInput, fromArrays, type TargetInput } from './arrays'
import type { Encoding } from './encoding'
import { type FoldOptions, foldRows, type RowKeys } from './folds'
import type { Frame } from './frame'
import { type FrameDatasetOptions, partsFromFrame } from './from-frame'
import type { Task } from './labels'
import { allocate, requireNames, show } from './options'
import { type FrameOptions, formatOf, readFrame } from './read-frame'
import { type ArrowTable, arrowFrame } from './readers/arrow'
import { readIdx } from './readers/idx'
import { asFeatures, asTargets, type NdArray } from './readers/nd-array'
import { readNpy } from './readers/npy'
import { readNpz } from './readers/npz'
import { readSql, type SqlOptions } from './readers/sql'
import { type SplitOptions, splitRows } from './split'
import { readTable, type TableOptions } from './table'

/** The parts of a data set; see the members of Dataset of the same names. */
export interface DatasetParts {
  features: Float32Array | Float64Array
  rows: number
  columns: number
  targets: Float64Array
  targetColumns: number
  classes: readonly string[] | undefined
  featureNames: readonly string[]
  targetName: string
  encoding?: Encoding
  groups?: readonly string[]
  times?: Float64Array
}

/** Shapes come from the files. */
export type ArrayFileOptions = Omit<ArrayOptions, 'columns' | 'targetColumns'>

export interface NpzOptions extends ArrayFileOptions {
  /** Name of the array of features. */
  features: string
  /** Name of the array of targets. */
  targets: string
}

const tableOptionNames = ['categorical', 'missing', 'unknownCategories', 'encoding', 'group', 'time'] as const
const arrayFileOptionNames = ['task', 'classes', 'featureNames', 'targetName', 'dtype']

/**
 * A data set that is not changed after it is made. Typed arrays passed in are kept as they are and not copied: whoever
 * changes them afterwards changes the data set.
 */
export class Dataset {
  /** rows × columns, row by row; finite, but NaN where a value is missing and `encoding.impute` says what a fit puts there. */
  readonly features: Float32Array | Float64Array
  readonly rows: number
  readonly columns: number
  /** Regression: rows × targetColumns numbers, row by row. Classification: an index of `classes` for every row. */
  readonly targets: Float64Array
  /** Numbers to predict for each row; 1 for classification. */
  readonly targetColumns: number
  readonly task: Task
  /** The label of every class index; undefined for regression. */
  readonly classes: readonly string[] | undefined
  readonly featureNames: readonly string[]
  readonly targetName: string
  /** How the columns of the file became features; undefined where all were numbers already. */
  readonly encoding: Encoding | undefined
  /** Rows of one group stay on one side of splits and folds. */
  readonly groups: readonly string[] | undefined
  /** Splits and folds are made by these. */
  readonly times: Float64Array | undefined
  #hash: string | undefined

  private constructor(parts: DatasetParts) {
    this.features = parts.features
    this.rows = parts.rows
    this.columns = parts.columns
    this.targets = parts.targets
    this.targetColumns = parts.targetColumns
    this.task = parts.classes === undefined ? 'regression' : 'classification'
    this.classes = parts.classes
    this.featureNames = parts.featureNames
    this.targetName = parts.targetName
    this.encoding = parts.encoding
    this.groups = parts.groups
    this.times = parts.times
  }

  /**
   * A data set from arrays, which are not changed. A Float32Array or Float64Array of features, and a Float64Array of
   * regression targets, are kept without a copy; anything else is copied, features to float32 unless `dtype` tells
   * otherwise.
   *
   * Without `task`, texts and booleans are classes. Numbers are classes when all are integers, with 2 to 100 different
   * values and at least ten rows for each on average; otherwise they are regression targets. The classes are the labels
   * in the order of their numbers if all are numbers, else of their code points; `classes` gives them in another order.
   *
   * @param features rows × columns in a typed array (`columns` defaults to length / number of targets), or an array of
   * rows
   * @param targets one for each row, or an array of rows of numbers for regression with several outputs
   * @throws InvalidDataError naming row and column; InvalidOptionError for an option that is unknown or out of range
   * @example Dataset.fromArrays([[0, 0], [0, 1], [1, 0], [1, 1]], ['even', 'odd', 'odd', 'even'])
   */
  static fromArrays(features: FeatureInput, targets: TargetInput, options: ArrayOptions = {}): Dataset {
    return new Dataset(fromArrays(features, targets, options))
  }

  /**
   * A data set from delimited text, plain or gzip: cells of RFC 4180 in UTF-8, features as numbers. Numbers are read as
   * the nearest float64, and for float32 features rounded once more. Rows with another number of cells, missing values
   * (an empty cell, NA, N/A, NaN, null, ?) and texts among features are refused.
   *
   * Without `task`, texts are classes, and numbers by the rule of `fromArrays`; texts beside numbers are refused. With
   * `classes` of a training set, labels get the indices that they have there. A label that reads as a number is that
   * number.
   *
   * With `categorical`, `missing`, `encoding`, `group` or `time` the columns are typed first, as in `fromFile`.
   *
   * @param path CSV or TSV
   * @throws InvalidDataError naming file, line and column; InvalidOptionError for an option or a column that is unknown
   * @example const digits = await Dataset.fromCsv('digits.csv.gz', { target: 'label' })
   */
  static async fromCsv(path: string, options: TableOptions & FrameDatasetOptions): Promise<Dataset> {
    if (tableOptionNames.some((name) => options?.[name] !== undefined))
      return Dataset.fromFile(path, { ...options, format: 'csv' })
    const { targets, ...table } = await readTable(path, options)
    return new Dataset({ ...table, targets: targets.values, targetColumns: 1, classes: targets.classes })
  }

  /**
   * A data set from a table: CSV or TSV, JSON lines (.jsonl, .ndjson), Parquet (.parquet), Arrow IPC (.arrow, .feather; needs
   * the package apache-arrow). Columns are numbers, truth values (0 and 1), moments (milliseconds since 1970) or texts. Texts
   * among features, and missing values, are refused unless `categorical` and `missing` say what becomes of them. A test
   * set is read with the `encoding` and `classes` of its training set.
   *
   * @throws InvalidDataError naming file, line or row, and column; InvalidOptionError for an option or column that is unknown
   * @example
   * const train = await Dataset.fromFile('people.parquet', { target: 'income', categorical: 'one-hot', missing: 'median' })
   * const test = await Dataset.fromFile('more.parquet', { target: 'income', encoding: train.encoding, classes: train.classes })
   */
  static async fromFile(path: string, options: FrameOptions & FrameDatasetOptions): Promise<Dataset> {
    const typed = tableOptionNames.some((name) => options?.[name] !== undefined)
    if (formatOf(path, options?.format) === 'csv' && !typed) {
      const { format: _, ...rest } = options
      return Dataset.fromCsv(path, rest)
    }
    const { format, header, delimiter, ...rest } = options ?? {}
    const { features, encoding, target, group, time } = rest
    const named = features ?? encoding?.columns.map(({ name }) => name)
    const wanted = named && [...named, ...[target, group, time].filter((column) => column !== undefined)]
    const reading = {
      ...(format && { format }),
      ...(header !== undefined && { header }),
      ...(delimiter !== undefined && { delimiter }),
    }
    // The target alone tells a header too.
    const hints = wanted ?? (formatOf(path, format) === 'csv' && target !== undefined ? [target] : [])
    return Dataset.fromFrame(await readFrame(path, reading, hints), rest)
  }

  /** A data set from an Arrow table of the package apache-arrow; see `fromFile`. */
  static fromArrow(table: ArrowTable, options: FrameDatasetOptions): Dataset {
    return Dataset.fromFrame(arrowFrame(table), options)
  }

  /** A data set from a query of DuckDB; see readSql and `fromFile`. */
  static async fromSql(query: string, options: SqlOptions & FrameDatasetOptions): Promise<Dataset> {
    const { database, ...rest } = options ?? {}
    return Dataset.fromFrame(await readSql(query, database === undefined ? {} : { database }), rest)
  }

  /** A data set from typed columns, such as `readFrame` gives; see `fromFile`. */
  static fromFrame(frame: Frame, options: FrameDatasetOptions): Dataset {
    return new Dataset(partsFromFrame(frame, options))
  }

  /**
   * A data set from NumPy's .npy files, plain or gzip. Features are rows × columns, further dimensions are flattened;
   * targets are one for each row, or rows × targets. float64 features stay float64.
   *
   * @throws InvalidDataError naming the file; InvalidOptionError for an option that is unknown or out of range
   * @example const data = await Dataset.fromNpy('X.npy', 'y.npy')
   */
  static async fromNpy(features: string, targets: string, options: ArrayFileOptions = {}): Promise<Dataset> {
    return fromNdArrays(await readNpy(features), features, await readNpy(targets), targets, options)
  }

  /**
   * A data set from two arrays of NumPy's .npz file, as from two .npy files.
   *
   * @param options `features` and `targets` are the names of the arrays
   * @throws InvalidDataError naming the file; InvalidOptionError for an option that is unknown or out of range
   * @example const mnist = await Dataset.fromNpz('mnist.npz', { features: 'x_train', targets: 'y_train' })
   */
  static async fromNpz(path: string, options: NpzOptions): Promise<Dataset> {
    requireNames('fromNpz', options, ['features', 'targets', ...arrayFileOptionNames])
    const { features, targets, ...rest } = options
    const [x, y] = await readNpz(path, [features, targets])
    return fromNdArrays(x as NdArray, `${path}, ${features}`, y as NdArray, `${path}, ${targets}`, rest)
  }

  /**
   * A data set from IDX files, the format of MNIST, plain or gzip, as from two .npy files.
   *
   * @throws InvalidDataError naming the file; InvalidOptionError for an option that is unknown or out of range
   * @example const mnist = await Dataset.fromIdx('train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz')
   */
  static async fromIdx(features: string, targets: string, options: ArrayFileOptions = {}): Promise<Dataset> {
    return fromNdArrays(await readIdx(features), features, await readIdx(targets), targets, options)
  }

  /**
   * The rows of several data sets, one after the other, copied. They have the same columns, classes and number of targets.
   *
   * @throws InvalidDataError when they differ, or there are none
   */
  static concat(parts: readonly Dataset[]): Dataset {
    const first = parts[0]
    if (!first) throw new InvalidDataError('there are 0 data sets to put together, expected at least 1; pass some')
    if (parts.length === 1) return first
    for (const [i, { featureNames, classes, targetColumns }] of parts.entries()) {
      const same = (a?: readonly string[], b?: readonly string[]) => JSON.stringify(a) === JSON.stringify(b)
      const differs =
        (!same(featureNames, first.featureNames) && 'columns') ||
        (!same(classes, first.classes) && 'classes') ||
        (targetColumns !== first.targetColumns && 'number of targets')
      if (differs)
        throw new InvalidDataError(
          `data set ${i} has other ${differs} than data set 0; read it with the encoding and classes of that one`,
          { index: i },
        )
    }
    const rows = parts.reduce((sum, part) => sum + part.rows, 0)
    const type = parts.some(({ features }) => features instanceof Float64Array) ? Float64Array : Float32Array
    const features = allocate(type, rows * first.columns)
    const targets = allocate(Float64Array, rows * first.targetColumns)
    let at = 0
    for (const part of parts) {
      features.set(part.features, at * first.columns)
      targets.set(part.targets, at * first.targetColumns)
      at += part.rows
    }
    const groups = parts.flatMap(({ groups = [] }) => groups)
    const times = parts.flatMap(({ times = [] }) => Array.from(times))
    return new Dataset({
      ...first.#parts(),
      features,
      targets,
      rows,
      ...(groups.length === rows && { groups }),
      ...(times.length === rows && { times: Float64Array.from(times) }),
    })
  }

  /** SHA-256, in hexadecimal, of shapes, types, values and classes; not of names. Computed when first asked for. */
  get hash(): string {
    this.#hash ??= this.#digest()
    return this.#hash
  }

  /**
   * Divide the rows into a training and a test set: at random, by class; whole `groups` where there are any; by `times` where
   * there are, the last ones for the test. Both keep all `classes`. See SplitOptions.
   */
  split(options: SplitOptions): { train: Dataset; test: Dataset } {
    const { train, test } = splitRows(this.rows, this.#keys(), options)
    return { train: this.subset(train), test: this.subset(test) }
  }

  /**
   * Cross-validation, one pair after the other; see FoldOptions and foldRows.
   *
   * @example for (const { train, test } of data.folds({ folds: 5, seed: 1 })) …
   */
  *folds(options: FoldOptions = {}): Generator<{ train: Dataset; test: Dataset }, void, undefined> {
    for (const { train, test } of foldRows(this.rows, this.#keys(), options))
      yield { train: this.subset(train), test: this.subset(test) }
  }

  /**
   * The data set of the rows with these indices, in this order, copied; an index may come more than once.
   *
   * @throws InvalidDataError for no index or one that is no row
   */
  subset(rows: ArrayLike<number>): Dataset {
    const { columns, targetColumns } = this
    const type = this.features instanceof Float64Array ? Float64Array : Float32Array
    if (rows.length === 0) {
      throw new InvalidDataError('there are 0 rows in the subset, expected at least 1; pass some indices')
    }
    const features = allocate(type, rows.length * columns)
    const targets = allocate(Float64Array, rows.length * targetColumns)
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number
      if (!Number.isInteger(row) || row < 0 || row >= this.rows) {
        throw new InvalidDataError(
          `index ${i} of the subset is ${show(row)}, expected an integer from 0 to ${this.rows - 1}; pass indices of rows`,
          { index: i },
        )
      }
      for (let j = 0; j < columns; j++) features[i * columns + j] = this.features[row * columns + j] as number
      for (let j = 0; j < targetColumns; j++) {
        targets[i * targetColumns + j] = this.targets[row * targetColumns + j] as number
      }
    }
    const { groups, times } = this
    return new Dataset({
      ...this.#parts(),
      features,
      targets,
      rows: rows.length,
      ...(groups && { groups: Array.from(rows, (row) => groups[row] as string) }),
      ...(times && { times: Float64Array.from(rows, (row) => times[row] as number) }),
    })
  }

  #keys(): RowKeys {
    const { groups, times } = this
    return { classOf: this.classes && this.targets, groups, times }
  }

  #parts(): DatasetParts {
    const { features, rows, columns, targets, targetColumns, classes, featureNames, targetName, encoding } = this
    const parts = { features, rows, columns, targets, targetColumns, classes, featureNames, targetName }
    return { ...parts, ...(encoding && { encoding }) }
  }

  #digest(): string {
    const { rows, columns, targetColumns, task, classes } = this
    const dtype = this.features instanceof Float64Array ? 'float64' : 'float32'
    const hash = createHash('sha256')
    // The text has a fixed form and says how long the values are, so that no two contents have the same bytes.
    hash.update(`${JSON.stringify([rows, columns, dtype, targetColumns, task, classes ?? null])}\n`)
    for (const values of [this.features, this.targets]) {
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    }
    // What else a fit or a split depends on; data without it keep their hashes.
    const { encoding, groups, times } = this
    if (encoding?.impute || groups || times)
      hash.update(JSON.stringify([encoding?.impute ?? null, groups ?? null, times ? Array.from(times) : null]))
    return hash.digest('hex')
  }
}

function fromNdArrays(
  features: NdArray,
  featureFile: string,
  targets: NdArray,
  targetFile: string,
  options: ArrayFileOptions,
): Dataset {
  requireNames('the data set', options, arrayFileOptionNames)
  const { features: matrix, columns } = asFeatures(features, featureFile)
  const { targets: values, targetColumns } = asTargets(targets, targetFile)
  return Dataset.fromArrays(matrix, values, { ...options, columns, targetColumns })
}
