import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Dataset, type NdArray, readIdx, readNpy, readNpz } from '../../../lib/data'
import { Random } from '../../../lib/data/random'
import { parseIdx } from '../../../lib/data/readers/idx'
import { parseNpy } from '../../../lib/data/readers/npy'
import { InvalidDataError, InvalidOptionError, MeanfieldError } from '../../../lib/native/errors'

interface Case {
  name: string
  bytes: string
  shape: number[]
  values: (number | string | boolean)[]
}

// Written by numpy-files.py.
const numpy: { arrays: Case[]; refused: Pick<Case, 'name' | 'bytes'>[]; npz: { stored: string; deflated: string } } =
  JSON.parse(readFileSync(join(__dirname, 'numpy-files.json'), 'utf8'))
const list = (array?: NdArray) => Array.from<unknown>(array?.values as ArrayLike<unknown>)
const decode = (base64: string) => Buffer.from(base64, 'base64')
const bytesOf = (name: string) => decode(numpy.arrays.find((array) => array.name === name)?.bytes as string)

const folder = mkdtempSync(join(tmpdir(), 'meanfield-readers-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
function write(content: Uint8Array): string {
  const path = join(folder, `${files++}`)
  writeFileSync(path, content)
  return path
}

async function* chunks(bytes: Uint8Array, size: number) {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}

describe('readNpy', () => {
  it.each(numpy.arrays)('reads $name as NumPy does', async ({ bytes, shape, values }) => {
    const array = await readNpy(write(decode(bytes)))
    expect(array.shape).toEqual(shape)
    // What JSON cannot hold is in NumPy's words.
    const number = (value: unknown) => Number(typeof value === 'string' ? value.replace('inf', 'Infinity') : value)
    expect(list(array)).toEqual(Array.isArray(array.values) ? values : values.map(number))
    expect(array.boolean).toBe(typeof values[0] === 'boolean')
  })

  it('keeps the types that need no conversion', async () => {
    const type = async (name: string) => (await parseNpy(name, chunks(bytesOf(name), 7))).values.constructor
    expect(await type('u1')).toBe(Uint8Array)
    expect(await type('<i2')).toBe(Int16Array)
    expect(await type('>f4')).toBe(Float32Array)
    expect(await type('<f2')).toBe(Float32Array)
    expect(await type('<f8')).toBe(Float64Array)
    expect(await type('<i8')).toBe(Float64Array)
  })

  it('reads gzip', async () => {
    expect(await readNpy(write(gzipSync(bytesOf('C'))))).toEqual(await readNpy(write(bytesOf('C'))))
  })

  it.each(numpy.refused)('refuses $name', async ({ bytes }) => {
    await expect(readNpy(write(decode(bytes)))).rejects.toThrow(InvalidDataError)
    await expect(readNpy(write(decode(bytes)))).rejects.toThrow(/expected .*; .*convert|not UTF-8; save/)
  })

  it('refuses a file that is cut off at any byte, goes on, or is another', async () => {
    const whole = bytesOf('Fortran matrix')
    for (let length = 0; length < whole.length; length++) {
      await expect(parseNpy('f', chunks(whole.subarray(0, length), 64))).rejects.toThrow(/is cut off/)
    }
    await expect(parseNpy('f', chunks(Buffer.concat([whole, whole]), 64))).rejects.toThrow(/goes on after the end/)
    await expect(parseNpy('f', chunks(Buffer.from('a,b\n1,2\n3,4\n'), 64))).rejects.toThrow(/does not begin as a .npy/)
  })

  it('takes no memory for a shape that the file does not fill', async () => {
    const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 100), }\n"
    const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0])
    const before = process.memoryUsage().arrayBuffers
    const array = parseNpy('f', chunks(Buffer.concat([start, Buffer.from(header), Buffer.alloc(100)]), 64))
    await expect(array).rejects.toThrow(/100 bytes where 800000000000 were expected/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24)
  })
})

describe('readNpz', () => {
  it.each(Object.entries(numpy.npz))('reads arrays that are %s', async (_, base64) => {
    const [y, X] = (await readNpz(write(decode(base64)), ['y', 'X'])) as [NdArray, NdArray]
    expect(y.values).toEqual(['b', 'a', 'b', 'é'])
    expect(X.shape).toEqual([4, 3])
    expect(list(X)).toEqual(Array.from({ length: 12 }, (_, i) => i / 8))
  })

  it('reads an archive of version 4.5, with 64-bit sizes in its directory', async () => {
    const [array] = await readNpz(write(zip64(bytesOf('C'))), ['C'])
    expect(array).toEqual(await parseNpy('C', chunks(bytesOf('C'), 64)))
  })

  it('names the arrays when one is not there', async () => {
    const read = readNpz(write(decode(numpy.npz.stored)), ['Y'])
    await expect(read).rejects.toThrow(/no array 'Y', expected one of 'X', 'y', 'flag'/)
  })

  it('refuses a changed byte in the data, whatever the change', async () => {
    for (const base64 of Object.values(numpy.npz)) {
      const whole = decode(base64)
      // The first array, X, begins at 55.
      for (const at of [60, 70, 100]) {
        const changed = Buffer.from(whole)
        changed[at] = (changed[at] as number) ^ 0x10
        const error = await readNpz(write(changed), ['X']).catch((thrown) => thrown)
        expect(error).toBeInstanceOf(InvalidDataError)
      }
    }
  })

  it('refuses a file that is cut off or another', async () => {
    const whole = decode(numpy.npz.deflated)
    for (let length = 0; length < whole.length; length += 13) {
      await expect(readNpz(write(whole.subarray(0, length)), ['X'])).rejects.toThrow(InvalidDataError)
    }
    await expect(readNpz(write(bytesOf('C')), ['X'])).rejects.toThrow(/no .npz file/)
    await expect(readNpz(join(folder, 'none'), ['X'])).rejects.toThrow(/there is no file/)
  })
})

/** A ZIP64 archive of one stored file, C.npy, all of whose sizes and offsets are in 64-bit fields. */
function zip64(content: Buffer): Buffer {
  const name = Buffer.from('C.npy')
  // The checksum is that of gzip, in its last eight bytes.
  const crc = gzipSync(content).readUInt32LE(gzipSync(content).length - 8)
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(name.length, 26)
  const extra = Buffer.alloc(28)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(24, 2)
  extra.writeBigUInt64LE(BigInt(content.length), 4)
  extra.writeBigUInt64LE(BigInt(content.length), 12)
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt32LE(crc, 16)
  for (const at of [20, 24, 42]) entry.writeUInt32LE(0xffffffff, at)
  entry.writeUInt16LE(name.length, 28)
  entry.writeUInt16LE(extra.length, 30)
  const directory = Buffer.concat([entry, name, extra])
  const start = local.length + name.length + content.length
  const record = Buffer.alloc(56)
  record.writeUInt32LE(0x06064b50, 0)
  record.writeBigUInt64LE(1n, 32)
  record.writeBigUInt64LE(BigInt(directory.length), 40)
  record.writeBigUInt64LE(BigInt(start), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50, 0)
  locator.writeBigUInt64LE(BigInt(start + directory.length), 8)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(0xffff, 10)
  end.writeUInt32LE(0xffffffff, 12)
  end.writeUInt32LE(0xffffffff, 16)
  return Buffer.concat([local, name, content, directory, record, locator, end])
}

/** An IDX file: type code, lengths, then the bytes of the values. */
function idx(code: number, shape: number[], bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header[2] = code
  header[3] = shape.length
  shape.forEach((length, axis) => {
    header.writeUInt32BE(length, 4 + 4 * axis)
  })
  return Buffer.concat([header, bytes])
}

describe('readIdx', () => {
  it.each<[string, number, number[], number[]]>([
    ['bytes', 8, [0x00, 0xff], [0, 255]],
    ['signed bytes', 9, [0x00, 0xff], [0, -1]],
    ['shorts', 11, [0x01, 0x02, 0xff, 0xfe], [258, -2]],
    ['integers', 12, [0, 1, 0, 2, 0xff, 0xff, 0xff, 0xfd], [65538, -3]],
    ['floats', 13, [0x3f, 0xc0, 0, 0, 0xc0, 0x10, 0, 0], [1.5, -2.25]],
    ['doubles', 14, [0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0, 0x02, 0, 0, 0, 0, 0, 0], [1.5, -2.25]],
  ])('reads %s', async (_, code, bytes, values) => {
    const file = idx(code, [1, 2], Uint8Array.from(bytes))
    for (const content of [file, gzipSync(file)]) {
      const array = await readIdx(write(content))
      expect([array.shape, list(array)]).toEqual([[1, 2], values])
    }
  })

  it('refuses files that are cut off, go on, or are others', async () => {
    const file = idx(8, [2, 2], Uint8Array.of(1, 2, 3, 4))
    for (let length = 0; length < file.length; length++) {
      await expect(parseIdx('f', chunks(file.subarray(0, length), 3))).rejects.toThrow(/is cut off/)
    }
    await expect(parseIdx('f', chunks(Buffer.concat([file, file]), 3))).rejects.toThrow(/goes on after the end/)
    for (const bad of [idx(10, [2], new Uint8Array(2)), idx(8, [], new Uint8Array(2)), Buffer.from('a,b\n1,2\n')]) {
      await expect(parseIdx('f', chunks(bad, 3))).rejects.toThrow(/does not begin as an IDX file/)
    }
  })
})

describe('Dataset', () => {
  it('from .npy keeps float64, and flattens dimensions after the first', async () => {
    const features = write(bytesOf('Fortran'))
    const data = await Dataset.fromNpy(features, write(bytesOf('>U2')), { targetName: 'kind' })
    expect(data.features).toEqual(Float64Array.from({ length: 24 }, (_, i) => i))
    expect([data.rows, data.columns, data.classes, data.targetName]).toEqual([2, 12, ['ab', 'é'], 'kind'])
  })

  it('from .npy takes a matrix of targets for regression', async () => {
    const data = await Dataset.fromNpy(write(bytesOf('Fortran matrix')), write(bytesOf('Fortran matrix')))
    expect([data.task, data.targetColumns, data.features.constructor]).toEqual(['regression', 2, Float32Array])
    expect(data.targets).toEqual(Float64Array.of(0, 1, 2, 3, 4, 5))
  })

  it('from .npy takes truth values for classes, and for features as 0 and 1', async () => {
    const labels = write(bytesOf('?'))
    const features = write(Buffer.from(bytesOf('?').toString('latin1').replace('(5,), }  ', '(5, 1), }'), 'latin1'))
    const data = await Dataset.fromNpy(features, labels)
    expect([data.classes, Array.from(data.targets)]).toEqual([
      ['false', 'true'],
      [0, 1, 1, 1, 1],
    ])
    expect(Array.from(data.features)).toEqual([0, 1, 1, 1, 1])
  })

  it('from .npz takes arrays by name', async () => {
    const path = write(decode(numpy.npz.deflated))
    const data = await Dataset.fromNpz(path, { features: 'X', targets: 'y', dtype: 'float32' })
    expect([data.rows, data.columns, data.classes]).toEqual([4, 3, ['a', 'b', 'é']])
    expect(data.features).toBeInstanceOf(Float32Array)
    await expect(Dataset.fromNpz(path, { features: 'X', target: 'y' } as never)).rejects.toThrow(InvalidOptionError)
    await expect(Dataset.fromNpz(path, { features: 'X' } as never)).rejects.toThrow(/expected one of 'X', 'y', 'flag'/)
    await expect(Dataset.fromNpz(path, undefined as never)).rejects.toThrow(InvalidOptionError)
  })

  it('from IDX has rows of pixels and the labels as classes', async () => {
    const pixels = Uint8Array.from({ length: 20 * 6 }, (_, i) => i)
    const images = write(gzipSync(idx(8, [20, 2, 3], pixels)))
    const labels = write(
      gzipSync(
        idx(
          8,
          [20],
          Uint8Array.from({ length: 20 }, (_, i) => 3 + (i % 2)),
        ),
      ),
    )
    const data = await Dataset.fromIdx(images, labels)
    expect([data.rows, data.columns, data.classes]).toEqual([20, 6, ['3', '4']])
    expect(data.features).toEqual(Float32Array.from(pixels))
    await expect(Dataset.fromIdx(labels, images)).rejects.toThrow(/shape \(20\), expected rows × columns for features/)
    await expect(Dataset.fromIdx(images, images)).rejects.toThrow(/shape \(20,2,3\), expected one target for each row/)
    await expect(Dataset.fromIdx(images, labels, { columns: 3 } as object)).rejects.toThrow(/no option 'columns'/)
    await expect(Dataset.fromIdx(3 as never, labels)).rejects.toThrow(InvalidOptionError)
  })

  it('has numbers as features', async () => {
    await expect(Dataset.fromNpy(write(bytesOf('<U5')), write(bytesOf('<i4')))).rejects.toThrow(/holds texts/)
    await expect(Dataset.fromNpy(write(bytesOf('empty')), write(bytesOf('<i4')))).rejects.toThrow(InvalidDataError)
    await expect(Dataset.fromNpy(write(bytesOf('scalar')), write(bytesOf('<i4')))).rejects.toThrow(/rows × columns/)
  })
})

describe('mutated files', () => {
  // No crash and no hang: an array, or one of our errors.
  it.each<[string, Buffer[], (bytes: Buffer) => Promise<unknown>]>([
    ['.npy', numpy.arrays.map(({ bytes }) => decode(bytes)), (bytes) => parseNpy('f', chunks(bytes, 50))],
    ['IDX', [idx(8, [2, 2], Buffer.alloc(4)), idx(14, [3], Buffer.alloc(24))], (b) => parseIdx('f', chunks(b, 50))],
    ['.npz', Object.values(numpy.npz).map(decode), (bytes) => readNpz(write(bytes), ['X', 'y'])],
  ])('%s are read or refused', async (name, seeds, read) => {
    const random = new Random(8)
    const rounds = name === '.npz' ? 300 : 3000
    for (let k = 0; k < rounds; k++) {
      const bytes = Buffer.from(seeds[random.below(seeds.length)] as Buffer)
      for (let changes = 1 + random.below(4); changes > 0; changes--) {
        bytes[random.below(bytes.length)] = random.below(3) === 0 ? 0xff : random.below(256)
      }
      const kept = random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes
      const error = await read(kept).then(
        () => undefined,
        (thrown) => thrown,
      )
      if (error !== undefined && !(error instanceof MeanfieldError)) throw error
    }
  })
})
