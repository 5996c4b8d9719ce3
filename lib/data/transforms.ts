/**
 * Affine transforms of features and targets, fitted on training data and applied to any. Statistics are in float64.
 */

import { InvalidDataError, InvalidOptionError } from '../native/errors'
import type { Dataset } from './dataset'
import { columnFill } from './impute'
import { fitWhitening } from './whitening'

export type ScalerKind = 'standard' | 'minmax' | 'whiten' | 'none'

const scalerKinds: readonly ScalerKind[] = ['standard', 'minmax', 'whiten', 'none']

/**
 * x ↦ (x − center) / scale, column by column; every scale is positive. 'whiten' then takes the columns to principal
 * components of variance 1: z = rotationᵀ (x − center) / scale.
 */
export interface Scaler {
  readonly kind: ScalerKind
  /** One number for each column, in the units of the data. */
  readonly center: Float64Array
  readonly scale: Float64Array
  /** 'whiten': columns × columns, a component in each column; those without variance are 0. */
  readonly rotation?: Float64Array
  /** Taken where a value is missing (NaN); absent: there must be none. */
  readonly fill?: Float64Array
}

/** y ↦ (y − center) / scale for regression targets; scale is positive. */
export interface TargetScaler {
  readonly center: number
  readonly scale: number
}

/** The part of a data set that a scaler is fitted on: features row by row, rows × columns. */
export type FeatureTable = Pick<Dataset, 'features' | 'columns'> & Partial<Pick<Dataset, 'encoding'>>

/**
 * Fit a scaler to the columns of a table with at least one row.
 *
 * 'standard' centres on the mean and divides by the population standard deviation (two passes); 'minmax' maps the range
 * of each column to [0, 1]; 'whiten' standardizes and rotates to principal components, each of variance 1 (columns² numbers
 * a row); 'none' leaves the features as they are. A constant column is centred and has scale 1. Where the table's encoding
 * imputes, missing values count as the mean or median of their column.
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
  const { columns, encoding } = table
  const rows = requireTable(table.features, columns)
  if (kind !== 'none' && rows === 0) throw emptyError('a scaler')
  const fill = encoding?.impute && columnFill(table.features, columns, encoding.impute)
  const features = fill
    ? table.features.map((value, i) => (Number.isNaN(value) ? (fill[i % columns] as number) : value))
    : table.features
  const filled = fill && { fill }
  if (kind === 'none')
    return { kind, center: new Float64Array(columns), scale: new Float64Array(columns).fill(1), ...filled }
  const { center, scale } = (kind === 'minmax' ? rangeMoments : standardMoments)(features, columns)
  const bad = center.findIndex((value) => !Number.isFinite(value))
  if (bad >= 0) {
    throw new InvalidDataError(
      `column ${bad} has a value that is not finite, expected finite features; remove or impute its rows`,
      { column: bad },
    )
  }
  if (kind !== 'whiten') return { kind, center, scale, ...filled }
  return { kind, center, scale, rotation: fitWhitening(features, columns, center, scale), ...filled }
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
  const { center, scale, rotation, fill } = scaler
  const scaled = features.slice()
  for (let i = 0, row = 0; row < features.length; row += columns)
    for (let j = 0; j < columns; j++, i++) {
      const value = features[i] as number
      const known = fill && Number.isNaN(value) ? (fill[j] as number) : value
      scaled[i] = (known - (center[j] as number)) / (scale[j] as number)
    }
  return rotation ? rotated(scaled, features, scaler, rotation) : scaled
}

/** Components from float64 standardized values, each rounded once. */
function rotated(
  into: Float32Array | Float64Array,
  features: Float32Array | Float64Array,
  { center, scale, fill }: Scaler,
  rotation: Float64Array,
): Float32Array | Float64Array {
  const columns = center.length
  const component = new Float64Array(columns)
  for (let row = 0; row < features.length; row += columns) {
    component.fill(0)
    for (let c = 0; c < columns; c++) {
      const value = features[row + c] as number
      const known = fill && Number.isNaN(value) ? (fill[c] as number) : value
      const x = (known - (center[c] as number)) / (scale[c] as number)
      for (let j = 0; j < columns; j++)
        component[j] = (component[j] as number) + x * (rotation[c * columns + j] as number)
    }
    into.set(component, row)
  }
  return into
}

/**
 * Mean and population standard deviation of regression targets; constant targets have scale 1.
 *
 * @throws InvalidDataError for no targets or a target that is not finite
 */
export function fitTargetScaler(values: Float64Array): TargetScaler {
  if (values.length === 0) throw emptyError('a target scaler')
  const moments = standardMoments(values, 1)
  const scaler = { center: moments.center[0] as number, scale: moments.scale[0] as number }
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
  rotation?: number[]
  fill?: number[]
}

export function scalerToJson({ kind, center, scale, rotation, fill }: Scaler): ScalerJson {
  return {
    kind,
    center: Array.from(center),
    scale: Array.from(scale),
    ...(rotation && { rotation: Array.from(rotation) }),
    ...(fill && { fill: Array.from(fill) }),
  }
}

/**
 * The scaler that scalerToJson described.
 *
 * @param columns the number of columns that the scaler must have
 * @throws InvalidDataError when the value is not such a description
 */
export function scalerFromJson(json: unknown, columns: number): Scaler {
  const { kind, center, scale, rotation, fill } = requireObject(json, 'the scaler')
  if (!scalerKinds.includes(kind as ScalerKind)) {
    throw unreadable('the kind of the scaler', kind, `one of ${scalerKinds.join(', ')}`)
  }
  return {
    kind: kind as ScalerKind,
    center: requireNumbers(center, 'the center of the scaler', columns, isFiniteNumber),
    scale: requireNumbers(scale, 'the scale of the scaler', columns, isPositive),
    ...(kind === 'whiten' && {
      rotation: requireNumbers(rotation, 'the rotation of the scaler', columns ** 2, isFiniteNumber),
    }),
    ...(fill !== undefined && { fill: requireNumbers(fill, 'the fill of the scaler', columns, isFiniteNumber) }),
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

const isFiniteNumber = (value: unknown): value is number => Number.isFinite(value)
const isPositive = (value: unknown): value is number => isFiniteNumber(value) && value > 0

type Numbers = Float32Array | Float64Array

/** Of every column; in the order of memory, which is several times faster than column by column. */
type Moments = Pick<Scaler, 'center' | 'scale'>

function standardMoments(features: Numbers, columns: number): Moments {
  const rows = features.length / columns
  const center = new Float64Array(columns)
  const scale = new Float64Array(columns)
  const varies = new Uint8Array(columns)
  for (let i = 0, row = 0; row < rows; row++)
    for (let j = 0; j < columns; j++, i++) {
      const value = features[i] as number
      if (value !== features[j]) varies[j] = 1
      center[j] = (center[j] as number) + value
    }
  // The rounded mean of a constant column differs from its value, and would leave rounding errors to divide by.
  for (let j = 0; j < columns; j++) center[j] = varies[j] ? (center[j] as number) / rows : (features[j] as number)
  for (let i = 0, row = 0; row < rows; row++)
    for (let j = 0; j < columns; j++, i++)
      scale[j] = (scale[j] as number) + ((features[i] as number) - (center[j] as number)) ** 2
  // Deviations whose squares underflow are noise below the resolution of any training run.
  return { center, scale: scale.map((squares) => Math.sqrt(squares / rows) || 1) }
}

function rangeMoments(features: Numbers, columns: number): Moments {
  const min = new Float64Array(columns).fill(Number.POSITIVE_INFINITY)
  const max = new Float64Array(columns).fill(Number.NEGATIVE_INFINITY)
  for (let i = 0; i < features.length; )
    for (let j = 0; j < columns; j++, i++) {
      // Math.min and Math.max keep a NaN, so that one is found in the result.
      min[j] = Math.min(min[j] as number, features[i] as number)
      max[j] = Math.max(max[j] as number, features[i] as number)
    }
  const finite = (j: number) => Number.isFinite(min[j]) && Number.isFinite(max[j])
  return {
    center: min.map((value, j) => (finite(j) ? value : Number.NaN)),
    scale: max.map((value, j) => (value > (min[j] as number) ? value - (min[j] as number) : 1)),
  }
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
