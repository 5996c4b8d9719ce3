import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, crc32c, slowCrc32 } from '../../../lib/data/checksum'
import { Random } from '../../../lib/data/random'
import { decodeLine, encodeLine, JournalWriter, readJournal, readLines } from '../../../lib/store/journal'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-journal-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const entries = Array.from({ length: 5 }, (_, i) => ({
  event: 'complete',
  time: 1000 + i,
  trial: `t${i}`,
  metrics: { gap: 0.1 * i + 1e-17, name: 'Größe "x"\n' },
}))

test('checksums have their known values, and Node agrees with the slow version', () => {
  const nine = Buffer.from('123456789') // the check value of the CRC catalogue
  expect(crc32(nine)).toBe(0xcbf43926)
  expect(slowCrc32(nine)).toBe(0xcbf43926)
  expect(crc32c(nine)).toBe(0xe3069283)
})

test('what is written is read, offsets and all', () => {
  const writer = new JournalWriter(join(folder, 'a', 'one.jsonl'))
  const places = entries.map((entry) => writer.append(entry))
  writer.close()
  const bytes = readFileSync(writer.path)
  expect(readJournal(writer.path)).toEqual({ entries, damaged: [], bytes: bytes.length })
  for (const [i, { offset, bytes: length }] of places.entries())
    expect(decodeLine(bytes.subarray(offset, offset + length - 1))).toEqual(entries[i])
  for (const line of bytes.toString().trim().split('\n')) JSON.parse(line) // JSON lines for everybody else
  expect(() => new JournalWriter(writer.path)).toThrow(/EEXIST/)
})

test('cut off at any byte, all whole lines are read and nothing else', () => {
  const lines = entries.map((entry) => Buffer.from(encodeLine(entry)))
  const bytes = Buffer.concat(lines)
  for (let end = 0; end <= bytes.length; end++) {
    let whole = 0
    for (let length = 0; whole < lines.length && length + (lines[whole] as Buffer).length <= end; whole++)
      length += (lines[whole] as Buffer).length
    const content = readLines(bytes.subarray(0, end), 'x')
    expect(content.entries).toEqual(entries.slice(0, whole))
    expect(content.damaged).toEqual([])
  }
})

test('fuzz: changed, inserted and removed bytes never give an entry that was not written', () => {
  const random = new Random(11)
  const bytes = Buffer.concat(entries.map((entry) => Buffer.from(encodeLine(entry))))
  const known = new Set(entries.map((entry) => JSON.stringify(entry)))
  // 100,000 with MEANFIELD_FUZZ=100000; a CRC of 32 bits lets one in 4e9 mutations through.
  const rounds = Number(process.env.MEANFIELD_FUZZ ?? 5000)
  for (let round = 0; round < rounds; round++) {
    let mutated = Buffer.from(bytes)
    const changes = 1 + random.below(4)
    for (let change = 0; change < changes; change++) {
      const at = random.below(mutated.length)
      const kind = random.below(5)
      if (kind === 0) mutated[at] = random.below(256)
      else if (kind === 1) mutated[at] = (mutated[at] as number) ^ (1 << random.below(8))
      else if (kind === 2)
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1 + random.below(20))])
      else if (kind === 3)
        mutated = Buffer.concat([mutated.subarray(0, at), Buffer.from([random.below(256)]), mutated.subarray(at)])
      else mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(random.below(mutated.length))])
      if (mutated.length === 0) break
    }
    for (const entry of readLines(mutated, 'x').entries)
      if (!known.has(JSON.stringify(entry))) throw new Error(`round ${round} read ${JSON.stringify(entry)}`)
  }
})

test('a line that is no event is left out and named', () => {
  const path = join(folder, 'bad.jsonl')
  const seal = (text: string) =>
    `${text.slice(0, -1)},"crc":"${crc32(Buffer.from(text.slice(0, -1)))
      .toString(16)
      .padStart(8, '0')}"}\n`
  writeFileSync(
    path,
    `${seal('{"event":"x","time":1}')}{"event":"x","time":1}\n${seal('{"event":7,"time":1}')}${seal('[1,}')}`,
  )
  const { entries: read, damaged } = readJournal(path)
  expect(read).toEqual([{ event: 'x', time: 1 }])
  expect(damaged.map(({ line, why }) => [line, why])).toEqual([
    [2, 'it has no checksum'],
    [3, 'it is not an event'],
    [4, 'it is not an event'],
  ])
  expect(readdirSync(folder)).toContain('bad.jsonl')
})
