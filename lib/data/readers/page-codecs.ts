/**
 * Compression of Parquet pages where that of hyparquet-compressors fills what a damaged page lacks with zeros, or with what was in
 * memory before. These give as many bytes as the page has, which hyparquet compares with what its header says; gzip compares its
 * checksum too.
 */
import * as zlib from 'node:zlib'
import { decodeLz4Block } from './lz4-frame'

type Codecs = typeof import('hyparquet-compressors')['compressors']

/** Zstandard of Node 22.15 and later; that of the package below it does not notice every damage that this one refuses. */
export const zstd = (zlib as { zstdDecompressSync?: (input: Uint8Array) => Uint8Array }).zstdDecompressSync

/** @param codecs of hyparquet-compressors */
export function wholePages(codecs: Codecs): Codecs {
  return {
    ...codecs,
    GZIP: (input) => zlib.unzipSync(input),
    BROTLI: (input) => zlib.brotliDecompressSync(input),
    ...(zstd && { ZSTD: zstd }),
    LZ4_RAW: decodeLz4Block,
    LZ4: (input) => hadoopBlocks(input) ?? decodeLz4Block(input),
    SNAPPY: (input, length) => {
      requireSnappyLength(input, length)
      return codecs.SNAPPY?.(input, length) as Uint8Array
    },
  }
}

/** A block begins with its length, seven bits a byte, the lowest first (github.com/google/snappy, format_description.txt). */
function requireSnappyLength(input: Uint8Array, expected: number): void {
  let length = 0
  for (let i = 0; i < 5; i++) {
    const byte = input[i] ?? 0
    length += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) break
  }
  if (length !== expected) throw new RangeError(`a page of ${length} bytes is said to have ${expected}`)
}

/** Blocks with two big-endian lengths each, as Hadoop writes them; undefined where the input is none. */
function hadoopBlocks(input: Uint8Array): Uint8Array | undefined {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const blocks: Uint8Array[] = []
  for (let at = 0; at < input.length; ) {
    if (at + 8 > input.length) return undefined
    const [whole, packed] = [view.getUint32(at), view.getUint32(at + 4)]
    if (packed > input.length - at - 8) return undefined
    try {
      blocks.push(decodeLz4Block(input.subarray(at + 8, at + 8 + packed)))
    } catch {
      return undefined
    }
    if (blocks.at(-1)?.length !== whole) return undefined
    at += 8 + packed
  }
  return Buffer.concat(blocks)
}
