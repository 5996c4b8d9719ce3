/**
 * The addon, one to one: what `native/napi` exports, and nothing more. The idiomatic layer is `lib/models`.
 *
 * Words for shapes: `n` rows, `d` features, `M` particles, `p` numbers a particle, `k` outputs.
 */

export interface NativeInfo {
  version: string
  napi: number
  compiler: string
  /** The instruction set that runs use unless told otherwise (`MEANFIELD_FORCE_ISA` included). */
  isa: string
  isas: { name: string; supported: boolean }[]
  /** Processors available to this process (affinity and control-group quota). */
  parallelism: number
  /** Version of the CUDA compiler that was there when the addon was compiled; null: none, and no CUDA kernels. */
  cudaCompiler: string | null
}

export interface NativeCudaDevice {
  name: string
  /** Compute capability, for example `9.0`. */
  capability: string
  /** Streaming multiprocessors. */
  processors: number
  memoryBytes: number
  freeBytes: number
  /** The compiled code that it runs. */
  image: string
  /** Why it cannot be used and what to do; empty when it can. */
  trouble: string
}

export interface NativeCudaReport {
  /** File of the kernels; empty when it could not be opened. */
  library: string
  /** Architectures that it holds code for. */
  images: string
  /** CUDA version that it was built with, 13000 for 13.0, and the newest one that the driver knows; 0 for none. */
  runtime: number
  driver: number
  devices: NativeCudaDevice[]
  /** Why there is no device that can be used, and what to do; empty when there is one. */
  reason: string
}

export type Backend = 'cpu' | 'reference' | `cuda:${string}`

/** Of the products on a CUDA device; accumulation is in float32 or better. */
export type Precision = 'float32' | 'tf32' | 'bf16'

export interface NativeMatrix {
  /** Row-major, rows × columns. Read in place; pinned until the job ends. */
  values: Float32Array
  rows: number
  columns: number
}

/** Rows with targets: scalar losses n × k numbers (logistic and smooth hinge ±1), softmax n class indices. */
export interface NativeTable extends NativeMatrix {
  targets: Float64Array
}

export type OptionValues = Record<string, number | boolean | string>

export interface NativeFitRequest {
  train: NativeTable
  validation?: NativeTable
  /** Values for the options of the model (catalogue), `outputs` (k) among them. Absent means default. */
  model: OptionValues
  algorithm: { name: string; options: OptionValues }
  /** Values for the run options of the catalogue. */
  run: OptionValues
  /** M × p starting particles; absent: drawn from the initial law. */
  initial?: Float32Array
  /**
   * Steps that `initial` has behind it: `train` holds the next rows of a stream, for `sgd-langevin`. Nothing is measured: the
   * objective is NaN, `loss` the mean over the rows, each before it was learned from.
   */
  firstStep?: number
  /** Steps after which the particles are copied into `snapshots`, increasing; 0 is the start. */
  snapshots?: number[]
  /** File written at the end, on cancellation, and every `checkpointSeconds`. */
  checkpoint?: string
  /** File to continue from. */
  resume?: string
  /** `cpu` (the best instruction set), a CUDA device, or `reference` (slow, for tests). */
  backend?: Backend
  /** Default `float32`; others on a CUDA device only. */
  precision?: Precision
  /** Instruction set by name, overriding detection. */
  isa?: string
}

export interface ChosenValue {
  name: string
  value: number | string
  /** The formula with its measured constants. */
  why: string
}

/**
 * How far a density q of neurons can be from the optimum of L = F + λ Ent, in the units of training (targets scaled), by
 * L(q) − D(g) = λ·KL(q‖p_q) ≥ L(q) − L* (Nitanda, Wu, Suzuki, AISTATS 2022, Theorem 3). Estimators: docs/certificate.md.
 */
export interface NativeCertificate {
  /** L(q) = F(q) + λ Ent(q), entropy weight times negative entropy included. */
  primal: number
  /** D(g(q)) */
  dual: number
  /** λ·KL(q‖p_q) estimated: primal − dual, at least the distance to the optimum. Below 0 only by error and bias. */
  gap: number
  /** Of the gap, by the draws and the particles; in units of the objective. */
  standardError: number
  /** What the estimates may be off by beyond the standard error, in units of the objective; Infinity when unknown. */
  biasBound: number
  /** How the entropy, or the divergence itself, was estimated, in words. */
  entropyEstimator: string
  /** How log Z_g was, and why where it was not the first choice. */
  partitionEstimator: string
  /** Of the importance weights of log Z: (Σ w)²/Σ w². */
  effectiveSampleSize: number
  /** Fraction of the draws: effectiveSampleSize / draws. */
  effectiveFraction: number
  /**
   * Gap of the Gibbs response p_q, the mean of ℓ(a_i) + ℓ*(g_i) − g_i a_i with a = E_{p_q} h by MALA: needs neither entropy nor
   * partition function, so that it holds in any dimension as far as the chains have mixed. NaN where there is none.
   */
  responseGap: number
  /** False when the numbers must not be relied on; `words` says why. */
  trusted: boolean
  /** What the gap says, or every reason not to believe it. */
  words: string
}

export interface NativeFitResult {
  /** M × p row-major: the weights (d, then 1 for the bias when there is one), then the tail of the second layer. */
  particles: Float32Array
  parameters: number
  /** rows × catalogue.traceColumns.length, row-major. */
  trace: Float64Array
  snapshots: { step: number; particles: Float32Array }[]
  /** F(q): mean loss + ridge term, without the entropy. */
  objective: number
  loss: number
  steps: number
  passes: number
  seconds: { setup: number; solve: number; certificate: number }
  stop: 'budget' | 'target' | 'tolerance' | 'cancelled'
  chosen: ChosenValue[]
  certificate: NativeCertificate | null
  isa: string
  threads: number
  /** Step of the checkpoint it continued from, or -1. */
  resumedFrom: number
}

export interface NativePredictRequest {
  features: NativeMatrix
  particles: Float32Array
  model: OptionValues
  threads?: number
  isa?: string
  backend?: Backend
  precision?: Precision
}

/** How far a measure can be from the optimum, or a pair from the equilibrium. */
export interface MeasureCertificate {
  /** The objective, estimated; of a game what the opponent's best response makes of it. */
  primal: number
  /** A lower bound on the optimum; of a game what the own best response makes of it. */
  dual: number
  /** primal − dual, at least the distance to the optimum. */
  gap: number
  /** Of the gap, by the particles. */
  standardError: number
  /** False when the numbers must not be relied on; `words` says why. */
  trusted: boolean
  /** What the gap says, or every reason not to believe it. */
  words: string
}

export interface NativeMeasureResult {
  /** M × p */
  particles: Float64Array
  /** Rows of step, discrepancy, negentropy. */
  trace: Float64Array
  steps: number
  stop: 'budget' | 'cancelled'
  threads: number
  /** null when cancelled */
  certificate: MeasureCertificate | null
}

export interface NativeMinimaxResult extends Omit<NativeMeasureResult, 'particles'> {
  /** N particles of each player; the trace has rows of step and moved. */
  x: Float64Array
  y: Float64Array
}

/** An error of one of many fits or predictions. */
export type NativeFailure = Error & { code: string }

/** Rows of a linear model: dense (values row-major), sparse (with columnIndices and rowStarts), or what readLibsvm holds. */
export type NativeLinearData =
  | {
      values: Float64Array | Float32Array
      rows: number
      columns: number
      columnIndices?: Int32Array
      /** rows + 1 places in values, from 0. */
      rowStarts?: Int32Array | BigInt64Array
    }
  | { handle: NativeHandle }

/** Memory of the native side; lives as long as the object. */
export type NativeHandle = { readonly __native: unique symbol }

export interface NativeLinearRequest {
  data: NativeLinearData
  /** n numbers, n × k, or n class indices; absent with a handle: the labels of the file. */
  targets?: Float64Array
  sampleWeights?: Float64Array
  /** k × p starting weights, each class followed by its intercept when there is one. */
  initial?: Float64Array
  model: OptionValues
  algorithm: { name: string; options: OptionValues }
  run: OptionValues
  /** Points of a regularization path down from the largest l1 that leaves any weight. */
  path?: number
  pathRatio?: number
  checkpoint?: string
  resume?: string
  isa?: string
  /** `cpu`, or a CUDA device. */
  backend?: string
  /** To the CPU where the method, the data or the device asks for it. */
  fallBack?: boolean
}

export interface NativePathPoint {
  l1: number
  l2: number
  objective: number
  dual: number
  gap: number
  passes: number
  seconds: number
  nonZeros: number
  /** k × p, intercepts among them. */
  weights: Float64Array
}

export interface NativeLinearResult {
  /** k × d. */
  weights: Float64Array
  /** k. */
  intercepts: Float64Array
  trace: Float64Array
  objective: number
  loss: number
  dual: number
  gap: number
  steps: number
  nonZeros: number
  passes: number
  queries: number
  seconds: { setup: number; solve: number }
  stop: 'gap' | 'precision' | 'budget' | 'target' | 'cancelled'
  algorithm: string
  chosen: ChosenValue[]
  path: NativePathPoint[]
  isa: string
  device: string
  /** Why it fell back to the CPU; empty otherwise. */
  deviceReason: string
  threads: number
  resumedFrom: number
}

/** Layers of a boosted classifier, one after the other. */
export interface NativeLayers {
  /** Of the embeddings: all weights, then all biases. */
  parameters: Float32Array
  /** M_b, D × d each. */
  matrices: Float32Array
  /** keep and scale of Z ← keep Z + scale Σ_b e_b M_b. */
  mixes: Float32Array
  /** One linear model more than layers: d × K weights, then K intercepts. */
  linears: Float32Array
}

export interface NativeBoostingRequest {
  /** Targets are class indices. */
  train: NativeTable
  validation?: NativeTable
  model: OptionValues
  algorithm: { name: string; options: OptionValues }
  run: OptionValues
  checkpoint?: string
  resume?: string
}

export interface NativeBoostingResult extends NativeLayers {
  trace: Float64Array
  steps: number
  passes: number
  seconds: { setup: number; solve: number }
  stop: 'budget' | 'target' | 'cancelled'
  chosen: ChosenValue[]
  isa: string
  threads: number
  resumedFrom: number
}

export interface NativeLayersRequest extends Omit<NativeLayers, 'linears'> {
  features: NativeMatrix
  model: OptionValues
  algorithm: { name: string; options: OptionValues }
  /** The linear model on top of these layers. */
  linear: Float32Array
  threads?: number
}

export interface NativeKernelRegimeRequest {
  /** Targets of each table: n × outputs. */
  train: NativeTable
  validation?: NativeTable
  outputs: number
  model: OptionValues
  algorithm: { name: string; options: OptionValues }
  run: OptionValues
  checkpoint?: string
  resume?: string
}

export interface NativeKernelRegimeResult {
  /** d × M/2 */
  directions: Float64Array
  /** Θ̄ − Θ(0): output weights, then input weights, as far as they are trained. */
  displacement: Float64Array
  trace: Float64Array
  objective: number
  loss: number
  distance: number
  certificate?: {
    primal: number
    dual: number
    gap: number
    slack: number
    departure: number
    iterations: number
  }
  steps: number
  passes: number
  seconds: { setup: number; solve: number; certificate: number }
  stop: 'budget' | 'target' | 'cancelled'
  chosen: ChosenValue[]
  threads: number
  resumedFrom: number
}

export interface NativeSpectrumRequest {
  features: NativeMatrix
  model: OptionValues
  layers: string
  width: 'finite' | 'infinite'
  /** Absent: those of the seed. */
  directions?: Float64Array
  components: number
  ridges: Float64Array
  powers: Float64Array
  /** n × f */
  functions: Float64Array
  seed: number
}

export interface NativeSpectrum {
  eigenvalues: Float64Array
  /** components × n */
  eigenvectors: Float64Array
  trace: number
  /** Of the effective dimension at each ridge. */
  least: Float64Array
  most: Float64Array
  /** f × components */
  coefficients: Float64Array
  /** f × powers */
  norms: Float64Array
  captured: Float64Array
  complete: boolean
}

export interface NativeLibsvm {
  handle: NativeHandle
  rows: number
  columns: number
  nonZeros: number
  targets: Float64Array
}

/** Work on a thread of its own. `cancel` is idempotent and returns at once. */
export interface NativeJob<T> {
  readonly promise: Promise<T>
  cancel(): void
}

export interface NativeBinding {
  info(): NativeInfo
  /** Opens the CUDA kernels where there is a driver, and looks at the devices. */
  cudaDevices(): NativeCudaReport
  /** Of the NCCL that moves numbers between devices, 22304 for 2.23.4; 0 where there is none, and they are copied through the host. Opens it. */
  ncclVersion(): number
  /** The catalogue as JSON text. */
  catalogue(): string
  /**
   * Starts a fit. `onPoints` gets trace rows (columns as in the catalogue) in batches, at most 20 times a second, latest
   * last; it is never called after the promise has settled. Bad requests throw at once with a `code`. A cancelled fit
   * resolves with `stop: 'cancelled'` and the particles of the last completed step; `objective` is NaN when
   * not even the start had been measured. Cancelled while its data are still being looked at, it rejects with
   * MEANFIELD_CANCELLED.
   */
  fitMeanField(request: NativeFitRequest, onPoints?: (rows: Float64Array) => void): NativeJob<NativeFitResult>
  /**
   * Many fits in one call, each on one thread, `threads` at a time (default: all there are); an entry is what that fit
   * alone would have resolved or rejected with. Bad requests throw at once. `onDone` gets the numbers of fits done, latest
   * last, at most 20 times a second. Cancelling ends the fits under way like `fitMeanField`; those that had not begun
   * become errors with MEANFIELD_CANCELLED.
   */
  fitManyMeanField(
    requests: readonly NativeFitRequest[],
    threads?: number,
    onDone?: (done: Float64Array) => void,
  ): NativeJob<(NativeFitResult | NativeFailure)[]>
  /** n × k outputs, row-major. A cancelled prediction rejects with MEANFIELD_CANCELLED. */
  predictMeanField(request: NativePredictRequest): NativeJob<Float32Array>
  /**
   * Many predictions in one call, each on one thread, `threads` at a time (default: all there are). Bad requests throw at once; an
   * entry is what that prediction alone would have resolved or rejected with.
   */
  predictManyMeanField(
    requests: readonly NativePredictRequest[],
    threads?: number,
  ): NativeJob<(Float32Array | NativeFailure)[]>
  /** Like fitMeanField; trace rows have the columns of the linear model. */
  fitLinear(request: NativeLinearRequest, onPoints?: (rows: Float64Array) => void): NativeJob<NativeLinearResult>
  /** n × k margins. */
  predictLinear(request: {
    data: NativeLinearData
    weights: Float64Array
    intercepts: Float64Array
    threads?: number
  }): NativeJob<Float64Array>
  /** Like fitMeanField; trace rows have the columns of the boosted model. */
  fitBoosting(request: NativeBoostingRequest, onPoints?: (rows: Float64Array) => void): NativeJob<NativeBoostingResult>
  /** n × K scores. */
  predictBoosting(request: NativeLayersRequest): NativeJob<Float32Array>
  /** The features after 0, 1, … layers, (layers + 1) × n × d. */
  representBoosting(request: NativeLayersRequest): NativeJob<Float32Array>
  /** Like fitMeanField; trace rows have the columns of the kernel regime. */
  fitKernelRegime(
    request: NativeKernelRegimeRequest,
    onPoints?: (rows: Float64Array) => void,
  ): NativeJob<NativeKernelRegimeResult>
  /** n × outputs. */
  predictKernelRegime(request: {
    features: NativeMatrix
    outputs: number
    model: OptionValues
    directions: Float64Array
    displacement: Float64Array
  }): NativeJob<Float32Array>
  kernelSpectrum(request: NativeSpectrumRequest): NativeJob<NativeSpectrum>
  readLibsvm(path: string, options: { single?: boolean; columns?: number; threads?: number }): NativeJob<NativeLibsvm>
  /** Copies of what a handle holds. */
  libsvmArrays(handle: NativeHandle): {
    values: Float64Array | Float32Array
    columnIndices: Int32Array
    rowStarts: BigInt64Array
    rows: number
    columns: number
  }
  /** Particles on the torus fitted to the N × dimension numbers of `target`. `initial` is M × dimension. */
  fitMeasure(
    request: {
      target: Float64Array
      dimension: number
      initial?: Float64Array
      options: OptionValues
      run: OptionValues
    },
    onPoints?: (rows: Float64Array) => void,
  ): NativeJob<NativeMeasureResult>
  /** A minimax game. `initial` holds both players' particles, N and N. */
  playMinimax(
    request: { initial?: Float64Array; options: OptionValues; run: OptionValues },
    onPoints?: (rows: Float64Array) => void,
  ): NativeJob<NativeMinimaxResult>
  /**
   * The leading `count` right singular vectors of a rows × columns matrix (not centred): `vectors` is count × columns,
   * `values` the singular values in decreasing order.
   */
  rightSingularVectors(matrix: NativeMatrix, count: number): { vectors: Float64Array; values: Float64Array }
}
