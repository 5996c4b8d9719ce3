/** The schema of an Arrow file, and what the columns of a batch must have by it (Schema.fbs and Message.fbs of Arrow). */
import { exactLong, type FlatTable } from './flatbuffer'

export interface ArrowField {
  readonly name: string
  readonly type: number
  /** What the table of the type holds. */
  readonly parameters: readonly (number | string)[]
  readonly children: readonly ArrowField[]
  readonly dictionary?: { readonly id: number; readonly index: readonly number[] }
}

/** The types of Schema.fbs that this reader speaks of by name. */
const Type = {
  null: 1,
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  decimal: 7,
  date: 8,
  time: 9,
  timestamp: 10,
  interval: 11,
  list: 12,
  struct: 13,
  union: 14,
  fixedSizeBinary: 15,
  fixedSizeList: 16,
  map: 17,
  duration: 18,
  largeBinary: 19,
  largeUtf8: 20,
  largeList: 21,
  binaryView: 23,
  utf8View: 24,
} as const

/** Buffers of a column after its bitmap of nulls; children have their own. Types that are not here have one, of values. */
const buffersAfterNulls: Record<number, number> = {
  [Type.binary]: 2,
  [Type.utf8]: 2,
  [Type.largeBinary]: 2,
  [Type.largeUtf8]: 2,
  [Type.struct]: 0,
  [Type.fixedSizeList]: 0,
}
const withOneChild: readonly number[] = [Type.list, Type.largeList, Type.map, Type.fixedSizeList]
const deepest = 64

/** Throws RangeError for one that is damaged, or whose bytes are in the order of other machines. */
export function readSchema(schema: FlatTable | undefined): ArrowField[] {
  if (!schema) throw new RangeError('it has no schema')
  if (schema.short(0) !== 0) throw new RangeError('its numbers are big-endian; write it on a little-endian machine')
  requireMetadata(schema.tables(2))
  return schema.tables(1).map((field) => readField(field, 0))
}

/** Names and values that come with a schema, a column or a message. */
export function requireMetadata(entries: readonly FlatTable[]): void {
  for (const entry of entries) for (const field of [0, 1]) entry.text(field)
}

function readField(field: FlatTable, depth: number): ArrowField {
  if (depth > deepest) throw new RangeError(`its columns are nested more than ${deepest} deep`)
  requireMetadata(field.tables(6))
  const [name, type, dictionary] = [field.text(0), field.byte(2), field.table(4)]
  const children = field.tables(5).map((child) => readField(child, depth + 1))
  if (children.length === 0 && withOneChild.includes(type)) throw new RangeError(`column '${name}' lacks its elements`)
  const parameters = parametersOf(type, field.table(3), name)
  if (!dictionary) return { name, type, parameters, children }
  // Without a type an index has 32 bits and a sign.
  const index = dictionary.table(1)
  const numbers = index ? parametersOf(Type.int, index, name).map(Number) : [32, 1]
  return { name, type, parameters, children, dictionary: { id: dictionary.long(0), index: numbers } }
}

/** Those that tell how wide a value is must be among what the format knows. */
function parametersOf(type: number, table: FlatTable | undefined, name: string): (number | string)[] {
  const one = (value: number, known: readonly number[]) => {
    if (known.includes(value)) return value
    throw new RangeError(`column '${name}' is of type ${type} with ${value}, expected one of ${known.join(', ')}`)
  }
  if (!table) {
    if ([Type.int, Type.float, Type.decimal, Type.date, Type.time, Type.timestamp, Type.duration].includes(type as 2))
      throw new RangeError(`column '${name}' lacks its type`)
    return []
  }
  switch (type) {
    case Type.int:
      return [one(table.int(0), [8, 16, 32, 64]), one(table.byte(1), [0, 1])]
    case Type.float:
      return [one(table.short(0), [0, 1, 2])]
    case Type.decimal:
      return [table.int(0), table.int(1), table.int(2)]
    // The defaults of these units are not 0, but milliseconds, 1: what is written is left to the decoder, once in range.
    case Type.date:
      return [one(table.short(0), [0, 1])]
    case Type.time:
      return [one(table.short(0), [0, 1, 2, 3]), one(table.int(1), [0, 32, 64])]
    case Type.timestamp:
      return [one(table.short(0), [0, 1, 2, 3]), table.text(1)]
    case Type.interval:
    case Type.duration:
      return [one(table.short(0), [0, 1, 2, 3])]
    case Type.union: {
      const { view, start, length } = table.vector(1, 4)
      return [one(table.short(0), [0, 1]), ...Array.from({ length }, (_, i) => view.getInt32(start + 4 * i, true))]
    }
    case Type.fixedSizeBinary:
    case Type.fixedSizeList: {
      const size = table.int(0)
      if (size >= 0) return [size]
      throw new RangeError(`column '${name}' has elements of size ${size}`)
    }
    default:
      return []
  }
}

/** All dictionaries of a schema, by their number. */
export function dictionariesOf(fields: readonly ArrowField[], found = new Map<number, ArrowField>()) {
  for (const { dictionary, ...field } of fields) {
    if (dictionary && !found.has(dictionary.id)) found.set(dictionary.id, field)
    dictionariesOf(field.children, found)
  }
  return found
}

/** A stretch of a message's body. */
interface Region {
  readonly offset: number
  readonly length: number
}

/**
 * Checks one record batch against the columns that it should have: as many nodes and buffers as they need, lengths that agree,
 * buffers one after the other in the body, as many nulls as are told.
 *
 * @param v5 whether unions have no bitmap of nulls, as from version 5 on
 * @param codecs of compressed bodies, by their number in the format
 * @returns rows
 */
export function checkBatch(
  batch: FlatTable | undefined,
  fields: readonly ArrowField[],
  body: Uint8Array,
  v5: boolean,
  codecs: readonly Decode[],
): number {
  if (!batch) throw new RangeError('a batch is empty')
  const rows = batch.long(0)
  const nodes = batch.vector(1, 16)
  const buffers = regions(batch, body.length)
  const variadic = batch.vector(4, 8)
  const compression = batch.table(3)
  const decode = compression && (codecs[compression.byte(0)] ?? refuseCodec)
  let [node, buffer, counts] = [0, 0, 0]
  const take = (count: number, name: string) => {
    buffer += count
    if (count < 0 || buffer > buffers.length) throw new RangeError(`column '${name}' lacks buffers`)
  }
  const visit = ({ name, type, children, dictionary }: ArrowField, expected: number | undefined) => {
    if (node >= nodes.length) throw new RangeError(`column '${name}' lacks its length`)
    const [at, kind] = [nodes.start + 16 * node++, dictionary ? Type.int : type]
    const [length, nulls] = [exactLong(nodes.view, at), exactLong(nodes.view, at + 8)]
    if (length < 0 || nulls < 0 || nulls > length || (expected !== undefined && length !== expected))
      throw new RangeError(`column '${name}' has ${length} values, ${nulls} of them null, for ${expected} rows`)
    if (kind === Type.null) return
    if (kind !== Type.union || !v5) {
      take(1, name)
      const { offset, length: size } = buffers[buffer - 1] as Region
      const bitmap = body.subarray(offset, offset + size)
      if (kind !== Type.union) requireNulls(decode && size > 0 ? inflate(bitmap, decode) : bitmap, length, nulls, name)
    }
    if (kind === Type.union) take(1, name)
    take(buffersAfterNulls[kind] ?? 1, name)
    if (kind === Type.binaryView || kind === Type.utf8View) {
      if (counts >= variadic.length) throw new RangeError(`column '${name}' lacks the number of its buffers`)
      take(exactLong(variadic.view, variadic.start + 8 * counts++), name)
    }
    if (!dictionary) for (const child of children) visit(child, kind === Type.struct ? length : undefined)
  }
  if (rows < 0) throw new RangeError(`a batch has ${rows} rows`)
  for (const field of fields) visit(field, rows)
  return rows
}

/** Buffers begin at multiples of eight bytes, none inside another. */
function regions(batch: FlatTable, bodyLength: number): Region[] {
  const { view, start, length: count } = batch.vector(2, 16)
  let end = 0
  return Array.from({ length: count }, (_, i) => {
    const [offset, length] = [exactLong(view, start + 16 * i), exactLong(view, start + 16 * i + 8)]
    if (length < 0 || offset < 0 || offset + length > bodyLength)
      throw new RangeError(`buffer ${i} has ${length} bytes from ${offset} on, in a body of ${bodyLength}`)
    if (length > 0 && (offset < end || offset % 8 !== 0))
      throw new RangeError(`buffer ${i} begins at byte ${offset}, expected a multiple of 8 from ${end} on`)
    if (length > 0) end = offset + length
    return { offset, length }
  })
}

/** Of a compressed buffer: the bytes that it stands for. */
export type Decode = (bytes: Uint8Array) => Uint8Array

const refuseCodec: Decode = () => {
  throw new RangeError('a batch is compressed in a way that the format does not know')
}

/** Eight bytes tell the length before compression (apache-arrow writes that after it), or −1 for a buffer that is left as it was. */
function inflate(buffer: Uint8Array, decode: Decode): Uint8Array {
  const told = exactLong(new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength), 0)
  return told === -1 ? buffer.subarray(8) : decode(buffer.subarray(8))
}

/** A count of nulls that is wrong would make numbers of them, or nulls of numbers. */
function requireNulls(bitmap: Uint8Array, rows: number, nulls: number, name: string): void {
  if (bitmap.length === 0 && nulls === 0) return
  if (bitmap.length < Math.ceil(rows / 8))
    throw new RangeError(`column '${name}' has ${nulls} nulls, and a bitmap of ${bitmap.length} bytes for ${rows} rows`)
  let known = 0
  const whole = rows >> 3
  for (let i = 0; i < whole; i++) known += ones[bitmap[i] as number] as number
  if (rows % 8) known += ones[(bitmap[whole] as number) & ((1 << (rows % 8)) - 1)] as number
  if (known + nulls !== rows)
    throw new RangeError(`column '${name}' tells ${nulls} nulls, and its bitmap ${rows - known}`)
}

const ones = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)
