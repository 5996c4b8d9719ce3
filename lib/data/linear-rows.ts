/** Rows for linear models beside Dataset: dense or sparse typed arrays, LIBSVM files. */
import { binding, fromNative, type NativeHandle, untilAborted } from '../native'
import { type SplitOptions, splitRows } from './split'

/** Rows × columns numbers with targets; nothing is copied. */
export interface LinearRows {
  /** Dense: row after row. Sparse: the stored numbers, with `columnIndices` and `rowStarts`. */
  values: Float64Array | Float32Array
  rows: number
  columns: number
  /** Column of every stored number, increasing within a row. */
  columnIndices?: Int32Array
  /** rows + 1 places in `values`, from 0. */
  rowStarts?: Int32Array | BigInt64Array
  /** A number for each row: classes or values to predict. */
  targets: Float64Array
}

/** A LIBSVM file in native memory: fits read it in place. */
export interface LibsvmRows {
  readonly handle: NativeHandle
  readonly rows: number
  readonly columns: number
  readonly nonZeros: number
  readonly targets: Float64Array
}

export interface LibsvmOptions {
  /** Keep float32 numbers. Default false. */
  single?: boolean
  /** Number of columns; default: the largest index of the file. */
  columns?: number
  /** Default: the processors available. Does not change the result. */
  threads?: number
  signal?: AbortSignal
}

/**
 * Reads "label index:value …" lines, indices from 1 and increasing, with several threads. Numbers are the nearest doubles.
 *
 * @throws InvalidDataError with the line and what is wrong in it
 */
export async function readLibsvm(path: string, { signal, ...options }: LibsvmOptions = {}): Promise<LibsvmRows> {
  try {
    const job = binding().readLibsvm(path, options)
    return await untilAborted(job, signal)
  } catch (error) {
    throw fromNative(error)
  }
}

/**
 * Rows divided at random into a training and a test part, copied; see SplitOptions.
 *
 * @param classOf index of the class of every row, for parts with the same shares of classes
 */
export function splitLinearRows(
  data: LinearRows | LibsvmRows,
  options: SplitOptions,
  classOf?: Float64Array,
): { train: LinearRows; test: LinearRows } {
  const rows: LinearRows = 'handle' in data ? { ...binding().libsvmArrays(data.handle), targets: data.targets } : data
  const { train, test } = splitRows(rows.rows, classOf ? { classOf } : {}, options)
  return { train: chosenRows(rows, train), test: chosenRows(rows, test) }
}

function chosenRows(
  { values, columns, columnIndices, rowStarts, targets }: LinearRows,
  chosen: Int32Array,
): LinearRows {
  const from = (i: number) => (rowStarts ? Number(rowStarts[i]) : i * columns)
  const starts = new BigInt64Array(chosen.length + 1)
  let total = 0
  chosen.forEach((row, i) => {
    total += from(row + 1) - from(row)
    starts[i + 1] = BigInt(total)
  })
  const kept = values instanceof Float32Array ? new Float32Array(total) : new Float64Array(total)
  const keptColumns = new Int32Array(columnIndices ? total : 0)
  chosen.forEach((row, i) => {
    const place = Number(starts[i])
    kept.set(values.subarray(from(row), from(row + 1)), place)
    if (columnIndices) keptColumns.set(columnIndices.subarray(from(row), from(row + 1)), place)
  })
  return {
    values: kept,
    rows: chosen.length,
    columns,
    ...(columnIndices && { columnIndices: keptColumns, rowStarts: starts }),
    targets: Float64Array.from(chosen, (row) => targets[row] as number),
  }
}
