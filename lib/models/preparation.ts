/**
 * What a fit learns of its data before any training, and what every prediction needs again: the columns, their scales, the
 * classes or the scale of the targets. Saved with the model.
 */
import { setImmediate } from 'node:timers/promises'
import {
  applyScaler,
  applyTargetScaler,
  Dataset,
  type Encoding,
  type FeatureInput,
  type FeatureMatrix,
  fitScaler,
  fitTargetScaler,
  type Scaler,
  type ScalerKind,
  scalerFromJson,
  scalerToJson,
  type TargetScaler,
  targetScalerFromJson,
  targetScalerToJson,
} from '../data'
import { copyRow, isNumberList } from '../data/arrays'
import { encodingFromJson } from '../data/encoding'
import { show } from '../data/options'
import { InvalidDataError, type NativeMatrix } from '../native'

/** Rows to predict on: a data set or what `readFeatures` gives, a typed array of numbers row by row, or an array of rows. */
export type Rows = FeatureMatrix | FeatureInput

export interface Preparation {
  readonly featureNames: readonly string[]
  readonly scaler: Scaler
  /** How the columns of a file become features; absent where all are numbers. */
  readonly encoding?: Encoding
  /** Labels by class index; absent for regression. */
  readonly classes?: readonly string[]
  /** One for each output of a regression; absent for classification. */
  readonly targetScalers?: readonly TargetScaler[]
}

const identity: TargetScaler = { center: 0, scale: 1 }

/** `value`, which is `what`, when it is a data set with rows. */
export function requireDataset(value: Dataset, what: string): Dataset {
  if (value instanceof Dataset && value.rows > 0) return value
  const seen = value instanceof Dataset ? 'have 0 rows' : `are ${show(value)}`
  throw new InvalidDataError(
    `the ${what} ${seen}, expected a Dataset with at least 1 row; make one with Dataset.fromArrays or Dataset.fromCsv`,
  )
}

/** Fits the scales to the training data, and to nothing else. */
export function prepare(train: Dataset, scale: ScalerKind, scaleTargets: boolean): Preparation {
  const scaler = fitScaler(scale, train)
  const { featureNames, encoding, classes, targetColumns: k } = train
  const common = { featureNames, scaler, ...(encoding && { encoding }) }
  if (classes?.length === 1)
    throw new InvalidDataError(
      `every target is of class ${listed(classes)}, expected at least 2 classes; add rows of another class`,
    )
  if (classes) return { ...common, classes }
  const targetScalers = Array.from({ length: k }, (_, j) =>
    scaleTargets ? fitTargetScaler(targetColumn(train, j)) : identity,
  )
  return { ...common, targetScalers }
}

/** Scaled features, rows × d in float32. Throws InvalidDataError when the columns are not those of the training data. */
export async function preparedFeatures({ featureNames, scaler }: Preparation, input: Rows): Promise<NativeMatrix> {
  const columns = featureNames.length
  const { features, width } = rowsOf(input, columns)
  if (width !== columns)
    throw new InvalidDataError(
      `the features have ${width} columns; the model was fitted on ${columns}: ${listed(featureNames)}. Pass these columns in this order.`,
      { columns: width, expected: columns },
    )
  if (isMatrix(input)) requireOrder(input.featureNames, featureNames)
  const values = await scaled(scaler, features, columns)
  return { values, rows: values.length / columns, columns }
}

/** Numbers that are scaled before other work gets its turn: some milliseconds. */
const pieceLength = 2 ** 20

async function scaled(scaler: Scaler, features: Float32Array | Float64Array, columns: number): Promise<Float32Array> {
  if (scaler.kind === 'none' && !scaler.fill)
    return features instanceof Float32Array ? features : Float32Array.from(features)
  const values = new Float32Array(features.length)
  const piece = columns * Math.max(1, Math.floor(pieceLength / (scaler.rotation ? columns ** 2 : columns)))
  for (let start = 0; start < features.length; start += piece) {
    if (start > 0) await setImmediate()
    values.set(applyScaler(scaler, features.subarray(start, start + piece), columns), start)
  }
  return values
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
  const targets = new Float64Array(data.targets.length)
  scalers.forEach((scaler, j) => {
    applyTargetScaler(scaler, targetColumn(data, j)).forEach((value, i) => {
      targets[i * scalers.length + j] = value
    })
  })
  return targets
}

function targetColumn({ targets, rows, targetColumns: k }: Dataset, j: number): Float64Array {
  return k === 1 ? targets : Float64Array.from({ length: rows }, (_, i) => targets[i * k + j] as number)
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
  return outputs.map((z, i) => {
    const { center, scale } = scalers[i % scalers.length] as TargetScaler
    return z * scale + center
  })
}

export function preparationToJson({ featureNames, scaler, encoding, classes, targetScalers }: Preparation): unknown {
  const common = { featureNames, scaler: scalerToJson(scaler), encoding, classes }
  return { ...common, targetScalers: targetScalers?.map(targetScalerToJson) }
}

/** What preparationToJson wrote. Throws InvalidDataError. */
export function preparationFromJson(json: unknown): Preparation {
  const { featureNames, scaler, encoding, classes, targetScalers } = (json ?? {}) as Record<string, unknown>
  const names = requireTexts(featureNames, 'the names of the features')
  const common = {
    featureNames: names,
    scaler: scalerFromJson(scaler, names.length),
    ...(encoding !== undefined && { encoding: encodingFromJson(encoding) }),
  }
  if (classes !== undefined) return { ...common, classes: requireTexts(classes, 'the classes') }
  if (!Array.isArray(targetScalers) || targetScalers.length === 0)
    throw new InvalidDataError(
      'the model has neither classes nor scales of targets; the file is damaged, save it again.',
    )
  return { ...common, targetScalers: targetScalers.map(targetScalerFromJson) }
}

function isMatrix(input: Rows): input is FeatureMatrix {
  return typeof input === 'object' && input !== null && 'featureNames' in input
}

function rowsOf(input: Rows, columns: number): { features: Float32Array | Float64Array; width: number } {
  if (isMatrix(input)) return { features: input.features, width: input.columns }
  if (Array.isArray(input)) {
    const features = new Float32Array(input.length * columns)
    input.forEach((row: unknown, i) => {
      copyRow(features, row, i, columns, 'features')
    })
    return { features, width: columns }
  }
  if (!isNumberList(input))
    throw new InvalidDataError(
      `the features are ${show(input)}, expected a Dataset, a typed array of numbers or an array of rows; pass one`,
    )
  if (input.length % columns !== 0)
    throw new InvalidDataError(
      `${input.length} numbers do not fill rows of ${columns} columns; pass rows × ${columns} numbers, row by row`,
    )
  const kept = input instanceof Float32Array || input instanceof Float64Array
  return { features: kept ? input : Float32Array.from(input as ArrayLike<number>), width: columns }
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
