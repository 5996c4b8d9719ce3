/** The spectrum of a tangent kernel on given rows (Nitanda, Suzuki, ICLR 2021, Sections 3 and 4). */
import { requireNames } from '../data/options'
import {
  abortError,
  binding,
  fromNative,
  InvalidOptionError,
  type NativeMatrix,
  type OptionValues,
  untilAborted,
} from '../native'

export interface SpectrumOptions {
  /** Eigenvalues that are asked for, the largest ones; all where there are fewer rows. Default 50. */
  components?: number
  /** Kernel of the weights of these layers. Default: those that the network trains. */
  layers?: 'both' | 'output' | 'input'
  /** `'finite'` (default): of this network. `'infinite'`: the limit of width, for ReLU. */
  width?: 'finite' | 'infinite'
  /** Ridges of the effective dimensions. Default: none. */
  ridges?: readonly number[]
  /** Functions by their values at the rows, one array each: their coefficients, norms and the part that the eigenfunctions hold. */
  functions?: readonly ArrayLike<number>[]
  /** Exponents r of the norms ‖Σ^-r f‖ of these functions. Default: none. */
  powers?: readonly number[]
  /** Seed of the directions of a network that has not been fitted, and of the iterations. Default 0. */
  seed?: number
  signal?: AbortSignal
}

/** With n rows, K the kernel matrix and v its unit eigenvectors. */
export interface KernelSpectrum {
  /** Of K/n, the largest first. */
  eigenvalues: Float64Array
  /** √n v: one array of n values for each eigenvalue, of mean square 1, its largest entry positive. */
  eigenfunctions: Float64Array[]
  /** Tr K/n, the sum of all n eigenvalues. */
  trace: number
  /** Whether these are all n. */
  complete: boolean
  /** Tr Σ(Σ + ridge)^-1, an interval where not all eigenvalues are known. */
  effectiveDimension: { ridge: number; least: number; most: number }[]
  /** For each function. */
  functions: {
    /** ⟨f, φ_i⟩ */
    coefficients: Float64Array
    /** ‖Σ^-r f‖ for each r, over the eigenvalues above rounding. */
    norms: Float64Array
    /** Part of the mean of f² that these eigenfunctions hold. */
    captured: number
  }[]
}

const names = ['components', 'layers', 'width', 'ridges', 'functions', 'powers', 'seed', 'signal']

/** @param directions of a fitted network */
export async function spectrumOf(
  features: NativeMatrix,
  model: OptionValues,
  directions: Float64Array | undefined,
  options: SpectrumOptions,
): Promise<KernelSpectrum> {
  requireNames('spectrum', options, names)
  const { rows: n } = features
  const {
    components = Math.min(50, n),
    layers = model.layers ?? 'both',
    width = 'finite',
    ridges = [],
    functions = [],
    powers = [],
    seed = 0,
    signal,
  } = options
  const values = new Float64Array(n * functions.length)
  functions.forEach((own, f) => {
    if (own.length !== n)
      throw new InvalidOptionError(`function ${f} has ${own.length} values; expected one for each of the ${n} rows.`)
    for (let i = 0; i < n; i++) values[i * functions.length + f] = own[i] as number
  })
  if (signal?.aborted) throw abortError(signal.reason)
  try {
    const job = binding().kernelSpectrum({
      features,
      model,
      layers: String(layers),
      width,
      components,
      ridges: Float64Array.from(ridges),
      powers: Float64Array.from(powers),
      functions: values,
      seed,
      ...(directions && { directions }),
    })
    const found = await untilAborted(job, signal)
    const count = found.eigenvalues.length
    const piece = (all: Float64Array, f: number, size: number) => all.slice(f * size, (f + 1) * size)
    return {
      eigenvalues: found.eigenvalues,
      eigenfunctions: Array.from({ length: count }, (_, i) =>
        piece(found.eigenvectors, i, n).map((value) => Math.sqrt(n) * value),
      ),
      trace: found.trace,
      complete: found.complete,
      effectiveDimension: ridges.map((ridge, i) => ({
        ridge,
        least: found.least[i] as number,
        most: found.most[i] as number,
      })),
      functions: functions.map((_, f) => ({
        coefficients: piece(found.coefficients, f, count),
        norms: piece(found.norms, f, powers.length),
        captured: found.captured[f] as number,
      })),
    }
  } catch (error) {
    throw fromNative(error)
  }
}
