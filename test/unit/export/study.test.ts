import { eventFile, type ScalarEvent, trialsCsv } from '../../../lib/export'
import type { TrialRecord } from '../../../lib/store'
import { crc32c } from '../../../lib/store'

const trial = (number: number, more: Partial<TrialRecord>): TrialRecord => ({
  id: `t${number}`,
  number,
  options: { algorithm: 'langevin', entropy: 1e-3 },
  seed: 0,
  state: 'complete',
  attempts: 1,
  metrics: { gap: 0.1 + 0.2 },
  reports: [],
  ...more,
})

test('CSV has every digit, and formulas of spreadsheets stay text', () => {
  const csv = trialsCsv([
    trial(0, {}),
    trial(1, { options: { algorithm: '=1+1', bias: true }, metrics: {}, state: 'failed' }),
  ])
  expect(csv.split('\n')).toEqual([
    'number,id,state,seed,option.algorithm,option.entropy,option.bias,gap',
    '0,t0,complete,0,langevin,0.001,,0.30000000000000004',
    "1,t1,failed,0,'=1+1,,true,",
    '',
  ])
})

test('TensorBoard records: an independent parser reads what was written', () => {
  const events: ScalarEvent[] = [
    { step: 0, time: 1000.5, values: { 'trace/loss': 0.5, bad: Number.NaN } },
    { step: 300_000, time: 1001, values: { 'trace/loss': 0.25, 'result/gap': -1 } },
  ]
  expect(parse(eventFile(events))).toEqual([
    { time: 1000.5, version: 'brain.Event:2' },
    { time: 1000.5, step: 0, values: { 'trace/loss': 0.5 } },
    { time: 1001, step: 300_000, values: { 'trace/loss': 0.25, 'result/gap': -1 } },
  ])
  // The length prefix 24 of a version record, as TensorFlow writes it: 18 00 00 00 00 00 00 00 a3 7f 4b 22.
  expect(eventFile([]).subarray(0, 12).toString('hex')).toBe('1800000000000000a37f4b22')
})

function parse(file: Buffer) {
  const found: Record<string, unknown>[] = []
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at))
    const data = file.subarray(at + 12, at + 12 + length)
    for (const [checked, place] of [
      [file.subarray(at, at + 8), at + 8],
      [data, at + 12 + length],
    ] as const) {
      const unmasked = (file.readUInt32LE(place) - 0xa282ead8) >>> 0
      expect(((unmasked >>> 17) | (unmasked << 15)) >>> 0).toBe(crc32c(checked))
    }
    const fields = new Map(message(data))
    const summary = fields.get(5)
    found.push({
      time: (fields.get(1) as Buffer).readDoubleLE(),
      ...(fields.has(3) && { version: String(fields.get(3)) }),
      ...(summary && {
        step: fields.get(2),
        values: Object.fromEntries(
          message(summary as Buffer).map(([, value]) => {
            const parts = new Map(message(value as Buffer))
            return [String(parts.get(1)), (parts.get(2) as Buffer).readFloatLE()]
          }),
        ),
      }),
    })
    at += 16 + length
  }
  return found
}

function message(data: Buffer): [number, Buffer | number][] {
  const fields: [number, Buffer | number][] = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = data[at++] as number
      value += (byte % 128) * scale
      if (byte < 128) return value
    }
  }
  while (at < data.length) {
    const key = varint()
    const wire = key % 8
    const size = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? varint() : 0
    fields.push([Math.floor(key / 8), wire === 0 ? varint() : data.subarray(at, at + size)])
    at += size
  }
  return fields
}
