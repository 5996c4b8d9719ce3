/** Records and cells of delimited text: RFC 4180, with LF, CRLF or CR line ends, spaces around a cell ignored. */

import { InvalidDataError } from '../native/errors'

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const SPACE = 0x20
const TAB = 0x09

/**
 * Splits chunks of bytes into records, one at a time. Cell k of the current record is bytes starts[k] … ends[k] − 1,
 * without surrounding spaces or quotes.
 *
 * A record that the bytes so far do not complete is scanned again from its start when more have come; for records longer
 * than a chunk the buffer doubles first, so that the work stays linear.
 */
export class RecordScanner {
  bytes: Uint8Array = new Uint8Array(0)
  starts = new Int32Array(64)
  ends = new Int32Array(64)
  /** 1 for a cell with doubled quotes inside, which `text` makes single. */
  #escaped = new Uint8Array(64)
  /** Number of cells of the current record; a blank line has one, empty. */
  cells = 0
  /** Whether the current record is a line without a byte or with spaces only. */
  blank = false
  /** The line on which the current record begins, from 1. */
  line = 0

  readonly #file: string
  readonly #delimiter: number
  readonly #special = new Uint8Array(256)
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
    for (const byte of [this.#delimiter, LF, CR, QUOTE]) this.#special[byte] = 1
  }

  /** Append a chunk; the bytes of the current record are gone afterwards. */
  push(chunk: Uint8Array): void {
    const rest = this.#length - this.#position
    const needed = rest + chunk.length
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.bytes.length))
      larger.set(this.bytes.subarray(this.#position, this.#length))
      this.bytes = larger
    } else {
      this.bytes.copyWithin(0, this.#position, this.#length)
    }
    this.bytes.set(chunk, rest)
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

  /** The text of a cell of the current record. */
  text(cell: number): string {
    const bytes = this.bytes.subarray(this.starts[cell], this.ends[cell])
    try {
      const text = this.#decoder.decode(bytes)
      return this.#escaped[cell] === 1 ? text.replaceAll('""', '"') : text
    } catch (cause) {
      throw this.#error(`cell ${cell + 1} is not UTF-8; convert the file to UTF-8`, this.line, { cause })
    }
  }

  // The index after the record that begins at #position, or -1 when the bytes end before it does.
  #scan(): number {
    const bytes = this.bytes
    const length = this.#length
    const special = this.#special
    const delimiter = this.#delimiter
    let i = this.#position
    let cell = 0
    this.#quotedLines = 0
    for (;;) {
      if (cell === this.starts.length) this.#growCells()
      while (i < length && this.#isSpace(bytes[i] as number)) i++
      this.#escaped[cell] = 0
      if (i < length && bytes[i] === QUOTE) {
        const close = this.#closingQuote(i + 1, cell)
        if (close === -1) return -1
        this.starts[cell] = i + 1
        this.ends[cell] = close
        i = close + 1
        while (i < length && this.#isSpace(bytes[i] as number)) i++
        if (i < length && special[bytes[i] as number] === 0) this.#refuseQuote('text follows a closing quote')
      } else {
        this.starts[cell] = i
        while (i < length && special[bytes[i] as number] === 0) i++
        let end = i
        while (end > (this.starts[cell] as number) && this.#isSpace(bytes[end - 1] as number)) end--
        this.ends[cell] = end
      }
      cell++
      if (i >= length) {
        if (!this.#ended) return -1
        break
      }
      const c = bytes[i++]
      if (c === delimiter) continue
      if (c === QUOTE) this.#refuseQuote('a quote is inside a cell that does not begin with one')
      if (c === CR) {
        // Whether an LF belongs to this line end is not known before the next byte is.
        if (i >= length && !this.#ended) return -1
        if (i < length && bytes[i] === LF) i++
      }
      break
    }
    this.cells = cell
    this.blank = cell === 1 && this.starts[0] === this.ends[0] && bytes[(this.ends[0] as number) - 1] !== QUOTE
    return i
  }

  // The index of the quote that closes a cell whose text begins at i, or -1 when the bytes end before it does.
  #closingQuote(i: number, cell: number): number {
    const { bytes } = this
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
      this.#escaped[cell] = 1
      from = quote + 2
    }
  }

  #isSpace(byte: number): boolean {
    return (byte === SPACE || byte === TAB) && byte !== this.#delimiter
  }

  #growCells(): void {
    const grow = <T extends Int32Array | Uint8Array>(array: T, larger: T): T => {
      larger.set(array)
      return larger
    }
    const length = 2 * this.starts.length
    this.starts = grow(this.starts, new Int32Array(length))
    this.ends = grow(this.ends, new Int32Array(length))
    this.#escaped = grow(this.#escaped, new Uint8Array(length))
  }

  // Skip a byte order mark; false when there are too few bytes to tell.
  #start(): boolean {
    if (this.#length < 3 && !this.#ended) return false
    this.#started = true
    const [a, b, c] = this.bytes.subarray(0, this.#length)
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
