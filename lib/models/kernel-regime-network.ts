/** Two-layer networks in the tangent-kernel regime: averaged stochastic gradient descent near the start. */
import type { Dataset, Encoding, ScalerKind } from '../data'
import { requireBoolean, requireNames } from '../data/options'
import {
  type KernelRegimeAlgorithm,
  type KernelRegimeOptions,
  type KernelRegimeRunOptions,
  type KernelRegimeTracePoint,
  kernelRegimeTraceColumns,
} from '../generated/catalogue'
import {
  abortError,
  binding,
  type Device,
  DeviceError,
  fromNative,
  InvalidDataError,
  modelEntry,
  type NativeKernelRegimeRequest,
  type NativeKernelRegimeResult,
  type OptionValues,
  untilAborted,
} from '../native'
import { Jobs } from './jobs'
import { type KernelSpectrum, type SpectrumOptions, spectrumOf } from './kernel-spectrum'
import { type Choices, choicesByName, resolvedModel, withDefaults } from './option-values'
import {
  type Preparation,
  prepare,
  preparedClasses,
  preparedFeatures,
  preparedTargets,
  type Rows,
  requireDataset,
  requireRegression,
  restoredOutputs,
} from './preparation'
import type { Run } from './run'
import { readModel, type SavedModel, writeModel } from './saved-model'
import { classIndices, type Scores, scoreClasses, scoreRegression, squaredClassLoss } from './scores'
import { columnArrays, lastRow } from './trace-columns'

export interface KernelRegimeModelOptions extends KernelRegimeOptions {
  /** A method by name, or its options with the name among them. Default `'averaged-sgd'`. */
  algorithm?: KernelRegimeAlgorithm
  /** Scaling of the features, fitted on the training data. Default `'standard'`: mean 0 and deviation 1. */
  scale?: ScalerKind
  /** Scale numbers that are learnt to mean 0 and deviation 1; predictions are in their units. Default true. */
  scaleTargets?: boolean
}

export interface KernelRegimeFitOptions extends KernelRegimeRunOptions {
  /** Data whose mean loss is in the trace. */
  validation?: Dataset
  /** `'auto'` (default) and `'cpu'` are the CPU, the only place where this model runs; others are refused with a DeviceError. */
  device?: Device
  /** Stops the run, which then resolves with `stop: 'aborted'`. */
  signal?: AbortSignal
  /** File that is written every `checkpointSeconds`, on abort and at the end. */
  checkpoint?: string
  /** Checkpoint to continue from: same data, options and seed; the budget may be larger. */
  resume?: string
}

export type KernelRegimeTrace = Record<keyof KernelRegimeTracePoint, Float64Array>

/** Of the linearized problem, kernel ridge regression with the tangent kernel of the start; in float64, in the units of training. */
export interface KernelRegimeCertificate {
  /** Its objective at the averaged parameters. */
  primal: number
  /** A lower bound of its minimum. */
  dual: number
  /** primal − dual, at least the distance to the minimum. */
  gap: number
  /** The minimum is at most dual + slack. */
  slack: number
  /** Root mean square over rows and outputs of the network less its linearization, at the averaged parameters: 0 where output weights alone are trained. */
  departure: number
  /** Of the conjugate gradients behind `dual`. */
  iterations: number
}

export interface KernelRegimeFit {
  model: 'kernel-regime'
  algorithm: OptionValues & { name: string }
  options: OptionValues
  chosen: Choices
  /** Mean loss + ridge/2 · distance, at the averaged parameters. */
  objective: number
  loss: number
  /** |Θ̄ − Θ(0)|² */
  distance: number
  /** Absent with `certificate: false` and after an abort. */
  certificate?: KernelRegimeCertificate
  trace: KernelRegimeTrace
  steps: number
  passes: number
  seconds: { setup: number; solve: number; certificate: number }
  stop: 'budget' | 'target' | 'aborted'
  device: string
  threads: number
  seed: number
  resumedFrom?: number
}

const fitOptionNames = ['validation', 'device', 'signal', 'checkpoint', 'resume']

interface Fitted {
  preparation: Preparation
  /** Options of the model, ridge and sharpness resolved. */
  model: OptionValues
  outputs: number
  /** d × M/2 */
  directions: Float64Array
  /** Θ̄ − Θ(0) */
  displacement: Float64Array
  summary: Omit<KernelRegimeFit, 'trace'>
}

/**
 * A two-layer network with a symmetric start, trained near it: its averaged iterate converges at the minimax rate of kernel
 * regression (Nitanda, Suzuki, ICLR 2021). Classes are learnt one against the rest by the squared loss on ±1.
 *
 * @example
 * const net = new KernelRegimeNetwork({ width: 2000, layers: 'both' })
 * const { certificate } = await net.fit(train, { passes: 1, seed: 1 })
 * const { eigenvalues, effectiveDimension } = await net.spectrum(train)
 */
export class KernelRegimeNetwork {
  readonly options: Readonly<KernelRegimeModelOptions>
  #fitted: Fitted | undefined
  readonly #jobs = new Jobs('network')

  /** Throws InvalidOptionError for an unknown option; values are checked when it is fitted. */
  constructor(options: KernelRegimeModelOptions = {}) {
    requireNames('KernelRegimeNetwork', options, [
      ...modelEntry('kernel-regime').options.map(({ name }) => name),
      'algorithm',
      'scale',
      'scaleTargets',
    ])
    this.options = { ...options }
  }

  /** Trains on all rows of `train`. Typed errors before any work for bad options and data; a DivergenceError that names step and remedy. */
  fit(train: Dataset, options: KernelRegimeFitOptions = {}): Run<KernelRegimeFit, KernelRegimeTracePoint> {
    return this.#jobs.run(
      async () => {
        const start = performance.now()
        const { validation, device = 'auto', signal: _, checkpoint, resume, ...run } = options
        requireNames('fit', options, [
          ...(modelEntry('kernel-regime').run ?? []).map(({ name }) => name),
          ...fitOptionNames,
        ])
        if (device !== 'auto' && device !== 'cpu')
          throw new DeviceError(`device is '${device}', but this model runs on the CPU alone; use 'auto' or 'cpu'.`)
        const { algorithm = 'averaged-sgd', scale, scaleTargets, ...model } = this.options
        const preparation = this.#prepare(train)
        const table = async (data: Dataset) => ({
          targets: targetsOf(preparation, data),
          ...(await preparedFeatures(preparation, data)),
        })
        const { name, ...own } = typeof algorithm === 'string' ? { name: algorithm } : algorithm
        const request: NativeKernelRegimeRequest = {
          train: await table(train),
          ...(validation !== undefined && { validation: await table(requireDataset(validation, 'validation data')) }),
          outputs: outputsOf(preparation),
          model: model as OptionValues,
          algorithm: { name, options: own as OptionValues },
          run: run as OptionValues,
          ...(checkpoint !== undefined && { checkpoint }),
          ...(resume !== undefined && { resume }),
        }
        const preparing = (performance.now() - start) / 1000
        return {
          start: (onRows) => binding().fitKernelRegime(request, onRows),
          settle: (result) => this.#settle(preparation, request, result, preparing),
        }
      },
      (rows) => lastRow(kernelRegimeTraceColumns, rows),
      options?.signal,
    )
  }

  #prepare(train: Dataset): Preparation {
    const { scale = 'standard', scaleTargets = true } = this.options
    return prepare(requireDataset(train, 'training data'), scale, requireBoolean('scaleTargets', scaleTargets))
  }

  #settle(
    preparation: Preparation,
    request: NativeKernelRegimeRequest,
    result: NativeKernelRegimeResult,
    preparing: number,
  ): KernelRegimeFit {
    const fit = describe(request, result, preparing)
    const { trace: _, ...summary } = fit
    const { directions, displacement } = result
    const { options: model } = fit
    this.#fitted = { preparation, model, outputs: request.outputs, directions, displacement, summary }
    return fit
  }

  /** Labels by class index; undefined for regression. */
  get classes(): readonly string[] | undefined {
    return this.#require().preparation.classes
  }
  /** Names of the columns that it was fitted on, in their order. */
  get featureNames(): readonly string[] {
    return this.#require().preparation.featureNames
  }
  /** How the columns of the training file became features: for `readFeatures` and `Dataset.fromFile`. */
  get encoding(): Encoding | undefined {
    return this.#require().preparation.encoding
  }
  /** What the last fit gave, without its trace. */
  get summary(): Omit<KernelRegimeFit, 'trace'> {
    return this.#require().summary
  }

  /**
   * Outputs of the averaged network, n × k row-major: regression in the units of the targets; two classes as one number, positive
   * for the second, more as one number each.
   */
  async predict(features: Rows, options: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    const { targetScalers } = this.#require().preparation
    const outputs = await this.#outputs(features, options)
    return targetScalers ? restoredOutputs(targetScalers, outputs) : outputs
  }

  /** In the units of training. */
  async #outputs(features: Rows, { signal }: { signal?: AbortSignal }): Promise<Float32Array> {
    const { preparation, model, outputs: k, directions, displacement } = this.#require()
    if (signal?.aborted) throw abortError(signal.reason)
    try {
      const matrix = await preparedFeatures(preparation, features)
      const job = binding().predictKernelRegime({ features: matrix, outputs: k, model, directions, displacement })
      return await untilAborted(job, signal)
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** The label of every row. Throws InvalidDataError for a regression. */
  async predictClasses(features: Rows, options: { signal?: AbortSignal } = {}): Promise<string[]> {
    const { preparation, outputs: k } = this.#require()
    const { classes } = preparation
    if (!classes) throw new InvalidDataError('the network was fitted on numbers, not on classes; use predict().')
    return Array.from(classIndices(await this.predict(features, options), k), (i) => classes[i] as string)
  }

  /** `{ accuracy, loss }` for classes, the loss as in training; `{ r2, mse }` in the units of the targets for regression. */
  async score(data: Dataset, options: { signal?: AbortSignal } = {}): Promise<Scores> {
    const { preparation, outputs: k } = this.#require()
    const { classes, targetScalers } = preparation
    requireDataset(data, 'data to score')
    if (targetScalers) {
      requireRegression(targetScalers, data)
      return scoreRegression(await this.predict(data, options), k, data.targets)
    }
    const targets = preparedClasses(classes ?? [], data)
    return scoreClasses(await this.predict(data, options), k, targets, squaredClassLoss)
  }

  /**
   * The tangent kernel's spectrum on these rows, with the scaling of the fit; before one, with a scaling fitted to these data and the
   * directions of `seed`. See SpectrumOptions.
   */
  async spectrum(data: Dataset, options: SpectrumOptions = {}): Promise<KernelSpectrum> {
    const fitted = this.#fitted
    const preparation = fitted?.preparation ?? this.#prepare(data)
    const { algorithm: _, scale: __, scaleTargets: ___, ...model } = this.options
    const features = await preparedFeatures(preparation, requireDataset(data, 'data'))
    return spectrumOf(features, (fitted?.model ?? model) as OptionValues, fitted?.directions, options)
  }

  /**
   * What of these data the fit has learnt: the spectrum with two functions, targets and outputs of the first output, both in the units of
   * training, where numbers are scaled and classes are ±1.
   */
  async learnt(data: Dataset, options: Omit<SpectrumOptions, 'functions'> = {}): Promise<KernelSpectrum> {
    const { preparation, outputs: k } = this.#require()
    const targets = targetsOf(preparation, requireDataset(data, 'data'))
    const outputs = await this.#outputs(data, options)
    const first = (all: ArrayLike<number>) => Float64Array.from({ length: data.rows }, (_, i) => all[i * k] as number)
    return this.spectrum(data, { ...options, functions: [first(targets), first(outputs)] })
  }

  /** Writes the fitted network as a safetensors file, whole or not at all. */
  async save(path: string): Promise<void> {
    await writeModel(path, this.saved())
  }

  /** @internal What `save` writes. */
  saved(): SavedModel {
    const { preparation, model, outputs, directions, displacement, summary } = this.#require()
    const half = Number(model.width) / 2
    return {
      model: 'kernel-regime',
      preparation,
      settings: { options: this.options, model, outputs, summary },
      tensors: new Map([
        ['directions', { data: directions, shape: [directions.length / half, half] }],
        ['displacement', { data: displacement, shape: [displacement.length] }],
      ]),
    }
  }

  /** Reads what `save` wrote. Throws InvalidDataError that names the file and what is wrong with it. */
  static async load(path: string): Promise<KernelRegimeNetwork> {
    return KernelRegimeNetwork.fromSaved(path, await readModel(path))
  }

  /** @internal */
  static fromSaved(path: string, { model: kind, preparation, settings, tensors }: SavedModel): KernelRegimeNetwork {
    const { options, model, outputs, summary } = settings as Partial<Fitted> & { options?: object }
    const [directions, displacement] = ['directions', 'displacement'].map((name) => tensors.get(name)?.data)
    const whole = directions instanceof Float64Array && displacement instanceof Float64Array && options && model
    if (kind !== 'kernel-regime' || !whole || !summary || outputs !== outputsOf(preparation))
      throw new InvalidDataError(`'${path}' does not hold a network of the kernel regime.`, { path })
    const net = new KernelRegimeNetwork(options)
    net.#fitted = { preparation, model, outputs, directions, displacement, summary }
    return net
  }

  #require(): Fitted {
    if (this.#fitted) return this.#fitted
    throw new InvalidDataError('the network has not been fitted; call fit() and await it first, or load a saved one.')
  }
}

/** One output for two classes or a column of numbers. */
function outputsOf({ classes, targetScalers }: Preparation): number {
  if (classes) return classes.length === 2 ? 1 : classes.length
  return targetScalers?.length ?? 0
}

function targetsOf(preparation: Preparation, data: Dataset): Float64Array {
  const { classes, targetScalers } = preparation
  if (targetScalers) return preparedTargets(targetScalers, data)
  const indices = preparedClasses(classes ?? [], data)
  const k = outputsOf(preparation)
  const targets = new Float64Array(indices.length * k).fill(-1)
  indices.forEach((index, i) => {
    if (k > 1) targets[i * k + index] = 1
    else if (index === 1) targets[i] = 1
  })
  return targets
}

function describe(
  { model, algorithm, run }: NativeKernelRegimeRequest,
  result: NativeKernelRegimeResult,
  preparing: number,
): KernelRegimeFit {
  const { directions: _, displacement: __, seconds, stop, resumedFrom, chosen, trace, ...rest } = result
  const choices = choicesByName(chosen)
  const entry = modelEntry('kernel-regime')
  const fields = entry.algorithms.find(({ name }) => name === algorithm.name)?.options ?? []
  // The sharpness of an activation that has none stays 'auto', and is left out.
  const told = (list: typeof fields, given: OptionValues) =>
    Object.fromEntries(
      Object.entries(resolvedModel({ options: withDefaults(list, given), chosen: choices })).filter(
        ([, value]) => value !== 'auto',
      ),
    )
  return {
    model: 'kernel-regime',
    algorithm: { ...told(fields, algorithm.options), name: algorithm.name },
    options: told(entry.options, model),
    chosen: choices,
    ...rest,
    trace: columnArrays(kernelRegimeTraceColumns, trace),
    seconds: { ...seconds, setup: seconds.setup + preparing },
    stop: stop === 'cancelled' ? 'aborted' : stop,
    device: 'cpu',
    seed: Number(run.seed ?? 0),
    ...(resumedFrom >= 0 && { resumedFrom }),
  }
}
