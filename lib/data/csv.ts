/** Records and cells of delimited text: RFC 4180, with LF, CRLF or CR line ends, spaces around a cell ignored. */

import { InvalidDataError } from '../native/errors'
import { readBytes } from './bytes'
import { parseDecimal } from './decimal'

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const SPACE = 0x20
const TAB = 0x09
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30

const exactLimit = 2 ** 53
const powersOfTen = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))

/** What a byte is outside quotes: those from `end` on end the text of a cell. */
const Kind = { text: 0, space: 1, end: 2, quote: 3 } as const

/**
 * Splits chunks of bytes into records, one at a time.
 *
 * A record that the bytes so far do not complete is scanned again from its start when more have come; for records longer
 * than a chunk the buffer doubles first, so that the work stays linear.
 */
export class RecordScanner {
  // Cell k of the current record is bytes starts[k] … ends[k] − 1, without surrounding spaces or quotes.
  #starts = new Int32Array(64)
  #ends = new Int32Array(64)
  // Its number, or NaN where it has not been read or is none.
  #numbers = new Float64Array(64)
  #bytes = Buffer.alloc(0)
  /** Cells with doubled quotes inside, which `text` makes single. */
  readonly #escaped = new Set<number>()
  /** Number of cells of the current record; a blank line has one, empty. */
  cells = 0
  /** Whether the current record is a line without a byte or with spaces only. */
  blank = false
  /** The line on which the current record begins, from 1. */
  line = 0

  readonly #file: string
  readonly #delimiter: number
  readonly #kinds = new Uint8Array(256)
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #position = 0
  #length = 0
  #nextLine = 1
  #retryAt = 0
  #started = false
  #ended = false
  #quotedLines = 0

  /** @param delimiter one ASCII character */
  constructor(file: string, delimiter: string) {
    this.#file = file
    this.#delimiter = delimiter.charCodeAt(0)
    this.#kinds[SPACE] = this.#kinds[TAB] = Kind.space
    this.#kinds[this.#delimiter] = this.#kinds[LF] = this.#kinds[CR] = Kind.end
    this.#kinds[QUOTE] = Kind.quote
  }

  /** Append a chunk; the bytes of the current record are gone afterwards. */
  push(chunk: Uint8Array): void {
    const rest = this.#length - this.#position
    const needed = rest + chunk.length
    if (needed >= this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(needed + 1, 2 * this.#bytes.length))
      larger.set(this.#bytes.subarray(this.#position, this.#length))
      this.#bytes = larger
    } else {
      this.#bytes.copyWithin(0, this.#position, this.#length)
    }
    this.#bytes.set(chunk, rest)
    // A sentinel, so that the loops over a cell need not look for the end of the bytes.
    this.#bytes[needed] = LF
    this.#retryAt -= this.#position
    this.#position = 0
    this.#length = needed
  }

  /** Say that no more chunks come, so that the last record needs no line end. */
  end(): void {
    this.#ended = true
  }

  /** Move to the next record; false when the bytes so far hold no further complete one. */
  next(): boolean {
    if (!this.#started && !this.#start()) return false
    if (this.#position >= this.#length || (!this.#ended && this.#length < this.#retryAt)) return false
    const end = this.#scan()
    if (end === -1) {
      this.#retryAt = this.#position + 2 * (this.#length - this.#position)
      return false
    }
    this.line = this.#nextLine
    this.#nextLine += 1 + this.#quotedLines
    this.#position = end
    return true
  }

  /** A cell of the current record as the nearest float64; infinite beyond its range, NaN when it is not a decimal. */
  number(cell: number): number {
    const number = this.#numbers[cell] as number
    if (!Number.isNaN(number)) return number
    return parseDecimal(this.#bytes, this.#starts[cell] as number, this.#ends[cell] as number)
  }

  /** The text of a cell of the current record. */
  text(cell: number): string {
    const bytes = this.#bytes.subarray(this.#starts[cell], this.#ends[cell])
    try {
      const text = this.#decoder.decode(bytes)
      return this.#escaped.has(cell) ? text.replaceAll('""', '"') : text
    } catch (cause) {
      throw this.#error(`cell ${cell + 1} is not UTF-8; convert the file to UTF-8`, this.line, { cause })
    }
  }

  // The index after the record that begins at #position, or -1 when the bytes end before it does.
  #scan(): number {
    const bytes = this.#bytes
    const length = this.#length
    const kinds = this.#kinds
    let starts = this.#starts
    let ends = this.#ends
    let numbers = this.#numbers
    let i = this.#position
    let cell = 0
    this.#quotedLines = 0
    this.#escaped.clear()
    for (;;) {
      if (cell === starts.length) {
        this.#growCells()
        starts = this.#starts
        ends = this.#ends
        numbers = this.#numbers
      }
      while (kinds[bytes[i] as number] === Kind.space) i++
      if (bytes[i] === QUOTE) {
        const close = this.#closingQuote(i + 1, cell)
        if (close === -1) return -1
        starts[cell] = i + 1
        ends[cell] = close
        numbers[cell] = Number.NaN
        i = close + 1
        while (kinds[bytes[i] as number] === Kind.space) i++
        if (kinds[bytes[i] as number] !== Kind.end) this.#refuseQuote('text follows a closing quote')
      } else {
        const start = i
        // Most cells are plain decimals and are read while looking for their end. Clinger, "How to read floating point
        // numbers accurately", PLDI 1990: an integer up to 2^53 divided by a power of ten up to 10^22 is one rounding of
        // exact operands, hence the nearest float64. A mantissa that ends below 2^53 was exact at every step.
        const negative = bytes[i] === MINUS
        if (negative) i++
        let mantissa = 0
        let digit = (bytes[i] as number) - ZERO
        while (digit >= 0 && digit <= 9) {
          mantissa = 10 * mantissa + digit
          digit = (bytes[++i] as number) - ZERO
        }
        let fraction = 0
        let marks = negative ? 1 : 0
        if (bytes[i] === POINT) {
          const point = i++
          digit = (bytes[i] as number) - ZERO
          while (digit >= 0 && digit <= 9) {
            mantissa = 10 * mantissa + digit
            digit = (bytes[++i] as number) - ZERO
          }
          fraction = i - point - 1
          marks++
        }
        if (kinds[bytes[i] as number] === Kind.end && mantissa <= exactLimit && fraction <= 22 && i - start > marks) {
          const value = mantissa / (powersOfTen[fraction] as number)
          numbers[cell] = negative ? -value : value
        } else {
          numbers[cell] = Number.NaN
        }
        while ((kinds[bytes[i] as number] as number) < Kind.end) i++
        let end = i
        while (end > start && kinds[bytes[end - 1] as number] === Kind.space) end--
        starts[cell] = start
        ends[cell] = end
        if (bytes[i] === QUOTE) this.#refuseQuote('a quote is inside a cell that does not begin with one')
      }
      cell++
      const c = bytes[i]
      if (c === this.#delimiter) {
        i++
        continue
      }
      if (i >= length) {
        if (!this.#ended) return -1
        break
      }
      i++
      if (c === CR) {
        // Whether an LF belongs to this line end is not known before the next byte is.
        if (i >= length && !this.#ended) return -1
        if (i < length && bytes[i] === LF) i++
      }
      break
    }
    this.cells = cell
    this.blank = cell === 1 && starts[0] === ends[0] && bytes[(starts[0] as number) - 1] !== QUOTE
    return i
  }

  // The index of the quote that closes a cell whose text begins at i, or -1 when the bytes end before it does.
  #closingQuote(i: number, cell: number): number {
    const bytes = this.#bytes
    const length = this.#length
    for (let from = i; ; ) {
      const quote = bytes.indexOf(QUOTE, from)
      // The buffer is longer than what has been read into it.
      if (quote === -1 || quote >= length || (quote + 1 >= length && !this.#ended)) {
        if (!this.#ended) return -1
        if (quote === -1 || quote >= length) {
          throw this.#error('a quoted cell does not end; close the quote', this.#nextLine)
        }
      }
      if (quote + 1 >= length || bytes[quote + 1] !== QUOTE) {
        for (let j = i; j < quote; j++) {
          if (bytes[j] === LF || (bytes[j] === CR && bytes[j + 1] !== LF)) this.#quotedLines++
        }
        return quote
      }
      this.#escaped.add(cell)
      from = quote + 2
    }
  }

  #growCells(): void {
    const length = 2 * this.#starts.length
    const grow = <T extends Int32Array | Float64Array>(larger: T, values: T): T => {
      larger.set(values)
      return larger
    }
    this.#starts = grow(new Int32Array(length), this.#starts)
    this.#ends = grow(new Int32Array(length), this.#ends)
    this.#numbers = grow(new Float64Array(length), this.#numbers)
  }

  // Skip a byte order mark; false when there are too few bytes to tell.
  #start(): boolean {
    if (this.#length < 3 && !this.#ended) return false
    this.#started = true
    const [a, b, c] = this.#bytes.subarray(0, this.#length)
    if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
      throw this.#error('the text is UTF-16, expected UTF-8; convert the file to UTF-8', 1)
    }
    if (a === 0xef && b === 0xbb && c === 0xbf) this.#position = 3
    return true
  }

  #refuseQuote(what: string): never {
    throw this.#error(`${what}; quote the whole cell and double the quotes inside it`, this.#nextLine)
  }

  #error(message: string, line: number, options?: ErrorOptions): InvalidDataError {
    return new InvalidDataError(`${this.#file}, line ${line}: ${message}`, { file: this.#file, line }, options)
  }
}

/** Calls `take` for every record of a file, blank ones among them; the scanner is at it meanwhile. */
export async function scanRecords(
  path: string,
  delimiter: string,
  take: (scanner: RecordScanner) => void,
): Promise<void> {
  for await (const scanner of fedScanner(path, delimiter)) while (scanner.next()) take(scanner)
}

/** The scanner of a file, each time that it has been given more bytes: its records are to be taken before the next ones come. */
export async function* fedScanner(path: string, delimiter: string): AsyncGenerator<RecordScanner, void, undefined> {
  const scanner = new RecordScanner(path, delimiter)
  for await (const chunk of readBytes(path)) {
    scanner.push(chunk)
    yield scanner
  }
  scanner.end()
  yield scanner
}

/** Throws InvalidDataError for a record that has more or fewer cells than the first line. */
export function requireCells(path: string, { cells, line }: RecordScanner, expected: number): void {
  if (cells === expected) return
  throw new InvalidDataError(
    `${path}, line ${line}: the row has ${cells} cells, expected ${expected} as in the first line; complete or remove the row`,
    { file: path, line, cells, expected },
  )
}
