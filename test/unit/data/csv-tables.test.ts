import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Dataset, readFeatures, type TableOptions } from '../../../lib/data'
import { InvalidDataError, InvalidOptionError } from '../../../lib/native/errors'

import { failure, folder, parse, write } from './csv-files'

describe('missing values', () => {
  it.each(['', ' ', '""', 'NA', 'n/a', 'NaN', 'nan', 'null', 'NULL', '?'])('%j is refused', async (text) => {
    const error = await failure(`a,b,y\n1,2,0\n3,${text},1\n`)
    expect(error.message).toMatch(/line 3, column 'b': the value is missing \(.*\); pass missing/)
    expect(error.details).toMatchObject({ line: 3, column: 'b', row: 1 })
    const target = await failure(`a,y\n1,u\n2,${text}\n`)
    expect(target.message).toMatch(/line 3, column 'y': the value is missing \(.*\); remove the row or fill in the tar/)
  })

  it('in columns that are left out do not matter', async () => {
    const data = await parse('a,b,y\n1,,0\n2,red,1\n', { features: ['a'] })
    expect(data.featureNames).toEqual(['a'])
  })
})

describe('columns', () => {
  const text = 'a,b,c,y\n1,2,3,0.5\n4,5,6,1.5\n'

  it('are all but the target, in the order of the file', async () => {
    const data = await parse(text, { target: 'b' })
    expect(data.featureNames).toEqual(['a', 'c', 'y'])
    expect(data.targetName).toBe('b')
    expect(Array.from(data.features)).toEqual([1, 3, 0.5, 4, 6, 1.5])
    expect(Array.from(data.targets)).toEqual([2, 5])
  })

  it('are chosen by name or index, in the order asked for', async () => {
    const data = await parse(text, { features: ['c', 0] })
    expect(data.featureNames).toEqual(['c', 'a'])
    expect(Array.from(data.features)).toEqual([3, 1, 6, 4])
    expect((await parse(text, { target: 3 })).targetName).toBe('y')
  })

  it('without a header are x0, x1, …', async () => {
    const data = await parse('1,2,red\n3,4,blue\n', { target: 2 })
    expect([data.rows, data.featureNames, data.targetName]).toEqual([2, ['x0', 'x1'], 'x2'])
    expect((await parse('1,2\n3,4\n', { target: 'x1' })).featureNames).toEqual(['x0'])
    expect((await parse('a,1\n2,3\n', { target: 'a' })).rows).toBe(1)
    expect((await parse('2,1\n2,3\n', { target: 0, header: true })).featureNames).toEqual(['1'])
    expect((await parse('2,1\n2,3\n', { target: 0, header: false })).rows).toBe(2)
  })

  it('that do not exist are named with those that do', async () => {
    const unknown = parse(text, { target: 'yy' })
    await expect(unknown).rejects.toThrow(InvalidOptionError)
    await expect(unknown).rejects.toThrow(/no column 'yy', expected one of 'a', 'b', 'c', 'y'; did you mean 'y'/)
    for (const target of [4, -1, 0.5]) await expect(parse(text, { target })).rejects.toThrow(InvalidOptionError)
    for (const target of [undefined, null as unknown as string]) {
      await expect(parse(text, { target })).rejects.toThrow(/no target is given, expected one of 'a', .*readFeatures/)
    }
    await expect(parse('1,2\n', { target: 'y' })).rejects.toThrow(/pass header: true/)
    await expect(parse('a;b\n1;2\n', { target: 'b' })).rejects.toThrow(/first line has ";": pass it as delimiter/)
  })

  it.each<[string, unknown, RegExp]>([
    ['the target', ['a', 'y'], /'y' is among the features/],
    ['one twice', ['a', 0], /'a' twice/],
    ['none', [], /expected a list/],
    ['no list', 'a', /expected a list/],
    ['an unknown one', ['d'], /no column 'd'/],
  ])('cannot be %s', async (_, features, message) => {
    await expect(parse(text, { features: features as string[] })).rejects.toThrow(InvalidOptionError)
    await expect(parse(text, { features: features as string[] })).rejects.toThrow(message)
  })

  it('have different names, and features have one', async () => {
    expect((await failure('a,b,a,y\n1,2,3,4\n')).details).toMatchObject({ line: 1, column: 'a' })
    expect((await failure(',b,y\n1,2,3\n')).message).toMatch(/column 1 has no name/)
    expect((await parse(',b,y\n1,2,3\n', { features: ['b'] })).columns).toBe(1)
    await expect(parse('y\n1\n')).rejects.toThrow(/only column is the target/)
  })

  it('of text are refused, with a hint when the line may be a header', async () => {
    expect((await failure('a,b,y\n1,red,0\n')).message).toMatch(/column 'b': the value is 'red', expected a number/)
    const hint = await failure('id,1,2\n5,6,7\n', { target: 2 })
    expect(hint.message).toMatch(/line 1, column 'x0': the value is 'id'.*header: true if line 1 holds the names/)
  })
})

describe('targets', () => {
  const column = (values: (string | number)[], options: Partial<TableOptions> = {}) =>
    parse(`a,y\n${values.map((value) => `1,${value}`).join('\n')}`, options)
  const repeat = (values: (string | number)[], times: number) => Array.from({ length: times }, () => values).flat()

  it('of text are classes in the order of code points', async () => {
    // U+1F600 sorts before U+FF5E by UTF-16 units, after it by code points.
    const data = await column(['b', 'a', '😀', '～', 'B', '"a"'])
    expect(data.classes).toEqual(['B', 'a', 'b', '～', '😀'])
    expect(Array.from(data.targets)).toEqual([2, 1, 4, 3, 0, 1])
  })

  it('of few integers are classes in the order of numbers', async () => {
    const data = await column(repeat([10, '9.0', -1], 10))
    expect(data.classes).toEqual(['-1', '9', '10'])
    expect(Array.from(data.targets.subarray(0, 3))).toEqual([2, 1, 0])
  })

  it.each<[string, (string | number)[]]>([
    ['fractions', repeat([0, 0.5], 50)],
    ['fewer than ten rows for each value', repeat([0, 1], 9).concat(1)],
    ['one value', repeat([3], 50)],
    [
      'more than 100 values',
      repeat(
        Array.from({ length: 101 }, (_, i) => i),
        10,
      ),
    ],
  ])('with %s are numbers', async (_, values) => {
    const data = await column(values)
    expect([data.task, data.classes]).toEqual(['regression', undefined])
    expect(Array.from(data.targets)).toEqual(values)
  })

  it('are what task says', async () => {
    expect((await column(repeat([0, 1], 20), { task: 'regression' })).classes).toBeUndefined()
    expect((await column([0.5, 2, '02'], { task: 'classification' })).classes).toEqual(['0.5', '2'])
    const mixed = await column(['x', 1, '1.0'], { task: 'classification' })
    expect([mixed.classes, Array.from(mixed.targets)]).toEqual([
      ['1', 'x'],
      [1, 0, 0],
    ])
  })

  it('that mix numbers and texts are refused by line', async () => {
    for (const values of [
      [1, 2, 'x'],
      ['u', 'x', 2],
    ]) {
      const error = await column(values).catch((thrown) => thrown)
      expect(error).toBeInstanceOf(InvalidDataError)
      expect(error.details).toMatchObject({ line: 4, column: 'y', row: 2 })
    }
    await expect(column([1, 'x'], { task: 'regression' })).rejects.toThrow(/line 3, column 'y': .*'x', expected a num/)
  })

  it('are numbered by the classes of another file', async () => {
    const train = await column(repeat([3, 5, 7], 10))
    const test = await column(['7.0', 3], { classes: train.classes as string[] })
    expect([test.task, test.classes, Array.from(test.targets)]).toEqual(['classification', ['3', '5', '7'], [2, 0]])
    expect((await column(['01', 1], { classes: ['1', '01'] })).targets).toEqual(Float64Array.of(1, 0))
    const error = await column([3, 4], { classes: ['3', '5'] }).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(InvalidDataError)
    expect(error.message).toMatch(/line 3, column 'y': the label is '4', expected one of '3', '5'/)
    expect(error.details).toMatchObject({ line: 3, column: 'y', row: 1, label: '4' })
  })
})

describe('files', () => {
  it('may be gzip, whatever their name', async () => {
    const text = `a,y\n${Array.from({ length: 60000 }, (_, i) => `${i},${i / 2}`).join('\n')}\n`
    const plain = await parse(text)
    for (const extension of ['csv', 'csv.gz']) {
      const data = await Dataset.fromCsv(write(gzipSync(text), extension), { target: 'y' })
      expect(data.rows).toBe(60000)
      expect(data.hash).toBe(plain.hash)
    }
    const halves = Buffer.concat([gzipSync(text.slice(0, 1000)), gzipSync(text.slice(1000))])
    expect((await parse(halves)).hash).toBe(plain.hash)
  })

  it('of gzip that are cut off, damaged or not compressed are refused', async () => {
    const bytes = gzipSync(`a,y\n${Array.from({ length: 5000 }, (_, i) => `${i % 97},${i % 89}`).join('\n')}\n`)
    const damaged = Buffer.from(bytes)
    damaged.fill(0xff, 200, 230)
    for (const content of [bytes.subarray(0, 2), bytes.subarray(0, 500), bytes.subarray(0, -4), damaged]) {
      expect((await failure(content)).message).toMatch(/is a damaged gzip file \(.*\); fetch or write it again/)
    }
  })

  it('named .tsv are split at tabs, others at the delimiter given', async () => {
    for (const [name, content] of [
      ['tsv', 'a\ty\n1\tu v\n'],
      ['tab', 'a\ty\n1\tu v\n'],
    ] as const) {
      expect((await Dataset.fromCsv(write(content, name), { target: 'y' })).classes).toEqual(['u v'])
    }
    expect((await parse('a;b;y\n1;2;0\n', { delimiter: ';' })).columns).toBe(2)
    expect((await parse('a\ty\n1\t0\n', { delimiter: '\t' })).columns).toBe(1)
    for (const delimiter of ['', ',,', '"', '\n', '1', '.', 'e', '-', 'é', 3 as unknown as string]) {
      await expect(parse('a,y\n1,2\n', { delimiter })).rejects.toThrow(InvalidOptionError)
    }
  })

  it.each<[string, string, RegExp]>([
    ['nothing', '', /is empty/],
    ['a byte order mark only', '\ufeff', /is empty/],
    ['blank lines only', '\n\n', /is empty/],
    ['a header only', 'a,y\n', /has a header and no rows/],
    ['a short row', 'a,b,y\n1,2,3\n1,2\n', /line 3: the row has 2 cells, expected 3/],
    ['a long row', 'a,y\n1,2,3\n', /line 2: the row has 3 cells, expected 2/],
    ['a blank line', 'a,y\n1,2\n\n1,2\n', /line 3: the line is blank/],
    ['a quote that does not end', 'a,y\n1,"2\n3,4\n', /line 2: a quoted cell does not end/],
    ['a quote inside a cell', 'a,y\n1,2"3\n', /line 2: a quote is inside a cell/],
    ['text after a quote', 'a,y\n1,"2"3\n', /line 2: text follows a closing quote/],
  ])('with %s are refused', async (_, content, message) => {
    const error = await failure(content)
    expect(error.message).toMatch(message)
    expect(error.details.file).toMatch(/\.csv$/)
  })

  it('with blank lines at the end are read', async () => {
    expect((await parse('a,y\n1,2\n\n\r\n  \n')).rows).toBe(1)
  })

  it('that are not UTF-8 are refused where text matters', async () => {
    const latin1 = (text: string) => Buffer.from(text, 'latin1')
    expect((await failure(latin1('café,y\n1,2\n'))).details).toMatchObject({ line: 1 })
    expect((await failure(latin1('a,y\n1,u\n1,café\n'))).message).toMatch(/line 3: cell 2 is not UTF-8/)
    await failure(latin1('a,y\n1\xe9,2\n'))
    const utf16 = Buffer.from('\ufeffa,y\n1,2\n', 'utf16le')
    expect((await failure(utf16)).message).toMatch(/is UTF-16/)
    expect((await failure(Buffer.from(utf16).swap16())).message).toMatch(/is UTF-16/)
  })

  it('that cannot be opened are refused', async () => {
    await expect(Dataset.fromCsv(join(folder, 'none.csv'), { target: 'y' })).rejects.toThrow(/there is no file/)
    await expect(Dataset.fromCsv(folder, { target: 'y' })).rejects.toThrow(/is a folder/)
    await expect(Dataset.fromCsv('', { target: 'y' })).rejects.toThrow(InvalidOptionError)
    await expect(Dataset.fromCsv(3 as unknown as string, { target: 'y' })).rejects.toThrow(InvalidOptionError)
  })
})

describe('options', () => {
  it.each<[object, RegExp]>([
    [{ targets: 'y' }, /no option 'targets'.*did you mean 'target'/],
    [{ target: 'y', task: 'ranking' }, /task is 'ranking'/],
    [{ target: 'y', task: 'regression', classes: ['0'] }, /one of the two/],
    [{ target: 'y', classes: [] }, /classes is an array of 0/],
    [{ target: 'y', classes: [0, 1] }, /expected an array of labels/],
    [{ target: 'y', classes: ['a', 'a'] }, /'a' twice/],
    [{ target: 'y', dtype: 'int8' }, /dtype is 'int8'/],
    [{ target: 'y', header: 'yes' }, /header is 'yes'/],
  ])('%j are refused', async (options, message) => {
    const read = Dataset.fromCsv(write('a,y\n1,0\n'), options as TableOptions)
    await expect(read).rejects.toThrow(InvalidOptionError)
    await expect(read).rejects.toThrow(message)
  })

  it('must be an object', async () => {
    await expect(Dataset.fromCsv(write('a,y\n1,0\n'), 'y' as unknown as TableOptions)).rejects.toThrow(
      /expected an obj/,
    )
  })
})

describe('readFeatures', () => {
  it('finds the columns of a model by name, in any order, with or without the target', async () => {
    const train = await parse('a,b,y\n1,2,u\n')
    for (const text of ['a,b\n3,4\n', 'b,y,a\n4,u,3\n']) {
      const matrix = await readFeatures(write(text), { features: train.featureNames })
      expect(matrix).toEqual({ features: Float32Array.of(3, 4), rows: 1, columns: 2, featureNames: ['a', 'b'] })
    }
    await expect(readFeatures(write('a,c\n1,2\n'), { features: ['a', 'b'] })).rejects.toThrow(/no column 'b'/)
  })

  it('takes all columns otherwise, and no target', async () => {
    expect((await readFeatures(write('1\n2\n'), { dtype: 'float64' })).features).toEqual(Float64Array.of(1, 2))
    await expect(readFeatures(write('1\n'), { target: 0 } as object)).rejects.toThrow(/no option 'target'/)
  })
})
