// The readers of fuzz.mjs: valid files to start from, and what is checked of a file that is accepted.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { arrowColumns, duckColumns } from './fuzz-columns.mjs'
import { root } from './lib.mjs'

const require = createRequire(import.meta.url)
const dist = (path) => require(join(root, 'dist', path))
const { Dataset, LinearModel, MeanFieldNetwork, readFrame, readIdx, readLibsvm, readNpy, readNpz } = dist('index.js')

const wrong = (words) => {
  throw new Error(`a wrong result: ${words}`)
}

/** What every data set must be. */
function checkDataset({ features, rows, columns, targets, featureNames }) {
  if (features.length !== rows * columns || targets.length !== rows || featureNames.length !== columns)
    wrong('the shapes')
  if (!features.every(Number.isFinite) || !targets.every(Number.isFinite)) wrong('a number that is not finite')
}

function checkFrame({ rows, columns }) {
  for (const { values, type } of columns) {
    if (values.length !== rows) wrong('the length of a column')
    if (type !== 'text' && values.some((value) => Math.abs(value) === Number.POSITIVE_INFINITY))
      wrong('an infinite number')
  }
}

/** Each value as another reading has it; null and NaN, and true and 1, are the same, and an undefined one tells nothing. */
function compareColumns({ columns }, expected, format) {
  const plain = (value) =>
    value === null || value === '' ? Number.NaN : typeof value === 'boolean' ? Number(value) : value
  columns.forEach(({ values, type }, j) => {
    if (values.length !== expected[j].length) wrong(`the rows of ${format}`)
    expected[j].forEach((value, i) => {
      const [seen, other] = [plain(values[i] ?? null), plain(value)]
      if (value === undefined || Object.is(seen, other) || seen === other) return
      // Where numbers became texts, as in a damaged type, they are compared as these.
      if (type === 'text' && String(seen) === String(other)) return
      wrong(`column ${j}, row ${i} of ${format}: ${seen} in the place of ${other}`)
    })
  })
}

/** Columns of the Parquet files, as they were before any damage. */
const written = {
  i: (i) => i,
  x: (i) => i / 7,
  flag: (i) => Number(i % 3 === 0),
  word: (i) => (i % 5 > 0 ? `w${i % 4}` : ''),
}

const table = 'a,b,y\n1,2.5,x\n-3e2,"4",y\n0.001, 7 ,x\n'
const typed = 'n,word,flag,y\n1,red,true,0.5\n,"b ""q""",false,1\n2.5,NA,true,2\n'
const lines = '{"a":1,"b":"x","c":true}\n{"a":-2.5e3,"b":"é\\n","c":null}\n{"a":0.1,"d":7}\n'
const numpy = JSON.parse(readFileSync(join(root, 'test/unit/data/numpy-files.json'), 'utf8'))
const base64 = (files) => files.map((text) => Buffer.from(text, 'base64'))
const texts = (value) =>
  typeof value === 'string' && value.length > 40
    ? [value]
    : typeof value === 'object' && value
      ? Object.values(value).flatMap(texts)
      : []
const ofKind = (start) => base64(texts(numpy)).filter((bytes) => bytes.toString('latin1').startsWith(start))
const small = Dataset.fromArrays([[0], [1], [2], [3]], [0, 1, 1.5, 3])

export const readers = {
  csv: {
    extension: '.csv',
    seeds: () => [table, table.replaceAll('\n', '\r\n'), gzipSync(table)],
    async read(path, input) {
      const data = await Dataset.fromCsv(path, { target: -1 + 3, dtype: 'float64' })
      checkDataset(data)
      // Without quotes a row is what lies between commas; the language itself then knows its numbers.
      const text = input.toString('latin1')
      if (/"|[^ -~\n]/.test(text)) return
      const rows = text.split('\n').filter((line) => line.trim() !== '')
      const cells = rows.slice(rows.length - data.rows).flatMap((line) => line.split(',').slice(0, data.columns))
      if (cells.some((cell, i) => Number(cell) !== data.features[i])) wrong('a cell of CSV')
    },
  },
  'csv-typed': {
    extension: '.csv',
    seeds: () => [typed, gzipSync(typed)],
    async read(path) {
      const data = await Dataset.fromCsv(path, { target: 'y', categorical: 'one-hot', missing: 'drop' })
      checkDataset(data)
    },
  },
  jsonl: {
    extension: '.jsonl',
    seeds: () => [lines, gzipSync(lines)],
    async read(path, input) {
      const frame = await readFrame(path)
      checkFrame(frame)
      if (input[0] === 0x1f) return
      const rows = input
        .toString()
        .replace(/^\ufeff/, '')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => JSON.parse(line))
      for (const { name, type, values } of frame.columns)
        rows.forEach((row, i) => {
          const value = Object.hasOwn(row, name) ? row[name] : null
          if (type !== 'text' && typeof value === 'number' && value !== values[i]) wrong('a number of JSON lines')
          if (type === 'text' && typeof value === 'string' && value !== '' && value !== values[i])
            wrong('a text of JSON lines')
        })
    },
  },
  parquet: {
    extension: '.parquet',
    async seeds(folder) {
      const { DuckDBInstance } = require('@duckdb/node-api')
      const connection = await (await DuckDBInstance.create(':memory:')).connect()
      const files = []
      for (const codec of ['uncompressed', 'snappy', 'zstd', 'gzip', 'brotli', 'lz4_raw']) {
        const path = join(folder, 'seed.parquet')
        const query =
          "SELECT i::INTEGER AS i, i / 7 AS x, i % 3 = 0 AS flag, CASE WHEN i % 5 > 0 THEN 'w' || i % 4 END AS word FROM range(40) t(i)"
        await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet, COMPRESSION ${codec})`)
        files.push(readFileSync(path))
      }
      return files
    },
    async read(path) {
      const frame = await readFrame(path)
      checkFrame(frame)
      // Where a page is damaged DuckDB may read what lies behind it; what is as it was needs no second reading.
      const changed = frame.columns.filter(({ name, values }) => {
        const known = written[name]
        return values.length !== 40 || values.some((value, i) => !known || !Object.is(value ?? '', known(i)))
      })
      const columns = changed.length > 0 && (await duckColumns(path))
      if (columns === undefined) return 'not judged'
      if (columns)
        compareColumns(
          { columns: changed },
          changed.map((column) => columns[frame.columns.indexOf(column)]),
          'Parquet',
        )
    },
  },
  arrow: {
    extension: '.arrow',
    seeds() {
      const { tableFromArrays, tableToIPC, Table, vectorFromArray, Float64, Utf8, Bool } = require('apache-arrow')
      const data = tableFromArrays({ x: Float64Array.of(1, 2, 3), n: Int32Array.of(4, 5, 6), word: ['a', 'b', 'a'] })
      const gaps = new Table({
        x: vectorFromArray([0.5, null, 1.5, 2.5, null, 3.5, 4.5, 5.5, 6.5], new Float64()),
        text: vectorFromArray(['one', 'two', null, 'four', 'five', '', 'seven', 'eight', 'nine'], new Utf8()),
        flag: vectorFromArray([true, false, true, null, true, true, false, false, true], new Bool()),
      })
      const batches = new Table([...data.batches, ...data.batches])
      return [data, gaps, batches].flatMap((table) => [tableToIPC(table, 'file'), tableToIPC(table, 'stream')])
    },
    async read(path, input) {
      const frame = await readFrame(path)
      checkFrame(frame)
      compareColumns(frame, arrowColumns(input), 'Arrow')
    },
  },
  npy: { extension: '.npy', seeds: () => ofKind('\x93NUMPY'), read: async (path) => checkArray(await readNpy(path)) },
  npz: {
    extension: '.npz',
    seeds: () => ofKind('PK'),
    read: async (path) => (await readNpz(path, ['X', 'y'])).forEach(checkArray),
  },
  idx: {
    extension: '.idx',
    seeds: () => [
      Buffer.from([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]),
      Buffer.from([0, 0, 11, 1, 0, 0, 0, 2, 0, 1, 255, 255]),
    ],
    read: async (path) => checkArray(await readIdx(path)),
  },
  libsvm: {
    extension: '.svm',
    seeds: () => ['+1 1:0.5 3:-2e1\n-1 2:1 # note\n', '0 \n2.5 1:1 2:2 3:3\n'],
    async read(path) {
      const { rows, targets } = await readLibsvm(path)
      if (targets.length !== rows || !targets.every(Number.isFinite)) wrong('the targets of LIBSVM')
    },
  },
  model: {
    extension: '.safetensors',
    async seeds(folder) {
      const files = []
      for (const model of [new MeanFieldNetwork({ particles: 3 }), new LinearModel()]) {
        await model.fit(small, { steps: 1 })
        await model.save(join(folder, 'seed'))
        files.push(readFileSync(join(folder, 'seed')))
      }
      return files
    },
    async read(path) {
      const net = await MeanFieldNetwork.load(path)
      const { length } = await net.predict([[1]])
      if (length !== 1) wrong('the shape of a prediction')
    },
  },
  journal: {
    extension: '.jsonl',
    seeds(folder) {
      const { JournalWriter } = dist('store/journal.js')
      const journal = new JournalWriter(join(folder, `seed-${process.pid}.jsonl`))
      for (let i = 0; i < 6; i++)
        journal.append({ event: 'report', time: i, trial: `t${i}`, resource: i, value: i / 7 })
      journal.close()
      return [readFileSync(journal.path)]
    },
    read(path, _, [seed]) {
      const { readJournal } = dist('store/journal.js')
      const known = new Set(
        seed
          .toString()
          .split('\n')
          .filter(Boolean)
          .map((line) => line.replace(/,"crc.*/, '}')),
      )
      const { entries } = readJournal(path)
      for (const entry of entries) if (!known.has(JSON.stringify(entry))) wrong('an event that was never written')
    },
  },
  checkpoint: {
    extension: '',
    async seeds(folder) {
      const path = join(folder, 'seed')
      await fitted({ checkpoint: path, checkpointSeconds: 1 })
      return [readFileSync(path)]
    },
    async read(path, input, [seed]) {
      await fitted({ resume: path })
      if (!input.equals(seed)) wrong('a checkpoint that is not what was written')
    },
  },
  study: {
    extension: '.yaml',
    seeds: () => [readFileSync(join(root, 'examples/spam.yaml'))],
    read: (path) => dist('experiment/index.js').loadDefinition(path),
  },
}

const fitted = (options) =>
  new MeanFieldNetwork({ particles: 4 }).fit(small, { steps: 3, certificate: false, ...options })

function checkArray({ shape, values }) {
  if (values.length !== shape.reduce((product, n) => product * n, 1)) wrong('the shape of an array')
}
