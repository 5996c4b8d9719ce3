/** Data sets from arrays: shapes and values checked, copies only where the type has to change. */

import { InvalidDataError, InvalidOptionError } from '../native/errors'
import type { DatasetParts } from './dataset'
import { LabelEncoder, numericTask, requireClasses, requireTask, type Task, unknownLabel } from './labels'
import { allocate, type Dtype, requireChoice, requireNames, show } from './options'
import { requireInteger } from './random'

/** A typed array of numbers. */
export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array

/** Rows × columns numbers in a typed array, row by row, or an array of rows. */
export type FeatureInput = NumberArray | readonly ArrayLike<number>[]

/** A number, label or truth value for each row, or an array of rows of numbers. */
export type TargetInput = ArrayLike<number> | ArrayLike<string> | ArrayLike<boolean> | readonly ArrayLike<number>[]

export interface ArrayOptions {
  /** Number of features. Default: the length of a row, or of a typed array divided by the number of targets. */
  columns?: number
  /** Numbers for each row when regression targets are in one array, row by row. Default 1. */
  targetColumns?: number
  task?: Task
  /** Labels in the order of their indices; other labels are refused. Default: the labels seen, sorted. */
  classes?: readonly string[]
  /** Default x0, x1, … . */
  featureNames?: readonly string[]
  /** Default 'target'. */
  targetName?: string
  /** Default: that of a Float64Array or Float32Array of features, 'float32' for anything else. */
  dtype?: Dtype
}

const optionNames = ['columns', 'targetColumns', 'task', 'classes', 'featureNames', 'targetName', 'dtype']

/** The parts of Dataset.fromArrays. */
export function fromArrays(features: FeatureInput, targets: TargetInput, options: ArrayOptions): DatasetParts {
  requireNames('fromArrays', options, optionNames)
  const classes = requireClasses(options.classes)
  const task = requireTask(options.task, classes)
  const target = readTargets(targets, options.targetColumns, task, classes)
  const columns = columnCount(features, options.columns, target.rows)
  const matrix = readFeatures(features, columns, options.dtype)
  const rows = matrix.length / columns
  if (rows !== target.rows) {
    throw new InvalidDataError(
      `there are ${rows} rows of features and ${target.rows} of targets, expected as many; pass one target for each row`,
      { rows, targets: target.rows },
    )
  }
  return {
    features: matrix,
    rows,
    columns,
    targets: target.values,
    targetColumns: target.columns,
    classes: target.classes,
    featureNames: requireFeatureNames(options.featureNames, columns),
    targetName: requireTargetName(options.targetName),
  }
}

function columnCount(features: FeatureInput, columns: number | undefined, rows: number): number {
  if (columns !== undefined) requireInteger('columns', columns, 1, 2 ** 31 - 1)
  if (Array.isArray(features)) {
    if (features.length === 0) throw new InvalidDataError('there are 0 rows of features, expected some; pass data')
    const first: unknown = features[0]
    if (!isNumberList(first)) {
      throw new InvalidDataError(
        `row 0 of the features is ${show(first)}, expected an array of numbers; pass an array of rows, or a typed array`,
        { row: 0 },
      )
    }
    if (first.length === 0) throw new InvalidDataError('row 0 of the features is empty; pass at least one feature')
    return columns ?? first.length
  }
  if (!isNumberList(features) || features.length === 0) {
    const seen = isNumberList(features) ? 'have 0 numbers' : `are ${show(features)}`
    throw new InvalidDataError(`the features ${seen}, expected a typed array of numbers or an array of rows; pass one`)
  }
  const divisor = columns ?? rows
  if (features.length % divisor !== 0) {
    throw new InvalidDataError(
      `${features.length} features do not fill rows of ${columns ?? `one length for ${rows} targets`}${columns ? ' columns' : ''}; pass rows × columns numbers, row by row`,
      { length: features.length, columns, rows },
    )
  }
  return columns ?? features.length / rows
}

function readFeatures(features: FeatureInput, columns: number, dtype: Dtype | undefined): Float32Array | Float64Array {
  const kept = features instanceof Float64Array || features instanceof Float32Array
  const type =
    dtype === undefined
      ? features instanceof Float64Array
        ? Float64Array
        : Float32Array
      : requireChoice('dtype', dtype, { float32: Float32Array, float64: Float64Array })
  const matrix = kept && features instanceof type ? features : copyFeatures(features, columns, type)
  for (let i = 0; i < matrix.length; i++) {
    if (Number.isFinite(matrix[i] as number)) continue
    const row = Math.floor(i / columns)
    const column = i % columns
    const given = Array.isArray(features) ? features[row]?.[column] : (features as NumberArray)[i]
    const [expected, remedy] = Number.isFinite(given)
      ? ['a number in the range of float32', "scale the column, or pass dtype: 'float64'"]
      : ['a finite number', 'remove the row or fill in a value']
    throw new InvalidDataError(`row ${row}, column ${column} is ${show(given)}, expected ${expected}; ${remedy}`, {
      row,
      column,
    })
  }
  return matrix
}

function copyFeatures(
  features: FeatureInput,
  columns: number,
  type: Float32ArrayConstructor | Float64ArrayConstructor,
): Float32Array | Float64Array {
  if (!Array.isArray(features)) {
    const copy = allocate(type, features.length)
    copy.set(features as NumberArray)
    return copy
  }
  const copy = allocate(type, features.length * columns)
  for (let row = 0; row < features.length; row++) copyRow(copy, features[row], row, columns, 'features')
  return copy
}

export function copyRow(
  into: Float32Array | Float64Array,
  from: unknown,
  row: number,
  columns: number,
  what: string,
): void {
  if (!isNumberList(from) || from.length !== columns) {
    const seen = isNumberList(from) ? `has ${from.length} numbers` : `is ${show(from)}`
    throw new InvalidDataError(
      `row ${row} of the ${what} ${seen}, expected ${columns} as in the other rows; complete or remove the row`,
      { row, expected: columns },
    )
  }
  for (let column = 0; column < columns; column++) {
    const value: unknown = from[column]
    if (typeof value !== 'number') {
      throw new InvalidDataError(
        `row ${row}, column ${column} of the ${what} is ${show(value)}, expected a number; convert it`,
        { row, column },
      )
    }
    into[row * columns + column] = value
  }
}

interface TargetParts {
  values: Float64Array
  rows: number
  columns: number
  classes: readonly string[] | undefined
}

/** Targets of any kind as numbers or class indices. */
export function readTargets(
  targets: TargetInput,
  targetColumns: number | undefined,
  task: Task | undefined,
  classes: readonly string[] | undefined,
): TargetParts {
  if (targetColumns !== undefined) requireInteger('targetColumns', targetColumns, 1, 2 ** 31 - 1)
  if (typeof targets !== 'object' || targets === null || !Number.isSafeInteger(targets.length) || !targets.length) {
    const seen = (targets as unknown[] | undefined)?.length === 0 ? 'an empty array' : show(targets)
    throw new InvalidDataError(`the targets are ${seen}, expected an array with one for each row; pass one`)
  }
  const first: unknown = targets[0]
  if (typeof first === 'object' && first !== null) return readTargetRows(targets, targetColumns, task)
  const columns = targetColumns ?? 1
  const numeric = typeof first === 'number'
  requireType(targets as ArrayLike<unknown>, numeric ? 'number' : typeof first)
  const labelled = task === 'classification' || (task === undefined && !numeric)
  if (!labelled && !numeric) {
    throw new InvalidDataError(
      `the target of row 0 is ${show(first)}, expected a number; pass numbers, or task: 'classification'`,
      { row: 0 },
    )
  }
  if (labelled || (task === undefined && columns === 1 && numericTask(targets as ArrayLike<number>) !== 'regression')) {
    if (columns !== 1) throw severalTargets(columns)
    return readLabels(targets as ArrayLike<unknown>, classes)
  }
  if (targets.length % columns !== 0) {
    throw new InvalidDataError(`${targets.length} targets do not fill rows of ${columns}; pass rows × targetColumns`, {
      length: targets.length,
      targetColumns: columns,
    })
  }
  const values = targets instanceof Float64Array ? targets : Float64Array.from(targets as ArrayLike<number>)
  return { values, rows: values.length / columns, columns, classes: undefined }
}

function readTargetRows(
  targets: ArrayLike<unknown>,
  targetColumns: number | undefined,
  task: Task | undefined,
): TargetParts {
  const columns = targetColumns ?? (targets[0] as ArrayLike<unknown>).length
  if (task === 'classification') throw severalTargets(columns)
  requireInteger('the length of the first row of the targets', columns, 1)
  const values = allocate(Float64Array, targets.length * columns)
  for (let row = 0; row < targets.length; row++) copyRow(values, targets[row], row, columns, 'targets')
  const bad = values.findIndex((value) => !Number.isFinite(value))
  if (bad !== -1) throw badTarget(Math.floor(bad / columns), values[bad], 'a finite number')
  return { values, rows: targets.length, columns, classes: undefined }
}

function readLabels(targets: ArrayLike<unknown>, classes: readonly string[] | undefined): TargetParts {
  const encoder = new LabelEncoder(classes)
  const values = allocate(Float64Array, targets.length)
  for (let row = 0; row < targets.length; row++) {
    const label = String(targets[row])
    const code = encoder.encode(label)
    if (code === undefined) {
      throw unknownLabel(`row ${row} of the targets`, label, classes as readonly string[], { row })
    }
    values[row] = code
  }
  return { values, rows: values.length, columns: 1, classes: encoder.finish(values) }
}

// Mixed types would merge the number 1 with the text '1', or take a forgotten value for a label.
function requireType(targets: ArrayLike<unknown>, type: string): void {
  const expected = { number: 'a finite number', string: 'a text that is not empty', boolean: 'true or false' }[type]
  if (expected === undefined) throw badTarget(0, targets[0], 'a number, a text or a truth value')
  for (let row = 0; row < targets.length; row++) {
    const value = targets[row]
    const fits = typeof value === type && value !== '' && (type !== 'number' || Number.isFinite(value))
    if (!fits) throw badTarget(row, value, expected)
  }
}

function badTarget(row: number, value: unknown, expected: string): InvalidDataError {
  return new InvalidDataError(
    `the target of row ${row} is ${show(value)}, expected ${expected}; correct it or remove the row`,
    { row },
  )
}

function severalTargets(columns: number): InvalidOptionError {
  return new InvalidOptionError(
    `there are ${columns} targets for each row, expected one label for classification; pass labels, not indicators`,
    { option: 'task' },
  )
}

export function isNumberList(value: unknown): value is ArrayLike<number> {
  if (Array.isArray(value)) return true
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && !/^Big/.test(value.constructor.name)
}

function requireFeatureNames(names: unknown, columns: number): readonly string[] {
  if (names === undefined) return Object.freeze(Array.from({ length: columns }, (_, column) => `x${column}`))
  if (!Array.isArray(names) || names.length !== columns || !names.every((n) => typeof n === 'string' && n !== '')) {
    throw new InvalidOptionError(
      `featureNames is ${show(names)}, expected ${columns} texts, one for each column; pass that many`,
      { option: 'featureNames' },
    )
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new InvalidOptionError(`featureNames has ${show(twice)} twice, expected different names; rename one`, {
      option: 'featureNames',
    })
  }
  return Object.freeze([...names])
}

function requireTargetName(name: unknown = 'target'): string {
  if (typeof name === 'string' && name !== '') return name
  throw new InvalidOptionError(`targetName is ${show(name)}, expected a text; pass a name or leave it out`, {
    option: 'targetName',
  })
}
