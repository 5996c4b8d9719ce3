/** Arrays of any dimension as files hold them, and as features and targets. */

import { InvalidDataError } from '../../native/errors'
import type { FeatureInput, NumberArray, TargetInput } from '../arrays'

export interface NdArray {
  readonly shape: readonly number[]
  /** Last index fastest. 64-bit integers come as Float64Array, all exact; 16-bit floats as Float32Array. */
  readonly values: NumberArray | readonly string[]
  /** Whether the values, 0 and 1, are truth values. */
  readonly boolean: boolean
}

/** How an array is taken for features: first index rows, all others flattened to columns. */
export function asFeatures(array: NdArray, file: string): { features: FeatureInput; columns: number } {
  const { shape, values } = array
  const columns = shape.slice(1).reduce((product, length) => product * length, 1)
  if (Array.isArray(values)) {
    throw new InvalidDataError(`${file} holds texts, expected numbers as features; encode them as numbers`, { file })
  }
  if (shape.length < 2 || columns === 0) {
    throw new InvalidDataError(
      `${file} has the shape (${shape}), expected rows × columns for features; save it as a matrix`,
      { file, shape },
    )
  }
  return { features: values as NumberArray, columns }
}

/** How an array is taken for targets: one for each row, or rows × targetColumns. */
export function asTargets(array: NdArray, file: string): { targets: TargetInput; targetColumns: number } {
  const { shape, values, boolean } = array
  if (shape.length !== 1 && shape.length !== 2) {
    throw new InvalidDataError(
      `${file} has the shape (${shape}), expected one target for each row, or rows × targets; save it in that shape`,
      { file, shape },
    )
  }
  const targets = boolean ? Array.from(values as NumberArray, Boolean) : values
  return { targets, targetColumns: Math.max(1, shape[1] ?? 1) }
}
