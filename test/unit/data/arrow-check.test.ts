// Damaged metadata of Arrow files: each is refused before apache-arrow sees it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as arrow from 'apache-arrow'
import { Footer } from 'apache-arrow/fb/footer'
import { Message } from 'apache-arrow/fb/message'
import { RecordBatch } from 'apache-arrow/fb/record-batch'
import { ByteBuffer } from 'flatbuffers'
import { readFrame } from '../../../lib/data'
import { checkArrow } from '../../../lib/data/readers/arrow-check'
import { InvalidDataError } from '../../../lib/native/errors'

jest.mock('../../../lib/native/import-module', () => require('../../import-module'))
jest.mock('node:child_process', () => require('./decoder-process'))

const folder = mkdtempSync(join(tmpdir(), 'meanfield-arrow-'))
afterAll(() => rmSync(folder, { recursive: true }))

const table = new arrow.Table({
  x: arrow.vectorFromArray([0.5, null, 1.5], new arrow.Float64()),
  word: arrow.vectorFromArray(['a', 'b', 'a']),
  n: arrow.vectorFromArray([1, 2, 3], new arrow.Int32()),
})
const stream = () => Buffer.from(arrow.tableToIPC(table, 'stream'))
const file = () => Buffer.from(arrow.tableToIPC(table, 'file'))

/** Where the record batch's message begins in a stream, and the tables in it. */
function batchOf(bytes: Buffer) {
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readInt32LE(at + 4)
    const message = Message.getRootAsMessage(new ByteBuffer(bytes.subarray(at + 8, at + 8 + length)))
    if (message.headerType() === 3) {
      const batch = message.header(new RecordBatch()) as RecordBatch
      return { at: at + 8, batch, message }
    }
    at += 8 + length + Number(message.bodyLength())
  }
  throw new Error('no batch')
}

/** A stream with a 64-bit number of the batch changed: of a node or buffer, or one found by its value. */
function changed(
  where: (batch: RecordBatch) => { bb_pos: number },
  offset: number,
  value: bigint,
  bytes: Buffer = stream(),
): Buffer {
  const { at, batch } = batchOf(bytes)
  bytes.writeBigInt64LE(value, at + where(batch).bb_pos + offset)
  return bytes
}

const node = (i: number) => (batch: RecordBatch) => batch.nodes(i) as unknown as { bb_pos: number }
const buffer = (i: number) => (batch: RecordBatch) => batch.buffers(i) as unknown as { bb_pos: number }

test('whole files and streams pass', () => {
  for (const bytes of [stream(), file()]) expect(() => checkArrow(bytes, [])).not.toThrow()
})

/** An LZ4 frame: equal bytes as one of them, repeated up to the last five; others as they are. */
function lz4(bytes: Uint8Array): Uint8Array {
  const [byte = 0] = bytes
  const equal = bytes.length > 31 && bytes.every((other) => other === byte)
  const rest = bytes.length - 6 - 4 - 15
  const longer = equal ? [...Array(Math.floor(rest / 255)).fill(255), rest % 255] : []
  const block = equal ? Buffer.from([0x1f, byte, 1, 0, ...longer, 0x50, byte, byte, byte, byte, byte]) : bytes
  const size = Buffer.alloc(4)
  size.writeUInt32LE(equal ? block.length : block.length + 2 ** 31)
  return Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]), size, block, Buffer.alloc(4)])
}

/** 2048 numbers of which every eighth is null, so that the bitmap is compressed and the numbers are left as they are; and three without. */
function compressed(rows: number): Buffer {
  const { LZ4_FRAME } = arrow.CompressionType
  const decode = arrow.compressionRegistry.get(LZ4_FRAME)?.decode
  arrow.compressionRegistry.set(LZ4_FRAME, { encode: lz4, ...(decode && { decode }) })
  const values = Array.from({ length: rows }, (_, i) => (i % 8 === 7 ? null : i + 0.5))
  const writer = new arrow.RecordBatchStreamWriter({ compressionType: LZ4_FRAME })
  writer.writeAll(new arrow.Table({ x: arrow.vectorFromArray(values, new arrow.Float64()) }))
  return Buffer.from(writer.finish().toUint8Array(true))
}

test('compressed bodies are read', async () => {
  const path = join(folder, 'compressed.arrow')
  writeFileSync(path, compressed(2048))
  expect(batchOf(compressed(2048)).batch.buffersLength()).toBe(2)
  const { rows, columns } = await readFrame(path)
  expect(rows).toBe(2048)
  expect(columns[0]).toMatchObject({ name: 'x' })
  expect(arrow.compressionRegistry.get(arrow.CompressionType.LZ4_FRAME)?.encode).toBe(lz4)
})

test.each<[string, () => Buffer, RegExp]>([
  ['a column longer than its batch', () => changed(node(0), 0, 2n ** 31n), /'x' has 2147483648 values/],
  ['a length below 0', () => changed(node(0), 0, -1n), /'x' has -1 values/],
  ['a number that no file can hold', () => changed(node(2), 0, 2n ** 62n), /hold the number 4611686018427388000/],
  ['nulls that the bitmap does not have', () => changed(node(0), 8, 2n), /'x' tells 2 nulls, and its bitmap 1/],
  ['nulls forgotten, which would be numbers', () => changed(node(0), 8, 0n), /'x' tells 0 nulls, and its bitmap 1/],
  [
    'nulls forgotten beside a compressed bitmap',
    () => changed(node(0), 8, 0n, compressed(2048)),
    /'x' tells 0 nulls, and its bitmap 256/,
  ],
  [
    'nulls forgotten beside a bitmap left as it is among compressed ones',
    () => changed(node(0), 8, 0n, compressed(24)),
    /'x' tells 0 nulls, and its bitmap 3/,
  ],
  ['a buffer beyond the body', () => changed(buffer(1), 8, 2n ** 40n), /buffer 1 has 1099511627776 bytes/],
  ['a buffer in front of the body', () => changed(buffer(5), 0, -8n), /buffer 5 has 16 bytes from -8 on/],
  [
    'a buffer inside another',
    () => changed(buffer(5), 0, 8n),
    /buffer 5 begins at byte 8, expected a multiple of 8 from/,
  ],
  ['a file that is cut off', () => file().subarray(0, -1), /cut off/],
  ['bytes after the end', () => Buffer.concat([stream(), stream()]), /goes on after its end/],
  [
    'a footer that counts to 2^31',
    () => {
      const bytes = file()
      const end = bytes.length - 10
      const start = end - bytes.readInt32LE(end)
      const footer = Footer.getRootAsFooter(new ByteBuffer(bytes.subarray(start, end)))
      const first = (footer.recordBatches(0) as unknown as { bb_pos: number }).bb_pos
      bytes.writeUInt32LE(2 ** 31, start + first - 4)
      return bytes
    },
    /metadata end at \d+ of \d+ bytes/,
  ],
  [
    'a block that is another one',
    () => {
      const bytes = file()
      const end = bytes.length - 10
      const start = end - bytes.readInt32LE(end)
      const footer = Footer.getRootAsFooter(new ByteBuffer(bytes.subarray(start, end)))
      bytes.writeBigInt64LE(8n, start + (footer.recordBatches(0) as unknown as { bb_pos: number }).bb_pos)
      return bytes
    },
    /a block begins at byte 8/,
  ],
])('%s', async (name, damaged, words) => {
  const path = join(folder, `${name}.arrow`)
  writeFileSync(path, damaged())
  const error = await readFrame(path).then(
    () => undefined,
    (error) => error,
  )
  expect(error).toBeInstanceOf(InvalidDataError)
  expect(error.message).toMatch(words)
  expect(error.message).toContain(`${path} is no Arrow file, or damaged`)
  expect(error.message).toContain('fetch or write it again')
})

test('every stream and file that is cut off is refused, or has the rows before the cut', () => {
  for (const bytes of [stream(), file()])
    for (let length = 1; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length)
      let whole = true
      try {
        checkArrow(cut, [])
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
        whole = false
      }
      // A stream may end at a message, without a word.
      if (whole) expect([0, table.numRows]).toContain(arrow.tableFromIPC(cut).numRows)
    }
})
