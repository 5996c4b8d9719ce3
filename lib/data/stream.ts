/** Rows of files that are larger than memory, as data sets one after the other. */
import { InvalidDataError, InvalidOptionError } from '../native/errors'
import { type ArrayFileOptions, Dataset } from './dataset'
import type { Encoding } from './encoding'
import { type Frame, isMissingAt, type PieceRows } from './frame'
import { type FrameDatasetOptions, frameDatasetNames } from './from-frame'
import type { Task } from './labels'
import { requireNames } from './options'
import { requireInteger } from './random'
import { type FrameOptions, formatOf, framePieces } from './read-frame'
import { asFeatures, asTargets } from './readers/nd-array'
import { npyPieces } from './readers/npy'

export interface PieceOptions {
  /**
   * Rows at the start that tell what the others have to be, where the options do not: types and categories of the columns, task,
   * classes. They are the first data set. Default 10,000; of Parquet the first group of rows.
   */
  headRows?: number
  /** Rows of each further data set, which memory has to hold; nothing else depends on it. Default 8192; of Parquet a group of rows. */
  chunkRows?: number
}

/** As of Dataset.fromFile, without what only whole data have a use for. */
export type StreamOptions = PieceOptions & FrameOptions & Omit<FrameDatasetOptions, 'group' | 'time'>

export type ArrayStreamOptions = PieceOptions & ArrayFileOptions

/** What the first rows have settled for all others. */
interface Settled {
  readonly task: Task
  readonly classes: readonly string[] | undefined
  readonly encoding: Encoding | undefined
  /** All columns of the table. */
  readonly columns: ReadonlySet<string>
}

const pieceNames = ['headRows', 'chunkRows']

/**
 * The rows of a file, one data set after the other: `for await (const chunk of stream)`, from the start each time. The file is
 * read as data sets are asked for, and no more of it is held than one of them. All have the columns, encoding, task and classes of
 * the first.
 *
 * @example
 * const rows = DatasetStream.fromFile('clicks.csv', { target: 'clicked', classes: ['no', 'yes'] })
 * await new MeanFieldNetwork().fitStream(rows, { seed: 1 })
 */
export class DatasetStream implements AsyncIterable<Dataset> {
  readonly #open: () => AsyncGenerator<Dataset, void, undefined>

  private constructor(open: () => AsyncGenerator<Dataset, void, undefined>) {
    this.#open = open
  }

  /**
   * Of CSV or TSV and JSON lines, plain or gzip, and of Parquet, a group of rows at a time. Options as of Dataset.fromFile. A
   * column, category or label that is not among the first rows, nor in the options, is refused where it comes up, with file and line.
   *
   * @throws InvalidOptionError at once for an option that is unknown; while reading as Dataset.fromFile
   */
  static fromFile(path: string, options: StreamOptions): DatasetStream {
    const names = frameDatasetNames.filter((name) => name !== 'group' && name !== 'time')
    requireNames('the stream', options, [...names, ...pieceNames, 'format', 'header', 'delimiter'])
    const { headRows: _, chunkRows: __, format, header, delimiter, ...first } = options
    const pieces = requirePieces(options)
    const kind = formatOf(path, format)
    if (kind === 'arrow')
      throw new InvalidOptionError(
        `${path} is an Arrow file, which is read whole; write it as Parquet, or use Dataset.fromFile`,
        { option: 'format' },
      )
    const reading = {
      ...(format && { format }),
      ...(header !== undefined && { header }),
      ...(delimiter !== undefined && { delimiter }),
    }
    const named = first.features ?? first.encoding?.columns.map(({ name }) => name)
    // The target alone tells a header too.
    const hints =
      named || kind === 'csv' ? [...(named ?? []), ...(first.target === undefined ? [] : [first.target])] : []
    const { features: ___, categorical: ____, unknownCategories: _____, ...others } = first
    let settled: Settled | undefined
    return new DatasetStream(async function* () {
      for await (const frame of framePieces(path, reading, hints, pieces)) {
        if (settled && !named) requireColumns(frame, settled)
        const data = Dataset.fromFrame(frame, settled ? { ...others, ...choicesOf(settled) } : first)
        settled ??= settledBy(data, frame)
        yield data
      }
    })
  }

  /**
   * Of two NumPy files of as many rows, plain or gzip; options as of Dataset.fromNpy.
   *
   * @throws InvalidOptionError at once for an option that is unknown; while reading as Dataset.fromNpy
   */
  static fromNpy(features: string, targets: string, options: ArrayStreamOptions = {}): DatasetStream {
    requireNames('the stream', options, ['task', 'classes', 'featureNames', 'targetName', 'dtype', ...pieceNames])
    const { headRows: _, chunkRows: __, ...rest } = options
    const pieces = requirePieces(options)
    let settled: Settled | undefined
    return new DatasetStream(async function* () {
      const labels = npyPieces(targets, pieces)
      let first = 0
      try {
        for await (const piece of npyPieces(features, pieces)) {
          const { value: label } = await labels.next()
          const rows = piece.shape[0] as number
          if (label?.shape[0] !== rows) throw unequal(features, targets, first)
          const { features: matrix, columns } = asFeatures(piece, features)
          const { targets: values, targetColumns } = asTargets(label, targets)
          const all = { ...rest, ...(settled && choicesOf(settled)), columns, targetColumns }
          const data = placed(`${features} and ${targets}, rows from ${first} on`, () =>
            Dataset.fromArrays(matrix, values, all),
          )
          settled ??= settledBy(data)
          first += rows
          yield data
        }
        if (!(await labels.next()).done) throw unequal(features, targets, first)
      } finally {
        await labels.return()
      }
    })
  }

  [Symbol.asyncIterator](): AsyncGenerator<Dataset, void, undefined> {
    return this.#open()
  }
}

function requirePieces({ headRows = 10_000, chunkRows = 8192 }: PieceOptions): PieceRows {
  return {
    head: requireInteger('headRows', headRows, 1, 2 ** 31 - 1),
    rows: requireInteger('chunkRows', chunkRows, 1, 2 ** 31 - 1),
  }
}

function settledBy({ task, classes, encoding }: Dataset, frame?: Frame): Settled {
  return { task, classes, encoding, columns: new Set(frame?.columns.map(({ name }) => name)) }
}

function choicesOf({ task, classes, encoding }: Settled) {
  return { ...(classes ? { classes } : { task }), ...(encoding && { encoding }) }
}

/** A column that comes up late would be a feature in memory, and is not here. */
function requireColumns({ columns, rows, place }: Frame, settled: Settled): void {
  const late = columns.find(({ name }) => !settled.columns.has(name))
  if (!late) return
  const row = Array.from({ length: rows }, (_, i) => i).find((i) => !isMissingAt(late, i)) ?? 0
  throw new InvalidDataError(
    `${place(row)}: column '${late.name}' comes up here and is not among the first rows; pass features, or more headRows`,
    { column: late.name, row },
  )
}

function unequal(features: string, targets: string, row: number): InvalidDataError {
  return new InvalidDataError(
    `${features} and ${targets} have different numbers of rows, from row ${row} on; pass files of as many rows`,
    { file: targets, row },
  )
}

function placed<T>(place: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof InvalidDataError)) throw error
    throw new InvalidDataError(`${place}: ${error.message}`, error.details, { cause: error })
  }
}
