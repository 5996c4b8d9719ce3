/** IDX files, the format of MNIST and its relatives (LeCun, Cortes, Burges). */

import { InvalidDataError } from '../../native/errors'
import type { NumberArray } from '../arrays'
import { readBytes } from '../bytes'
import { ByteReader } from './byte-reader'
import type { NdArray } from './nd-array'

// Big-endian values, told by the third byte of the file.
const types: Record<number, { size: number; view: (buffer: ArrayBuffer) => NumberArray }> = {
  8: { size: 1, view: (buffer) => new Uint8Array(buffer) },
  9: { size: 1, view: (buffer) => new Int8Array(buffer) },
  11: { size: 2, view: (buffer) => new Int16Array(buffer) },
  12: { size: 4, view: (buffer) => new Int32Array(buffer) },
  13: { size: 4, view: (buffer) => new Float32Array(buffer) },
  14: { size: 8, view: (buffer) => new Float64Array(buffer) },
}

/**
 * Read an array of numbers.
 *
 * @param path IDX, plain or gzip
 * @throws InvalidDataError for another format or a file that is cut off
 */
export async function readIdx(path: string): Promise<NdArray> {
  return parseIdx(path, readBytes(path))
}

/** The array in a stream of bytes; `file` names it in messages. */
export async function parseIdx(file: string, chunks: AsyncIterable<Uint8Array>): Promise<NdArray> {
  const reader = new ByteReader(file, chunks)
  try {
    const [zero, nought, code = 0, dimensions = 0] = await reader.take(4)
    const type = types[code]
    if (zero !== 0 || nought !== 0 || type === undefined || dimensions === 0) {
      throw new InvalidDataError(`${file} does not begin as an IDX file; pass a file in the format of MNIST`, { file })
    }
    const header = Buffer.from(await reader.take(4 * dimensions))
    const shape = Array.from({ length: dimensions }, (_, axis) => header.readUInt32BE(4 * axis))
    const count = shape.reduce((product, length) => product * length, 1)
    if (count > 2 ** 40) {
      throw new InvalidDataError(`${file} has the shape (${shape}), which no memory holds; fetch it again`, { file })
    }
    const bytes = await reader.take(count * type.size)
    await reader.end()
    const buffer = Buffer.from(bytes.buffer)
    if (type.size === 2) buffer.swap16()
    if (type.size === 4) buffer.swap32()
    if (type.size === 8) buffer.swap64()
    return { shape, values: type.view(bytes.buffer), boolean: false }
  } finally {
    await reader.close()
  }
}
