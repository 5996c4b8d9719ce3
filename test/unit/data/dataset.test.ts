import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type ArrayOptions, Dataset, type FeatureInput, type TargetInput } from '../../../lib/data'
import { InvalidDataError, InvalidOptionError } from '../../../lib/native/errors'

const rows = [
  [1, 2],
  [3, 4],
  [5, 6],
]
const make = (targets: TargetInput, options?: ArrayOptions, features: FeatureInput = rows) =>
  Dataset.fromArrays(features, targets, options)
const repeat = <T>(values: T[], times: number) => Array.from({ length: times }, () => values).flat()
const ones = (count: number) => new Float32Array(count).fill(1)

describe('features', () => {
  it('keep typed arrays of floats as they are', () => {
    const single = Float32Array.of(1, 2, 3, 4)
    const double = Float64Array.of(0.1, 2, 3, 4)
    expect(make([0.5, 1], {}, single).features).toBe(single)
    expect(make([0.5, 1], {}, double).features).toBe(double)
    expect(make([0.5, 1], { dtype: 'float32' }, double).features).toEqual(Float32Array.of(0.1, 2, 3, 4))
    expect(make([0.5, 1], { dtype: 'float64' }, single).features).toEqual(Float64Array.of(1, 2, 3, 4))
  })

  it('become float32 otherwise, unless dtype tells', () => {
    const data = make([0.5, 1, 1], {}, [[0.1, 2], Float64Array.of(3, 4), Uint8Array.of(5, 6)])
    expect(data.features).toEqual(Float32Array.of(0.1, 2, 3, 4, 5, 6))
    expect([data.rows, data.columns]).toEqual([3, 2])
    expect(make([0.5, 1], {}, Uint8Array.of(1, 2, 3, 4)).features).toEqual(Float32Array.of(1, 2, 3, 4))
    expect(make([0.5], { dtype: 'float64' }, Int32Array.of(2 ** 31 - 1)).features).toEqual(Float64Array.of(2 ** 31 - 1))
    expect(make([0.5], { dtype: 'float64' }, [[0.1]]).features).toEqual(Float64Array.of(0.1))
  })

  it('have columns from the option, the rows, or the number of targets', () => {
    expect(make([0.5, 1], { columns: 3 }, ones(6)).columns).toBe(3)
    expect(make([0.5, 1], {}, ones(6)).columns).toBe(3)
    expect(make([0.5, 1, 2], { columns: 2 }).columns).toBe(2)
  })

  it('have names', () => {
    expect(make([0.5, 1, 2]).featureNames).toEqual(['x0', 'x1'])
    const data = make([0.5, 1, 2], { featureNames: ['a', 'b'], targetName: 'price' })
    expect([data.featureNames, data.targetName]).toEqual([['a', 'b'], 'price'])
  })

  const bad = Number.NaN
  it.each<[string, FeatureInput, ArrayOptions, RegExp]>([
    ['no rows', [], {}, /0 rows/],
    ['no numbers', ones(0), {}, /0 numbers/],
    ['no columns', [[], [], []], {}, /row 0 of the features is empty/],
    ['ragged rows', [[1, 2], [3], [4, 5]], {}, /row 1 of the features has 1 numbers, expected 2/],
    ['other columns', rows, { columns: 3 }, /row 0 of the features has 2 numbers, expected 3/],
    ['a flat array', [1, 2, 3] as unknown as FeatureInput, {}, /row 0 of the features is 1/],
    ['a row that is no array', [[1], 2, [3]] as unknown as FeatureInput, {}, /row 1 of the features is 2/],
    ['texts', [[1], ['2'], [3]] as unknown as FeatureInput, {}, /row 1, column 0 of the features is '2'/],
    ['holes', [[1], [undefined], [3]] as unknown as FeatureInput, {}, /row 1, column 0 of the features is undefined/],
    ['big integers', new BigInt64Array(3) as unknown as FeatureInput, {}, /a BigInt64Array/],
    ['a buffer', new ArrayBuffer(3) as unknown as FeatureInput, {}, /an object/],
    ['none', null as unknown as FeatureInput, {}, /are null/],
    ['a length that fills no rows', ones(7), {}, /7 features do not fill/],
    ['a length that fills no columns', ones(7), { columns: 2 }, /7 features do not fill rows of 2 columns/],
    ['more rows than targets', ones(8), { columns: 2 }, /4 rows of features and 3 of targets/],
    [
      'NaN',
      [
        [1, 2],
        [3, bad],
        [5, 6],
      ],
      {},
      /row 1, column 1 is NaN, expected a finite number/,
    ],
    ['infinity', Float32Array.of(1, 2, 3, 4, Number.NEGATIVE_INFINITY, 6), {}, /row 2, column 0 is -Infinity/],
    ['beyond float32', [[1], [1e39], [2]], {}, /row 1, column 0 is 1e\+39, .*range of float32; .*dtype: 'float64'/],
  ])('with %s are refused', (_, features, options, message) => {
    expect(() => make([0.5, 1, 2], options, features)).toThrow(InvalidDataError)
    expect(() => make([0.5, 1, 2], options, features)).toThrow(message)
  })

  it('name the place of a bad value', () => {
    const features = [
      [1, 2],
      [3, bad],
    ]
    expect.assertions(1)
    try {
      make([0, 1], {}, features)
    } catch (error) {
      expect((error as InvalidDataError).details).toEqual({ row: 1, column: 1 })
    }
  })
})

describe('targets', () => {
  it('of numbers are kept when they are a Float64Array', () => {
    const targets = Float64Array.of(0.5, 1, 2)
    const data = make(targets)
    expect(data.targets).toBe(targets)
    expect([data.task, data.targetColumns, data.classes]).toEqual(['regression', 1, undefined])
    expect(make(Float32Array.of(0.5, 1, 2)).targets).toEqual(targets)
    expect(make([0.5, 1, 2]).targets).toEqual(targets)
  })

  it('of rows are several outputs', () => {
    const wide = [
      [1, 2],
      [3, 4],
      [5, 6],
    ]
    for (const data of [make(wide), make(Float64Array.of(1, 2, 3, 4, 5, 6), { targetColumns: 2 })]) {
      expect([data.rows, data.targetColumns, data.task]).toEqual([3, 2, 'regression'])
      expect(Array.from(data.targets)).toEqual([1, 2, 3, 4, 5, 6])
    }
  })

  it('of texts and truth values are classes', () => {
    const data = make(['b', 'a', 'b'])
    expect([data.task, data.classes, Array.from(data.targets)]).toEqual(['classification', ['a', 'b'], [1, 0, 1]])
    expect(make([true, false, true]).classes).toEqual(['false', 'true'])
    expect(make(['10', '9', '-1']).classes).toEqual(['-1', '9', '10'])
    expect(make(['10', '9', 'x']).classes).toEqual(['10', '9', 'x'])
  })

  it('of few integers are classes, by the rule of files', () => {
    const data = make(repeat([1, -1], 10), {}, ones(20))
    expect([data.classes, Array.from(data.targets.subarray(0, 2))]).toEqual([
      ['-1', '1'],
      [1, 0],
    ])
    expect(make(repeat([1, -1], 9), {}, ones(18)).task).toBe('regression')
    expect(make(repeat([1, -1], 10), { task: 'regression' }, ones(20)).task).toBe('regression')
    expect(make([2, 0.5, 2], { task: 'classification' }).classes).toEqual(['0.5', '2'])
  })

  it('are numbered by classes that are given', () => {
    const data = make(['b', 'a', 'b'], { classes: ['c', 'b', 'a'] })
    expect([data.classes, Array.from(data.targets)]).toEqual([
      ['c', 'b', 'a'],
      [1, 2, 1],
    ])
    expect(make([1, 0, 1], { classes: ['1', '0'] }).targets).toEqual(Float64Array.of(0, 1, 0))
    expect(() => make(['b', 'd', 'b'], { classes: ['a', 'b'] })).toThrow(/row 1 of the targets: the label is 'd', expe/)
  })

  const wide = [[1], [2, 3], [4]]
  it.each<[string, unknown, ArrayOptions, RegExp]>([
    ['none', [], {}, /an empty array/],
    ['no array', 'abc', {}, /the targets are 'abc'/],
    ['nothing', undefined, {}, /undefined/],
    ['too few', [0.5, 1], {}, /3 rows of features and 2 of targets/],
    ['NaN', [0.5, Number.NaN, 1], {}, /row 1 is NaN, expected a finite number/],
    ['infinity', Float64Array.of(1, 2, Number.POSITIVE_INFINITY), {}, /row 2 is Infinity/],
    ['a missing label', ['a', null, 'b'], {}, /row 1 is null, expected a text/],
    ['an empty label', ['a', '', 'b'], {}, /row 1 is ''/],
    ['a missing first label', [null, 'a', 'b'], {}, /row 0 is null, expected a number, a text or/],
    ['mixed types', ['1', 1, '1'], {}, /row 1 is 1, expected a text/],
    ['labels for regression', ['a', 'b', 'a'], { task: 'regression' }, /row 0 is 'a', expected a number/],
    ['ragged rows', wide, {}, /row 1 of the targets has 2 numbers, expected 1/],
    ['NaN in rows', [[1], [Number.NaN], [2]], {}, /row 1 is NaN/],
    ['a length that fills no rows', [1, 2, 3, 4, 5], { targetColumns: 2, task: 'regression' }, /do not fill rows of 2/],
  ])('with %s are refused', (_, targets, options, message) => {
    expect(() => make(targets as TargetInput, options)).toThrow(InvalidDataError)
    expect(() => make(targets as TargetInput, options)).toThrow(message)
  })

  it('of indicators are refused for classification', () => {
    const indicators = [
      [1, 0],
      [0, 1],
      [1, 0],
    ]
    expect(() => make(indicators, { task: 'classification' })).toThrow(/pass labels, not indicators/)
    expect(() => make(indicators, { classes: ['a', 'b'] })).toThrow(InvalidOptionError)
  })
})

describe('options', () => {
  it.each<[object, RegExp]>([
    [{ column: 2 }, /no option 'column'.*did you mean 'columns'/],
    [{ columns: 1.5 }, /columns is 1.5/],
    [{ targetColumns: 0 }, /targetColumns is 0/],
    [{ dtype: 'float16' }, /dtype is 'float16', expected one of 'float32', 'float64'/],
    [{ task: 'x' }, /task is 'x'/],
    [{ featureNames: ['a'] }, /expected 2 texts/],
    [{ featureNames: ['a', 'a'] }, /'a' twice/],
    [{ targetName: '' }, /targetName is ''/],
  ])('%j are refused', (options, message) => {
    expect(() => make([0.5, 1, 2], options)).toThrow(InvalidOptionError)
    expect(() => make([0.5, 1, 2], options)).toThrow(message)
  })
})

describe('input', () => {
  it('is never changed', () => {
    const features = Object.freeze(rows.map((row) => Object.freeze([...row])))
    const labels = Object.freeze(['b', 'a', 'b'])
    const classes = Object.freeze(['b', 'a'])
    const typed = Float64Array.of(3, 1, 2, 3, 1, 2, 9, 9)
    const before = Float64Array.from(typed)
    make(labels, { classes }, features).split({ test: 1 })
    make(typed.subarray(0, 4), {}, typed).split({ test: 1 })
    expect(typed).toEqual(before)
  })

  it('may be a view into a larger array', () => {
    const data = make(Float64Array.of(9, 0.5, 1, 9).subarray(1, 3), {}, Float32Array.of(9, 1, 2, 9).subarray(1, 3))
    expect(data.hash).toBe(make([0.5, 1], {}, [[1], [2]]).hash)
  })
})

describe('subset', () => {
  it('copies rows in the order of the indices', () => {
    const data = make(['b', 'a', 'b'], { featureNames: ['p', 'q'], targetName: 't' })
    const part = data.subset([2, 0, 2])
    expect(Array.from(part.features)).toEqual([5, 6, 1, 2, 5, 6])
    expect(Array.from(part.targets)).toEqual([1, 1, 1])
    expect([part.rows, part.classes, part.featureNames, part.targetName]).toEqual([3, ['a', 'b'], ['p', 'q'], 't'])
    part.features[0] = 100
    expect(data.features[4]).toBe(5)
  })

  it('keeps float64 and several targets', () => {
    const targets = [
      [1, 2],
      [3, 4],
      [5, 6],
    ]
    const part = make(targets, { dtype: 'float64' }).subset(Uint8Array.of(1))
    expect([part.features, part.targets]).toEqual([Float64Array.of(3, 4), Float64Array.of(3, 4)])
  })

  it('refuses no rows and indices that are no rows', () => {
    const data = make([0.5, 1, 2])
    expect(() => data.subset([])).toThrow(InvalidDataError)
    for (const bad of [-1, 3, 0.5, Number.NaN, '0' as unknown as number]) {
      expect(() => data.subset([0, bad])).toThrow(/index 1 of the subset is/)
    }
  })
})

describe('hash', () => {
  it('is SHA-256 of shapes, types, values and classes, computed once', () => {
    const data = make(['b', 'a', 'b'])
    const expected = createHash('sha256')
      .update('[3,2,"float32",1,"classification",["a","b"]]\n')
      .update(Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer))
      .update(Buffer.from(Float64Array.of(1, 0, 1).buffer))
      .digest('hex')
    expect(data.hash).toBe(expected)
    data.features[0] = 7
    expect(data.hash).toBe(expected)
  })

  it('tells contents apart, not names', () => {
    const different = [
      make([0, 1, 0.5]),
      make([0, 1, 0.25]),
      make([0, 1, 0.5], { dtype: 'float64' }),
      make([0, 1, 0.5], { dtype: 'float64' }, [
        [1, 2],
        [3, 4],
        [5, 7],
      ]),
      make([0, 1, 0.5], {}, [[1], [2], [3]]),
      make([0, 1, 0], { task: 'classification' }),
      make([0, 1, 0], { classes: ['0', '1', '2'] }),
      make([0, 1, 0], { task: 'regression' }),
      make([
        [0, 1],
        [0, 0],
        [1, 1],
      ]),
    ]
    expect(new Set(different.map((data) => data.hash)).size).toBe(different.length)
    expect(make([0, 1, 0.5], { featureNames: ['a', 'b'] }).hash).toBe(different[0]?.hash)
  })
})

describe('the shipped files', () => {
  const shipped = (file: string) => join(__dirname, '../../../data', file)

  it.each([
    // rows, features and classes as data/README.md tells
    ['digits.csv.gz', 1797, 64, '0 1 2 3 4 5 6 7 8 9'],
    ['letter.csv.gz', 20000, 16, 'A B C D E F G H I J K L M N O P Q R S T U V W X Y Z'],
    ['spam.csv.gz', 4601, 57, 'nonspam spam'],
    ['breast-cancer.csv', 569, 30, 'benign malignant'],
  ])('%s is classification', async (file, rows, columns, classes) => {
    const data = await Dataset.fromCsv(shipped(file), { target: 'label' })
    expect([data.rows, data.columns, data.targetColumns, data.task]).toEqual([rows, columns, 1, 'classification'])
    expect(data.classes).toEqual(classes.split(' '))
    expect(data.features).toHaveLength(rows * columns)
    expect(new Set(data.targets).size).toBe(data.classes?.length)
    expect(data.featureNames).not.toContain('label')
  })

  it('diabetes.csv is regression', async () => {
    const data = await Dataset.fromCsv(shipped('diabetes.csv'), { target: 'progression' })
    expect([data.rows, data.columns, data.task, data.classes]).toEqual([442, 10, 'regression', undefined])
    // The mean of the published target is 152.133…
    expect(data.targets.reduce((total, value) => total + value, 0)).toBe(67243)
  })
})
