/** The columns of a Parquet file, by hyparquet; every compression of the format. */
import { InvalidDataError } from '../../native/errors'
import { importModule } from '../../native/import-module'
import { ColumnBuilder, type FrameColumn } from '../frame'
import { show } from '../options'

type Reader = typeof import('hyparquet')
type Compressors = typeof import('hyparquet-compressors')

/**
 * @param path for messages
 * @param wanted names of the columns to read; absent: all
 * @throws InvalidDataError for a file that is damaged, or a wanted column of lists or structures
 */
export async function parquetColumns(
  path: string,
  bytes: Uint8Array,
  wanted?: readonly string[],
): Promise<{ rows: number; columns: FrameColumn[] }> {
  const [{ parquetMetadataAsync, parquetRead, parquetSchema }, { compressors }] = await Promise.all([
    importModule<Reader>('hyparquet'),
    importModule<Compressors>('hyparquet-compressors'),
  ])
  const file = {
    byteLength: bytes.length,
    slice: (start: number, end = bytes.length) =>
      Uint8Array.prototype.slice.call(bytes, start, end).buffer as ArrayBuffer,
  }
  try {
    const metadata = await parquetMetadataAsync(file)
    const rows = Number(metadata.num_rows)
    requireRows(path, metadata, bytes.length, rows)
    const columns = []
    for (const { element, children } of parquetSchema(metadata).children) {
      const { name } = element
      if (wanted && !wanted.includes(name)) continue
      if (children.length > 0 || element.repetition_type === 'REPEATED')
        throw new InvalidDataError(
          `${path}, column '${name}' holds lists or structures, expected numbers, texts or truth values; leave it out with features`,
          { file: path, column: name },
        )
      const chunks: { rowStart: number; columnData: ArrayLike<unknown> }[] = []
      await parquetRead({ file, metadata, compressors, columns: [name], onChunk: (chunk) => chunks.push(chunk) })
      const builder = new ColumnBuilder(name)
      const at = () => `${path}, row ${builder.rows - 1}`
      for (const { columnData } of chunks.sort((a, b) => a.rowStart - b.rowStart))
        for (let i = 0; i < columnData.length; i++) builder.add(textOf(columnData[i]), at)
      if (builder.rows !== rows)
        throw new InvalidDataError(
          `${path}, column '${name}' has ${builder.rows} values for ${rows} rows; fetch or write it again`,
          {
            file: path,
          },
        )
      columns.push(builder.finish())
    }
    return { rows, columns }
  } catch (cause) {
    if (cause instanceof InvalidDataError) throw cause
    throw new InvalidDataError(
      `${path} is no Parquet file, or damaged (${(cause as Error).message}); fetch or write it again`,
      { file: path },
      { cause },
    )
  }
}

/** An empty text stands for a missing value, as in the other readers. */
const textOf = (value: unknown) => (value === '' ? undefined : value)

/** A damaged count of rows must not make the reader wait for values that never come. */
function requireRows(
  path: string,
  { row_groups }: { row_groups: { num_rows: bigint }[] },
  size: number,
  rows: number,
): void {
  const inGroups = row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0)
  // A run of equal values takes a few bytes for up to 2^31 of them; more rows than this are no table for learning.
  if (rows > 0 && rows === inGroups && rows <= 2 ** 31 && rows <= 1e5 * size) return
  if (rows === 0 && inGroups === 0)
    throw new InvalidDataError(`${path} has no rows, expected at least one; check the file`, { file: path })
  throw new InvalidDataError(
    `${path} says that it has ${show(String(rows))} rows and ${inGroups} in its groups; fetch or write it again`,
    {
      file: path,
    },
  )
}
