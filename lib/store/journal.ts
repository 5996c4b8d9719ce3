/**
 * Append-only journals of JSON lines, each line with a checksum of its own:
 *
 *     {"event":"start","trial":"…","time":1700000000000,"crc":"89abcdef"}
 *
 * A process that dies at any byte leaves at most one torn line, the last one, which a reader drops. Every session of a
 * worker writes a journal of its own, so that nobody ever appends to a torn line. A line whose checksum does not fit is
 * left out and reported, never half believed.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from '../data/checksum'

/** One line; the members besides these are those of its kind. */
export interface JournalEntry {
  event: string
  /** Milliseconds since 1970. */
  time: number
  [member: string]: unknown
}

/** A line that is left out because it is not what was written. */
export interface DamagedLine {
  file: string
  line: number
  why: string
}

export interface JournalContent {
  entries: JournalEntry[]
  damaged: DamagedLine[]
  /** Bytes of complete lines, from where a follower goes on. */
  bytes: number
}

const sealText = ',"crc":"'
const seal = Buffer.from(sealText)
/** `,"crc":"xxxxxxxx"}` */
const sealBytes = seal.length + 8 + 2

/** One line with its checksum and line feed. Numbers that JSON lacks become null. */
export function encodeLine(entry: JournalEntry): string {
  const body = JSON.stringify(entry).slice(0, -1)
  return `${body}${sealText}${checksumText(body)}"}\n`
}

const checksumText = (body: string | Uint8Array) => crc32(body).toString(16).padStart(8, '0')

/** The entry of a line without its line feed, or why it is none. */
export function decodeLine(bytes: Buffer, start = 0, end = bytes.length): JournalEntry | string {
  const bodyEnd = end - sealBytes
  if (bodyEnd < start + 2 || bytes.compare(seal, 0, seal.length, bodyEnd, bodyEnd + seal.length) !== 0)
    return 'it has no checksum'
  const found = bytes.toString('latin1', bodyEnd + seal.length, end)
  if (found !== `${checksumText(bytes.subarray(start, bodyEnd))}"}`) return 'its checksum does not fit'
  try {
    const entry: unknown = JSON.parse(`${bytes.toString('utf8', start, bodyEnd)}}`)
    if (isEntry(entry)) return entry
  } catch {}
  return 'it is not an event'
}

function isEntry(value: unknown): value is JournalEntry {
  const { event, time } = (value ?? {}) as Partial<JournalEntry>
  return typeof event === 'string' && typeof time === 'number' && Number.isFinite(time)
}

/** The entries in `bytes`; what follows the last line feed is torn, or still being written, and is left out. */
export function readLines(bytes: Buffer, file: string, linesBefore = 0): JournalContent {
  const entries: JournalEntry[] = []
  const damaged: DamagedLine[] = []
  let start = 0
  for (let number = linesBefore + 1; ; number++) {
    const end = bytes.indexOf(10, start)
    if (end < 0) return { entries, damaged, bytes: start }
    const entry = decodeLine(bytes, start, end)
    if (typeof entry === 'string') damaged.push({ file, line: number, why: entry })
    else entries.push(entry)
    start = end + 1
  }
}

export const readJournal = (path: string): JournalContent => readLines(readFileSync(path), path)

/**
 * Writes lines to a new file. `append` collects; lines reach the operating system when `flush` is called, or after
 * `flushBytes`, so that a thousand events a second cost a few system calls. What has been flushed survives the death of
 * the process; what has been synced survives that of the machine.
 */
export class JournalWriter {
  readonly path: string
  #file: number | undefined
  #waiting = ''
  #waitingBytes = 0
  #written = 0

  constructor(path: string) {
    this.path = path
    mkdirSync(dirname(path), { recursive: true })
    this.#file = openSync(path, 'ax')
  }

  /** Offset and length, in bytes, of the line in the file. */
  append(entry: JournalEntry): { offset: number; bytes: number } {
    const line = encodeLine(entry)
    const offset = this.#written + this.#waitingBytes
    const length = Buffer.byteLength(line)
    this.#waiting += line
    this.#waitingBytes += length
    if (this.#waitingBytes >= flushBytes) this.flush()
    return { offset, bytes: length }
  }

  flush(): void {
    if (this.#waitingBytes === 0 || this.#file === undefined) return
    const bytes = Buffer.from(this.#waiting)
    this.#waiting = ''
    this.#waitingBytes = 0
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at)
    this.#written += bytes.length
  }

  sync(): void {
    this.flush()
    if (this.#file !== undefined) fsyncSync(this.#file)
  }

  close(): void {
    if (this.#file === undefined) return
    this.sync()
    closeSync(this.#file)
    this.#file = undefined
  }
}

const flushBytes = 1 << 16
