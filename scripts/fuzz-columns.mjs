// Independent readings of Parquet and Arrow files, for fuzz-readers.mjs: Parquet by DuckDB; Arrow by the tables of its metadata and
// the bytes that they point at. What a reader accepts of a damaged file must be what these find in it.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { ByteBuffer } = require('flatbuffers')
const arrowTable = (file, name) => require(`apache-arrow/fb/${file}`)[name]

let connection

/**
 * Columns of values by DuckDB; undefined where it refuses the file, or takes what lies behind a page for its end, as it does where
 * an LZ4 block comes out short.
 */
export async function duckColumns(path) {
  if (!connection) {
    const { DuckDBInstance } = require('@duckdb/node-api')
    connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect()
    // The same path has another content each time.
    await connection.run('SET enable_external_file_cache = false')
  }
  try {
    const packed = await connection.runAndReadAll(
      `SELECT count(*) FROM parquet_metadata('${path}') WHERE compression LIKE 'LZ4%'`,
    )
    if (Number(packed.getRowsJS()[0][0]) > 0) return undefined
    const result = await connection.runAndReadAll(`SELECT * FROM read_parquet('${path}')`)
    return result.getColumnsJS()
  } catch {
    return undefined
  }
}

/** Rows of { column: value } where a column is of float64, int32 or truth values without dictionary; others are left out. */
export function arrowColumns(bytes) {
  const Message = arrowTable('message', 'Message')
  const Schema = arrowTable('schema', 'Schema')
  const RecordBatch = arrowTable('record-batch', 'RecordBatch')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const messageAt = (at) => {
    const start = view.getInt32(at, true) === -1 ? at + 8 : at + 4
    const length = view.getInt32(start - 4, true)
    if (length <= 0) return undefined
    const message = Message.getRootAsMessage(new ByteBuffer(bytes.subarray(start, start + length)))
    return { message, body: start + length, end: start + length + Number(message.bodyLength()) }
  }
  const file = bytes.toString('latin1', 0, 6) === 'ARROW1'
  const schema = messageAt(file ? 8 : 0).message.header(new Schema())
  const fields = Array.from({ length: schema.fieldsLength() }, (_, i) => schema.fields(i))
  const columns = fields.map(() => [])
  for (const { message, body } of file ? fileBatches(bytes, messageAt) : streamBatches(bytes, messageAt)) {
    const batch = message.header(new RecordBatch())
    let buffer = 0
    fields.forEach((field, i) => {
      const node = batch.nodes(i)
      const [length, nulls] = [Number(node.length()), Number(node.nullCount())]
      const place = (k) => body + Number(batch.buffers(buffer + k).offset())
      const plain = buffer >= 0 && field.childrenLength() === 0 && !field.dictionary()
      const reader = plain ? readerOf(field, bytes, view) : undefined
      const value = reader?.at(...Array.from({ length: reader.buffers - 1 }, (_, k) => place(k + 1)))
      for (let row = 0; row < length; row++) {
        const known = value && (nulls === 0 || (bytes[place(0) + (row >> 3)] >> (row & 7)) & 1)
        columns[i].push(value ? (known ? value(row) : null) : undefined)
      }
      // Of what this reading does not know it cannot tell how many buffers to pass over.
      buffer = reader ? buffer + reader.buffers : field.dictionary() ? buffer + 2 : -1
    })
  }
  return columns
}

/** Buffers of a column, that of its nulls among them, and the value of a row when the others begin at some places. */
function readerOf(field, bytes, view) {
  const Int = arrowTable('int', 'Int')
  const FloatingPoint = arrowTable('floating-point', 'FloatingPoint')
  const type = field.typeType()
  if (type === 3 && field.type(new FloatingPoint()).precision() === 2)
    return { buffers: 2, at: (start) => (i) => view.getFloat64(start + 8 * i, true) }
  if (type === 2 && field.type(new Int()).bitWidth() === 32 && field.type(new Int()).isSigned())
    return { buffers: 2, at: (start) => (i) => view.getInt32(start + 4 * i, true) }
  if (type === 6) return { buffers: 2, at: (start) => (i) => (view.getUint8(start + (i >> 3)) >> (i & 7)) & 1 }
  if (type === 5)
    return {
      buffers: 3,
      at: (offsets, text) => (i) => {
        const [from, to] = [0, 4].map((k) => text + view.getInt32(offsets + 4 * i + k, true))
        return Buffer.from(bytes.subarray(from, to)).toString()
      },
    }
  return undefined
}

function* streamBatches(bytes, messageAt) {
  for (let at = 0; at < bytes.length; ) {
    const found = messageAt(at)
    if (!found) return
    if (found.message.headerType() === 3) yield found
    at = found.end
  }
}

function* fileBatches(bytes, messageAt) {
  const Footer = arrowTable('footer', 'Footer')
  const end = bytes.length - 10
  const footer = Footer.getRootAsFooter(new ByteBuffer(bytes.subarray(end - bytes.readInt32LE(end), end)))
  for (let i = 0; i < footer.recordBatchesLength(); i++) yield messageAt(Number(footer.recordBatches(i).offset()))
}
