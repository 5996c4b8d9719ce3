// Streams of files: the same rows as at once, whatever the pieces; what the first rows settle, and what is refused later.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { Dataset, DatasetStream, type StreamOptions } from '../../../lib/data'
import { InvalidDataError, InvalidOptionError } from '../../../lib/native/errors'

jest.mock('../../../lib/native/import-module', () => require('../../import-module'))
jest.mock('node:child_process', () => require('./decoder-process'))

const folder = mkdtempSync(join(tmpdir(), 'meanfield-stream-'))
afterAll(() => rmSync(folder, { recursive: true }))
const place = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const rows = 500
const town = (i: number) => ['Kyoto', 'Osaka', 'Nara'][i % 3]
const record = (i: number) => ({ area: i % 7 ? 30 + i / 3 : null, town: town(i), rent: i % 2 ? 'high' : 'low' })
const csv = `area,town,rent\n${Array.from({ length: rows }, (_, i) => `${record(i).area ?? ''},${town(i)},${record(i).rent}`).join('\n')}\n`
const jsonl = Array.from({ length: rows }, (_, i) => JSON.stringify(record(i))).join('\n')
const options = { target: 'rent', categorical: 'one-hot', missing: 'median' } as const

async function all(stream: AsyncIterable<Dataset>): Promise<Dataset[]> {
  const parts = []
  for await (const part of stream) parts.push(part)
  return parts
}

test.each([
  ['rent.csv', csv],
  ['rent.csv.gz', gzipSync(csv)],
  ['rent.jsonl', jsonl],
])('%s: the rows and columns of fromFile, in pieces of any size, as often as wanted', async (name, content) => {
  const path = place(name, content)
  const whole = await Dataset.fromFile(path, options)
  for (const [headRows, chunkRows, count] of [
    [10_000, 8192, 1],
    [30, 100, 6],
    [499, 1, 2],
  ] as const) {
    const stream = DatasetStream.fromFile(path, { ...options, headRows, chunkRows })
    for (let pass = 0; pass < 2; pass++) {
      const parts = await all(stream)
      expect(parts.map((part) => part.rows).slice(0, 2)).toEqual([Math.min(headRows, rows), chunkRows].slice(0, count))
      expect(parts).toHaveLength(count)
      const joined = Dataset.concat(parts)
      expect(joined.hash).toBe(whole.hash)
      expect(joined.encoding).toEqual(whole.encoding)
      expect(joined.featureNames).toEqual(whole.featureNames)
    }
  }
})

test('Parquet: a group of rows at a time', async () => {
  const path = join(folder, 'groups.parquet')
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(
    `COPY (SELECT i / 7 AS x, 'c' || i % 3 AS word, i % 2 = 0 AS y FROM range(5000) t(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
  )
  connection.disconnectSync()
  const options = { target: 'y', categorical: 'one-hot' } as const
  const parts = await all(DatasetStream.fromFile(path, options))
  expect(parts.map((part) => part.rows)).toEqual([2048, 2048, 904])
  expect(Dataset.concat(parts).hash).toBe((await Dataset.fromFile(path, options)).hash)
  const unknown = DatasetStream.fromFile(path, { ...options, categorical: { word: ['c0', 'c1'] } })
  await expect(all(unknown)).rejects.toThrow(/groups\.parquet, row 2, column 'word': the category is 'c2'/)
})

/** A NumPy file of version 1.0. */
function npy(descr: string, shape: number[], values: ArrayBufferView): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`
  const header = `${text.padEnd(117)}\n`
  const start = Buffer.from('\x93NUMPY\x01\x00\0\0', 'latin1')
  start.writeUInt16LE(header.length, 8)
  return Buffer.concat([start, Buffer.from(header), Buffer.from(values.buffer, values.byteOffset, values.byteLength)])
}

test('NumPy files: row after row of both', async () => {
  const features = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i))
  const x = place('x.npy', npy('<f4', [100, 3], features))
  const y = place(
    'y.npy.gz',
    gzipSync(
      npy(
        '<i8',
        [100],
        BigInt64Array.from({ length: 100 }, (_, i) => BigInt(i % 2)),
      ),
    ),
  )
  const parts = await all(DatasetStream.fromNpy(x, y, { headRows: 40, chunkRows: 25 }))
  expect(parts.map((part) => part.rows)).toEqual([40, 25, 25, 10])
  expect(parts[0].classes).toEqual(['0', '1'])
  expect(Dataset.concat(parts).hash).toBe((await Dataset.fromNpy(x, y)).hash)
  const short = place('short.npy', npy('<f8', [99], new Float64Array(99)))
  await expect(all(DatasetStream.fromNpy(x, short, { chunkRows: 30, task: 'regression' }))).rejects.toThrow(
    /different numbers of rows, from row 0 on/,
  )
  features[200] = Number.NaN
  const bad = place('bad.npy', npy('<f4', [100, 3], features))
  await expect(all(DatasetStream.fromNpy(bad, y, { headRows: 50, chunkRows: 20 }))).rejects.toThrow(
    /bad\.npy and .*y\.npy\.gz, rows from 50 on: row 16, column 2 is NaN/,
  )
})

test('what is not among the first rows is refused with file and line, unless the options tell it', async () => {
  const read = (name: string, content: string, more: Partial<StreamOptions> = {}) =>
    all(DatasetStream.fromFile(place(name, content), { ...options, headRows: 100, chunkRows: 50, ...more }))
  const label = csv.replace(/\n[^\n]*\n$/, '\n31,Kyoto,middle\n')
  await expect(read('label.csv', label)).rejects.toThrow(
    /label\.csv, line 501, column 'rent': the label is 'middle', expected one of 'high', 'low'/,
  )
  expect(await read('label.csv', label, { classes: ['high', 'low', 'middle'] })).toHaveLength(9)
  const category = csv.replace(/\n[^\n]*\n$/, '\n31,Kobe,low\n')
  await expect(read('category.csv', category)).rejects.toThrow(
    /category\.csv, line 501, column 'town': the category is 'Kobe'/,
  )
  expect(await read('category.csv', category, { unknownCategories: 'missing' })).toHaveLength(9)
  const text = csv.replace(/\n[^\n]*\n$/, '\nwide,Nara,low\n')
  await expect(read('text.csv', text)).rejects.toThrow(/text\.csv, line 501, column 'area': the value is 'wide'/)
  const ragged = csv.replace(/\n[^\n]*\n$/, '\n31,Nara\n')
  await expect(read('ragged.csv', ragged)).rejects.toThrow(/ragged\.csv, line 501: the row has 2 cells/)
  const late = `${jsonl}\n{"area":31,"town":"Nara","rent":"low","rooms":3}`
  await expect(read('late.jsonl', late)).rejects.toThrow(/late\.jsonl, line 501: column 'rooms' comes up here/)
  expect(await read('late.jsonl', late, { features: ['area', 'town'] })).toHaveLength(10)
})

test('a column that pieces lack is missing there; rows without a value are left out of each', async () => {
  const lines = Array.from({ length: 30 }, (_, i) =>
    JSON.stringify(i < 10 ? { a: i, b: i, y: i / 7 } : { a: i, y: i / 7 }),
  )
  const path = place('gaps.jsonl', lines.join('\n'))
  const parts = await all(DatasetStream.fromFile(path, { target: 'y', missing: 'mean', headRows: 10, chunkRows: 10 }))
  expect(parts.map(({ features }) => Number.isNaN(features[1]))).toEqual([false, true, true])
  const some = place(
    'some.csv',
    `a,y\n${Array.from({ length: 40 }, (_, i) => `${i % 4 ? i : ''},${i / 3}`).join('\n')}\n`,
  )
  const kept = await all(DatasetStream.fromFile(some, { target: 'y', missing: 'drop', headRows: 20, chunkRows: 8 }))
  expect(kept.map((part) => part.rows)).toEqual([15, 6, 6, 3])
})

test('wrong use is refused at once, an end before the file ends closes it', async () => {
  const path = place('use.csv', csv)
  expect(() => DatasetStream.fromFile(path, { ...options, group: 'town' } as never)).toThrow(InvalidOptionError)
  expect(() => DatasetStream.fromFile(path, { ...options, chunkRow: 5 } as never)).toThrow(/did you mean 'chunkRows'/)
  expect(() => DatasetStream.fromFile(path, { ...options, chunkRows: 0 })).toThrow(/chunkRows is 0/)
  expect(() => DatasetStream.fromFile('rows.arrow', options)).toThrow(
    /Arrow file, which is read whole; write it as Parquet/,
  )
  await expect(all(DatasetStream.fromFile(join(folder, 'absent.csv'), options))).rejects.toThrow(/there is no file/)
  for await (const _ of DatasetStream.fromFile(path, { ...options, headRows: 5 })) break
})

test('data sets are put together when their columns and classes are the same', async () => {
  const one = Dataset.fromArrays([[1], [2]], ['a', 'b'])
  expect(() => Dataset.concat([])).toThrow(InvalidDataError)
  expect(() => Dataset.concat([one, Dataset.fromArrays([[1]], ['c'])])).toThrow(/data set 1 has other classes/)
  expect(() => Dataset.concat([one, Dataset.fromArrays([[1, 2]], ['a'], { classes: ['a', 'b'] })])).toThrow(
    /data set 1 has other columns/,
  )
  expect(Array.from(Dataset.concat([one, one]).targets)).toEqual([0, 1, 0, 1])
})
