/** The columns of a Parquet file, by hyparquet; every compression of the format. */
import type { ColumnMetaData, FileMetaData } from 'hyparquet'
import { InvalidDataError } from '../../native/errors'
import { importModule } from '../../native/import-module'
import { ColumnBuilder, type FrameColumn } from '../frame'
import { show } from '../options'
import { wholePages } from './page-codecs'
import { readPages } from './parquet-pages'

type Reader = typeof import('hyparquet')
type Compressors = typeof import('hyparquet-compressors')

/** The bytes of a file, read as they are asked for. */
export interface ByteSource {
  readonly byteLength: number
  slice(start: number, end?: number): ArrayBuffer | Promise<ArrayBuffer>
}

/**
 * @param path for messages
 * @param wanted names of the columns to read; absent: all
 * @param group number of the group of rows to read; absent: all
 * @returns `firstRow` of the file, and how many groups it has
 * @throws InvalidDataError for a file that is damaged, or a wanted column of lists or structures
 */
export async function parquetColumns(
  path: string,
  file: ByteSource,
  wanted?: readonly string[],
  group?: number,
): Promise<{ rows: number; columns: FrameColumn[]; firstRow: number; groups: number }> {
  const [{ parquetMetadataAsync, parquetSchema }, { compressors }] = await Promise.all([
    importModule<Reader>('hyparquet'),
    importModule<Compressors>('hyparquet-compressors'),
  ])
  const codecs = wholePages(compressors)
  try {
    const metadata = await parquetMetadataAsync(file)
    requireRows(path, metadata, file.byteLength, Number(metadata.num_rows))
    const sizes = metadata.row_groups.map(({ num_rows }) => Number(num_rows))
    const firstRow = sizes.slice(0, group ?? 0).reduce((sum, size) => sum + size, 0)
    const rows = group === undefined ? Number(metadata.num_rows) : (sizes[group] as number)
    const columns = []
    const root = parquetSchema(metadata)
    for (const { element, children } of root.children) {
      const { name } = element
      if (wanted && !wanted.includes(name)) continue
      if (children.length > 0 || element.repetition_type === 'REPEATED')
        throw new InvalidDataError(
          `${path}, column '${name}' holds lists or structures, expected numbers, texts or truth values; leave it out with features`,
          { file: path, column: name },
        )
      const chunks = columnChunks(path, element, metadata)
      const builder = new ColumnBuilder(name)
      const at = () => `${path}, row ${firstRow + builder.rows - 1}`
      for (const chunk of group === undefined ? chunks : chunks.slice(group, group + 1))
        for (const values of await readPages(file, chunk, [root.element, element], codecs))
          for (let i = 0; i < values.length; i++) {
            // A missing value is null; this is an entry that the dictionary of the column does not have.
            if (values[i] === undefined)
              throw new InvalidDataError(
                `${path}, row ${firstRow + builder.rows}, column '${name}' is not in the column's dictionary; fetch or write the file again`,
                { file: path, column: name },
              )
            builder.add(textOf(values[i]), at)
          }
      if (builder.rows !== rows)
        throw new InvalidDataError(
          `${path}, column '${name}' has ${builder.rows} values for ${rows} rows; fetch or write it again`,
          {
            file: path,
          },
        )
      columns.push(builder.finish())
    }
    return { rows, columns, firstRow, groups: sizes.length }
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

/** Schema and groups tell the type of a column twice; what differs would be read as other numbers. */
function columnChunks(
  path: string,
  { name, type }: { name: string; type?: string },
  { row_groups }: Pick<FileMetaData, 'row_groups'>,
): ColumnMetaData[] {
  return row_groups.map(({ columns, num_rows }, i) => {
    const found = columns.filter(({ meta_data }) => meta_data?.path_in_schema[0] === name)
    const chunk = found[0]?.meta_data
    if (found.length === 1 && !found[0]?.file_path && chunk?.type === type && chunk?.num_values === num_rows)
      return chunk
    const seen = chunk ? `${chunk.num_values} values of type ${chunk.type}` : 'nothing'
    throw new InvalidDataError(
      `${path}, column '${name}' has ${seen} in group ${i}, expected ${num_rows} of type ${type}; fetch or write it again`,
      { file: path, column: name },
    )
  })
}

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
