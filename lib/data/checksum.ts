/**
 * Cyclic redundancy checks of 32 bits, reflected (W. W. Peterson, D. T. Brown, Proc. IRE 49, 1961): IEEE 802.3 for the
 * lines of journals, Castagnoli (Trans. Communications 41, 1993) for the records of TensorBoard.
 */
import * as zlib from 'node:zlib'

function table(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    return value
  })
}

function checksum(entries: Uint32Array, bytes: Uint8Array): number {
  let value = 0xffffffff
  for (let i = 0; i < bytes.length; i++)
    value = (entries[(value ^ (bytes[i] as number)) & 0xff] as number) ^ (value >>> 8)
  return (value ^ 0xffffffff) >>> 0
}

const ieee = table(0xedb88320)
const castagnoli = table(0x82f63b78)

/** Where Node has its own (20.15 and later), several times as fast. */
const fast = (zlib as { crc32?: (bytes: Uint8Array | string) => number }).crc32

/** Of a text: of its UTF-8. */
export const crc32: (bytes: Uint8Array | string) => number =
  fast ?? ((bytes) => checksum(ieee, typeof bytes === 'string' ? Buffer.from(bytes) : bytes))
export const crc32c = (bytes: Uint8Array): number => checksum(castagnoli, bytes)
/** @internal for the test that both agree */
export const slowCrc32 = (bytes: Uint8Array): number => checksum(ieee, bytes)
