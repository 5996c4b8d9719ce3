/** The mean-field two-layer network: h(x) = the mean of h_θ(x) over M particles θ, trained with a certificate. */
import type { Dataset, ScalerKind } from '../data'
import {
  type MeanFieldAlgorithm,
  type MeanFieldOptions,
  type RunOptions,
  type TracePoint,
  traceColumns,
} from '../generated/catalogue'
import {
  binding,
  type ChosenValue,
  chooseDevice,
  type Device,
  fromNative,
  InvalidDataError,
  InvalidOptionError,
  type NativeCertificate,
  type NativeFitRequest,
  type NativeFitResult,
  type NativeTable,
  type OptionValues,
} from '../native'
import {
  listed,
  type Preparation,
  prepare,
  preparedClasses,
  preparedFeatures,
  preparedTargets,
  type Rows,
  requireRegression,
  restoredOutputs,
} from './preparation'
import { Run } from './run'
import { readModel, type SavedModel, writeModel } from './saved-model'
import {
  classIndices,
  classProbabilities,
  logisticLoss,
  type Scores,
  scoreClasses,
  scoreRegression,
  smoothHingeLoss,
  softmaxLoss,
} from './scores'

type Loss = NonNullable<MeanFieldOptions['loss']>

/** Options of the network; `outputs` follows from the data. */
export interface MeanFieldNetworkOptions extends Omit<MeanFieldOptions, 'outputs' | 'loss'> {
  /**
   * `'auto'` (default): squared for regression, logistic for two classes, softmax for more. Logistic and smooth hinge take
   * two classes, softmax any number, squared and Huber numbers.
   */
  loss?: Loss | 'auto'
  /** How the method is called, or its options with the name among them. Default `'langevin'`. */
  algorithm?: MeanFieldAlgorithm
  /** Scaling of the features, fitted on the training data: mean 0 and deviation 1 (default), to [0, 1], or none. */
  scale?: ScalerKind
  /** Bring regression targets to mean 0 and deviation 1 for training; predictions are in the units of the data. Default true. */
  scaleTargets?: boolean
}

/** Options of one fit: budget, stop rules, seed, threads (`RunOptions`), and what goes in and out beside the data. */
export interface MeanFieldFitOptions extends RunOptions {
  /** Data that are only scored, in the trace. */
  validation?: Dataset
  /** Where to run. Default `'auto'`. */
  device?: Device
  /** Stops the run, which then resolves with `stop: 'aborted'`; raised before the start it rejects with an AbortError. */
  signal?: AbortSignal
  /** Starting particles, M × p; absent: drawn from N(0, initialVariance · I). */
  initial?: Float32Array
  /** Steps whose particles are kept in `snapshots`, increasing; 0 is the start. */
  snapshots?: readonly number[]
  /** File that is written every `checkpointSeconds`, on abort and at the end. */
  checkpoint?: string
  /** Checkpoint to continue from: same data, options and seed, or it is refused. */
  resume?: string
}

export type Certificate = NativeCertificate
export type Trace = Record<keyof TracePoint, Float64Array>

/** What a fit gives. Objective, loss and certificate are in the units of training (targets scaled). */
export interface MeanFieldFit {
  model: 'mean-field'
  algorithm: OptionValues & { name: string }
  /** Options as given, with those that follow from the data. */
  options: OptionValues
  /** Values that were left to `'auto'`, each with the formula that gave it. */
  chosen: Record<string, Omit<ChosenValue, 'name'>>
  /** F(q): mean loss + ridge term, without the entropy, which is in the certificate's primal. */
  objective: number
  loss: number
  /** Primal, dual and gap with their uncertainty; null for a run without noise, or when switched off. */
  certificate: Certificate | null
  /** One typed array a column, one entry a trace point. */
  trace: Trace
  snapshots: { step: number; particles: Float32Array }[]
  steps: number
  /** Gradient evaluations per particle divided by n. */
  passes: number
  seconds: { setup: number; solve: number; certificate: number }
  stop: 'budget' | 'target' | 'tolerance' | 'aborted'
  device: string
  /** Why `device: 'auto'` did not take a GPU. */
  deviceReason?: string
  isa: string
  threads: number
  seed: number
  /** Step of the checkpoint that the run continued from. */
  resumedFrom?: number
}

interface Fitted {
  preparation: Preparation
  particles: Float32Array
  /** Everything that predictions need, k among it. */
  model: OptionValues
  summary: unknown
}

const classLosses: readonly string[] = ['logistic', 'smooth-hinge', 'softmax'] satisfies Loss[]

/**
 * A two-layer network in the mean-field scaling. Every run ends with a certificate of how far its result is from the
 * optimum of the entropy-regularized objective (Nitanda, Wu, Suzuki, AISTATS 2022).
 *
 * @example
 * const { train, test } = (await Dataset.fromCsv('digits.csv', { target: 'label' })).split({ test: 0.25, seed: 1 })
 * const net = new MeanFieldNetwork({ particles: 1000, algorithm: 'dual-averaging' })
 * const { certificate } = await net.fit(train, { seed: 7 })
 * console.log(await net.score(test), certificate?.gap)
 */
export class MeanFieldNetwork {
  readonly options: Readonly<MeanFieldNetworkOptions>
  #fitted: Fitted | undefined
  #busy = false

  constructor(options: MeanFieldNetworkOptions = {}) {
    if (typeof options !== 'object' || options === null)
      throw new InvalidOptionError(`the options of a network are ${String(options)}; expected an object.`)
    if ('outputs' in options)
      throw new InvalidOptionError('the number of outputs follows from the data; leave the option outputs out.')
    this.options = { ...options }
  }

  /**
   * Trains on all rows of `train`, replacing what was fitted before once it has succeeded. Bad options and data reject
   * with an InvalidOptionError or InvalidDataError before any step is taken; an iterate that explodes, with a
   * DivergenceError that names step and remedy.
   */
  fit(train: Dataset, options: MeanFieldFitOptions = {}): Run<MeanFieldFit, TracePoint> {
    return new Run<MeanFieldFit, TracePoint>(async ({ signal, emit }) => {
      if (this.#busy)
        throw new InvalidOptionError('this network is being fitted; wait for that run, or use another network.')
      this.#busy = true
      try {
        const { scale = 'standard', scaleTargets = true } = this.options
        const preparation = prepare(train, scale, scaleTargets)
        const request = this.#request(train, preparation, options)
        const device = chooseDevice(options.device)
        const job = binding().fitMeanField(request, (rows) => emit(lastPoint(rows)))
        signal.addEventListener('abort', job.cancel, { once: true })
        if (signal.aborted) job.cancel()
        const result = await job.promise
        const fit = describe(request, result, device)
        const { trace: _, snapshots: __, ...summary } = fit
        this.#fitted = {
          preparation,
          particles: result.particles,
          model: resolved(request.model, result.chosen),
          summary,
        }
        return fit
      } catch (error) {
        throw fromNative(error)
      } finally {
        this.#busy = false
      }
    }, options.signal)
  }

  /** Particles, M × p: for each its weights (d, then the bias where there is one), then the tail of the second layer. */
  get particles(): Float32Array {
    return this.#require().particles
  }

  /** Labels by class index; undefined for regression. */
  get classes(): readonly string[] | undefined {
    return this.#require().preparation.classes
  }

  get featureNames(): readonly string[] {
    return this.#require().preparation.featureNames
  }

  /**
   * Outputs, n × k row-major: regression in the units of the targets; classification as margins (k = 1, positive for the
   * second class) or one logit a class.
   */
  async predict(features: Rows, { signal }: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    const { preparation, particles, model } = this.#require()
    try {
      const job = binding().predictMeanField({ features: preparedFeatures(preparation, features), particles, model })
      signal?.addEventListener('abort', job.cancel, { once: true })
      if (signal?.aborted) job.cancel()
      const outputs = await job.promise.finally(() => signal?.removeEventListener('abort', job.cancel))
      return preparation.targetScalers ? restoredOutputs(preparation.targetScalers, outputs) : outputs
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** The label of every row. Throws InvalidDataError for a regression. */
  async predictClasses(features: Rows, options?: { signal?: AbortSignal }): Promise<string[]> {
    const classes = this.#requireClasses()
    return Array.from(classIndices(await this.predict(features, options), this.#outputs()), (i) => classes[i] as string)
  }

  /** Class probabilities, n × classes. Only the logistic and softmax losses have them. */
  async predictProbabilities(features: Rows, options?: { signal?: AbortSignal }): Promise<Float32Array> {
    this.#requireClasses()
    const { loss } = this.#require().model
    if (loss !== 'logistic' && loss !== 'softmax')
      throw new InvalidOptionError(
        `the network was fitted with the loss '${loss}', which has no probabilities; use logistic or softmax.`,
      )
    return classProbabilities(await this.predict(features, options), this.#outputs())
  }

  /** `{ accuracy, loss }` for classes, `{ r2, mse }` in the units of the targets for regression. */
  async score(data: Dataset, options?: { signal?: AbortSignal }): Promise<Scores> {
    const { preparation, model } = this.#require()
    const { classes, targetScalers } = preparation
    if (data.rows === 0) throw new InvalidDataError('there are 0 rows to score; expected at least 1.')
    if (targetScalers) {
      requireRegression(targetScalers, data)
      return scoreRegression(await this.predict(data, options), targetScalers.length, data.targets)
    }
    const targets = preparedClasses(classes as readonly string[], data)
    return scoreClasses(await this.predict(data, options), this.#outputs(), targets, lossOf(model))
  }

  /** Writes the fitted network as a safetensors file, whole or not at all. */
  async save(path: string): Promise<void> {
    const { preparation, particles, model, summary } = this.#require()
    const shape = [Number(model.particles ?? 1000), 0]
    shape[1] = particles.length / (shape[0] as number)
    await writeModel(path, {
      model: 'mean-field',
      preparation,
      settings: { options: this.options, model, summary },
      tensors: new Map([['particles', { data: particles, shape }]]),
    })
  }

  /** Reads what `save` wrote. Throws InvalidDataError that names the file and what is wrong with it. */
  static async load(path: string): Promise<MeanFieldNetwork> {
    return MeanFieldNetwork.fromSaved(path, await readModel(path))
  }

  /** @internal */
  static fromSaved(path: string, { model: kind, preparation, settings, tensors }: SavedModel): MeanFieldNetwork {
    const particles = tensors.get('particles')?.data
    const { options, model, summary } = settings as { options?: object; model?: OptionValues; summary?: unknown }
    if (kind !== 'mean-field' || !(particles instanceof Float32Array) || !options || !model)
      throw new InvalidDataError(`'${path}' does not hold a mean-field network.`, { path })
    const net = new MeanFieldNetwork(options)
    net.#fitted = { preparation, particles, model, summary }
    return net
  }

  #require(): Fitted {
    if (this.#fitted) return this.#fitted
    throw new InvalidDataError('the network has not been fitted; call fit() and await it first, or load a saved one.')
  }

  #requireClasses(): readonly string[] {
    const { classes } = this.#require().preparation
    if (classes) return classes
    throw new InvalidDataError('the network was fitted on numbers, not on classes; use predict().')
  }

  #outputs(): number {
    return Number(this.#require().model.outputs)
  }

  #request(train: Dataset, preparation: Preparation, options: MeanFieldFitOptions): NativeFitRequest {
    const { algorithm = 'langevin', scale: _, scaleTargets: __, loss: ___, ...model } = this.options
    const { validation, device: ____, signal: _____, initial, snapshots, checkpoint, resume, ...run } = options
    const loss = chooseLoss(this.options.loss ?? 'auto', preparation)
    const outputs = outputsOf(loss, preparation)
    const table = (data: Dataset): NativeTable => ({
      ...preparedFeatures(preparation, data),
      targets: nativeTargets(loss, preparation, data),
    })
    const { name, ...algorithmOptions } = typeof algorithm === 'string' ? { name: algorithm } : algorithm
    return {
      train: table(train),
      ...(validation && { validation: table(validation) }),
      model: defined({ ...model, loss, outputs }),
      algorithm: { name, options: defined(algorithmOptions) },
      run: defined(run),
      ...(initial && { initial }),
      ...(snapshots && { snapshots: [...snapshots] }),
      ...(checkpoint !== undefined && { checkpoint }),
      ...(resume !== undefined && { resume }),
    }
  }
}

function chooseLoss(asked: Loss | 'auto', { classes }: Preparation): Loss {
  if (asked === 'auto') return !classes ? 'squared' : classes.length === 2 ? 'logistic' : 'softmax'
  if (classes && !classLosses.includes(asked) && ['squared', 'huber'].includes(asked))
    throw new InvalidOptionError(
      `the loss is '${asked}', which takes numbers, but the targets are the classes ${listed(classes)}. Use logistic or softmax, ` +
        "or read the data with task: 'regression'.",
    )
  if (!classes && classLosses.includes(asked))
    throw new InvalidOptionError(
      `the loss is '${asked}', which takes classes, but the targets are numbers. Use squared or huber, or read the data with ` +
        "task: 'classification'.",
    )
  if (classes && classes.length !== 2 && asked !== 'softmax' && classLosses.includes(asked))
    throw new InvalidOptionError(
      `the loss is '${asked}', which takes two classes, but there are ${classes.length}: ${listed(classes)}. Use softmax.`,
    )
  return asked
}

function outputsOf(loss: Loss, { classes, targetScalers }: Preparation): number {
  if (loss === 'softmax') return classes?.length ?? 1
  return targetScalers?.length ?? 1
}

function nativeTargets(loss: Loss, { classes, targetScalers }: Preparation, data: Dataset): Float64Array {
  if (targetScalers) return preparedTargets(targetScalers, data)
  const indices = preparedClasses(classes as readonly string[], data)
  return loss === 'softmax' ? indices : indices.map((index) => 2 * index - 1)
}

function lossOf({ loss, lossWidth = 1 }: OptionValues): (z: Float32Array, target: number) => number {
  if (loss === 'softmax') return softmaxLoss
  const margin = (z: Float32Array, target: number) => (2 * target - 1) * (z[0] as number)
  if (loss === 'logistic') return (z, target) => logisticLoss(margin(z, target))
  return (z, target) => smoothHingeLoss(margin(z, target), Number(lossWidth))
}

/** Without what is undefined, which stands for the default. */
function defined(options: object): OptionValues {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** The model's options with what was chosen put in, so that predictions do not depend on how 'auto' is resolved. */
function resolved(model: OptionValues, chosen: ChosenValue[]): OptionValues {
  const names = ['outputScale', 'ridge', 'initialVariance']
  return {
    ...model,
    ...Object.fromEntries(chosen.filter(({ name }) => names.includes(name)).map(({ name, value }) => [name, value])),
  }
}

function lastPoint(rows: Float64Array): TracePoint {
  const start = rows.length - traceColumns.length
  return Object.fromEntries(traceColumns.map((name, j) => [name, rows[start + j]])) as unknown as TracePoint
}

function describe(
  { algorithm, model, run }: NativeFitRequest,
  result: NativeFitResult,
  device: { name: string; reason?: string },
): MeanFieldFit {
  const width = traceColumns.length
  const trace = Object.fromEntries(
    traceColumns.map((name, j) => [
      name,
      Float64Array.from({ length: result.trace.length / width }, (_, i) => result.trace[i * width + j] as number),
    ]),
  ) as Trace
  const { objective, loss, certificate, snapshots, steps, passes, seconds, isa, threads } = result
  return {
    model: 'mean-field',
    algorithm: { name: algorithm.name, ...algorithm.options },
    options: model,
    chosen: Object.fromEntries(result.chosen.map(({ name, value, why }) => [name, { value, why }])),
    objective,
    loss,
    certificate,
    trace,
    snapshots,
    steps,
    passes,
    seconds,
    stop: result.stop === 'cancelled' ? 'aborted' : result.stop,
    device: device.name,
    ...(device.reason !== undefined && { deviceReason: device.reason }),
    isa,
    threads,
    seed: Number(run.seed ?? 0),
    ...(result.resumedFrom >= 0 && { resumedFrom: result.resumedFrom }),
  }
}
