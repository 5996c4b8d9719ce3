import { applyScaler, Dataset, type ScalerKind } from '../../../lib/data'
import {
  type Preparation,
  preparationFromJson,
  preparationToJson,
  prepare,
  preparedClasses,
  preparedFeatures,
  preparedTargets,
  type Rows,
  requireDataset,
  requireRegression,
  restoredOutputs,
} from '../../../lib/models/preparation'

const rows = [
  [1, 10],
  [3, 30],
  [5, 20],
  [7, 60],
]
const numbers = Dataset.fromArrays(rows, [2, 4, 6, 12], { task: 'regression', featureNames: ['a', 'b'] })
const labels = Dataset.fromArrays(rows, ['no', 'yes', 'no', 'yes'], { featureNames: ['a', 'b'] })
const pairs = Dataset.fromArrays(
  rows,
  rows.map(([a, b]) => [a, 2 * b]),
)
const prepared = (data: Dataset, scale: ScalerKind = 'standard', scaleTargets = true) =>
  prepare(data, scale, scaleTargets)
const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'MEANFIELD_INVALID_DATA', message: expect.stringMatching(message) })

describe('features', () => {
  it.each<ScalerKind>(['standard', 'minmax', 'none'])('are scaled as the training data (%s)', async (kind) => {
    const preparation = prepared(numbers, kind)
    const { values, rows: n, columns } = await preparedFeatures(preparation, numbers)
    expect([n, columns]).toEqual([4, 2])
    expect(Array.from(values)).toEqual(
      Array.from(applyScaler(preparation.scaler, numbers.features as Float32Array, columns)),
    )
  })

  it('are the same numbers in whatever form they come', async () => {
    const preparation = prepared(numbers)
    const { values } = await preparedFeatures(preparation, numbers)
    const flat = rows.flat()
    const forms: Rows[] = [
      Float32Array.from(flat),
      Float64Array.from(flat),
      Uint8Array.from(flat),
      rows,
      rows.map((row) => Float64Array.from(row)),
      { features: Float64Array.from(flat), rows: 4, columns: 2, featureNames: ['a', 'b'] },
    ]
    for (const form of forms) expect((await preparedFeatures(preparation, form)).values).toEqual(values)
  })

  it('are read in place when there is nothing to scale', async () => {
    const { values } = await preparedFeatures(prepared(numbers, 'none'), numbers)
    expect(values).toBe(numbers.features)
  })

  it('are scaled piece by piece, and other work gets its turn', async () => {
    const columns = 3
    const features = Float32Array.from({ length: 800_000 * columns }, (_, i) => (i * 7919) % 1000)
    const large = Dataset.fromArrays(features, new Float64Array(800_000), { task: 'regression' })
    const preparation = prepared(large)
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    const { values } = await preparedFeatures(preparation, large)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
    const expected = applyScaler(preparation.scaler, features, columns)
    expect(Buffer.from(values.buffer).equals(Buffer.from(expected.buffer))).toBe(true)
  })

  it('of no rows are none', async () => {
    expect(await preparedFeatures(prepared(numbers), [])).toMatchObject({ rows: 0, columns: 2 })
  })

  it.each<[unknown, RegExp]>([
    [undefined, /features are undefined, expected a Dataset, a typed array/],
    ['1,2', /features are '1,2'/],
    [new BigInt64Array(2), /features are a BigInt64Array/],
    [new DataView(new ArrayBuffer(8)), /features are a DataView/],
    [Float32Array.of(1, 2, 3), /3 numbers do not fill rows of 2 columns/],
    [[[1, 2], [3]], /row 1 of the features has 1 numbers, expected 2/],
    [[[1, 2, 3]], /row 0 of the features has 3 numbers, expected 2/],
    [[1, 2], /row 0 of the features is 1, expected 2/],
    [[[1, '2']], /row 0, column 1 of the features is '2', expected a number/],
    [Dataset.fromArrays([[1, 2, 3]], [1]), /features have 3 columns; the model was fitted on 2: 'a', 'b'/],
  ])('refuses %p', async (input, message) => {
    await expect(preparedFeatures(prepared(numbers), input as Rows)).rejects.toEqual(refusal(message))
  })

  it('refuses the columns of the training data in another order', async () => {
    const swapped = Dataset.fromArrays(rows, [1, 2, 3, 4], { task: 'regression', featureNames: ['b', 'a'] })
    await expect(preparedFeatures(prepared(numbers), swapped)).rejects.toEqual(refusal(/column 0 is 'b', expected 'a'/))
  })
})

describe('classes', () => {
  it('keep the numbers of the training data, in whatever order the other data have them', () => {
    const { classes } = prepared(labels)
    expect(classes).toEqual(['no', 'yes'])
    const other = Dataset.fromArrays(rows, ['yes', 'yes', 'no', 'no'], { classes: ['yes', 'no'] })
    expect(Array.from(other.targets)).toEqual([0, 0, 1, 1])
    expect(Array.from(preparedClasses(classes ?? [], other))).toEqual([1, 1, 0, 0])
  })

  it('refuses a class that the training data do not have, by row', () => {
    const other = Dataset.fromArrays(rows, ['yes', 'no', 'perhaps', 'no'])
    expect(() => preparedClasses(['no', 'yes'], other)).toThrow(
      refusal(/row 2 is of class 'perhaps'.*expected one of 'no', 'yes'/),
    )
    // A class without rows does no harm.
    const spare = Dataset.fromArrays(rows, ['yes', 'no', 'yes', 'no'], { classes: ['maybe', 'no', 'yes'] })
    expect(Array.from(preparedClasses(['no', 'yes'], spare))).toEqual([1, 0, 1, 0])
  })

  it('refuses numbers where there were classes, and classes where there were numbers', () => {
    expect(() => preparedClasses(['no', 'yes'], numbers)).toThrow(
      refusal(/targets are numbers.*task: 'classification'/),
    )
    const { targetScalers = [] } = prepared(numbers)
    expect(() => requireRegression(targetScalers, labels)).toThrow(refusal(/have classes.*1 column of numbers/))
    expect(() => preparedTargets(targetScalers, pairs)).toThrow(refusal(/2 target columns.*fitted on 1 column/))
  })

  it('refuses a single one', () => {
    const same = Dataset.fromArrays(rows, ['x', 'x', 'x', 'x'])
    expect(() => prepared(same)).toThrow(refusal(/every target is of class 'x', expected at least 2/))
  })
})

describe('targets', () => {
  it('are scaled for each output, and outputs brought back', () => {
    const { targetScalers = [] } = prepared(pairs)
    const scaled = preparedTargets(targetScalers, pairs)
    for (const j of [0, 1]) {
      const column = Array.from(scaled).filter((_, i) => i % 2 === j)
      expect(column.reduce((sum, y) => sum + y, 0)).toBeCloseTo(0, 13)
      expect(column.reduce((sum, y) => sum + y * y, 0)).toBeCloseTo(4, 13)
    }
    restoredOutputs(targetScalers, Float32Array.from(scaled)).forEach((value, i) => {
      expect(value).toBeCloseTo(pairs.targets[i], 4)
    })
  })

  it('stay as they are when told to', () => {
    const { targetScalers = [] } = prepared(pairs, 'none', false)
    expect(preparedTargets(targetScalers, pairs)).toEqual(pairs.targets)
    const outputs = Float32Array.of(1.5, -2, 3, 4)
    expect(restoredOutputs(targetScalers, outputs)).toEqual(outputs)
  })
})

it('refuses what is no data set with rows', () => {
  expect(requireDataset(numbers, 'data')).toBe(numbers)
  for (const value of [undefined, null, rows, {}, 'digits.csv'])
    expect(() => requireDataset(value as unknown as Dataset, 'training data')).toThrow(
      refusal(/the training data are .* expected a Dataset with at least 1 row/),
    )
})

describe('as JSON', () => {
  const there = (preparation: unknown) => preparationFromJson(JSON.parse(JSON.stringify(preparation)))

  it.each<[string, Preparation]>([
    ['numbers', prepared(numbers)],
    ['several outputs', prepared(pairs, 'minmax')],
    ['classes', prepared(labels, 'none')],
  ])('%s come back the same', (_, preparation) => {
    expect(there(preparationToJson(preparation))).toEqual(preparation)
  })

  it.each<[Record<string, unknown>, RegExp]>([
    [{ featureNames: undefined }, /names of the features in the model are not a list/],
    [{ featureNames: ['a'] }, /2|center of the scaler/],
    [{ scaler: undefined }, /the scaler is/],
    [{ classes: [1, 2] }, /classes in the model are not a list of texts/],
    [{ classes: [] }, /classes in the model are not a list of texts/],
    [{ targetScalers: undefined }, /neither classes nor scales of targets/],
    [{ targetScalers: [] }, /neither classes nor scales of targets/],
    [{ targetScalers: [{ center: 0, scale: 0 }] }, /scale of the target scaler/],
  ])('refuses %p', (change, message) => {
    const json = { ...(preparationToJson(prepared(numbers)) as object), ...change }
    expect(() => there(json)).toThrow(refusal(message))
  })

  it.each([null, 3, []])('refuses %p', (json) => {
    expect(() => preparationFromJson(json)).toThrow(refusal(/not a list of texts/))
  })
})
