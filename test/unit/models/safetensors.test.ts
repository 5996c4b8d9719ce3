import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTensors, type Tensor, writeTensors } from '../../../lib/models/safetensors'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-safetensors-'))
afterAll(() => rmSync(folder, { recursive: true }))
const place = (name: string) => join(folder, name)

const tensor = (data: Float32Array | Float64Array, ...shape: number[]): Tensor => ({ data, shape })
const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

/** A file made by hand: the header as given, then the data. */
function handmade(name: string, header: unknown, data: Buffer = Buffer.alloc(0)): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(place(name), Buffer.concat([prefix, text, data]))
  return place(name)
}

it('gives back what was written, bit for bit', async () => {
  const memory = new Float32Array(16).fill(9)
  const tensors = new Map([
    ['weights', tensor(Float32Array.of(1, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e-45, 3.4e38), 2, 3)],
    ['größe', tensor(Float64Array.of(Math.PI, -Number.MIN_VALUE), 2)],
    ['empty', tensor(new Float64Array(0), 0, 5)],
    ['scalar', tensor(Float32Array.of(7))],
    ['part of a buffer', tensor(memory.subarray(5, 7), 2)],
  ])
  const metadata = new Map([
    ['format', 'test 1'],
    ['words', 'quotes " and \\ and line\nbreaks, ü and 🦆'],
    ['__proto__', 'a name like any other'],
  ])
  await writeTensors(place('round'), { metadata, tensors })
  const read = await readTensors(place('round'))
  expect([...read.metadata]).toEqual([...metadata])
  expect([...read.tensors.keys()]).toEqual([...tensors.keys()])
  for (const [name, expected] of tensors) {
    const found = read.tensors.get(name) as Tensor
    expect(found.shape).toEqual(expected.shape)
    expect(found.data.constructor.name).toBe(expected.data.constructor.name)
    expect(bytes(found).equals(bytes(expected))).toBe(true)
  }
  await writeTensors(place('again'), read)
  expect(readFileSync(place('again')).equals(readFileSync(place('round')))).toBe(true)
})

it('writes the bytes that the format asks for', async () => {
  await writeTensors(place('known'), {
    metadata: new Map([['a', 'b']]),
    tensors: new Map([['x', tensor(Float32Array.of(1, 2), 1, 2)]]),
  })
  const file = readFileSync(place('known'))
  const length = Number(file.readBigUInt64LE())
  expect(length % 8).toBe(0)
  expect(JSON.parse(file.toString('utf8', 8, 8 + length))).toEqual({
    __metadata__: { a: 'b' },
    x: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] },
  })
  expect(file.subarray(8 + length).toString('hex')).toBe('0000803f00000040')
})

it('reads a file of another writer: no padding, no metadata, tensors in any order', async () => {
  const data = Buffer.alloc(24)
  data.writeFloatLE(5, 0)
  data.writeDoubleLE(-2, 8)
  data.writeDoubleLE(4, 16)
  const header = {
    late: { dtype: 'F64', shape: [2], data_offsets: [8, 24] },
    early: { dtype: 'F32', shape: [2, 1], data_offsets: [0, 8] },
  }
  const { metadata, tensors } = await readTensors(handmade('foreign', header, data))
  expect(metadata.size).toBe(0)
  expect(Array.from(tensors.get('early')?.data ?? [])).toEqual([5, 0])
  expect(Array.from(tensors.get('late')?.data ?? [])).toEqual([-2, 4])
})

it('replaces a file as a whole, and leaves nothing behind when it cannot', async () => {
  const one = { metadata: new Map([['n', '1']]), tensors: new Map() }
  const two = { metadata: new Map([['n', '2']]), tensors: new Map() }
  await writeTensors(place('twice'), one)
  await writeTensors(place('twice'), two)
  expect((await readTensors(place('twice'))).metadata.get('n')).toBe('2')
  for (const path of [folder, join(folder, 'missing', 'file')])
    await expect(writeTensors(path, one)).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_DATA',
      message: expect.stringContaining(`'${path}' could not be written`),
      details: { path },
    })
  expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([])
})

const whole = { dtype: 'F32', shape: [2], data_offsets: [0, 8] }
const eight = Buffer.alloc(8)
it.each<[string, () => string, RegExp]>([
  ['a missing file', () => place('missing'), /could not be opened: ENOENT/],
  ['a folder', () => folder, /is not a file|EISDIR/],
  [
    'an empty file',
    () => {
      writeFileSync(place('void'), '')
      return place('void')
    },
    /is not a model: it has 0 bytes/,
  ],
  [
    'another kind of file',
    () => {
      writeFileSync(place('other'), 'label,x\n1,2\n3,4\n')
      return place('other')
    },
    /is not a model of this package, or was cut off/,
  ],
  ['no JSON', () => handmade('text', 'not JSON'), /header is not JSON/],
  ['bad UTF-8', () => handmade('utf', '{"\u0000": 1'), /header is not JSON/],
  ['a list', () => handmade('list', []), /not a JSON object/],
  ['metadata that are no object', () => handmade('meta', { __metadata__: 'x' }), /metadata that are not a JSON object/],
  ['metadata that are no text', () => handmade('meta2', { __metadata__: { n: 1 } }), /metadata 'n' that are not text/],
  ['an unknown type', () => handmade('type', { x: { ...whole, dtype: 'BF16' } }, eight), /type "BF16".*'F32' or 'F64'/],
  ['no tensor', () => handmade('number', { x: 3 }), /tensor 'x'/],
  ['no shape', () => handmade('shape', { x: { ...whole, shape: [-2] } }, eight), /'x' without a valid shape/],
  ['no offsets', () => handmade('offsets', { x: { ...whole, data_offsets: [0] } }, eight), /'x' without valid offsets/],
  ['offsets that do not fit', () => handmade('fit', { x: { ...whole, shape: [3] } }, eight), /these do not agree/],
  [
    'a size beyond numbers',
    () => handmade('huge', { x: { ...whole, shape: [2 ** 40, 2 ** 40] } }, eight),
    /these do not agree/,
  ],
  ['a gap', () => handmade('gap', { x: { ...whole, data_offsets: [8, 16] } }, Buffer.alloc(16)), /starts at byte 8/],
  ['an overlap', () => handmade('overlap', { x: whole, y: whole }, eight), /starts at byte 0, expected 8/],
  [
    'a cut',
    () => handmade('cut', { x: whole }, Buffer.alloc(7)),
    /was cut off: tensor 'x' ends at byte 8.*there are 7/,
  ],
  ['a tail', () => handmade('tail', { x: whole }, Buffer.alloc(9)), /1 bytes after the last tensor/],
])('refuses %s by name', async (_, make, message) => {
  const path = make()
  await expect(readTensors(path)).rejects.toMatchObject({
    code: 'MEANFIELD_INVALID_DATA',
    message: expect.stringMatching(message),
    details: { path },
  })
})
