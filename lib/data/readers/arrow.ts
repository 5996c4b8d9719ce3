/** Arrow tables, and Arrow IPC files and streams (Feather version 2 is one), by apache-arrow. */
import { isUtf8 } from 'node:buffer'
import { InvalidDataError } from '../../native/errors'
import { importModule, requireOptional } from '../../native/import-module'
import { ColumnBuilder, type Frame, type FrameColumn } from '../frame'
import { checkArrow } from './arrow-check'
import type { Decode } from './arrow-schema'
import { decodeLz4Frame } from './lz4-frame'
import { zstd } from './page-codecs'

/** What is needed of an Arrow table, of whatever version of the package. */
export interface ArrowTable {
  readonly numRows: number
  readonly schema: { readonly fields: readonly { readonly name: string; readonly type: unknown }[] }
  getChildAt(index: number): { get(row: number): unknown; readonly data?: readonly unknown[] } | null
}

/** A piece of a column: where its numbers, the offsets of its texts and its nulls lie. */
interface ArrowData {
  readonly length: number
  readonly nullCount: number
  readonly type: unknown
  readonly stride: number
  readonly values?: ArrayBufferView & { readonly length: number }
  readonly valueOffsets?: ArrayLike<number | bigint>
  readonly nullBitmap?: { readonly length: number }
  readonly dictionary?: { readonly length: number; readonly data: readonly ArrowData[] }
  /** Of texts that lie outside their 16 bytes. */
  readonly variadicBuffers?: readonly { readonly length: number }[]
  getValid(index: number): boolean
}

type Arrow = typeof import('apache-arrow')

/** A table that is in memory already. */
export function arrowFrame(table: ArrowTable): Frame {
  return {
    ...columnsOf('the Arrow table', requireTable(table)),
    source: 'the Arrow table',
    place: (row) => `the Arrow table, row ${row}`,
  }
}

/**
 * The columns of an Arrow IPC file or stream; see parquetColumns.
 *
 * @throws EnvironmentError where apache-arrow is not installed
 */
export async function arrowColumns(path: string, bytes: Uint8Array, wanted?: readonly string[]): Promise<Columns> {
  const arrow = requireOptional<Arrow>('apache-arrow', 'reading Arrow files')
  const codecs = await registerCodecs(arrow)
  try {
    checkArrow(bytes, codecs)
    return columnsOf(path, arrow.tableFromIPC(bytes), wanted)
  } catch (cause) {
    if (cause instanceof InvalidDataError) throw cause
    throw new InvalidDataError(
      `${path} is no Arrow file, or damaged (${(cause as Error).message}); fetch or write it again`,
      { file: path },
      { cause },
    )
  }
}

interface Columns {
  rows: number
  columns: FrameColumn[]
}

function columnsOf(source: string, table: ArrowTable, wanted?: readonly string[]): Columns {
  const rows = table.numRows
  if (rows === 0) throw new InvalidDataError(`${source} has no rows, expected at least one; check it`, { file: source })
  const columns = table.schema.fields.flatMap(({ name, type }, index) => {
    if (wanted && !wanted.includes(name)) return []
    const vector = table.getChildAt(index)
    for (const data of vector?.data ?? []) requireBuffers(data as ArrowData, `${source}, column '${name}'`)
    const builder = new ColumnBuilder(name)
    const date = /^(Date|Timestamp)/.test(String(type))
    const at = () => `${source}, row ${builder.rows - 1} (${String(type)})`
    for (let row = 0; row < rows; row++) {
      const value = vector?.get(row)
      builder.add(value === '' ? undefined : date && typeof value === 'bigint' ? Number(value) : value, at)
    }
    return [builder.finish()]
  })
  return { rows, columns }
}

/** The package believes the lengths that a file tells: beyond the end of a buffer it finds nulls, or zeros. */
function requireBuffers(column: ArrowData, place: string): void {
  const { length, nullCount, type, stride, values, valueOffsets, nullBitmap, dictionary } = column
  const refuse = (what: string) => {
    throw new InvalidDataError(
      `${place} is damaged: its ${what} do not fit its ${length} rows; fetch or write the file again`,
    )
  }
  const name = String(type)
  const bits = name.startsWith('Bool')
  if (!valueOffsets && values && values.length < (bits ? Math.ceil(length / 8) : length * stride)) refuse('values')
  if (nullCount > 0 && (nullBitmap?.length ?? 0) < Math.ceil(length / 8)) refuse('nulls')
  if (!values && !valueOffsets && !/^(Null|Struct|List|FixedSize|Union|Dense|Sparse|Map)/.test(name)) refuse('values')
  if (valueOffsets && length > 0) {
    if (valueOffsets.length < length + 1 || (valueOffsets[0] as number) < 0) refuse('offsets')
    for (let i = 0; i < length; i++)
      if ((valueOffsets[i] as number) > (valueOffsets[i + 1] as number)) refuse('offsets')
    if (values && Number(valueOffsets[length]) > values.length) refuse('offsets')
    if (values instanceof Uint8Array && name.includes('Utf8') && !isUtf8(values)) refuse('texts')
  }
  if (/^(Utf8|Binary)View/.test(name) && values) requireViews(column, values, refuse)
  if (!dictionary) return
  for (const data of dictionary.data) requireBuffers(data, place)
  const indices = values as unknown as ArrayLike<number>
  for (let i = 0; i < length; i++) {
    const index = Number(indices[i])
    if (!(index >= 0 && index < dictionary.length) && (nullCount === 0 || column.getValid(i))) refuse('categories')
  }
}

/** A text of up to 12 bytes lies in its view; a longer one where buffer and offset say. */
function requireViews({ length, variadicBuffers }: ArrowData, values: ArrayBufferView, refuse: (what: string) => void) {
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength)
  for (let at = 0; at < 16 * length; at += 16) {
    const [size, buffer, offset] = [0, 8, 12].map((word) => view.getInt32(at + word, true)) as [number, number, number]
    if (size < 0 || (size > 12 && !(offset >= 0 && offset + size <= (variadicBuffers?.[buffer]?.length ?? -1))))
      refuse('texts')
  }
}

function requireTable(table: ArrowTable): ArrowTable {
  if (
    typeof table?.numRows === 'number' &&
    Array.isArray(table.schema?.fields) &&
    typeof table.getChildAt === 'function'
  )
    return table
  throw new InvalidDataError('the table is no Arrow table; pass one, or the path of an Arrow file.')
}

/** Compressed files: the package decodes neither of its two formats by itself. What else has been registered stays. The decoders, by their number. */
async function registerCodecs({ compressionRegistry, CompressionType }: Arrow): Promise<Decode[]> {
  const { compressors } = await importModule<typeof import('hyparquet-compressors')>('hyparquet-compressors')
  const decodeZstd =
    zstd ?? ((data: Uint8Array) => (compressors.ZSTD as (data: Uint8Array, length: number) => Uint8Array)(data, 0))
  const codecs: Decode[] = []
  codecs[CompressionType.LZ4_FRAME] = decodeLz4Frame
  codecs[CompressionType.ZSTD] = decodeZstd
  codecs.forEach((decode, type) => {
    const known = compressionRegistry.get(type)
    if (!known?.decode) compressionRegistry.set(type, { ...known, decode })
  })
  return codecs
}
