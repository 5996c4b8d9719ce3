/** Rows for linear models beside Dataset: dense or sparse typed arrays, LIBSVM files, NPY files. */
import { readFile } from 'node:fs/promises'
import { binding, fromNative, InvalidDataError, type NativeHandle } from '../native'

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

export interface NpyArray {
  data: Float64Array | Float32Array
  shape: number[]
}

const readers = {
  f8: (buffer: ArrayBuffer) => new Float64Array(buffer),
  f4: (buffer: ArrayBuffer) => new Float32Array(buffer),
  i8: (buffer: ArrayBuffer) => Float64Array.from(new BigInt64Array(buffer), Number),
  i4: (buffer: ArrayBuffer) => Float64Array.from(new Int32Array(buffer)),
  i2: (buffer: ArrayBuffer) => Float64Array.from(new Int16Array(buffer)),
  i1: (buffer: ArrayBuffer) => Float64Array.from(new Int8Array(buffer)),
  u1: (buffer: ArrayBuffer) => Float64Array.from(new Uint8Array(buffer)),
}

/**
 * Reads a NumPy file of numbers: little-endian, C order, one or two dimensions. float64 and float32 stay what they are,
 * integers become float64.
 *
 * @throws InvalidDataError that names the file and what is wrong with it
 */
export async function readNpy(path: string): Promise<NpyArray> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new InvalidDataError(`'${path}' could not be read: ${error.message}.`, { path })
  })
  const refuse = (what: string): never => {
    throw new InvalidDataError(`'${path}' ${what}.`, { path })
  }
  if (bytes.length < 12 || bytes.toString('latin1', 0, 6) !== '\x93NUMPY') refuse('is not an NPY file')
  const wide = (bytes[6] as number) >= 2
  const start = wide ? 12 : 10
  const end = start + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8))
  const header = bytes.toString('latin1', start, end)
  const type = /'descr':\s*'([<|]?)([a-z]\d+)'/.exec(header)
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1]
  const reader = type && readers[type[2] as keyof typeof readers]
  if (!reader || shape === undefined)
    return refuse(`holds ${/'descr':\s*([^,]*)/.exec(header)?.[1] ?? 'nothing known'}; expected little-endian numbers`)
  if (/'fortran_order':\s*True/.test(header)) refuse('is in Fortran order; save it with numpy.ascontiguousarray')
  const sizes = shape
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number)
  if (sizes.length < 1 || sizes.length > 2) refuse(`has ${sizes.length} dimensions; expected one or two`)
  const count = sizes.reduce((product, size) => product * size, 1)
  const width = Number((type as RegExpExecArray)[2]?.slice(1))
  if (bytes.length - end !== count * width)
    refuse(`holds ${bytes.length - end} bytes of numbers; its header promises ${count * width}`)
  // Headers are padded to 64 bytes, but the pool of readFile need not be aligned.
  const at = bytes.byteOffset + end
  const data = at % 8 === 0 && width === 8 ? new Float64Array(bytes.buffer, at, count) : undefined
  if (data && (type as RegExpExecArray)[2] === 'f8') return { data, shape: sizes }
  return { data: reader(bytes.buffer.slice(at, at + count * width) as ArrayBuffer), shape: sizes }
}
