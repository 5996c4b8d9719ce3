/**
 * Parquet and Arrow files. They are decoded in a process of their own: the packages that do it believe the counts that a file
 * tells, and a damaged one makes them ask for arrays whose size V8 answers by ending the process, or count to 2^31 and on. Such
 * a file must neither end nor hold up the program that reads it.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { EnvironmentError, type ErrorCode, fromNative, InvalidDataError } from '../../native/errors'
import { readError, requirePath } from '../bytes'
import type { Frame, FrameColumn } from '../frame'

export interface DecoderRequest {
  format: 'parquet' | 'arrow'
  path: string
  wanted?: readonly string[]
  /** Number of a group of rows of a Parquet file; absent: all rows. */
  group?: number
}

export interface DecodedColumns {
  rows: number
  columns: FrameColumn[]
  /** Of the group in the file. */
  firstRow: number
  groups: number
}

export type DecoderAnswer = DecodedColumns | { error: { code?: ErrorCode; message: string } }

/** Seconds that a file may take, and more for each megabyte: some hundred times what one takes that is whole. */
const patience = { file: 15, megabyte: 10 }

/**
 * @param wanted names of the columns to read; undefined: all
 * @param byGroups one group of rows of a Parquet file after the other
 * @throws InvalidDataError for a file that is damaged, or a wanted column of lists or structures
 */
export async function* decodedFrames(
  format: DecoderRequest['format'],
  path: string,
  wanted: readonly string[] | undefined,
  byGroups: boolean,
): AsyncGenerator<Frame, void, undefined> {
  for (let group = 0, groups = 1; group < groups; group++) {
    const answer = await decode({ format, path, ...(wanted && { wanted }), ...(byGroups && { group }) })
    if (byGroups) groups = answer.groups
    if (answer.rows > 0) yield frameOf(path, answer)
  }
}

const frameOf = (path: string, { rows, columns, firstRow }: DecodedColumns): Frame => ({
  rows,
  columns,
  source: path,
  place: (row) => `${path}, row ${firstRow + row}`,
})

async function decode(request: DecoderRequest): Promise<DecodedColumns> {
  const { path } = request
  const { size } = await stat(requirePath(path)).catch((error) => {
    throw readError(path, error, 'a damaged file')
  })
  const answer = await decoder.ask(request, patience.file + (patience.megabyte * size) / 1e6)
  if ('error' in answer) {
    const { message, code } = answer.error
    throw fromNative(Object.assign(new Error(message), { code }))
  }
  return answer
}

/** One process, started at the first file, which does not keep the program alive. */
class Decoder {
  #child: ChildProcess | undefined
  #last: Promise<unknown> = Promise.resolve()

  ask(request: DecoderRequest, seconds: number): Promise<DecoderAnswer> {
    const answer = this.#last.then(() => this.#ask(request, seconds))
    this.#last = answer.catch(() => {})
    return answer
  }

  async #ask(request: DecoderRequest, seconds: number): Promise<DecoderAnswer> {
    const child = this.#start()
    child.ref()
    child.channel?.ref()
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<DecoderAnswer>((resolve, reject) => {
        const died = () =>
          reject(
            new InvalidDataError(`${request.path} is damaged: its decoder could not finish; fetch or write it again`, {
              file: request.path,
            }),
          )
        timer = setTimeout(() => child.kill('SIGKILL'), 1000 * seconds)
        child.once('message', (message) => resolve(message as DecoderAnswer))
        child.once('exit', died)
        child.once('error', (cause) =>
          reject(
            new EnvironmentError(`no process for decoding the file can be started: ${cause.message}.`, {}, { cause }),
          ),
        )
        child.send(request, (error) => error && died())
      })
    } finally {
      clearTimeout(timer)
      child.removeAllListeners()
      child.once('exit', () => this.#forget(child))
      if (child.exitCode !== null || child.signalCode !== null) this.#forget(child)
      child.unref()
      child.channel?.unref()
    }
  }

  #start(): ChildProcess {
    this.#child ??= fork(join(__dirname, 'decoder-child.js'), { serialization: 'advanced', stdio: 'ignore' })
    return this.#child
  }

  #forget(child: ChildProcess): void {
    if (this.#child === child) this.#child = undefined
  }
}

const decoder = new Decoder()
