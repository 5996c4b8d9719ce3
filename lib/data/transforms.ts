/**
 * Affine scaling of features and targets, fitted on training data and applied to any. Statistics are in float64.
 */

import { InvalidDataError, InvalidOptionError } from '../native/errors'
import type { Dataset } from './dataset'

const scalerKinds = ['standard', 'minmax', 'none'] as const

export type ScalerKind = (typeof scalerKinds)[number]

/** x ↦ (x − center) / scale, column by column; every scale is positive. */
export interface Scaler {
  readonly kind: ScalerKind
  /** One number for each column, in the units of the data. */
  readonly center: Float64Array
  readonly scale: Float64Array
}

/** y ↦ (y − center) / scale for regression targets; scale is positive. */
export interface TargetScaler {
  readonly center: number
  readonly scale: number
}

/** The part of a data set that a scaler is fitted on: features row by row, rows × columns. */
export type FeatureTable = Pick<Dataset, 'features' | 'columns'>

/**
 * Fit a scaler to the columns of a table with at least one row.
 *
 * 'standard' centres on the mean and divides by the population standard deviation (two passes); 'minmax' maps the range
 * of each column to [0, 1]; 'none' leaves the features as they are. A constant column is centred and has scale 1.
 *
 * @throws InvalidOptionError for an unknown kind, InvalidDataError for an empty, ragged or non-finite table
 */
export function fitScaler(kind: ScalerKind, table: FeatureTable): Scaler {
  if (!scalerKinds.includes(kind)) {
    throw new InvalidOptionError(
      `the scaler is ${JSON.stringify(kind)}, expected one of ${scalerKinds.join(', ')}; choose one of these`,
      { choices: scalerKinds },
    )
  }
  const { features, columns } = table
  const rows = requireTable(features, columns)
  const center = new Float64Array(columns)
  const scale = new Float64Array(columns).fill(1)
  if (kind === 'none') return { kind, center, scale }
  if (rows === 0) throw emptyError('a scaler')
  for (let j = 0; j < columns; j++) {
    const column = strided(features, j, columns)
    const moments = kind === 'standard' ? standardMoments(column) : rangeMoments(column)
    if (!Number.isFinite(moments.center)) {
      throw new InvalidDataError(
        `column ${j} has a value that is not finite, expected finite features; remove or impute its rows`,
        { column: j },
      )
    }
    center[j] = moments.center
    scale[j] = moments.scale
  }
  return { kind, center, scale }
}

/**
 * The scaled copy of rows × columns features, in float64, for float32 features rounded once.
 *
 * @throws InvalidDataError when the columns are not those that the scaler was fitted on
 */
export function applyScaler(scaler: Scaler, features: Float32Array, columns: number): Float32Array
export function applyScaler(scaler: Scaler, features: Float64Array, columns: number): Float64Array
export function applyScaler(
  scaler: Scaler,
  features: Float32Array | Float64Array,
  columns: number,
): Float32Array | Float64Array
export function applyScaler(
  scaler: Scaler,
  features: Float32Array | Float64Array,
  columns: number,
): Float32Array | Float64Array {
  requireTable(features, columns)
  if (scaler.center.length !== columns) {
    throw new InvalidDataError(
      `the features have ${columns} columns, the scaler was fitted on ${scaler.center.length}; pass the same columns`,
      { columns, expected: scaler.center.length },
    )
  }
  const { center, scale } = scaler
  return features.map((value, i) => (value - (center[i % columns] as number)) / (scale[i % columns] as number))
}

/**
 * Mean and population standard deviation of regression targets; constant targets have scale 1.
 *
 * @throws InvalidDataError for no targets or a target that is not finite
 */
export function fitTargetScaler(values: Float64Array): TargetScaler {
  if (values.length === 0) throw emptyError('a target scaler')
  const scaler = standardMoments(values)
  if (!Number.isFinite(scaler.center) || !Number.isFinite(scaler.scale)) {
    throw new InvalidDataError(
      'the targets have a value that is not finite or a spread beyond float64, expected finite targets; remove those rows',
    )
  }
  return scaler
}

/** Targets in the units of training: (y − center) / scale, a new array. */
export function applyTargetScaler(scaler: TargetScaler, values: Float64Array): Float64Array {
  return values.map((value) => (value - scaler.center) / scaler.scale)
}

/** Scaled targets or predictions back in the units of the data, in float64. */
export function invertTargetScaler(scaler: TargetScaler, values: Float64Array | Float32Array): Float64Array {
  return Float64Array.from(values, (value) => value * scaler.scale + scaler.center)
}

export interface ScalerJson {
  kind: ScalerKind
  center: number[]
  scale: number[]
}

export function scalerToJson(scaler: Scaler): ScalerJson {
  return { kind: scaler.kind, center: Array.from(scaler.center), scale: Array.from(scaler.scale) }
}

/**
 * The scaler that scalerToJson described.
 *
 * @param columns the number of columns that the scaler must have
 * @throws InvalidDataError when the value is not such a description
 */
export function scalerFromJson(json: unknown, columns: number): Scaler {
  const { kind, center, scale } = requireObject(json, 'the scaler')
  if (!scalerKinds.includes(kind as ScalerKind)) {
    throw unreadable('the kind of the scaler', kind, `one of ${scalerKinds.join(', ')}`)
  }
  return {
    kind: kind as ScalerKind,
    center: requireNumbers(center, 'the center of the scaler', columns, isFiniteNumber),
    scale: requireNumbers(scale, 'the scale of the scaler', columns, isPositive),
  }
}

export function targetScalerToJson(scaler: TargetScaler): { center: number; scale: number } {
  return { center: scaler.center, scale: scaler.scale }
}

/**
 * The target scaler that targetScalerToJson described.
 *
 * @throws InvalidDataError when the value is not such a description
 */
export function targetScalerFromJson(json: unknown): TargetScaler {
  const { center, scale } = requireObject(json, 'the target scaler')
  if (!isFiniteNumber(center)) throw unreadable('the center of the target scaler', center, 'a finite number')
  if (!isPositive(scale)) throw unreadable('the scale of the target scaler', scale, 'a finite number above 0')
  return { center, scale }
}

interface Column {
  readonly length: number
  at(index: number): number
}

const isFiniteNumber = (value: unknown): value is number => Number.isFinite(value)
const isPositive = (value: unknown): value is number => isFiniteNumber(value) && value > 0

function strided(features: Float32Array | Float64Array, offset: number, stride: number): Column {
  return { length: features.length / stride, at: (i) => features[i * stride + offset] as number }
}

function standardMoments(column: Column | Float64Array): TargetScaler {
  const { length } = column
  const first = column.at(0) as number
  let constant = true
  let sum = 0
  for (let i = 0; i < length; i++) {
    const value = column.at(i) as number
    constant &&= value === first
    sum += value
  }
  // The rounded mean of a constant column differs from its value, and would leave rounding errors to divide by.
  if (constant) return { center: first, scale: 1 }
  const center = sum / length
  let squares = 0
  for (let i = 0; i < length; i++) squares += ((column.at(i) as number) - center) ** 2
  const scale = Math.sqrt(squares / length)
  // Deviations whose squares underflow are noise below the resolution of any training run.
  return { center, scale: scale === 0 ? 1 : scale }
}

function rangeMoments(column: Column): TargetScaler {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < column.length; i++) {
    // Math.min and Math.max keep a NaN, so that one is found in the result.
    min = Math.min(min, column.at(i))
    max = Math.max(max, column.at(i))
  }
  const finite = Number.isFinite(min) && Number.isFinite(max)
  return { center: finite ? min : Number.NaN, scale: max > min ? max - min : 1 }
}

function requireTable(features: Float32Array | Float64Array, columns: number): number {
  if (!Number.isSafeInteger(columns) || columns < 1 || features.length % columns !== 0) {
    throw new InvalidDataError(
      `${features.length} features do not fill rows of ${columns} columns; pass rows × columns numbers, row by row`,
      { length: features.length, columns },
    )
  }
  return features.length / columns
}

function requireObject(json: unknown, what: string): Record<string, unknown> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>
  throw unreadable(what, json, 'an object')
}

function requireNumbers(
  json: unknown,
  what: string,
  length: number,
  accepts: (value: unknown) => value is number,
): Float64Array {
  const expected = `${length} finite numbers${accepts === isPositive ? ' above 0' : ''}`
  if (!Array.isArray(json)) throw unreadable(what, json, expected)
  if (json.length !== length) throw unreadable(what, `an array of ${json.length}`, expected)
  const bad = json.findIndex((value) => !accepts(value))
  if (bad !== -1) throw unreadable(`${what} at column ${bad}`, json[bad], expected)
  return Float64Array.from(json as number[])
}

function unreadable(what: string, seen: unknown, expected: string): InvalidDataError {
  const words =
    typeof seen === 'string' ? seen : typeof seen === 'object' ? (seen && 'an object') || 'null' : String(seen)
  return new InvalidDataError(
    `${what} is ${words.slice(0, 80)}, expected ${expected}; the file is damaged or not ours, save the model again`,
  )
}

function emptyError(what: string): InvalidDataError {
  return new InvalidDataError(`there are 0 rows to fit ${what} on, expected at least 1; pass data with rows`)
}
