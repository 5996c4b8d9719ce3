/** NumPy's .npy files, format versions 1.0 to 3.0 (numpy.lib.format). */

import { InvalidDataError } from '../../native/errors'
import type { NumberArray } from '../arrays'
import { readBytes } from '../bytes'
import type { PieceRows } from '../frame'
import { show } from '../options'
import { ByteReader } from './byte-reader'
import type { NdArray } from './nd-array'

/**
 * Read an array of numbers, truth values or texts.
 *
 * @param path .npy, plain or gzip
 * @throws InvalidDataError for another format, a type without numbers or texts, or a file that is cut off
 */
export async function readNpy(path: string): Promise<NdArray> {
  return parseNpy(path, readBytes(path))
}

/** The array in a stream of bytes; `file` names it in messages. */
export async function parseNpy(file: string, chunks: AsyncIterable<Uint8Array>): Promise<NdArray> {
  const reader = new ByteReader(file, chunks)
  try {
    const { descr, fortran, shape } = await readHeader(file, reader)
    const type = elementType(file, descr)
    const count = shape.reduce((product, length) => product * length, 1)
    const bytes = await reader.take(count * type.size)
    await reader.end()
    const values = type.decode(bytes, count)
    return { shape, values: fortran ? toRowMajor(values, shape) : values, boolean: descr.endsWith('b1') }
  } finally {
    await reader.close()
  }
}

/**
 * The same in pieces of `head` first indices and then of `rows`, each an array of its own.
 *
 * @throws InvalidDataError for an array in Fortran order, whose rows lie apart
 */
export async function* npyPieces(path: string, { head, rows }: PieceRows): AsyncGenerator<NdArray, void, undefined> {
  const reader = new ByteReader(path, readBytes(path))
  try {
    const { descr, fortran, shape } = await readHeader(path, reader)
    const [length = 1, ...rest] = shape
    if (fortran && rest.length > 0)
      throw new InvalidDataError(
        `${path} is in Fortran order, where the numbers of a row lie apart; save it with numpy.ascontiguousarray, or read it whole`,
        { file: path },
      )
    const type = elementType(path, descr)
    const width = rest.reduce((product, n) => product * n, 1)
    for (let first = 0, most = head; first < length; first += most, most = first === head ? rows : most) {
      const count = Math.min(most, length - first)
      const bytes = await reader.take(count * width * type.size)
      const values = type.decode(bytes, count * width)
      yield { shape: [count, ...rest], values, boolean: descr.endsWith('b1') }
    }
    await reader.end()
  } finally {
    await reader.close()
  }
}

async function readHeader(file: string, reader: ByteReader) {
  const start = Buffer.from(await reader.take(8))
  const [major, minor] = [start[6] as number, start[7] as number]
  if (start.toString('latin1', 0, 6) !== '\x93NUMPY') {
    throw new InvalidDataError(`${file} does not begin as a .npy file; pass a file that numpy.save wrote`, { file })
  }
  if (major < 1 || major > 3) {
    throw new InvalidDataError(
      `${file} has version ${major}.${minor} of .npy, expected 1.0 to 3.0; save it with a current NumPy`,
      { file },
    )
  }
  const lengthBytes = Buffer.from(await reader.take(major === 1 ? 2 : 4))
  const length = lengthBytes.readUIntLE(0, lengthBytes.length)
  const text = Buffer.from(await reader.take(length)).toString(major === 3 ? 'utf8' : 'latin1')
  const descr = /'descr'\s*:\s*(?:'([^']*)'|\[)/.exec(text)
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(text)
  const shape = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)
  if (!/^\{.*\}\s*$/s.test(text) || descr === null || fortran === null || shape === null) {
    throw new InvalidDataError(`${file} has a damaged header; write it again`, { file, header: text.slice(0, 200) })
  }
  const lengths = (shape[1]?.match(/\d+/g) ?? []).map(Number)
  const size = lengths.reduce((product, n) => product * n, 1)
  if (!lengths.every(Number.isSafeInteger) || size > 2 ** 40) {
    throw new InvalidDataError(`${file} has the shape (${lengths}), which no memory holds; write it again`, { file })
  }
  return { descr: descr[1] ?? 'a structure of fields', fortran: fortran[1] === 'True', shape: lengths }
}

interface ElementType {
  /** Bytes for each element. */
  size: number
  decode(bytes: Uint8Array<ArrayBuffer>, count: number): NumberArray | string[]
}

type Decode = ElementType['decode']

const decoders: Record<string, Decode> = {
  b1: (bytes) => bytes.map((byte) => Number(byte !== 0)),
  i1: (bytes) => new Int8Array(bytes.buffer),
  u1: (bytes) => bytes,
  i2: (bytes) => new Int16Array(bytes.buffer),
  u2: (bytes) => new Uint16Array(bytes.buffer),
  i4: (bytes) => new Int32Array(bytes.buffer),
  u4: (bytes) => new Uint32Array(bytes.buffer),
  i8: (bytes) => exactIntegers(new BigInt64Array(bytes.buffer)),
  u8: (bytes) => exactIntegers(new BigUint64Array(bytes.buffer)),
  f2: (bytes) => Float32Array.from(new Uint16Array(bytes.buffer), halfToNumber),
  f4: (bytes) => new Float32Array(bytes.buffer),
  f8: (bytes) => new Float64Array(bytes.buffer),
}

/** The type that a NumPy description such as '<f8' stands for: byte order, kind, size. */
function elementType(file: string, descr: string): ElementType {
  const [, order, kind = '', digits = ''] = /^([<>|=])([a-zA-Z])(\d+)$/.exec(descr) ?? []
  const number = Object.hasOwn(decoders, kind + digits) ? decoders[kind + digits] : undefined
  const fail = (error: unknown): never => {
    if (!(error instanceof RangeError)) throw error
    throw new InvalidDataError(`${file}: ${error.message}`, { file, dtype: descr }, { cause: error })
  }
  if (number !== undefined) {
    const size = Number(digits)
    const decode: Decode = (bytes, count) => {
      try {
        return number(order === '>' ? swapped(bytes, size) : bytes, count)
      } catch (error) {
        return fail(error)
      }
    }
    return { size, decode }
  }
  const length = Number(digits)
  if ((kind === 'U' || kind === 'S') && length <= 2 ** 20) {
    const size = kind === 'U' ? 4 * length : length
    const decode: Decode = (bytes, count) => {
      try {
        const buffer = Buffer.from(order === '>' && kind === 'U' ? swapped(bytes, 4) : bytes)
        const text = kind === 'U' ? utf32 : utf8
        return Array.from({ length: count }, (_, i) => text(buffer.subarray(i * size, (i + 1) * size)))
      } catch (error) {
        return fail(error)
      }
    }
    return { size, decode }
  }
  const remedy =
    kind === 'O' ? 'they are pickled objects: convert the array to a number or text type' : 'convert it with astype'
  throw new InvalidDataError(
    `${file} has elements of type ${show(descr)}, expected integers, floats of up to 64 bits, truth values or texts; ${remedy}`,
    { file, dtype: descr },
  )
}

function swapped(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  const buffer = Buffer.from(bytes.buffer)
  if (size === 2) buffer.swap16()
  else if (size === 4) buffer.swap32()
  else if (size === 8) buffer.swap64()
  return bytes
}

function exactIntegers(values: BigInt64Array | BigUint64Array): Float64Array {
  const numbers = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const number = Number(values[i])
    if (!Number.isSafeInteger(number)) {
      throw new RangeError(
        `element ${i} is ${values[i]}, expected an integer within 2^53; convert it to float64 or text`,
      )
    }
    numbers[i] = number
  }
  return numbers
}

/** The number with the 16 bits of IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  const magnitude =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 0x1f
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : (1 + fraction / 1024) * 2 ** (exponent - 15)
  return bits & 0x8000 ? -magnitude : magnitude
}

// Texts are padded with zeros.
function utf32(bytes: Buffer): string {
  let end = bytes.length
  while (end > 0 && bytes.readUInt32LE(end - 4) === 0) end -= 4
  // Code points beyond Unicode are a RangeError.
  return Array.from({ length: end / 4 }, (_, i) => String.fromCodePoint(bytes.readUInt32LE(4 * i))).join('')
}

function utf8(bytes: Buffer): string {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, end))
  } catch (cause) {
    throw new RangeError('a text is not UTF-8; save the array with the type str', { cause })
  }
}

/** Values with the first index fastest, reordered to the last index fastest. */
function toRowMajor<T extends NumberArray | string[]>(values: T, shape: readonly number[]): T {
  const ordered = values.slice() as T
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, length) => product * length, 1))
  const index = shape.map(() => 0)
  let from = 0
  for (let to = 0; to < values.length; to++) {
    ordered[to] = values[from] as never
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis] as number
      index[axis] = (index[axis] as number) + 1
      if ((index[axis] as number) < (shape[axis] as number)) break
      from -= (strides[axis] as number) * (shape[axis] as number)
      index[axis] = 0
    }
  }
  return ordered
}
