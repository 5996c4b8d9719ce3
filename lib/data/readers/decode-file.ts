/** What the decoder's process does with one request. */
import { type FileHandle, open } from 'node:fs/promises'
import { readError } from '../bytes'
import { arrowColumns } from './arrow'
import type { DecodedColumns, DecoderRequest } from './decoder'
import { type ByteSource, parquetColumns } from './parquet'

export async function decodeFile({ format, path, wanted, group }: DecoderRequest): Promise<DecodedColumns> {
  const failed = (error: unknown) => {
    throw readError(path, error, 'a damaged file')
  }
  const file = await open(path).catch(failed)
  try {
    if (format === 'arrow') {
      const bytes = await file.readFile().catch(failed)
      return { ...(await arrowColumns(path, bytes, wanted)), firstRow: 0, groups: 1 }
    }
    const { size } = await file.stat().catch(failed)
    return await parquetColumns(path, sourceOf(file, size), wanted, group)
  } finally {
    await file.close()
  }
}

/** A stretch that a damaged file places beyond its end, or before its start, is shorter than it says. */
const sourceOf = (file: FileHandle, byteLength: number): ByteSource => ({
  byteLength,
  async slice(start, end = byteLength) {
    const inside = (at: number) => Math.min(byteLength, Math.max(0, at < 0 ? byteLength + at : at))
    const from = inside(start)
    const bytes = new Uint8Array(Math.max(0, inside(end) - from))
    let filled = 0
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, from + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.buffer.slice(0, filled)
  },
})
