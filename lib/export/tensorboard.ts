/**
 * TensorBoard event files: records of length, masked CRC-32C, an Event as protocol buffer, masked CRC-32C (TensorFlow,
 * tensorflow/core/lib/io/record_writer.cc, and event.proto and summary.proto there).
 */
import { crc32c } from '../store'

export interface ScalarEvent {
  step: number
  /** Seconds since 1970. */
  time: number
  values: Readonly<Record<string, number>>
}

/** A whole file. Values that are not finite are left out. */
export function eventFile(events: readonly ScalarEvent[]): Buffer {
  const start = events[0]?.time ?? 0
  const version = Buffer.concat([double(1, start), text(3, 'brain.Event:2')])
  const records = events.map(({ step, time, values }) => {
    const finite = Object.entries(values).filter(([, value]) => Number.isFinite(value))
    // Summary.Value: tag = 1, simple_value = 2; Summary: value = 1; Event: wall_time = 1, step = 2, summary = 5.
    const entries = finite.map(([tag, value]) => bytes(1, Buffer.concat([text(1, tag), float(2, value)])))
    return Buffer.concat([double(1, time), varint(2, step), bytes(5, Buffer.concat(entries))])
  })
  return Buffer.concat([version, ...records].map(record))
}

function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(data.length))
  return Buffer.concat([length, masked(length), data, masked(data)])
}

function masked(data: Buffer): Buffer {
  const crc = crc32c(data)
  const out = Buffer.alloc(4)
  out.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0)
  return out
}

function varintBytes(value: number): Buffer {
  const out: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    out.push(rest > 0 ? low + 128 : low)
  } while (rest > 0)
  return Buffer.from(out)
}

const key = (field: number, wire: number) => varintBytes(field * 8 + wire)
const varint = (field: number, value: number) => Buffer.concat([key(field, 0), varintBytes(value)])
const bytes = (field: number, value: Buffer) => Buffer.concat([key(field, 2), varintBytes(value.length), value])
const text = (field: number, value: string) => bytes(field, Buffer.from(value))

function double(field: number, value: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeDoubleLE(value)
  return Buffer.concat([key(field, 1), out])
}

function float(field: number, value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeFloatLE(value)
  return Buffer.concat([key(field, 5), out])
}
