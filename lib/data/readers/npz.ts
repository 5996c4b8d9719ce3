/** NumPy's .npz files: ZIP archives of .npy files, stored or deflated (PKWARE APPNOTE 6.3). */

import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createInflateRaw } from 'node:zlib'
import { InvalidDataError } from '../../native/errors'
import { readError, requirePath } from '../bytes'
import { show } from '../options'
import type { NdArray } from './nd-array'
import { parseNpy } from './npy'

interface Entry {
  name: string
  method: number
  crc: number
  /** Compressed bytes in the archive. */
  size: number
  /** Where the local header begins. */
  offset: number
}

/**
 * Read some of the arrays.
 *
 * @param names those to read, without '.npy'
 * @returns the arrays in the order of the names
 * @throws InvalidDataError for another format, a name that is not there, or damage, told by the checksums
 */
export async function readNpz(path: string, names: readonly string[]): Promise<NdArray[]> {
  requirePath(path)
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const entries = await readDirectory(path, file)
    const arrays: NdArray[] = []
    for (const name of names) {
      const entry = entries.find((candidate) => candidate.name === `${name}.npy`)
      if (entry === undefined) {
        const known = entries.map(({ name }) => show(name.replace(/\.npy$/, ''))).join(', ')
        throw new InvalidDataError(`${path} has no array ${show(name)}, expected one of ${known}; pass one of these`, {
          file: path,
          array: name,
        })
      }
      arrays.push(await readEntry(path, file, entry))
    }
    return arrays
  } catch (cause) {
    throw readError(path, cause, 'a damaged .npz file')
  } finally {
    await file?.close()
  }
}

async function readEntry(path: string, file: FileHandle, entry: Entry): Promise<NdArray> {
  const local = await readAt(path, file, entry.offset, 30)
  if (local.readUInt32LE(0) !== 0x04034b50) throw damaged(path, `no entry where ${show(entry.name)} should be`)
  const start = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
  const label = `${path}, ${entry.name}`
  if (entry.size === 0) throw damaged(path, `${show(entry.name)} is empty`)
  const source = createReadStream(path, { start, end: start + entry.size - 1 })
  const bytes = entry.method === 0 ? source : pipeline(source, createInflateRaw(), () => {})
  return parseNpy(label, checked(label, bytes, entry.crc))
}

async function* checked(label: string, chunks: AsyncIterable<Uint8Array>, expected: number) {
  let crc = 0xffffffff
  for await (const chunk of chunks) {
    crc = crc32(crc, chunk)
    yield chunk
  }
  if ((crc ^ 0xffffffff) >>> 0 !== expected) throw damaged(label, 'its checksum is wrong')
}

async function readDirectory(path: string, file: FileHandle): Promise<Entry[]> {
  const { size } = await file.stat()
  // The end record has 22 bytes and a comment of up to 65535.
  const tailStart = Math.max(0, size - 22 - 65535)
  const tail = await readAt(path, file, tailStart, size - tailStart)
  const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]))
  if (end === -1 || end + 22 > tail.length) {
    throw new InvalidDataError(`${path} is no .npz file, or is cut off; pass a file that numpy.savez wrote`, {
      file: path,
    })
  }
  let count = tail.readUInt16LE(end + 10)
  let length = tail.readUInt32LE(end + 12)
  let start = tail.readUInt32LE(end + 16)
  if (count === 0xffff || length === 0xffffffff || start === 0xffffffff) {
    const locator = await readAt(path, file, tailStart + end - 20, 20)
    if (locator.readUInt32LE(0) !== 0x07064b50) throw damaged(path, 'its directory is missing')
    const record = await readAt(path, file, Number(locator.readBigUInt64LE(8)), 56)
    if (record.readUInt32LE(0) !== 0x06064b50) throw damaged(path, 'its directory is missing')
    count = Number(record.readBigUInt64LE(32))
    length = Number(record.readBigUInt64LE(40))
    start = Number(record.readBigUInt64LE(48))
  }
  const directory = await readAt(path, file, start, length)
  const entries: Entry[] = []
  for (let at = 0, k = 0; k < count; k++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x02014b50) {
      throw damaged(path, 'its directory is incomplete')
    }
    const [nameLength, extraLength] = [directory.readUInt16LE(at + 28), directory.readUInt16LE(at + 30)]
    const next = at + 46 + nameLength + extraLength + directory.readUInt16LE(at + 32)
    if (next > directory.length) throw damaged(path, 'its directory is incomplete')
    const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength)
    entries.push(readEntryHeader(path, directory.subarray(at, at + 46 + nameLength), extra))
    at = next
  }
  return entries
}

function readEntryHeader(path: string, header: Buffer, extra: Buffer): Entry {
  const name = header.toString('utf8', 46)
  const method = header.readUInt16LE(10)
  if ((header.readUInt16LE(8) & 1) !== 0 || (method !== 0 && method !== 8)) {
    throw new InvalidDataError(
      `${path}: ${show(name)} is encrypted or compressed by method ${method}, expected stored or deflated; write it with numpy.savez`,
      { file: path, method },
    )
  }
  // Sizes that do not fit 32 bits are in the ZIP64 field, in this order and only those.
  const wide = [header.readUInt32LE(24), header.readUInt32LE(20), header.readUInt32LE(42)]
  const field = zip64Field(extra)
  let at = 0
  const [, size = 0, offset = 0] = wide.map((value) => {
    if (value !== 0xffffffff) return value
    if (field === undefined || at + 8 > field.length) throw damaged(path, `the size of ${show(name)} is missing`)
    at += 8
    return Number(field.readBigUInt64LE(at - 8))
  })
  return { name, method, crc: header.readUInt32LE(16), size, offset }
}

function zip64Field(extra: Buffer): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2)
    if (extra.readUInt16LE(at) === 1) return extra.subarray(at + 4, at + 4 + length)
    at += 4 + length
  }
  return undefined
}

async function readAt(path: string, file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { size } = await file.stat()
  if (position < 0 || length < 0 || position + length > size) throw damaged(path, 'it points beyond its end')
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead < length) throw damaged(path, 'it is cut off')
  return buffer
}

function damaged(file: string, what: string): InvalidDataError {
  return new InvalidDataError(`${file} is damaged: ${what}; fetch or write it again`, { file })
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

function crc32(start: number, bytes: Uint8Array): number {
  let crc = start
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ (crcTable[(crc ^ (bytes[i] as number)) & 0xff] as number)
  return crc
}
