import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { applyScaler, Dataset, fitScaler, readFeatures, readFrame } from '../../../lib/data'
import { Random } from '../../../lib/data/random'
import { MeanFieldNetwork } from '../../../lib/models'
import { InvalidDataError, InvalidOptionError } from '../../../lib/native/errors'
import pandas from './pandas-files.json'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-frame-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
function write(content: string | Uint8Array, extension: string): string {
  const path = join(folder, `${files++}.${extension}`)
  writeFileSync(path, content)
  return path
}

function close(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  expect(found.length).toBe(expected.length)
  const largest = Math.max(...Array.from(found, (value, i) => Math.abs(value - (expected[i] as number))))
  expect(largest).toBeLessThan(tolerance)
}

describe('files of pandas', () => {
  const all = { target: 'target', dtype: 'float64', categorical: 'one-hot', missing: 'mean' } as const

  test('CSV, TSV and JSON lines hold the same', async () => {
    // Truth values are texts in CSV and numbers in JSON.
    const features = [...pandas.numbers, 'colour']
    const sets = await Promise.all(
      (['csv', 'tsv', 'jsonl'] as const).map((kind) =>
        Dataset.fromFile(write(pandas[kind], kind), { ...all, features }),
      ),
    )
    const zipped = await Dataset.fromFile(write(gzipSync(pandas.jsonl), 'jsonl.gz'), { ...all, features })
    for (const data of [...sets, zipped]) {
      expect(data.featureNames).toEqual(sets[0]?.featureNames)
      close(
        data.features.map((x) => x || 0),
        (sets[0] as Dataset).features.map((x) => x || 0),
        1e-9,
      )
      expect(Array.from(data.features, Number.isNaN)).toEqual(Array.from((sets[0] as Dataset).features, Number.isNaN))
      expect(Array.from(data.targets, (i) => data.classes?.[i])).toEqual(pandas.target)
    }
  })

  test('one-hot columns are those of scikit-learn', async () => {
    const data = await Dataset.fromFile(write(pandas.csv, 'csv'), { ...all, features: ['colour'] })
    expect(data.featureNames).toEqual(pandas.categories.map((category) => `colour=${category}`))
    expect(Array.from(data.features)).toEqual(pandas.onehot.flat())
  })

  test.each([
    ['mean', 'standard'],
    ['median', 'minmax'],
  ] as const)('imputing by the %s and scaling is what scikit-learn does', async (missing, scale) => {
    const data = await Dataset.fromFile(write(pandas.csv, 'csv'), { ...all, missing, features: pandas.numbers })
    const scaler = fitScaler(scale, data)
    close(applyScaler(scaler, data.features, data.columns), pandas[missing].flat(), 1e-12)
  })

  test('rows with a missing value are dropped, and whitening is PCA with variance 1', async () => {
    const data = await Dataset.fromFile(write(pandas.csv, 'csv'), { ...all, missing: 'drop', features: pandas.numbers })
    expect(Array.from(data.targets, (i) => data.classes?.[i])).toEqual(pandas.kept.map((row) => pandas.target[row]))
    const white = applyScaler(fitScaler('whiten', data), data.features, data.columns)
    // Signs of components are a convention.
    close(white.map(Math.abs), pandas.whitened.flat().map(Math.abs), 1e-9)
  })
})

describe('missing values and categories', () => {
  const csv = 'a,c,y\n1,red,0.5\n,blue,1.5\n3,?,2.5\n4,red,3.5\n'
  const read = (content: string, options: object) => Dataset.fromCsv(write(content, 'csv'), { target: 'y', ...options })

  test('are refused where nothing is said of them, with the place and the remedy', async () => {
    await expect(read(csv, { categorical: 'one-hot' })).rejects.toThrow(
      /line 3, column 'a': the value is missing; fill it in, or train with missing: 'drop', 'mean' or 'median'/,
    )
    await expect(read(csv, { missing: 'mean' })).rejects.toThrow(
      /line 2, column 'c': the value is 'red', expected a number.*'one-hot'/,
    )
    await expect(read('a,y\n1,0.5\n,1.5\n', { missing: 'mode' })).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(read('a,y\n1,\n2,1.5\n', { missing: 'mean' })).rejects.toThrow(/the target is missing/)
    await expect(
      read('a,b,y\n,1,0.5\n,2,1.5\n', { missing: 'mean' }).then((data) => fitScaler('none', data)),
    ).rejects.toThrow(/every value of column 0 is missing/)
  })

  test('a slip among numbers makes no categories of them', async () => {
    const slip = 'a,y\n1,0.5\n1O,1.5\n3,2.5\n'
    await expect(read(slip, { categorical: 'one-hot' })).rejects.toThrow(
      /line 3, column 'a': the value is '1O', where a number and a text meet/,
    )
    expect((await read(slip, { categorical: { a: 'one-hot' } })).featureNames).toEqual(['a=1', 'a=1O', 'a=3'])
    await expect(read('a,y\n1,0.5\n2,x\n', { missing: 'mean' })).rejects.toThrow(
      /line 3: the target is 'x', where a number and a text meet/,
    )
  })

  test('one-hot, ordinal by a given order, and numbers as categories', async () => {
    const data = await read('size,n,y\nS,1,0.5\nL,2,1.5\nM,1,2.5\n', {
      categorical: { size: ['S', 'M', 'L'], n: 'one-hot' },
    })
    expect(data.featureNames).toEqual(['size', 'n=1', 'n=2'])
    expect(Array.from(data.features)).toEqual([0, 1, 0, 2, 0, 1, 1, 1, 0])
    await expect(read(csv, { categorical: { c: ['red'] }, missing: 'mean' })).rejects.toThrow(/the category is 'blue'/)
  })

  test('the encoding of the training data is applied to others', async () => {
    const train = await read('c,y\nred,0.5\nblue,1.5\n', {
      categorical: 'one-hot',
      missing: 'mean',
      unknownCategories: 'missing',
    })
    const other = write('y,c\n1.5,red\n2.5,green\n', 'csv')
    const test = await Dataset.fromFile(other, { target: 'y', encoding: train.encoding })
    expect(test.featureNames).toEqual(['c=blue', 'c=red'])
    expect(Array.from(test.features)).toEqual([0, 1, Number.NaN, Number.NaN])
    const strict = await read('c,y\nred,0.5\nblue,1.5\n', { categorical: 'one-hot' })
    await expect(readFeatures(other, { encoding: strict.encoding })).rejects.toThrow(
      /line 3, column 'c': the category is 'green'/,
    )
  })

  test('imputing learns from the training rows only, is saved with the model, and is part of the hash', async () => {
    const random = new Random(3)
    const lines = Array.from({ length: 200 }, (_, i) => {
      const [a, b] = [random.normal(), random.normal()]
      return `${i % 5 ? a : ''},${b},${b > 0 ? 'u' : 'v'},${(i % 5 ? a : 0) + b > 0 ? 'yes' : 'no'}`
    })
    const path = write(`a,b,c,y\n${lines.join('\n')}\n`, 'csv')
    const options = { target: 'y', categorical: 'one-hot', missing: 'median' } as const
    const data = await Dataset.fromFile(path, options)
    const { train, test } = data.split({ test: 0.25, seed: 1 })
    const net = new MeanFieldNetwork({ particles: 100 })
    await net.fit(train, { steps: 100, certificate: false })
    expect(((await net.score(test)) as { accuracy: number }).accuracy).toBeGreaterThan(0.8)
    const known = Array.from(train.features)
      .filter((x, i) => i % train.columns === 0 && !Number.isNaN(x))
      .sort((a, b) => a - b)
    const half = known.length / 2
    const middle = known.length % 2 ? known[half - 0.5] : ((known[half - 1] as number) + (known[half] as number)) / 2
    expect(fitScaler('standard', train).fill?.[0]).toBe(middle)
    const file = join(folder, 'net.safetensors')
    await net.save(file)
    const loaded = await MeanFieldNetwork.load(file)
    const rows = await readFeatures(path, { encoding: loaded.encoding })
    expect(Array.from(await loaded.predict(rows))).toEqual(Array.from(await net.predict(data)))
    expect((await Dataset.fromFile(path, { ...options, missing: 'mean' })).hash).not.toBe(data.hash)
  })

  test('a model of complete rows refuses rows that are not', async () => {
    const net = new MeanFieldNetwork({ particles: 10 })
    await net.fit(Dataset.fromArrays([[1], [2], [3]], [1, 2.5, 3]), { steps: 2, certificate: false })
    await expect(net.predict([[Number.NaN]])).rejects.toBeInstanceOf(InvalidDataError)
  })
})

describe('JSON lines', () => {
  test('keys that come late or go are missing values; blank lines and the last line feed do not matter', async () => {
    const frame = await readFrame(write('\ufeff{"a":1,"t":"x"}\n\n{"b":true,"a":null}\r\n{"a":2.5,"b":false}', 'jsonl'))
    expect(frame.columns).toEqual([
      { name: 'a', type: 'number', values: Float64Array.of(1, Number.NaN, 2.5) },
      { name: 't', type: 'text', values: ['x', undefined, undefined] },
      { name: 'b', type: 'boolean', values: Float64Array.of(Number.NaN, 1, 0) },
    ])
    expect(frame.place(1)).toMatch(/line 3$/)
  })

  test.each([
    ['{"a":1}\n{"a":', /line 2: .*expected one JSON object in each line/],
    ['[1,2]\n', /line 1 holds an array of 2/],
    ['{"a":[1]}\n', /line 1, column 'a': the value is an array of 1/],
    ['{"a":{"b":1}}\n', /line 1, column 'a': the value is an object/],
    ['{"a":1e999}\n', /line 1, column 'a': the value is Infinity/],
    ['\n\n', /has no rows/],
  ])('%j is refused', async (content, message) => {
    const error = await readFrame(write(content, 'jsonl')).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(InvalidDataError)
    expect(error.message).toMatch(message)
  })

  test('lines that cross the chunks of the file are put together', async () => {
    const long = 'é'.repeat(100_000)
    const lines = Array.from({ length: 10 }, (_, i) => JSON.stringify({ i, long: `${long}${i}` }))
    const { columns } = await readFrame(write(lines.join('\n'), 'ndjson'))
    expect(columns[0]?.values).toEqual(Float64Array.from({ length: 10 }, (_, i) => i))
    expect(columns[1]?.values[9]).toBe(`${long}9`)
  })
})

test('what is shipped reads the same either way', async () => {
  const path = join(__dirname, '..', '..', '..', 'data', 'breast-cancer.csv')
  const [fast, typed] = [
    await Dataset.fromCsv(path, { target: 'label' }),
    Dataset.fromFrame(await readFrame(path), { target: 'label' }),
  ]
  expect(typed.hash).toBe(fast.hash)
})
