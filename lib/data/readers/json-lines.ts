/** JSON lines (https://jsonlines.org): an object a line, each key a column; plain or gzip. */
import { InvalidDataError } from '../../native/errors'
import { readBytes } from '../bytes'
import { ColumnBuilder, type Frame, type PieceRows } from '../frame'
import { show } from '../options'

/**
 * A key that a line lacks is a missing value there; a piece has the columns of those before it, and its own.
 *
 * @throws InvalidDataError naming file and line
 */
export async function* jsonFrames(path: string, { head, rows }: PieceRows): AsyncGenerator<Frame, void, undefined> {
  let [most, lines] = [head, [] as number[]]
  let builders = new Map<string, ColumnBuilder>()
  const add = (bytes: Uint8Array, number: number) => {
    const place = () => `${path}, line ${number}`
    // A byte order mark is no part of the first line.
    const text = number === 1 ? decode(bytes, place).replace(/^\ufeff/, '') : decode(bytes, place)
    if (/^[ \t\r]*$/.test(text)) return
    const object = parse(text, place)
    const row = lines.push(number) - 1
    for (const [name, value] of Object.entries(object)) {
      let builder = builders.get(name)
      if (!builder) {
        builder = new ColumnBuilder(name)
        builders.set(name, builder)
      }
      while (builder.rows < row) builder.add(undefined, place)
      if (typeof value === 'string' && value === '') builder.add(undefined, place)
      else builder.add(value, place)
    }
  }
  const piece = (): Frame => {
    const taken = lines
    for (const builder of builders.values()) while (builder.rows < taken.length) builder.add(undefined, () => path)
    const columns = Array.from(builders.values(), (builder) => builder.finish())
    most = rows
    lines = []
    builders = new Map(Array.from(builders.keys(), (name) => [name, new ColumnBuilder(name)]))
    return { source: path, rows: taken.length, columns, place: (row) => `${path}, line ${taken[row]}` }
  }
  let [number, empty] = [0, true]
  for await (const some of linesOf(path))
    for (const line of some) {
      add(line, ++number)
      if (lines.length > 0) empty = false
      if (lines.length === most) yield piece()
    }
  if (empty || builders.size === 0)
    throw new InvalidDataError(`${path} has no rows, expected an object in each line; check the file`, { file: path })
  if (lines.length > 0) yield piece()
}

/** The lines that end in one chunk of the file after the other. */
async function* linesOf(path: string): AsyncGenerator<Uint8Array[], void, undefined> {
  let rest: Uint8Array[] = []
  for await (const chunk of readBytes(path)) {
    const lines = []
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      lines.push(rest.length > 0 ? Buffer.concat([...rest, chunk.subarray(start, end)]) : chunk.subarray(start, end))
      rest = []
      start = end + 1
    }
    if (start < chunk.length) rest.push(Uint8Array.from(chunk.subarray(start)))
    yield lines
  }
  if (rest.length > 0) yield [Buffer.concat(rest)]
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array, place: () => string): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new InvalidDataError(`${place()} is not UTF-8; convert the file to UTF-8`, {}, { cause })
  }
}

function parse(text: string, place: () => string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new InvalidDataError(
      `${place()}: ${(cause as Error).message}; expected one JSON object in each line`,
      {},
      { cause },
    )
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new InvalidDataError(`${place()} holds ${show(value)}, expected a JSON object; write one in each line`)
}
