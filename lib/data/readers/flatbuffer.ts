/**
 * Tables of FlatBuffers (https://flatbuffers.dev/internals), the metadata of Arrow, with every offset and length checked: a
 * damaged one is a RangeError, after work that the number of bytes bounds.
 */
export class FlatBuffer {
  readonly view: DataView
  readonly bytes: Uint8Array
  // A table takes four bytes at least. More visits come from offsets that lead back to where they came from.
  #visits: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#visits = bytes.length
  }

  root(): FlatTable {
    return this.table(this.follow(0))
  }

  table(at: number): FlatTable {
    if (this.#visits-- <= 0) throw new RangeError('its metadata refer to themselves')
    return new FlatTable(this, at)
  }

  /** Where the offset that is written at a place leads. */
  follow(at: number): number {
    return at + this.view.getUint32(at, true)
  }

  /** @param size bytes from `at` on that must be there */
  require(at: number, size: number): number {
    if (at >= 0 && size >= 0 && at + size <= this.bytes.length) return at
    throw new RangeError(`its metadata end at ${this.bytes.length} of ${at + size} bytes`)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Fields are numbered from 0 in the order of the schema; one that is not there has its default, 0. */
export class FlatTable {
  readonly #buffer: FlatBuffer
  readonly #at: number
  readonly #fields: number
  readonly #fieldBytes: number
  readonly #bytes: number

  constructor(buffer: FlatBuffer, at: number) {
    const { view } = buffer
    this.#buffer = buffer
    this.#at = at
    const vtable = at - view.getInt32(at, true)
    this.#fieldBytes = view.getInt16(vtable, true)
    this.#bytes = view.getInt16(vtable + 2, true)
    this.#fields = vtable
    buffer.require(vtable, this.#fieldBytes)
    buffer.require(at, this.#bytes)
    if (this.#fieldBytes < 4 || this.#fieldBytes % 2 || this.#bytes < 4)
      throw new RangeError('a table of its metadata has no form')
  }

  byte(field: number): number {
    const at = this.#field(field, 1)
    return at === undefined ? 0 : this.#buffer.view.getUint8(at)
  }

  short(field: number): number {
    const at = this.#field(field, 2)
    return at === undefined ? 0 : this.#buffer.view.getInt16(at, true)
  }

  int(field: number): number {
    const at = this.#field(field, 4)
    return at === undefined ? 0 : this.#buffer.view.getInt32(at, true)
  }

  long(field: number): number {
    const at = this.#field(field, 8)
    return at === undefined ? 0 : exactLong(this.#buffer.view, at)
  }

  text(field: number): string {
    const { start, length } = this.vector(field, 1)
    return utf8.decode(this.#buffer.bytes.subarray(start, start + length))
  }

  table(field: number): FlatTable | undefined {
    const at = this.#field(field, 4)
    return at === undefined ? undefined : this.#buffer.table(this.#buffer.follow(at))
  }

  tables(field: number): FlatTable[] {
    const { start, length } = this.vector(field, 4)
    return Array.from({ length }, (_, i) => this.#buffer.table(this.#buffer.follow(start + 4 * i)))
  }

  /** Elements of `size` bytes: the place of the first, and their number. */
  vector(field: number, size: number): { view: DataView; start: number; length: number } {
    const { view } = this.#buffer
    const at = this.#field(field, 4)
    if (at === undefined) return { view, start: 0, length: 0 }
    const vector = this.#buffer.follow(at)
    const length = view.getUint32(vector, true)
    return { view, start: this.#buffer.require(vector + 4, length * size), length }
  }

  #field(field: number, size: number): number | undefined {
    const entry = 4 + 2 * field
    if (entry + 2 > this.#fieldBytes) return undefined
    const offset = this.#buffer.view.getInt16(this.#fields + entry, true)
    if (offset === 0) return undefined
    if (offset < 4 || offset + size > this.#bytes)
      throw new RangeError('a field of its metadata lies outside its table')
    return this.#at + offset
  }
}

/** Throws RangeError beyond 2^53, where nothing in a file can be. */
export function exactLong(view: DataView, at: number): number {
  const value = Number(view.getBigInt64(at, true))
  if (Number.isSafeInteger(value)) return value
  throw new RangeError(`its metadata hold the number ${value}`)
}
