/** Tables as readers find them in files: named columns of numbers, truth values or texts, with missing values. */
import { InvalidDataError, InvalidOptionError, suggest } from '../native/errors'
import { allocate, show } from './options'

export interface NumberColumn {
  readonly name: string
  /** Truth values are 0 and 1; moments in time are milliseconds since 1970. */
  readonly type: 'number' | 'boolean'
  /** NaN where the value is missing. */
  readonly values: Float64Array
}

export interface TextColumn {
  readonly name: string
  readonly type: 'text'
  /** undefined where the value is missing. */
  readonly values: readonly (string | undefined)[]
  /** The first row where a number and a text meet; such a column is used only where it is said to be categorical. */
  readonly mixedAt?: number
}

export type FrameColumn = NumberColumn | TextColumn

export interface Frame {
  /** The file, or another name, for messages. */
  readonly source: string
  readonly rows: number
  readonly columns: readonly FrameColumn[]
  /** Where a row is, in words: `people.csv, line 7`. */
  place(row: number): string
}

/** Pieces of a table: the first has up to `head` rows, the others up to `rows`. */
export interface PieceRows {
  readonly head: number
  readonly rows: number
}

/** All rows in one. */
export const wholePiece: PieceRows = { head: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY }

/** The one piece of a reader that was asked for no more. */
export async function wholeFrame(pieces: AsyncGenerator<Frame, void, undefined>): Promise<Frame> {
  const { value } = await pieces.next()
  await pieces.return()
  return value as Frame
}

export const isMissingAt = ({ values }: FrameColumn, row: number): boolean => {
  const value = values[row]
  return value === undefined || Number.isNaN(value)
}

/**
 * The column of a name or 0-based index.
 *
 * @throws InvalidOptionError with the nearest name
 */
export function columnOf({ source, columns }: Frame, wanted: unknown, option: string): FrameColumn {
  const found = typeof wanted === 'number' ? columns[wanted] : columns.find(({ name }) => name === wanted)
  if (found) return found
  const names = columns.map(({ name }) => name)
  const near = typeof wanted === 'string' ? suggest(wanted, names) : undefined
  const shown = `${names.slice(0, 20).map(show).join(', ')}${names.length > 20 ? `, … (${names.length})` : ''}`
  throw new InvalidOptionError(
    `${source}: there is no column ${show(wanted)}, expected one of ${shown}; ${near ? `did you mean ${show(near)}?` : 'choose one of them'}`,
    { option, columns: names },
  )
}

/** Collects the values of one column and finds its type. */
export class ColumnBuilder {
  readonly name: string
  #numbers = allocate(Float64Array, 256)
  #texts: (string | undefined)[] | undefined
  #boolean: boolean | undefined
  #known = 0
  #mixedAt: number | undefined
  rows = 0

  constructor(name: string) {
    this.name = name
  }

  /**
   * @param text the value as it is written, for a number in a column of texts
   * @throws InvalidDataError for what is neither number, truth value, text, moment nor missing; `place` says where
   */
  add(value: unknown, place: () => string, text?: string): void {
    const row = this.rows++
    if (value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value))) this.#miss(row)
    else if (typeof value === 'string') this.#addText(value, row)
    else this.#addNumber(value, row, place, text)
  }

  finish(): FrameColumn {
    const { name } = this
    if (this.#texts)
      return { name, type: 'text', values: this.#texts, ...(this.#mixedAt !== undefined && { mixedAt: this.#mixedAt }) }
    return { name, type: this.#boolean ? 'boolean' : 'number', values: this.#numbers.slice(0, this.rows) }
  }

  #addNumber(value: unknown, row: number, place: () => string, text: string | undefined): void {
    const number = this.#numberOf(value, place)
    if (this.#texts) {
      this.#mixedAt ??= row
      this.#texts.push(text ?? String(value))
    }
    this.#boolean = (this.#boolean ?? true) && typeof value === 'boolean'
    this.#known++
    this.#store(row, number)
  }

  #numberOf(value: unknown, place: () => string): number {
    if (typeof value === 'number' && Number.isFinite(value)) return value
    if (typeof value === 'boolean') return Number(value)
    if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) return Number(value)
    // Not by instanceof: readers may make them in another realm.
    if (Object.prototype.toString.call(value) === '[object Date]') return (value as Date).getTime()
    const seen = typeof value === 'number' || typeof value === 'bigint' ? String(value) : show(value)
    const expected = typeof value === 'bigint' ? 'an integer within 2^53' : 'a finite number, a text or a truth value'
    throw new InvalidDataError(
      `${place()}, column '${this.name}': the value is ${seen}, expected ${expected}; convert it, or leave the column out with features`,
      { column: this.name, row: this.rows - 1 },
    )
  }

  #miss(row: number): void {
    this.#texts?.push(undefined)
    this.#store(row, Number.NaN)
  }

  #addText(text: string, row: number): void {
    if (!this.#texts) {
      if (this.#known > 0) this.#mixedAt = row
      // Numbers before the first text: as JavaScript writes them.
      this.#texts = Array.from(this.#numbers.subarray(0, row), (value) =>
        Number.isNaN(value) ? undefined : this.#boolean ? String(value === 1) : String(value),
      )
    }
    this.#texts.push(text)
    this.#store(row, Number.NaN)
  }

  #store(row: number, value: number): void {
    if (row === this.#numbers.length) {
      const larger = allocate(Float64Array, 2 * row)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers[row] = value
  }
}
