/** What a fit of a linear model makes of its data: targets as the core wants them, classes, scaler, weights. */
import {
  applyScaler,
  Dataset,
  type FeatureMatrix,
  fitScaler,
  type LibsvmRows,
  type LinearRows,
  type ScalerKind,
} from '../data'
import type { LinearOptions } from '../generated/catalogue'
import { InvalidDataError, InvalidOptionError, type NativeLinearData } from '../native'
import { listed, type Preparation } from './preparation'

export type Loss = NonNullable<LinearOptions['loss']>

/** What a linear model is fitted on, scored on and predicts for. Only a Dataset can be scaled. */
export type LinearData = Dataset | LinearRows | LibsvmRows

const numberLosses: readonly string[] = ['squared', 'huber', 'poisson'] satisfies Loss[]
export const isNumberLoss = (loss: Loss) => numberLosses.includes(loss)

export const targetColumns = (data: LinearData) => (data instanceof Dataset ? data.targetColumns : 1)

/** The loss, the classes with targets as their indices, or the targets as they are; and the scaler. */
export function describeTargets(
  train: LinearData,
  asked: Loss | 'auto',
  scale: ScalerKind,
): { loss: Loss; preparation: Preparation; targets: Float64Array } {
  if (!(train instanceof Dataset) && scale !== 'none')
    throw new InvalidOptionError(
      `scale is '${scale}', but only a Dataset can be scaled; scale the rows yourself, or leave it out.`,
    )
  // By name: an array made by the addon belongs to another realm in some test runners.
  if (!(train instanceof Dataset) && Object.prototype.toString.call(train?.targets) !== '[object Float64Array]')
    throw new InvalidDataError(
      'the training data have no targets; pass a Dataset, what readLibsvm gives, or rows with a Float64Array of targets.',
    )
  if (train instanceof Dataset) {
    const { classes, featureNames, encoding } = train
    const loss = chooseLoss(asked, classes?.length)
    const preparation = {
      featureNames,
      scaler: fitScaler(scale, train),
      ...(encoding && { encoding }),
      ...(classes ? { classes } : { targetScalers: identities(train.targetColumns) }),
    }
    return { loss, preparation, targets: train.targets }
  }
  const labels = classLabels(train.targets, asked)
  const loss = chooseLoss(asked, labels?.length)
  const scaler = {
    kind: 'none' as const,
    center: new Float64Array(train.columns),
    scale: new Float64Array(train.columns).fill(1),
  }
  const featureNames: string[] = []
  for (let j = 0; j < train.columns; j++) featureNames.push(`${j}`) // there may be a million
  if (!labels)
    return { loss, preparation: { featureNames, scaler, targetScalers: identities(1) }, targets: train.targets }
  return { loss, preparation: { featureNames, scaler, classes: labels }, targets: indicesOf(labels, train.targets) }
}

const identities = (count: number) => Array.from({ length: count }, () => ({ center: 0, scale: 1 }))

/** Distinct targets in increasing order where they are classes: a loss for classes, or at most 100 whole numbers. */
export function classLabels(targets: Float64Array, asked: Loss | 'auto'): string[] | undefined {
  if (numberLosses.includes(asked)) return undefined
  const distinct = new Set<number>()
  let last: number | undefined
  let other: number | undefined
  for (let row = 0; row < targets.length; row++) {
    const target = targets[row] as number
    if (target === last || target === other) continue // known: most labels have two values
    ;[last, other] = [target, last]
    if (!Number.isFinite(target) && asked !== 'auto')
      throw new InvalidDataError(`target of row ${row} is ${target}; expected a finite number. Drop the row first.`, {
        row,
      })
    distinct.add(target)
    if (distinct.size > 4096 || (asked === 'auto' && (distinct.size > 100 || !Number.isInteger(target)))) {
      if (asked === 'auto') return undefined
      throw new InvalidDataError(`the targets have more than 4096 different values; the loss '${asked}' takes classes.`)
    }
  }
  return [...distinct].sort((a, b) => a - b).map(String)
}

export function indicesOf(labels: readonly string[], targets: Float64Array): Float64Array {
  const places = new Map(labels.map((label, index) => [Number(label), index]))
  const indices = new Float64Array(targets.length)
  let last: number | undefined
  let index = 0
  for (let row = 0; row < targets.length; row++) {
    const target = targets[row] as number
    if (target !== last) {
      const place = places.get(target)
      if (place === undefined)
        throw new InvalidDataError(`row ${row} is of class ${target}; expected one of ${listed(labels)}.`, { row })
      last = target
      index = place
    }
    indices[row] = index
  }
  return indices
}

function chooseLoss(asked: Loss | 'auto', classes: number | undefined): Loss {
  if (classes !== undefined && classes < 2)
    throw new InvalidDataError('the training data have one class only; expected at least two.')
  if (asked === 'auto') return classes === undefined ? 'squared' : 'logistic'
  if (classes === undefined && !numberLosses.includes(asked))
    throw new InvalidOptionError(
      `the loss is '${asked}', which takes classes, but the targets are numbers. Use squared, huber or poisson.`,
    )
  if (classes !== undefined && numberLosses.includes(asked))
    throw new InvalidOptionError(
      `the loss is '${asked}', which takes numbers, but the targets are classes. Read the data with task: 'regression'.`,
    )
  return asked
}

/** Rows as the core reads them, scaled as the training data were. */
export function rowsFor(data: LinearData | FeatureMatrix, { scaler, featureNames }: Preparation): NativeLinearData {
  const columns = featureNames.length
  if (data.columns !== columns)
    throw new InvalidDataError(
      `the features have ${data.columns} columns; the model was fitted on ${columns}. Pass the same columns.`,
    )
  const asTheyAre = scaler.kind === 'none' && !scaler.fill
  const scaled = <T extends Float32Array | Float64Array>(values: T) =>
    asTheyAre ? values : (applyScaler(scaler, values, columns) as T)
  if ('features' in data) return { values: scaled(data.features), rows: data.rows, columns }
  if ('handle' in data || data.columnIndices) {
    if (!asTheyAre)
      throw new InvalidDataError(
        `the model was fitted on scaled columns (${scaler.kind}), and sparse rows are not scaled; pass a Dataset or dense rows.`,
      )
    return 'handle' in data ? { handle: data.handle } : data
  }
  return { ...data, values: scaled(data.values) }
}

export function weighted(
  sample: Float64Array | undefined,
  byClass: Readonly<Record<string, number>> | 'balanced' | undefined,
  targets: Float64Array,
  classes: readonly string[] | undefined,
): { sampleWeights?: Float64Array } {
  if (byClass === undefined) return sample ? { sampleWeights: sample } : {}
  if (!classes) throw new InvalidOptionError('classWeights were given, but the targets are numbers; use sampleWeights.')
  const counts = classes.map((_, index) => targets.filter((target) => target === index).length)
  const factors = classes.map((label, index) => {
    if (byClass === 'balanced') return targets.length / (classes.length * (counts[index] as number))
    const factor = byClass[label] ?? 1
    if (!(Number.isFinite(factor) && factor >= 0))
      throw new InvalidOptionError(`classWeights of '${label}' is ${factor}; expected a finite number of at least 0.`)
    return factor
  })
  return { sampleWeights: targets.map((index, row) => (factors[index] as number) * (sample?.[row] ?? 1)) }
}
