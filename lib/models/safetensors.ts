/**
 * Files of named tensors in the safetensors format: 8 bytes with the length of a JSON header, the header, then the numbers.
 * Only what this package writes is read: little-endian F32 and F64.
 *
 * https://github.com/huggingface/safetensors#format
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { isNativeError } from 'node:util/types'
import { InvalidDataError } from '../native/errors'

export interface Tensor {
  /** Row-major; F32 or F64 by its type. */
  data: Float32Array | Float64Array
  shape: number[]
}

export interface TensorFile {
  metadata: Map<string, string>
  tensors: Map<string, Tensor>
}

const prefixBytes = 8
/** What the format's own reader allows. */
const largestHeader = 100_000_000
/** A single read or write of 2 GiB or more is refused by the system. */
const pieceBytes = 2 ** 30

/** Writes to a temporary name beside `path`, syncs and renames, so that `path` is never half a file. */
export async function writeTensors(path: string, { metadata, tensors }: TensorFile): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: Object.fromEntries(metadata) }
  let offset = 0
  for (const [name, { data, shape }] of tensors) {
    header[name] = { dtype: dtypeOf(data), shape, data_offsets: [offset, offset + data.byteLength] }
    offset += data.byteLength
  }
  const text = Buffer.from(JSON.stringify(header))
  const padding = (prefixBytes - (text.length % prefixBytes)) % prefixBytes
  const head = Buffer.alloc(prefixBytes + text.length + padding, ' ')
  head.writeBigUInt64LE(BigInt(text.length + padding))
  text.copy(head, prefixBytes)

  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx')
    try {
      await writeAll(file, head)
      for (const { data } of tensors.values()) await writeAll(file, bytesOf(data))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw new InvalidDataError(
      `'${path}' could not be written: ${messageOf(error)}. Does its folder exist, and is there space?`,
      { path },
      { cause: error },
    )
  }
}

/** Reads a whole file. Throws InvalidDataError that names the file and says what is wrong with it. */
export async function readTensors(path: string): Promise<TensorFile> {
  const refuse = (why: string, cause?: unknown) => new InvalidDataError(`'${path}' ${why}`, { path }, { cause })
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw refuse(`could not be opened: ${messageOf(error)}.`, error)
  }
  try {
    const status = await file.stat()
    if (!status.isFile()) throw refuse('is not a file.')
    const prefix = Buffer.alloc(prefixBytes)
    if (status.size < prefixBytes) throw refuse(`is not a model: it has ${status.size} bytes.`)
    await readAll(file, prefix, 0)
    const length = prefix.readBigUInt64LE()
    if (length > BigInt(Math.min(status.size - prefixBytes, largestHeader)))
      throw refuse('is not a model of this package, or was cut off: its header is longer than the file allows.')
    const text = Buffer.alloc(Number(length))
    await readAll(file, text, prefixBytes)
    const start = prefixBytes + text.length
    const { metadata, entries } = parseHeader(text, status.size - start, refuse)
    const tensors = new Map<string, Tensor>()
    for (const { name, dtype, shape, count, offset } of entries) {
      const data = dtype === 'F32' ? new Float32Array(count) : new Float64Array(count)
      await readAll(file, bytesOf(data), start + offset)
      tensors.set(name, { data, shape })
    }
    return { metadata, tensors }
  } catch (error) {
    throw error instanceof InvalidDataError ? error : refuse(`could not be read: ${messageOf(error)}.`, error)
  } finally {
    await file.close()
  }
}

interface Entry {
  name: string
  dtype: 'F32' | 'F64'
  shape: number[]
  count: number
  offset: number
}

function parseHeader(text: Buffer, dataBytes: number, refuse: (why: string, cause?: unknown) => Error) {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))
  } catch (error) {
    throw refuse('is not a model of this package: its header is not JSON.', error)
  }
  if (!isRecord(header)) throw refuse('is not a model of this package: its header is not a JSON object.')
  const metadata = new Map<string, string>()
  const entries: Entry[] = []
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') {
      entries.push(parseEntry(name, value, refuse))
      continue
    }
    if (!isRecord(value)) throw refuse('has metadata that are not a JSON object.')
    for (const [key, words] of Object.entries(value)) {
      if (typeof words !== 'string') throw refuse(`has metadata '${key}' that are not text.`)
      metadata.set(key, words)
    }
  }
  entries.sort((a, b) => a.offset - b.offset)
  let end = 0
  for (const { name, dtype, count, offset } of entries) {
    if (offset !== end) throw refuse(`is damaged: tensor '${name}' starts at byte ${offset}, expected ${end}.`)
    end += count * (dtype === 'F32' ? 4 : 8)
    if (end > dataBytes)
      throw refuse(
        `was cut off: tensor '${name}' ends at byte ${end}, but there are ${dataBytes}. Save the model again.`,
      )
  }
  if (end !== dataBytes) throw refuse(`is damaged: ${dataBytes - end} bytes after the last tensor belong to nothing.`)
  return { metadata, entries }
}

function parseEntry(name: string, value: unknown, refuse: (why: string) => Error): Entry {
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {}
  if (dtype !== 'F32' && dtype !== 'F64')
    throw refuse(`has tensor '${name}' of type ${JSON.stringify(dtype)}; expected 'F32' or 'F64'.`)
  if (!isSizes(shape)) throw refuse(`has tensor '${name}' without a valid shape.`)
  if (!isSizes(offsets) || offsets.length !== 2) throw refuse(`has tensor '${name}' without valid offsets.`)
  const [from, to] = offsets as [number, number]
  const count = shape.reduce((product, size) => product * size, 1)
  if (!Number.isSafeInteger(count) || to - from !== count * (dtype === 'F32' ? 4 : 8))
    throw refuse(`has tensor '${name}' of shape ${shape.join(' x ')} in ${to - from} bytes; these do not agree.`)
  return { name, dtype, shape, count, offset: from }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(pieceBytes, bytes.length - at))
    at += bytesWritten
  }
}

async function readAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, Math.min(pieceBytes, bytes.length - at), position + at)
    if (bytesRead === 0) throw new Error('it ends too early')
    at += bytesRead
  }
}

// Not by instanceof: an array that the addon made may be of another realm.
const dtypeOf = (data: Float32Array | Float64Array) => (data.BYTES_PER_ELEMENT === 4 ? 'F32' : 'F64')
const bytesOf = (data: Float32Array | Float64Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
const messageOf = (error: unknown) => (isNativeError(error) ? error.message : String(error))

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}
