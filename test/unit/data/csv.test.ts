import { RecordScanner } from '../../../lib/data/csv'
import { Random } from '../../../lib/data/random'
import { InvalidDataError } from '../../../lib/native/errors'

import { failure, parse } from './csv-files'

/** The records of a text pushed in chunks that end at the given offsets, with the line on which each begins. */
function records(text: string | Uint8Array, cuts: number[] = [], delimiter = ','): [number, ...string[]][] {
  const bytes = Buffer.from(text)
  const scanner = new RecordScanner('t.csv', delimiter)
  const seen: [number, ...string[]][] = []
  const drain = () => {
    while (scanner.next()) {
      seen.push([scanner.line, ...Array.from({ length: scanner.cells }, (_, cell) => scanner.text(cell))])
    }
  }
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    scanner.push(bytes.subarray(from, cut))
    from = cut
    drain()
  }
  scanner.end()
  drain()
  return seen
}

describe('records', () => {
  it.each<[string, string, string[][]]>([
    [
      'LF',
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'CRLF',
      'a,b\r\n1,2\r\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'CR',
      'a,b\r1,2\r',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'no line end at the end',
      'a,b\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['a byte order mark', '\ufeffa,b\n', [['a', 'b']]],
    [
      'empty cells',
      ',\n,,',
      [
        ['', ''],
        ['', '', ''],
      ],
    ],
    ['spaces around cells', ' a ,\t"b "\t, c d \n', [['a', 'b ', 'c d']]],
    ['quoted delimiters and line ends', '"a,b","c\nd","e\r\nf"\n', [['a,b', 'c\nd', 'e\r\nf']]],
    ['doubled quotes', '"a""b","""","""""",""\n', [['a"b', '"', '""', '']]],
    ['a quoted cell at the end', 'a,"b"', [['a', 'b']]],
    ['text beyond ASCII', 'é,"日本",🦆\n', [['é', '日本', '🦆']]],
    ['blank lines', 'a\n\n \nb', [['a'], [''], [''], ['b']]],
  ])('with %s', (_, text, expected) => {
    expect(records(text).map(([, ...cells]) => cells)).toEqual(expected)
  })

  it('know the line on which they begin', () => {
    expect(records('a\n"b\nc\r\nd\re",1\r\nf\rg').map(([line]) => line)).toEqual([1, 2, 6, 7])
  })

  it('are the same for every way to cut the bytes', () => {
    const text = Buffer.from('\ufeffa, "b\r\n""c""" ,d\r\n"",\u00e9,"x"\r\r\n1,-2.5e3,"7"')
    const whole = records(text)
    expect(whole).toHaveLength(4)
    for (let i = 0; i <= text.length; i++) {
      for (let j = i; j <= text.length; j++) expect(records(text, [i, j])).toEqual(whole)
    }
    expect(records(text, Array.from(text.keys()))).toEqual(whole)
  })

  it('agree with a reader written by characters, on random texts', () => {
    const random = new Random(5)
    const alphabet = ['a', '1', ' ', ',', ',', '"', '"', '"', '\n', '\r\n', '\r', 'é']
    let read = 0
    for (let k = 0; k < 6000; k++) {
      const length = random.below(14)
      const text = Array.from({ length }, () => alphabet[random.below(alphabet.length)] as string).join('')
      const expected = slowRecords(text)
      const size = Buffer.byteLength(text)
      const cuts = [random.below(size + 1), random.below(size + 1)].sort((a, b) => a - b)
      if (expected === undefined) expect(() => records(text, cuts)).toThrow(InvalidDataError)
      else expect(records(text, cuts).map(([, ...cells]) => cells)).toEqual(expected)
      read += Number(expected !== undefined && expected.length > 0)
    }
    expect(read).toBeGreaterThan(600)
  })

  it('are found when a cell is longer than many chunks', () => {
    const text = `a,b\n"${'x,\n'.repeat(2 ** 18)}",1\nc,d`
    const cuts = Array.from({ length: 100 }, (_, i) => 2 ** 13 * i)
    const long = 'x,\n'.repeat(2 ** 18)
    expect(records(text, cuts)).toEqual([
      [1, 'a', 'b'],
      [2, long, '1'],
      [2 + 2 ** 18 + 1, 'c', 'd'],
    ])
  })
})

// The grammar once more, by regular expressions; undefined when the text is refused.
function slowRecords(text: string): string[][] | undefined {
  const cell = /[ \t]*(?:"((?:[^"]|"")*)"[ \t]*|([^",\r\n]*))(,|\r\n|\r|\n|$)/y
  const rows: string[][] = []
  let row: string[] = []
  let ended = ''
  while (cell.lastIndex < text.length || ended === ',') {
    const match = cell.exec(text)
    if (match === null) return undefined
    const [, quoted, plain, end = ''] = match
    row.push(quoted !== undefined ? quoted.replaceAll('""', '"') : (plain as string).replace(/[ \t]+$/, ''))
    ended = end
    if (end !== ',') {
      rows.push(row)
      row = []
      if (end === '') break
    }
  }
  return rows
}

describe('numbers', () => {
  const numbers = async (texts: string[]) => {
    const data = await parse(`a,y\n${texts.map((text) => `${text},0`).join('\n')}`, { dtype: 'float64' })
    return Array.from(data.features)
  }

  it('are the nearest float64', async () => {
    const texts = [
      ...['0', '-0', '7', '+7', '007', '-1.5', '.5', '5.', '-.25', '1e3', '1E-3', '1.e+2', '"2.5"', ' 3.5 '],
      // Halfway between two float64, above and below it; the largest exact integers; beyond 19 digits.
      ...['9007199254740993', '9007199254740992.999', '9007199254740993.001', '9007199254740991', '9007199254740992'],
      ...['12345678901234567890123', '0.1', '0.3', '1.7976931348623157e308', '5e-324', '2.2250738585072011e-308'],
      ...['0.000000000000000000000000001', '123456789012345.6789', '8.41e21', '9e22', '1e23', '1e-400', '179769e303'],
    ]
    expect(await numbers(texts)).toEqual(texts.map((text) => Number(text.replaceAll('"', ''))))
  })

  it('are those that Number reads, for random decimals of every length and exponent', async () => {
    const random = new Random(6)
    const digits = (count: number) => Array.from({ length: count }, () => random.below(10)).join('')
    const texts = Array.from({ length: 5000 }, () => {
      const exponent = random.below(2) === 0 ? '' : `e${random.below(600) - 300}`
      return `${random.below(2) === 0 ? '-' : ''}${digits(1 + random.below(20))}.${digits(random.below(26))}${exponent}`
    }).filter((text) => Number.isFinite(Number(text)))
    expect(await numbers(texts)).toEqual(texts.map(Number))
  })

  it('that were written in full come back to the last bit', async () => {
    const random = new Random(7)
    const words = new Uint32Array(2)
    const values = Array.from({ length: 5000 }, () => {
      words[0] = random.uint32()
      words[1] = random.uint32()
      return new Float64Array(words.buffer)[0] as number
    }).filter(Number.isFinite)
    expect(await numbers(values.map(String))).toEqual(values)
  })

  it('are rounded to float32 by default', async () => {
    const { features } = await parse('a,b,y\n0.1,16777217,1\n')
    expect(features).toEqual(Float32Array.of(0.1, 16777217))
  })

  it.each(['x', '1x', '1;5', '--1', '+-1', '1e', '1e+', 'e5', '.', '-', '1.2.3', '0x10', '1_000', '٣'])(
    'are not %j',
    async (text) => {
      const error = await failure(`a,y\n1,0\n${text},0\n`)
      expect(error.message).toMatch(
        /line 3, column 'a': the value is '.*', expected a number; correct it, or pass categorical/,
      )
      expect(error.details).toMatchObject({ line: 3, column: 'a', row: 1, value: text })
    },
  )

  it.each(['Infinity', 'inf', '-inf'])('are not %j', async (text) => {
    expect((await failure(`a,y\n${text},0\n`, { header: true })).message).toMatch(/expected a number/)
  })

  it('beyond the number type are refused', async () => {
    expect((await failure('a,y\n1e39,0\n')).message).toMatch(/1e39, too large for the number type; .*'float64'/)
    expect((await parse('a,y\n1e39,0\n', { dtype: 'float64' })).features[0]).toBe(1e39)
    await failure('a,y\n1e309,0\n', { dtype: 'float64' })
    await failure('a,y\n1,1e309\n')
  })
})
