/** Arrow tables, and Arrow IPC files and streams (Feather version 2 is one), by apache-arrow. */
import { InvalidDataError } from '../../native/errors'
import { importModule, requireOptional } from '../../native/import-module'
import { ColumnBuilder, type Frame, type FrameColumn } from '../frame'
import { decodeLz4Frame } from './lz4-frame'

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
  readonly values?: { readonly length: number }
  readonly valueOffsets?: ArrayLike<number | bigint>
  readonly nullBitmap?: { readonly length: number }
  readonly dictionary?: { readonly length: number; readonly data: readonly ArrowData[] }
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
  await registerCodecs(arrow)
  try {
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
function requireBuffers(
  { length, nullCount, type, stride, values, valueOffsets, nullBitmap, dictionary }: ArrowData,
  place: string,
): void {
  const refuse = (what: string) => {
    throw new InvalidDataError(
      `${place} is damaged: its ${what} do not fit its ${length} rows; fetch or write the file again`,
    )
  }
  const bits = /^Bool/.test(String(type))
  if (!valueOffsets && values && values.length < (bits ? Math.ceil(length / 8) : length * stride)) refuse('values')
  if (nullCount > 0 && (nullBitmap?.length ?? 0) < Math.ceil(length / 8)) refuse('nulls')
  if (!values && !valueOffsets && !/^(Null|Struct|List|FixedSize|Union|Dense|Sparse|Map)/.test(String(type)))
    refuse('values')
  if (valueOffsets && length > 0) {
    if (valueOffsets.length < length + 1) refuse('offsets')
    for (let i = 0; i < length; i++)
      if ((valueOffsets[i] as number) > (valueOffsets[i + 1] as number)) refuse('offsets')
    if (values && Number(valueOffsets[length]) > values.length) refuse('offsets')
  }
  if (!dictionary) return
  for (const data of dictionary.data) requireBuffers(data, place)
  const indices = values as unknown as ArrayLike<number>
  for (let i = 0; i < length; i++)
    if (!(Number(indices[i]) < dictionary.length) && nullCount === 0) refuse('categories')
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

/** Compressed files: the package decodes neither of its two formats by itself. */
async function registerCodecs({ compressionRegistry, CompressionType }: Arrow): Promise<void> {
  if (compressionRegistry.get(CompressionType.ZSTD)) return
  const { compressors } = await importModule<typeof import('hyparquet-compressors')>('hyparquet-compressors')
  compressionRegistry.set(CompressionType.ZSTD, {
    decode: (data) => (compressors.ZSTD as (data: Uint8Array, length: number) => Uint8Array)(data, 0),
  })
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: decodeLz4Frame })
}
