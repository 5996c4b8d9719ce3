/**
 * What a fit learns of its data before any training, and what every prediction needs again: the columns, their scales, the
 * classes or the scale of the targets. Saved with the model.
 */
import {
  applyScaler,
  applyTargetScaler,
  Dataset,
  type FeatureMatrix,
  fitScaler,
  fitTargetScaler,
  invertTargetScaler,
  type Scaler,
  type ScalerKind,
  scalerFromJson,
  scalerToJson,
  type TargetScaler,
  targetScalerFromJson,
  targetScalerToJson,
} from '../data'
import { InvalidDataError, type NativeMatrix } from '../native'

/** Rows to predict on: a data set or what `readFeatures` gives, numbers row by row, or arrays of numbers. */
export type Rows = FeatureMatrix | Float32Array | Float64Array | readonly ArrayLike<number>[]

export interface Preparation {
  readonly featureNames: readonly string[]
  readonly scaler: Scaler
  /** Labels by class index; absent for regression. */
  readonly classes?: readonly string[]
  /** One for each output of a regression; absent for classification. */
  readonly targetScalers?: readonly TargetScaler[]
}

const identity: TargetScaler = { center: 0, scale: 1 }

/** Fits the scales to the training data, and to nothing else. */
export function prepare(train: Dataset, scale: ScalerKind, scaleTargets: boolean): Preparation {
  if (!(train instanceof Dataset))
    throw new InvalidDataError('the training data are not a Dataset; make one with Dataset.fromArrays or fromCsv.')
  if (train.rows === 0 || train.targets.length === 0)
    throw new InvalidDataError(
      `the training data have ${train.rows} rows and ${train.targets.length} targets; expected at least one row with a target.`,
    )
  const scaler = fitScaler(scale, train)
  const { featureNames, classes, targetColumns: k } = train
  if (classes) return { featureNames, scaler, classes }
  const targetScalers = Array.from({ length: k }, (_, j) =>
    scaleTargets ? fitTargetScaler(train.targets.filter((_, i) => i % k === j)) : identity,
  )
  return { featureNames, scaler, targetScalers }
}

/** Scaled features, rows × d in float32. Throws InvalidDataError when the columns are not those of the training data. */
export function preparedFeatures({ featureNames, scaler }: Preparation, input: Rows): NativeMatrix {
  const columns = featureNames.length
  const { features, width } = rowsOf(input, columns)
  if (width !== columns)
    throw new InvalidDataError(
      `the features have ${width} columns; the model was fitted on ${columns}: ${listed(featureNames)}. Pass these columns in this order.`,
      { columns: width, expected: columns },
    )
  if ('featureNames' in input) requireOrder(input.featureNames, featureNames)
  const scaled = scaler.kind === 'none' ? features : applyScaler(scaler, features, columns)
  const values = scaled instanceof Float32Array ? scaled : Float32Array.from(scaled)
  return { values, rows: values.length / columns, columns }
}

/** Class indices in the order of the training data, whatever the order in `data`. */
export function preparedClasses(classes: readonly string[], data: Dataset): Float64Array {
  const labels = data.classes
  if (!labels)
    throw new InvalidDataError(
      `the targets are numbers, but the model was fitted on the classes ${listed(classes)}. Read the data with task: 'classification'.`,
    )
  const places = labels.map((label) => classes.indexOf(label))
  return data.targets.map((index, row) => {
    const place = places[index] as number
    if (place < 0)
      throw new InvalidDataError(
        `row ${row} is of class '${labels[index]}', which the training data do not have; expected one of ${listed(classes)}.`,
        { row },
      )
    return place
  })
}

/** Regression targets in the units of training, rows × k. */
export function preparedTargets(scalers: readonly TargetScaler[], data: Dataset): Float64Array {
  requireRegression(scalers, data)
  const scaled = scalers.map((scaler, j) =>
    applyTargetScaler(
      scaler,
      data.targets.filter((_, i) => i % scalers.length === j),
    ),
  )
  return data.targets.map((_, i) => scaled[i % scalers.length]?.[Math.floor(i / scalers.length)] as number)
}

export function requireRegression(scalers: readonly TargetScaler[], data: Dataset): void {
  if (data.classes || data.targetColumns !== scalers.length)
    throw new InvalidDataError(
      `the data have ${data.classes ? 'classes' : `${data.targetColumns} target columns`}, but the model was fitted on ` +
        `${scalers.length} column${scalers.length === 1 ? '' : 's'} of numbers. Read the data with task: 'regression'.`,
    )
}

/** Outputs (rows × k) in the units of the targets. */
export function restoredOutputs(scalers: readonly TargetScaler[], outputs: Float32Array): Float32Array {
  if (scalers.length === 1) return Float32Array.from(invertTargetScaler(scalers[0] as TargetScaler, outputs))
  return outputs.map((z, i) => {
    const { center, scale } = scalers[i % scalers.length] as TargetScaler
    return z * scale + center
  })
}

export function preparationToJson({ featureNames, scaler, classes, targetScalers }: Preparation): unknown {
  return { featureNames, scaler: scalerToJson(scaler), classes, targetScalers: targetScalers?.map(targetScalerToJson) }
}

/** What preparationToJson wrote. Throws InvalidDataError. */
export function preparationFromJson(json: unknown): Preparation {
  const { featureNames, scaler, classes, targetScalers } = (json ?? {}) as Record<string, unknown>
  const names = requireTexts(featureNames, 'the names of the features')
  const common = { featureNames: names, scaler: scalerFromJson(scaler, names.length) }
  if (classes !== undefined) return { ...common, classes: requireTexts(classes, 'the classes') }
  if (!Array.isArray(targetScalers) || targetScalers.length === 0)
    throw new InvalidDataError(
      'the model has neither classes nor scales of targets; the file is damaged, save it again.',
    )
  return { ...common, targetScalers: targetScalers.map(targetScalerFromJson) }
}

function rowsOf(input: Rows, columns: number): { features: Float32Array | Float64Array; width: number } {
  if (typeof input === 'object' && input !== null && 'featureNames' in input)
    return { features: input.features, width: input.columns }
  if (input instanceof Float32Array || input instanceof Float64Array) {
    if (input.length % columns !== 0)
      throw new InvalidDataError(
        `${input.length} numbers do not fill rows of ${columns} columns; pass rows × ${columns} numbers, row by row.`,
      )
    return { features: input, width: columns }
  }
  if (!Array.isArray(input))
    throw new InvalidDataError(
      'the features are neither a Dataset, a Float32Array or Float64Array, nor an array of rows.',
    )
  const rows: readonly ArrayLike<number>[] = input
  const width = rows.length === 0 ? columns : (rows[0]?.length as number)
  const ragged = rows.findIndex((row) => row?.length !== width)
  if (ragged >= 0)
    throw new InvalidDataError(
      `row ${ragged} has ${rows[ragged]?.length} numbers, row 0 has ${width}; expected ${columns} in every row.`,
      { row: ragged },
    )
  return { features: Float32Array.from(rows.flatMap((row) => Array.from(row))), width }
}

function requireOrder(names: readonly string[], expected: readonly string[]): void {
  const differs = names.findIndex((name, j) => name !== expected[j])
  if (differs < 0 || !expected.every((name) => names.includes(name))) return
  throw new InvalidDataError(
    `the columns are those of the training data in another order: column ${differs} is '${names[differs]}', expected ` +
      `'${expected[differs]}'. Put them in the order ${listed(expected)}.`,
    { column: differs },
  )
}

function requireTexts(value: unknown, what: string): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.some((text) => typeof text !== 'string'))
    throw new InvalidDataError(
      `${what} in the model are not a list of texts; the file is damaged, save the model again.`,
    )
  return value as string[]
}

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).map((name) => `'${name}'`)
  return `${shown.join(', ')}${names.length > shown.length ? ` and ${names.length - shown.length} more` : ''}`
}
