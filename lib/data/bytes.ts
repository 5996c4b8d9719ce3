/** The bytes of a file in chunks, decompressed when it is gzip (told by its first bytes, not by its name). */

import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { InvalidDataError, InvalidOptionError, MeanfieldError } from '../native/errors'
import { show } from './options'

// Small enough that a chunk occupies a libuv thread, and parsing it the event loop, for about a millisecond.
const chunkBytes = 128 * 1024

/**
 * @param path a plain or gzip file
 * @throws InvalidOptionError when the path is no text, InvalidDataError when the file cannot be opened or read, or its compressed data is damaged or cut off
 */
export async function* readBytes(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  requirePath(path)
  const file = createReadStream(path, { highWaterMark: chunkBytes })
  try {
    const chunks = file[Symbol.asyncIterator]()
    let first = await chunks.next()
    // A read may give a single byte, and the magic number of gzip has two.
    while (!first.done && first.value.length < 2) {
      const more = await chunks.next()
      if (more.done) break
      first = { done: false, value: Buffer.concat([first.value, more.value]) }
    }
    if (first.done) return
    const head: Uint8Array = first.value
    const compressed = head[0] === 0x1f && head[1] === 0x8b
    const source = async function* () {
      yield head
      yield* { [Symbol.asyncIterator]: () => chunks }
    }
    if (compressed) yield* pipeline(source, createGunzip({ chunkSize: chunkBytes }), () => {})
    else yield* source()
  } catch (cause) {
    throw readError(path, cause, 'a damaged gzip file')
  } finally {
    file.destroy()
  }
}

/** @throws InvalidOptionError when the path is no text */
export function requirePath(path: unknown): string {
  if (typeof path === 'string' && path !== '') return path
  throw new InvalidOptionError(`the path is ${show(path)}, expected a text; pass the path of a file`, {
    option: 'path',
  })
}

/**
 * The error to throw for one of the operating system or of a decompressor; `damaged` says what a file is whose compressed
 * data is wrong. Any other error is returned as it is.
 */
export function readError(path: string, cause: unknown, damaged: string): unknown {
  const code = (cause as NodeJS.ErrnoException).code
  if (typeof code !== 'string' || cause instanceof MeanfieldError) return cause
  const details = { file: path, cause: code }
  const fail = (message: string) => new InvalidDataError(message, details, { cause })
  if (code === 'ENOENT') return fail(`there is no file ${path}; check the path`)
  if (code === 'EISDIR') return fail(`${path} is a folder, expected a file; pass one of its files`)
  if (code === 'EACCES' || code === 'EPERM') return fail(`${path} may not be read by this user; change its permissions`)
  const { message } = cause as Error
  if (code.startsWith('Z_')) return fail(`${path} is ${damaged} (${message}); fetch or write it again`)
  return fail(`${path} cannot be read (${message}); check the file`)
}
