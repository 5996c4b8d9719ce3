/**
 * TensorBoard event files: records of length, masked CRC-32C, an Event as protocol buffer, masked CRC-32C (TensorFlow,
 * tensorflow/core/lib/io/record_writer.cc, and event.proto and summary.proto there).
 */
import { crc32c, type StudyStore, type TrialRecord } from '../store'
import { double, float, message, text, varint } from './protobuf'

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
    const entries = finite.map(([tag, value]) => message(1, text(1, tag), float(2, value)))
    return Buffer.concat([double(1, time), varint(2, step), message(5, ...entries)])
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

/** The points of the trace with their times, then the metrics at the last step. */
export function scalarEvents(store: StudyStore, trial: TrialRecord): ScalarEvent[] {
  const start = (trial.started ?? 0) / 1000
  const { step = [], seconds = [], ...columns } = store.trace(trial) ?? {}
  const events = step.map((at, i): ScalarEvent => {
    const values = Object.entries(columns).map(([name, column]) => [`trace/${name}`, column[i] as number] as const)
    return { step: at, time: start + (seconds[i] ?? 0), values: Object.fromEntries(values) }
  })
  if (Object.keys(trial.metrics).length === 0) return events
  const values = Object.fromEntries(Object.entries(trial.metrics).map(([name, value]) => [`result/${name}`, value]))
  return [...events, { step: step.at(-1) ?? 0, time: (trial.ended ?? 0) / 1000, values }]
}
