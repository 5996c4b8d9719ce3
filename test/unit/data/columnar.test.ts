// Parquet as DuckDB writes it, Arrow as other programs wrote it.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import * as arrow from 'apache-arrow'
import { type ColumnMetaData, parquetMetadata, type SchemaElement } from 'hyparquet'
import { Dataset, type Frame, type NumberColumn, readFrame } from '../../../lib/data'
import { crc32 } from '../../../lib/data/checksum'
import { decodeLz4Frame } from '../../../lib/data/readers/lz4-frame'
import { readPages } from '../../../lib/data/readers/parquet-pages'
import { InvalidDataError } from '../../../lib/native/errors'

jest.mock('../../../lib/native/import-module', () => require('../../import-module'))
// Here the decoder runs in this process; that it has one of its own is tested with the built package (fuzz.test.ts).
jest.mock('node:child_process', () => require('./decoder-process'))

const folder = mkdtempSync(join(tmpdir(), 'meanfield-columnar-'))
afterAll(() => rmSync(folder, { recursive: true }))

const column = (frame: Frame, name: string) => frame.columns.find((column) => column.name === name)

describe('Parquet', () => {
  const write = async (query: string, name: string, options = '') => {
    const path = join(folder, name)
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet${options})`)
    connection.disconnectSync()
    return path
  }

  test.each(['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw'])(
    '%s, several row groups',
    async (codec) => {
      // One column a type; row i has values that follow from i.
      const path = await write(
        `SELECT i::INTEGER AS i32, i::BIGINT AS i64, (i % 200)::UTINYINT AS u8, i / 7 AS f64, (i / 7)::FLOAT AS f32, i % 3 = 0 AS flag,
         CASE WHEN i % 5 = 0 THEN NULL ELSE i * 0.5 END AS gaps, 'word ' || (i % 4) AS word, (i * 0.01)::DECIMAL(9, 2) AS money,
         TIMESTAMP '2024-01-01' + INTERVAL (i) SECOND AS moment FROM range(2500) t(i)`,
        `${codec}.parquet`,
        `, COMPRESSION ${codec}, ROW_GROUP_SIZE 2048`,
      )
      const frame = await readFrame(path)
      expect(frame.rows).toBe(2500)
      const rows = Array.from({ length: 2500 }, (_, i) => i)
      const expectNumbers = (name: string, value: (i: number) => number, type = 'number') =>
        expect(column(frame, name)).toEqual({ name, type, values: Float64Array.from(rows, value) })
      expectNumbers('i32', (i) => i)
      expectNumbers('i64', (i) => i)
      expectNumbers('u8', (i) => i % 200)
      expectNumbers('f64', (i) => i / 7)
      expectNumbers('f32', (i) => Math.fround(i / 7))
      expectNumbers('flag', (i) => Number(i % 3 === 0), 'boolean')
      expectNumbers('gaps', (i) => (i % 5 ? i / 2 : Number.NaN))
      expectNumbers('moment', (i) => Date.UTC(2024, 0, 1) + 1000 * i)
      const { values: money } = column(frame, 'money') as NumberColumn
      expect(money.findIndex((x, i) => Math.abs(x - i / 100) > 1e-11)).toBe(-1)
      expect(column(frame, 'word')?.values).toEqual(rows.map((i) => `word ${i % 4}`))
    },
  )

  test('is a data set, split by time, with columns that are not wanted left unread', async () => {
    const path = await write(
      "SELECT i AS x, i % 2 = 0 AS even, [i] AS list, DATE '2024-01-01' + i::INTEGER AS day FROM range(100) t(i)",
      'days.parquet',
    )
    await expect(Dataset.fromFile(path, { target: 'even' })).rejects.toThrow(
      /column 'list' holds lists.*leave it out with features/,
    )
    const data = await Dataset.fromFile(path, { target: 'even', features: ['x'], time: 'day' })
    expect(data.classes).toEqual(['false', 'true'])
    expect(Array.from(data.split({ test: 0.1 }).test.features)).toEqual([90, 91, 92, 93, 94, 95, 96, 97, 98, 99])
  })

  test('integers beyond 2^53, an empty table and a file of another kind are refused', async () => {
    await expect(readFrame(await write('SELECT 9007199254740993 AS n', 'large.parquet'))).rejects.toThrow(
      /row 0, column 'n': the value is 9007199254740993, expected an integer within 2\^53/,
    )
    await expect(readFrame(await write('SELECT 1 AS n LIMIT 0', 'none.parquet'))).rejects.toThrow(/has no rows/)
    const text = join(folder, 'text.parquet')
    writeFileSync(text, 'a,b\n1,2\n')
    await expect(readFrame(text)).rejects.toBeInstanceOf(InvalidDataError)
    await expect(readFrame(join(folder, 'absent.parquet'))).rejects.toThrow(/there is no file/)
  })

  // A column of one value: a dictionary of one entry, whose page has 13 bytes of header, and indices of no bits.
  const constant = async (name: string) => {
    const path = await write('SELECT 7::INTEGER AS x FROM range(3000) t(i)', name, ', COMPRESSION uncompressed')
    const bytes = readFileSync(path)
    const metadata = parquetMetadata(new Uint8Array(bytes).buffer)
    const chunk = metadata.row_groups[0]?.columns[0]?.meta_data as ColumnMetaData
    const start = Number(chunk.dictionary_page_offset)
    // Thrift, compact: fields 1 to 3, the type and two sizes of 4; field 7, a structure: 1 entry, plain.
    expect(bytes.subarray(start, start + 17).toString('hex')).toBe('1504150815084c15021500000007000000')
    return { path, bytes, chunk, start, schema: metadata.schema as [SchemaElement, SchemaElement] }
  }

  test('an entry that the dictionary does not have is refused', async () => {
    const { path, bytes, start } = await constant('constant.parquet')
    expect(column(await readFrame(path), 'x')?.values).toEqual(new Float64Array(3000).fill(7))
    bytes[start + 8] = 0
    writeFileSync(path, bytes)
    await expect(readFrame(path)).rejects.toThrow(/row 0, column 'x' is not in the column's dictionary/)
  })

  test('the checksum of a page is compared', async () => {
    const { bytes, chunk, start, schema } = await constant('checked.parquet')
    const read = async (checksum: number) => {
      // Field 4, in zigzag and groups of seven bits; field 7 is then the third after it.
      const field = [0x15]
      let rest = (BigInt(checksum | 0) << 1n) ^ (BigInt(checksum | 0) >> 63n)
      for (; rest > 127n; rest >>= 7n) field.push(Number(rest & 127n) | 128)
      field.push(Number(rest))
      const file = Buffer.concat([
        bytes.subarray(0, start + 6),
        Buffer.from([...field, 0x3c]),
        bytes.subarray(start + 7),
      ])
      const longer = { ...chunk, total_compressed_size: chunk.total_compressed_size + BigInt(field.length) }
      const source = {
        byteLength: file.length,
        slice: (from: number, to?: number) => new Uint8Array(file.subarray(from, to)).buffer,
      }
      return readPages(source, longer, schema, {})
    }
    const right = crc32(bytes.subarray(start + 13, start + 17))
    expect((await read(right)).flatMap((page) => Array.from(page))).toEqual(new Array(3000).fill(7))
    await expect(read(right ^ 1)).rejects.toThrow(/the checksum of the page that ends at byte \d+ is wrong/)
  })
})

describe('Arrow', () => {
  const flights = join(__dirname, '../../../node_modules/vega-datasets/data/flights-200k.arrow')

  test('a file of 231,083 flights has the numbers of the same table in JSON', async () => {
    const json = JSON.parse(readFileSync(flights.replace('.arrow', '.json'), 'utf8')) as Record<string, number>[]
    const frame = await readFrame(flights)
    expect(frame.rows).toBe(json.length)
    for (const { name, values } of frame.columns) {
      const worst = json.reduce(
        (most, row, i) => Math.max(most, Math.abs((row[name] as number) - (values[i] as number))),
        0,
      )
      // JSON has time as decimals of float32.
      expect(worst).toBeLessThan(1e-5)
    }
  })

  test('tables, files and streams: numbers, texts, dictionaries, dates, nulls', async () => {
    const table = arrow.tableFromArrays({
      x: Float64Array.of(0.5, 1.5, 2.5),
      n: Int32Array.of(1, 2, 3),
      word: ['a', 'b', 'a'],
      big: BigInt64Array.of(1n, 2n, 3n),
      day: [new Date(0), new Date(86_400_000), new Date(2 * 86_400_000)],
      gap: [1, null, 3],
    })
    for (const kind of ['file', 'stream'] as const) {
      const path = join(folder, `${kind}.arrow`)
      writeFileSync(path, arrow.tableToIPC(table, kind))
      const frame = await readFrame(path)
      expect(column(frame, 'x')?.values).toEqual(Float64Array.of(0.5, 1.5, 2.5))
      expect(column(frame, 'word')?.values).toEqual(['a', 'b', 'a'])
      expect(column(frame, 'big')?.values).toEqual(Float64Array.of(1, 2, 3))
      expect(column(frame, 'day')?.values).toEqual(Float64Array.of(0, 86_400_000, 172_800_000))
      expect(column(frame, 'gap')?.values).toEqual(Float64Array.of(1, Number.NaN, 3))
    }
    const data = Dataset.fromArrow(table, { target: 'word', features: ['x', 'n'] })
    expect(Array.from(data.features)).toEqual([0.5, 1, 1.5, 2, 2.5, 3])
    expect(() => Dataset.fromArrow({} as never, { target: 'word' })).toThrow(/no Arrow table/)
  })

  test('a damaged file is refused', async () => {
    const path = join(folder, 'cut.arrow')
    copyFileSync(flights, path)
    writeFileSync(path, readFileSync(path).subarray(0, 5000))
    await expect(readFrame(path)).rejects.toBeInstanceOf(InvalidDataError)
  })

  test('LZ4 frames, as the lz4 program writes them', () => {
    // printf 'abcabcabcabcabcabcabcabcabc, and so on and so on and so on' | lz4 -c | base64
    const frame = Buffer.from('BCJNGGRApxsAAAA/YWJjAwAFuywgYW5kIHNvIG9uCgBQc28gb24AAAAAMbdGtg==', 'base64')
    expect(Buffer.from(decodeLz4Frame(frame)).toString()).toBe(
      'abcabcabcabcabcabcabcabcabc, and so on and so on and so on',
    )
    for (let length = 0; length < frame.length - 4; length++)
      expect(() => decodeLz4Frame(frame.subarray(0, length))).toThrow(RangeError)
  })
})

test('a query of DuckDB is a data set', async () => {
  const query =
    "SELECT i AS x, i * 0.5::DECIMAL(5, 2) AS half, DATE '1970-01-02' AS day, 'c' || i % 2 AS y FROM range(4) t(i)"
  const data = await Dataset.fromSql(query, { target: 'y' })
  expect(data.featureNames).toEqual(['x', 'half', 'day'])
  expect(Array.from(data.features)).toEqual([0, 1, 2, 3].flatMap((i) => [i, i / 2, 86_400_000]))
  await expect(Dataset.fromSql('SELECT 1 FROM nowhere', { target: 'y' })).rejects.toThrow(/the query failed: .*nowhere/)
  await expect(Dataset.fromSql('SELECT 1 AS y LIMIT 0', { target: 'y' })).rejects.toThrow(/no rows/)
})
