/** Files as tables, by their extension. */
import { InvalidOptionError } from '../native/errors'
import { requirePath } from './bytes'
import type { HeaderOptions } from './columns'
import { type Frame, type PieceRows, wholeFrame, wholePiece } from './frame'
import { requireChoice } from './options'
import { csvFrames } from './readers/csv-frame'
import { decodedFrames } from './readers/decoder'
import { jsonFrames } from './readers/json-lines'

export type FileFormat = 'csv' | 'parquet' | 'arrow' | 'jsonl'

export interface FrameOptions extends HeaderOptions {
  /** Default: by the extension; CSV where it says nothing. */
  format?: FileFormat
}

const extensions: readonly [RegExp, FileFormat][] = [
  [/\.(parquet|pq)$/i, 'parquet'],
  [/\.(arrow|arrows|feather|ipc)$/i, 'arrow'],
  [/\.(jsonl|ndjson)(\.gz)?$/i, 'jsonl'],
]

export function formatOf(path: string, format?: FileFormat): FileFormat {
  if (format !== undefined) requireChoice('format', format, { csv: 0, parquet: 0, arrow: 0, jsonl: 0 })
  return format ?? extensions.find(([pattern]) => pattern.test(path))?.[1] ?? 'csv'
}

/**
 * A table with typed columns: of CSV and JSON lines (plain or gzip), Parquet and Arrow IPC files.
 *
 * @param wanted columns that are needed; others may be left out where the format allows it, and tell whether a CSV has a header
 * @throws InvalidDataError naming file, line or row, and column
 */
export async function readFrame(
  path: string,
  options: FrameOptions = {},
  wanted: readonly (string | number)[] = [],
): Promise<Frame> {
  return wholeFrame(framePieces(path, options, wanted, wholePiece))
}

/** The same in pieces, of Parquet its groups of rows; Arrow is read whole. */
export function framePieces(
  path: string,
  options: FrameOptions,
  wanted: readonly (string | number)[],
  pieces: PieceRows,
): AsyncGenerator<Frame, void, undefined> {
  const format = formatOf(requirePath(path), options.format)
  const { header, delimiter } = options
  if (format === 'csv') {
    const given = { ...(header !== undefined && { header }), ...(delimiter !== undefined && { delimiter }) }
    return csvFrames(path, given, wanted, pieces)
  }
  const names = wanted.length > 0 && wanted.every((name) => typeof name === 'string') ? (wanted as string[]) : undefined
  if (delimiter !== undefined)
    throw new InvalidOptionError(`delimiter is given for ${path}, which is no delimited text; leave it out`, {
      option: 'delimiter',
    })
  return format === 'jsonl' ? jsonFrames(path, pieces) : decodedFrames(format, path, names, pieces !== wholePiece)
}
