/** Rows for linear models beside Dataset: dense or sparse typed arrays, LIBSVM files. */
import { binding, fromNative, type NativeHandle } from '../native'

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
    signal?.addEventListener('abort', job.cancel, { once: true })
    if (signal?.aborted) job.cancel()
    return await job.promise.finally(() => signal?.removeEventListener('abort', job.cancel))
  } catch (error) {
    throw fromNative(error)
  }
}
