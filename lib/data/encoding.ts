/** Columns of a table as features: what is a number, what is a category, and what is done where a value is missing. */
import { InvalidDataError, InvalidOptionError } from '../native/errors'
import { columnOf, type Frame, type FrameColumn, isMissingAt, type TextColumn } from './frame'
import { sortLabels } from './labels'
import { allocate, type Dtype, requireChoice, show } from './options'

/**
 * How a column of texts becomes numbers: one column of 0 and 1 for each category, or the place of the category in the list
 * (that of the data sorted, or one that is given).
 */
export type CategoricalKind = 'one-hot' | 'ordinal' | readonly string[]

/**
 * What is done where a feature is missing: the data are refused, the row is left out, or the fit puts the mean or median of
 * the training rows there (for a one-hot column the frequency of the category).
 */
export type MissingPolicy = 'refuse' | 'drop' | 'mean' | 'median'

export interface EncodingOptions {
  /** For all columns of texts, or by column; a column of numbers that is named here is categorical too. Default 'refuse'. */
  categorical?: 'refuse' | 'one-hot' | 'ordinal' | Readonly<Record<string, CategoricalKind>>
  /** Default 'refuse'. */
  missing?: MissingPolicy
  /** A category that the training data do not have: refused, or taken for a missing value. Default 'refuse'. */
  unknownCategories?: 'refuse' | 'missing'
}

export interface EncodedColumn {
  readonly name: string
  readonly kind: 'number' | 'one-hot' | 'ordinal'
  /** Absent for numbers. */
  readonly categories?: readonly string[]
}

/** Fitted on training data, kept by the data set and saved with the model. */
export interface Encoding {
  readonly columns: readonly EncodedColumn[]
  readonly unknownCategories: 'refuse' | 'missing'
  /** What a fit puts in place of missing values; absent: there are none. */
  readonly impute?: 'mean' | 'median'
}

/** More are a name or a key, not a category; they would cost a feature each. */
const mostCategories = 1000

/** Throws InvalidDataError for a column of texts that `categorical` does not speak of. */
export function fitEncoding(frame: Frame, columns: readonly FrameColumn[], options: EncodingOptions): Encoding {
  const { categorical = 'refuse', missing = 'refuse', unknownCategories = 'refuse' } = options
  requireChoice('missing', missing, { refuse: 0, drop: 0, mean: 0, median: 0 })
  requireChoice('unknownCategories', unknownCategories, { refuse: 0, missing: 0 })
  const byColumn = typeof categorical === 'object' && categorical !== null ? categorical : undefined
  if (!byColumn) requireChoice('categorical', categorical, { refuse: 0, 'one-hot': 0, ordinal: 0 })
  for (const name of Object.keys(byColumn ?? {})) {
    const column = columnOf(frame, name, 'categorical')
    if (!columns.includes(column))
      throw new InvalidOptionError(`categorical names '${name}', which is no feature; remove it`, {
        option: 'categorical',
      })
  }
  const encoded = columns.map((column) => {
    const kind = byColumn ? byColumn[column.name] : column.type === 'text' ? (categorical as 'one-hot') : undefined
    return fitColumn(frame, column, kind, byColumn !== undefined)
  })
  return {
    columns: encoded,
    unknownCategories,
    ...((missing === 'mean' || missing === 'median') && { impute: missing }),
  }
}

function fitColumn(
  frame: Frame,
  column: FrameColumn,
  kind: CategoricalKind | 'refuse' | undefined,
  named: boolean,
): EncodedColumn {
  const { name } = column
  if (column.type === 'text' && (kind === undefined || kind === 'refuse' || (column.mixedAt !== undefined && !named)))
    throw refusedText(frame, column)
  if (kind === undefined || kind === 'refuse') return { name, kind: 'number' }
  if (Array.isArray(kind)) return { name, kind: 'ordinal', categories: kind.map(String) }
  requireChoice(`categorical of '${name}'`, kind, { 'one-hot': 0, ordinal: 0 })
  const seen = new Set<string>()
  for (let row = 0; row < frame.rows; row++) {
    const text = categoryAt(column, row)
    if (text !== undefined) seen.add(text)
    if (seen.size > mostCategories)
      throw new InvalidDataError(
        `${frame.source}, column '${name}': there are more than ${mostCategories} categories; leave the column out with features`,
        { column: name },
      )
  }
  return { name, kind: kind as 'one-hot' | 'ordinal', categories: sortLabels(seen) }
}

function categoryAt(column: FrameColumn, row: number): string | undefined {
  if (isMissingAt(column, row)) return undefined
  if (column.type === 'boolean') return String(column.values[row] === 1)
  return String(column.values[row])
}

function refusedText(frame: Frame, column: TextColumn): InvalidDataError {
  const { name, values, mixedAt } = column
  const row = mixedAt ?? values.findIndex((value) => value !== undefined)
  const seen = mixedAt === undefined ? show(values[row]) : `${show(values[row])}, where a number and a text meet`
  return new InvalidDataError(
    `${frame.place(row)}, column '${name}': the value is ${seen}, expected a number; correct it, say how the column is ` +
      `encoded with categorical: { ${JSON.stringify(name)}: 'one-hot' }, or leave it out with features`,
    { column: name, row },
  )
}

export function encodedNames({ columns }: Encoding): string[] {
  return columns.flatMap(({ name, kind, categories }) =>
    kind === 'one-hot' ? (categories ?? []).map((category) => `${name}=${category}`) : [name],
  )
}

/**
 * Features, rows × encoded columns, NaN where a missing value is to be imputed.
 *
 * @param drop leave out rows where a value is missing; `kept` are those that stay
 * @throws InvalidDataError for a missing value that is neither dropped nor imputed, or an unknown category
 */
export function encode(
  frame: Frame,
  encoding: Encoding,
  dtype: Dtype = 'float32',
  drop = false,
): { features: Float32Array | Float64Array; kept: Int32Array } {
  const type = requireChoice('dtype', dtype, { float32: Float32Array, float64: Float64Array })
  const columns = encoding.columns.map(({ name }) => columnOf(frame, name, 'features'))
  const readers = encoding.columns.map((encoded, j) =>
    columnReader(frame, columns[j] as FrameColumn, encoded, encoding),
  )
  const width = readers.reduce((sum, { width }) => sum + width, 0)
  const features = allocate(type, frame.rows * width)
  const kept: number[] = []
  for (let row = 0; row < frame.rows; row++) {
    let at = kept.length * width
    const end = at + width
    for (const { width: wide, write } of readers) {
      if (write(features, at, row)) {
        at += wide
        continue
      }
      if (drop) break
      if (encoding.impute) features.fill(Number.NaN, at, at + wide)
      else throw missingValue(frame, columns[readers.findIndex((reader) => reader.write === write)] as FrameColumn, row)
      at += wide
    }
    if (at === end) kept.push(row)
  }
  if (kept.length === 0)
    throw new InvalidDataError(`${frame.source}: every row has a missing value; choose mean or median instead of drop`)
  return { features: features.subarray(0, kept.length * width), kept: Int32Array.from(kept) }
}

interface ColumnReader {
  width: number
  /** False where the value is missing. */
  write(into: Float32Array | Float64Array, at: number, row: number): boolean
}

function columnReader(
  frame: Frame,
  column: FrameColumn,
  { name, kind, categories }: EncodedColumn,
  encoding: Encoding,
): ColumnReader {
  if (kind === 'number') {
    const { values } = column
    if (column.type === 'text') throw refusedText(frame, column)
    const write: ColumnReader['write'] = (into, at, row) => {
      const value = values[row] as number
      into[at] = value
      if (Number.isNaN(value)) return false
      if (Number.isFinite(into[at])) return true
      throw new InvalidDataError(
        `${frame.place(row)}, column '${name}': the value is ${value}, too large for the number type; scale the column, or pass dtype: 'float64'`,
        { column: name, row },
      )
    }
    return { width: 1, write }
  }
  const places = new Map(categories?.map((category, index) => [category, index]))
  const width = kind === 'one-hot' ? places.size : 1
  const write: ColumnReader['write'] = (into, at, row) => {
    const category = categoryAt(column, row)
    if (category === undefined) return false
    const place = places.get(category)
    if (place === undefined) {
      if (encoding.unknownCategories === 'missing') return false
      throw new InvalidDataError(
        `${frame.place(row)}, column '${name}': the category is ${show(category)}, which the training data do not have; ` +
          "correct it, or train with unknownCategories: 'missing'",
        { column: name, row, categories },
      )
    }
    if (kind === 'ordinal') into[at] = place
    else {
      into.fill(0, at, at + width)
      into[at + place] = 1
    }
    return true
  }
  return { width, write }
}

function missingValue(frame: Frame, { name }: FrameColumn, row: number): InvalidDataError {
  return new InvalidDataError(
    `${frame.place(row)}, column '${name}': the value is missing; fill it in, or train with missing: 'drop', 'mean' or 'median'`,
    { column: name, row },
  )
}

/** The encoding that JSON describes. Throws InvalidDataError. */
export function encodingFromJson(json: unknown): Encoding {
  const { columns, unknownCategories, impute } = (json ?? {}) as Partial<Encoding>
  const texts = (list: unknown) => Array.isArray(list) && list.every((text) => typeof text === 'string')
  const whole =
    Array.isArray(columns) &&
    columns.every(
      (column) =>
        typeof column?.name === 'string' &&
        (column.kind === 'number' ||
          ((column.kind === 'one-hot' || column.kind === 'ordinal') && texts(column.categories))),
    )
  const known =
    ['refuse', 'missing'].includes(unknownCategories as string) && [undefined, 'mean', 'median'].includes(impute)
  if (whole && known) return json as Encoding
  throw new InvalidDataError('the encoding of the columns in the model is damaged; save the model again.')
}
