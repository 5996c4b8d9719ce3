/**
 * What an Arrow file tells about itself, checked before apache-arrow sees it: the package believes the counts and offsets of a
 * file, counts to them for ever, reads a schema in the place of a batch again and again, and takes what lies beyond the end of
 * a buffer for nulls. (https://arrow.apache.org/docs/format/Columnar.html, Serialization and Interprocess Communication.)
 */
import { type ArrowField, checkBatch, type Decode, dictionariesOf, readSchema, requireMetadata } from './arrow-schema'
import { exactLong, FlatBuffer, type FlatTable } from './flatbuffer'

const magic = 'ARROW1'
const Header = { schema: 1, dictionary: 2, batch: 3 } as const

interface Message {
  readonly type: number
  readonly version: number
  readonly header: FlatTable
  readonly body: Uint8Array
  /** Where the next message begins. */
  readonly end: number
}

/**
 * Looks at all metadata of a file or stream, once, and at the bitmaps of nulls.
 *
 * @param codecs of compressed bodies: LZ4 frames, Zstandard
 * @throws RangeError in words for what is damaged
 */
export function checkArrow(bytes: Uint8Array, codecs: readonly Decode[]): void {
  const text = (at: number) => Buffer.from(bytes.subarray(at, at + magic.length)).toString('latin1')
  const rows =
    text(0) === magic ? checkFile(bytes, text(bytes.length - magic.length), codecs) : checkStream(bytes, codecs)
  // Where all columns are of nulls nothing else bounds them; beyond this they are no table for learning.
  if (rows > 1e5 * bytes.length) throw new RangeError(`it tells of ${rows} rows in ${bytes.length} bytes`)
}

function checkStream(bytes: Uint8Array, codecs: readonly Decode[]): number {
  const first = messageAt(bytes, 0)
  if (first?.type !== Header.schema) throw new RangeError('it does not begin with a schema')
  const check = new Batches(readSchema(first.header), first.version, codecs)
  let at = first.end
  for (let message = messageAt(bytes, at); message; message = messageAt(bytes, at)) {
    check.add(message)
    at = message.end
  }
  return check.rows
}

/** Magic, the stream, and a footer that says where its batches are. */
function checkFile(bytes: Uint8Array, ending: string, codecs: readonly Decode[]): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tail = bytes.length - magic.length - 4
  if (ending !== magic || tail < 8) throw new RangeError('it is cut off')
  const length = view.getInt32(tail, true)
  if (length <= 0 || length > tail - 8) throw new RangeError(`its footer has ${length} of ${bytes.length} bytes`)
  const footer = new FlatBuffer(bytes.subarray(tail - length, tail)).root()
  const messages = bytes.subarray(0, tail - length)
  const fields = readSchema(footer.table(1))
  // Not every writer repeats the schema at the beginning.
  const first = messageAt(messages, 8)
  const repeated = first?.type === Header.schema ? first : undefined
  if (repeated && JSON.stringify(readSchema(repeated.header)) !== JSON.stringify(fields))
    throw new RangeError('its footer has another schema than its beginning')
  const check = new Batches(fields, footer.short(0), codecs)
  const blocks = [...blocksOf(footer, 2, Header.dictionary), ...blocksOf(footer, 3, Header.batch)]
  let end = repeated?.end ?? 8
  for (const block of blocks.sort((a, b) => a.offset - b.offset)) {
    if (block.offset < end || block.offset % 8 !== 0) throw new RangeError(`a block begins at byte ${block.offset}`)
    const message = messageAt(messages, block.offset)
    const { body, type } = message ?? {}
    if (
      !message ||
      type !== block.type ||
      body?.length !== block.body ||
      message.end !== block.offset + block.metadata + block.body
    )
      throw new RangeError(`the block at byte ${block.offset} is not what the footer says`)
    check.add(message, true)
    end = message.end
  }
  return check.rows
}

function blocksOf(footer: FlatTable, field: number, type: number) {
  const { view, start, length } = footer.vector(field, 24)
  return Array.from({ length }, (_, i) => {
    const at = start + 24 * i
    return {
      type,
      offset: exactLong(view, at),
      metadata: view.getInt32(at + 8, true),
      body: exactLong(view, at + 16),
    }
  })
}

/** The message at a place; undefined at the end of the stream. */
function messageAt(bytes: Uint8Array, start: number): Message | undefined {
  if (start === bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Before version 0.15 there was no −1 in front of the length.
  const at = view.getInt32(start, true) === -1 ? start + 4 : start
  const length = view.getInt32(at, true)
  const body = at + 4 + length
  if (length < 0 || body > bytes.length)
    throw new RangeError(`the message at byte ${start} has ${length} bytes of metadata`)
  if (length === 0) {
    if (bytes.subarray(at + 4).some((byte) => byte !== 0))
      throw new RangeError(`it goes on after its end at byte ${at + 4}`)
    return undefined
  }
  const table = new FlatBuffer(bytes.subarray(at + 4, body)).root()
  const [version, type, header, bodyLength] = [table.short(0), table.byte(1), table.table(2), table.long(3)]
  requireMetadata(table.tables(4))
  if (!header || bodyLength < 0 || body + bodyLength > bytes.length)
    throw new RangeError(
      `the message at byte ${start} has a body of ${bodyLength} bytes, ${bytes.length - body} are there`,
    )
  // Versions 1 to 3, of 2016, lie differently in a file; 4 and 5 are numbered 3 and 4.
  if (version !== 3 && version !== 4) throw new RangeError(`its version is ${version + 1}, expected 4 or 5`)
  return { type, version, header, body: bytes.subarray(body, body + bodyLength), end: body + bodyLength }
}

class Batches {
  rows = 0
  readonly #fields: readonly ArrowField[]
  readonly #dictionaries: ReadonlyMap<number, ArrowField>
  readonly #seen = new Set<number>()
  readonly #v5: boolean
  readonly #codecs: readonly Decode[]

  constructor(fields: readonly ArrowField[], version: number, codecs: readonly Decode[]) {
    this.#codecs = codecs
    this.#fields = fields
    this.#dictionaries = dictionariesOf(fields)
    this.#v5 = version >= 4
  }

  /** @param once whether a dictionary may not be replaced, as in a file */
  add({ type, header, body }: Message, once = false): void {
    if (type === Header.batch) this.rows += checkBatch(header, this.#fields, body, this.#v5, this.#codecs)
    else if (type === Header.dictionary) {
      const [id, batch, delta] = [header.long(0), header.table(1), header.byte(2)]
      const field = this.#dictionaries.get(id)
      if (!field) throw new RangeError(`no column has its dictionary ${id}`)
      if (once && !delta && this.#seen.has(id)) throw new RangeError(`it has dictionary ${id} twice`)
      this.#seen.add(id)
      checkBatch(batch, [field], body, this.#v5, this.#codecs)
    } else throw new RangeError(`a message is of type ${type}, expected batches of rows and dictionaries`)
  }
}
