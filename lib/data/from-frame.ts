/** Tables as data sets: which columns are features, how they become numbers, which is the target. */
import { InvalidDataError, InvalidOptionError } from '../native/errors'
import { readTargets } from './arrays'
import type { DatasetParts } from './dataset'
import { type Encoding, type EncodingOptions, encode, encodedNames, encodingFromJson, fitEncoding } from './encoding'
import { columnOf, type Frame, type FrameColumn, isMissingAt } from './frame'
import { requireClasses, requireTask, type Task, unknownLabel } from './labels'
import { type Dtype, requireNames, show } from './options'
import type { FeatureMatrix } from './table'

export interface FrameFeatureOptions extends EncodingOptions {
  /** Names or 0-based indices of the feature columns. Default: all but target, group and time. */
  features?: readonly (string | number)[]
  /** That of the training data: columns are found by name, and become the same numbers. */
  encoding?: Encoding
  /** Default 'float32'. */
  dtype?: Dtype
}

export interface FrameDatasetOptions extends FrameFeatureOptions {
  /** Name or 0-based index of the target column. */
  target: string | number
  task?: Task
  /** The classes of the training data: labels are numbered by them, and others refused. */
  classes?: readonly string[]
  /** Column whose equal values stay on one side of every split and fold; no feature. */
  group?: string | number
  /** Column of numbers or moments by which splits and folds are made, earlier rows for training; no feature. */
  time?: string | number
}

const featureNames = ['features', 'encoding', 'dtype', 'categorical', 'missing', 'unknownCategories']
export const frameDatasetNames = [...featureNames, 'target', 'task', 'classes', 'group', 'time']
export const frameFeatureNames: readonly string[] = featureNames

export function partsFromFrame(frame: Frame, options: FrameDatasetOptions): DatasetParts {
  requireNames('the data set', options, frameDatasetNames)
  if (options.target === undefined || options.target === null)
    throw new InvalidOptionError(`${frame.source}: no target is given; pass the name of the column to learn`, {
      option: 'target',
    })
  const target = columnOf(frame, options.target, 'target')
  const group = options.group === undefined ? undefined : columnOf(frame, options.group, 'group')
  const time = options.time === undefined ? undefined : columnOf(frame, options.time, 'time')
  const others = [target, group, time].filter((column) => column !== undefined)
  const encoding = encodingOf(frame, options, others)
  const drop = options.missing === 'drop'
  const { features, kept } = encode(withoutRows(frame, drop ? target : undefined), encoding, options.dtype, drop)
  const rows = Array.from(kept)
  const classes = requireClasses(options.classes)
  const { values, classes: found } = targetsOf(frame, target, rows, requireTask(options.task, classes), classes)
  const names = encodedNames(encoding)
  return {
    features,
    rows: rows.length,
    columns: names.length,
    targets: values,
    targetColumns: 1,
    classes: found,
    featureNames: Object.freeze(names),
    targetName: target.name,
    encoding,
    ...(group && { groups: keysOf(frame, group, rows) }),
    ...(time && { times: timesOf(frame, time, rows) }),
  }
}

/** The features of rows to predict. */
export function featuresFromFrame(frame: Frame, options: FrameFeatureOptions = {}): FeatureMatrix {
  requireNames('the features', options, featureNames)
  if (options.missing === 'drop')
    throw new InvalidOptionError("missing is 'drop', but every row wants a prediction; leave it out", {
      option: 'missing',
    })
  const encoding = encodingOf(frame, options, [])
  const { features } = encode(frame, encoding, options.dtype)
  const names = encodedNames(encoding)
  return { features, rows: frame.rows, columns: names.length, featureNames: Object.freeze(names) }
}

function encodingOf(frame: Frame, options: FrameFeatureOptions, others: readonly FrameColumn[]): Encoding {
  const { encoding, features, categorical, missing, unknownCategories } = options
  if (encoding) {
    if (categorical !== undefined || unknownCategories !== undefined || features !== undefined)
      throw new InvalidOptionError(
        'encoding is given beside features, categorical or unknownCategories, which it tells; leave these out',
        {
          option: 'encoding',
        },
      )
    return encodingFromJson(encoding)
  }
  if (features !== undefined && (!Array.isArray(features) || features.length === 0))
    throw new InvalidOptionError(`features is ${show(features)}, expected a list of columns; pass their names`, {
      option: 'features',
    })
  const columns =
    features?.map((name) => columnOf(frame, name, 'features')) ??
    frame.columns.filter((column) => !others.includes(column))
  const wrong = columns.find((column, i) => others.includes(column) || columns.indexOf(column) < i)
  if (wrong)
    throw new InvalidOptionError(`features has '${wrong.name}' twice, or beside target, group or time; remove it`, {
      option: 'features',
    })
  if (columns.length === 0)
    throw new InvalidDataError(`${frame.source}: the only column is the target, expected features; check the file`)
  return fitEncoding(frame, columns, {
    ...(categorical !== undefined && { categorical }),
    ...(missing !== undefined && { missing }),
    ...(unknownCategories !== undefined && { unknownCategories }),
  })
}

/** The frame as it is, or with its features missing where `target` is, so that those rows are dropped too. */
function withoutRows(frame: Frame, target: FrameColumn | undefined): Frame {
  if (!target) return frame
  const gone = Array.from({ length: frame.rows }, (_, row) => isMissingAt(target, row))
  if (!gone.includes(true)) return frame
  const columns = frame.columns.map((column): FrameColumn => {
    if (column.type === 'text')
      return { ...column, values: column.values.map((value, row) => (gone[row] ? undefined : value)) }
    return { ...column, values: column.values.map((value, row) => (gone[row] ? Number.NaN : value)) }
  })
  return { ...frame, columns }
}

function targetsOf(
  frame: Frame,
  column: FrameColumn,
  rows: readonly number[],
  task: Task | undefined,
  classes: readonly string[] | undefined,
): { values: Float64Array; classes: readonly string[] | undefined } {
  const { name } = column
  for (const row of rows)
    if (isMissingAt(column, row))
      throw new InvalidDataError(
        `${frame.place(row)}, column '${name}': the target is missing; fill it in, remove the row, or pass missing: 'drop'`,
        { column: name, row },
      )
  // With the file and line, which the reading of targets below does not know.
  const known = classes && new Set(classes)
  for (const row of known ? rows : [])
    if (!known?.has(labelAt(column, row)))
      throw unknownLabel(`${frame.place(row)}, column '${name}'`, labelAt(column, row), classes as readonly string[], {
        column: name,
        row,
      })
  if (column.type === 'text') {
    const mixed = column.mixedAt
    if (mixed !== undefined && task === undefined)
      throw new InvalidDataError(
        `${frame.place(mixed)}: the target is ${show(column.values[mixed])}, where a number and a text meet; correct it, or pass task: 'classification' if all are labels`,
        { column: name, row: mixed },
      )
    return readTargets(
      rows.map((row) => column.values[row] as string),
      undefined,
      task,
      classes,
    )
  }
  const values = rows.map((row) => column.values[row] as number)
  if (column.type === 'boolean' && task !== 'regression')
    return readTargets(
      values.map((value) => value === 1),
      undefined,
      task,
      classes,
    )
  return readTargets(Float64Array.from(values), undefined, task, classes)
}

const labelAt = ({ type, values }: FrameColumn, row: number): string =>
  String(type === 'boolean' ? values[row] === 1 : values[row])

function keysOf(frame: Frame, column: FrameColumn, rows: readonly number[]): readonly string[] {
  return rows.map((row) => {
    if (!isMissingAt(column, row)) return String(column.values[row])
    throw new InvalidDataError(
      `${frame.place(row)}, column '${column.name}': the group is missing; fill it in or remove the row`,
      {
        column: column.name,
        row,
      },
    )
  })
}

/** Numbers as they are, texts as dates of ISO 8601. */
function timesOf(frame: Frame, column: FrameColumn, rows: readonly number[]): Float64Array {
  return Float64Array.from(rows, (row) => {
    const value = column.values[row]
    const time =
      typeof value === 'string' ? (/^\d{4}-\d\d/.test(value) ? Date.parse(value) : Number.NaN) : (value as number)
    if (Number.isFinite(time)) return time
    throw new InvalidDataError(
      `${frame.place(row)}, column '${column.name}': the time is ${show(value ?? 'missing')}, expected a number or a date such as 2024-12-31; correct it`,
      { column: column.name, row },
    )
  })
}
