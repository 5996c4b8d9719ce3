/**
 * A study as one folder:
 *
 *     study.json                what is studied; written once, whole or not at all
 *     journals/SESSION.jsonl    events of trials, one file for each session of a worker
 *     traces/SESSION.jsonl      convergence curves, referred to from the journal
 *     environments/SESSION.json where the session ran
 *     heartbeats/SESSION        touched while the session lives
 *     checkpoints/TRIAL         of trials that have not ended
 *     models/TRIAL.safetensors  where the study saves models
 *
 * Everything else that commands write there can be made again from these.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { InvalidDataError, InvalidOptionError } from '../native/errors'
import { captureEnvironment, type EnvironmentRecord } from './environment'
import { type DamagedLine, decodeLine, JournalWriter, readLines } from './journal'
import { type Point, type TraceReference, type TrialFailure, type TrialRecord, TrialTable } from './trial'

/** Seconds between heartbeats, and without one after which a session on another machine counts as gone. */
export const heartbeatSeconds = 5
export const staleSeconds = 60

/** Columns of equal length by name. */
export type TraceColumns = Record<string, number[]>

const format = 1

export interface StudyFile {
  format: number
  name: string
  created: number
  /** The definition as resolved; `lib/experiment` knows its form. */
  definition: unknown
  [member: string]: unknown
}

export class StudyStore {
  readonly folder: string
  readonly study: StudyFile
  readonly #table = new TrialTable()
  /** How far every journal has been read. */
  readonly #read = new Map<string, { bytes: number; lines: number }>()
  readonly #damaged: DamagedLine[] = []

  private constructor(folder: string, study: StudyFile) {
    this.folder = folder
    this.study = study
  }

  static isStudy(folder: string): boolean {
    return existsSync(join(folder, 'study.json'))
  }

  /** Throws InvalidOptionError where there is a study already. */
  static create(folder: string, study: Omit<StudyFile, 'format' | 'created'>): StudyStore {
    if (StudyStore.isStudy(folder))
      throw new InvalidOptionError(`'${folder}' holds a study already; resume it, or name another folder.`, { folder })
    mkdirSync(folder, { recursive: true })
    const file = { format, created: Date.now(), ...study } as StudyFile
    writeWhole(join(folder, 'study.json'), `${JSON.stringify(file, null, 2)}\n`)
    return new StudyStore(folder, file)
  }

  /** Throws InvalidDataError where there is none, or one that this version does not read. */
  static open(folder: string): StudyStore {
    const path = join(folder, 'study.json')
    if (!existsSync(path))
      throw new InvalidDataError(
        `'${folder}' holds no study (there is no study.json); name the folder that 'meanfield run' made.`,
        {
          folder,
        },
      )
    let file: StudyFile
    try {
      file = JSON.parse(readFileSync(path, 'utf8'))
    } catch (error) {
      throw new InvalidDataError(
        `'${path}' is damaged: ${(error as Error).message}; expected JSON.`,
        { path },
        { cause: error },
      )
    }
    if (file?.format !== format)
      throw new InvalidDataError(
        `'${path}' is in the format ${String(file?.format)}; this version reads format ${format}. Use the version that wrote it.`,
        { path },
      )
    const store = new StudyStore(folder, file)
    store.refresh()
    return store
  }

  /** Reads what has been appended since. Returns whether there was something. */
  refresh(): boolean {
    const folder = join(this.folder, 'journals')
    let news = false
    for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
      if (!name.endsWith('.jsonl')) continue
      const path = join(folder, name)
      const from = this.#read.get(name) ?? { bytes: 0, lines: 0 }
      const bytes = readFrom(path, from.bytes)
      if (bytes.length === 0) continue
      const content = readLines(bytes, path, from.lines)
      const lines = from.lines + content.entries.length + content.damaged.length
      this.#read.set(name, { bytes: from.bytes + content.bytes, lines })
      this.#damaged.push(...content.damaged)
      this.#table.add(content.entries, name.slice(0, -'.jsonl'.length))
      news ||= content.bytes > 0
    }
    return news
  }

  get revision(): number {
    return this.#table.revision
  }

  /** Lines of journals that are not what was written; what they told is missing. */
  get damaged(): readonly DamagedLine[] {
    return this.#damaged
  }

  has(id: string): boolean {
    return this.#table.get(id) !== undefined
  }

  get(id: string): TrialRecord | undefined {
    const trial = this.#table.get(id)
    return trial && this.#withLife(trial, new Map())
  }

  /** All trials by number; those that a dead session left running are `stale`. */
  trials(filter?: (trial: TrialRecord) => boolean): TrialRecord[] {
    const alive = new Map<string, boolean>()
    const all = this.#table.all().map((trial) => this.#withLife(trial, alive))
    return filter ? all.filter(filter) : all
  }

  /** The curve of a trial, or undefined where it has none or the file is damaged. */
  trace(trial: TrialRecord): TraceColumns | undefined {
    const { trace } = trial
    if (!trace) return undefined
    const path = join(this.folder, 'traces', `${trace.file}.jsonl`)
    if (!/^[\w.-]+$/.test(trace.file) || !existsSync(path)) return undefined
    const line = decodeLine(readFrom(path, trace.offset, trace.bytes - 1))
    if (typeof line === 'string' || line.trial !== trial.id) return undefined
    const columns = line.columns as Record<string, (number | null)[]>
    return Object.fromEntries(
      Object.entries(columns).map(([name, values]) => [name, values.map((value) => value ?? Number.NaN)]),
    )
  }

  environments(): (EnvironmentRecord & { session: string })[] {
    const folder = join(this.folder, 'environments')
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .sort()
      .flatMap((name) => {
        try {
          return [{ ...JSON.parse(readFileSync(join(folder, name), 'utf8')), session: name.replace(/\.json$/, '') }]
        } catch {
          return []
        }
      })
  }

  checkpointPath(id: string): string {
    return join(this.folder, 'checkpoints', id)
  }

  modelPath(id: string): string {
    return join(this.folder, 'models', `${id}.safetensors`)
  }

  /** Starts a session: what it records is seen by everybody who opens the folder. */
  session(): Session {
    return new Session(this)
  }

  /** Is the session alive? It must have a heartbeat, and on this machine a process. */
  isAlive(session: string): boolean {
    const path = join(this.folder, 'heartbeats', session)
    try {
      const [host, pid] = readFileSync(path, 'utf8').split('\n')
      // The number of a dead process may be another one's by now: a heartbeat is needed as well.
      if (host === hostname() && !isProcess(Number(pid))) return false
      return Date.now() - statSync(path).mtimeMs < 1000 * staleSeconds
    } catch {
      return false
    }
  }

  #withLife(trial: TrialRecord, alive: Map<string, boolean>): TrialRecord {
    if (trial.state !== 'running' || !trial.worker) return trial
    let lives = alive.get(trial.worker)
    if (lives === undefined) {
      lives = this.isAlive(trial.worker)
      alive.set(trial.worker, lives)
    }
    return lives ? trial : { ...trial, state: 'stale' }
  }
}

/** Trials in one line of a journal; a torn line loses no more of them, and they are declared again. */
const declaredTogether = 100

/** The writing side of a store, for one process. */
export class Session {
  readonly name: string
  readonly #store: StudyStore
  readonly #journal: JournalWriter
  readonly #traces: JournalWriter
  readonly #heartbeat: string
  readonly #timer: NodeJS.Timeout
  #dirty = false

  constructor(store: StudyStore) {
    const host = hostname()
      .replace(/[^\w-]/g, '-')
      .slice(0, 40)
    this.name = `${new Date().toISOString().replace(/[:.]/g, '')}-${host}-${process.pid}-${randomBytes(3).toString('hex')}`
    this.#store = store
    for (const folder of ['heartbeats', 'environments', 'checkpoints'])
      mkdirSync(join(store.folder, folder), { recursive: true })
    this.#heartbeat = join(store.folder, 'heartbeats', this.name)
    writeFileSync(this.#heartbeat, `${hostname()}\n${process.pid}\n`)
    writeWhole(
      join(store.folder, 'environments', `${this.name}.json`),
      `${JSON.stringify(captureEnvironment(), null, 2)}\n`,
    )
    this.#journal = new JournalWriter(join(store.folder, 'journals', `${this.name}.jsonl`))
    this.#traces = new JournalWriter(join(store.folder, 'traces', `${this.name}.jsonl`))
    this.#timer = setInterval(() => this.beat(), 1000 * heartbeatSeconds)
    this.#timer.unref()
  }

  /** Several in a line, for the sake of those who open a study of many. */
  declare(trials: readonly { id: string; number: number; options: Point; seed: number }[]): void {
    for (let i = 0; i < trials.length; i += declaredTogether) {
      const part = trials.slice(i, i + declaredTogether)
      const rows = part.map(({ id, number, options, seed }) => ({ id, number, options, seed }))
      this.#journal.append({ event: 'trials', time: Date.now(), trials: rows })
    }
    this.#dirty = true
    this.flush()
  }

  start(id: string): void {
    this.#write('start', id, {})
  }

  report(id: string, resource: number, value: number): void {
    this.#write('report', id, { resource, value })
  }

  complete(id: string, outcome: { metrics: object; details?: object; trace?: TraceColumns; pruned?: boolean }): void {
    const { metrics, details, trace, pruned } = outcome
    let reference: TraceReference | undefined
    if (trace)
      reference = {
        file: this.name,
        ...this.#traces.append({ event: 'trace', time: Date.now(), trial: id, columns: trace }),
      }
    this.#write(pruned ? 'pruned' : 'complete', id, { metrics, details, trace: reference })
  }

  fail(id: string, failure: TrialFailure): void {
    this.#write('failed', id, { failure })
  }

  cancel(id: string): void {
    this.#write('cancelled', id, {})
  }

  /** It was stopped and may be continued. */
  interrupt(id: string): void {
    this.#write('interrupt', id, {})
  }

  /** Hands what was recorded to the operating system: it survives this process. Traces first, what refers to them next. */
  flush(): void {
    if (!this.#dirty) return
    this.#dirty = false
    this.#traces.flush()
    this.#journal.flush()
  }

  beat(): void {
    const now = new Date()
    try {
      utimesSync(this.#heartbeat, now, now)
    } catch {
      writeFileSync(this.#heartbeat, `${hostname()}\n${process.pid}\n`)
    }
    this.#traces.sync()
    this.#journal.sync()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#traces.close()
    this.#journal.close()
    this.#store.refresh()
  }

  #write(event: string, trial: string, rest: object): void {
    this.#journal.append({ event, trial, time: Date.now(), ...rest })
    this.#dirty = true
  }
}

function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function readFrom(path: string, from: number, most = Number.POSITIVE_INFINITY): Buffer {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(most, statSync(path).size - from)))
    let at = 0
    while (at < bytes.length) {
      const count = readSync(file, bytes, at, bytes.length - at, from + at)
      if (count === 0) break
      at += count
    }
    return bytes.subarray(0, at)
  } finally {
    closeSync(file)
  }
}

/** Under a temporary name, synced, renamed: never half a file. */
export function writeWhole(path: string, text: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`
  const file = openSync(temporary, 'w')
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}
