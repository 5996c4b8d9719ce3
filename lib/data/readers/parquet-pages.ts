/**
 * The pages of a column chunk of a Parquet file, one after the other. hyparquet decodes them; its own loop over them does not compare
 * checksums, and gives 0 for an entry of numbers that the dictionary does not have.
 */
import type { ColumnMetaData, Compressors, DecodedArray, SchemaElement } from 'hyparquet'
import { importModule } from '../../native/import-module'
import { crc32 } from '../checksum'
import type { ByteSource } from './parquet'

type Pages = typeof import('hyparquet/src/column.js')
type Conversion = typeof import('hyparquet/src/convert.js')

/**
 * The values of a column that holds no lists, a piece a page: null where one is missing, undefined where the dictionary does not have it.
 *
 * @param schema of the file and of the column
 * @throws Error for a page that is not what the file says
 */
export async function readPages(
  file: ByteSource,
  chunk: ColumnMetaData,
  schema: [SchemaElement, SchemaElement],
  compressors: Compressors,
): Promise<ArrayLike<unknown>[]> {
  const [{ parquetHeader, readPage }, { convert, DEFAULT_PARSERS }] = await Promise.all([
    importModule<Pages>('hyparquet/src/column.js'),
    importModule<Conversion>('hyparquet/src/convert.js'),
  ])
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset)
  const bytes = await file.slice(start, start + Number(chunk.total_compressed_size))
  const reader = { view: new DataView(bytes), offset: 0 }
  const [root, element] = schema
  const path = chunk.path_in_schema
  const decoder = {
    ...chunk,
    pathInSchema: path,
    element,
    schemaPath: [
      { element: root, path: [], children: [], count: 0 },
      { element, path, children: [], count: 0 },
    ],
    compressors,
    parsers: DEFAULT_PARSERS,
  }
  const pages: ArrayLike<unknown>[] = []
  let dictionary: DecodedArray | undefined
  for (let rows = 0; rows < Number(chunk.num_values) && reader.offset < bytes.byteLength; ) {
    const header = parquetHeader(reader)
    const end = reader.offset + header.compressed_page_size
    if (!(header.compressed_page_size >= 0 && end <= bytes.byteLength))
      throw new RangeError(`a page ends at byte ${start + end}, outside of its column`)
    const stored = header.crc
    if (stored !== undefined && crc32(new Uint8Array(bytes, reader.offset, end - reader.offset)) !== stored >>> 0)
      throw new RangeError(`the checksum of the page that ends at byte ${start + end} is wrong`)
    const { data } = readPage(reader, header, decoder, dictionary, undefined, 0)
    if (!data) continue
    if (header.type === 'DICTIONARY_PAGE') {
      // An ordinary array, which has no 0 for entries beyond its end.
      dictionary = Array.from(convert(data, decoder) as ArrayLike<unknown>)
      continue
    }
    pages.push(data)
    rows += data.length
  }
  return pages
}
