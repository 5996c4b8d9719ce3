/** Linear models: convex finite sums, solved with a duality gap as proof. */
import { Dataset, type Encoding, type FeatureMatrix, type ScalerKind } from '../data'
import {
  type LinearAlgorithm,
  type LinearOptions,
  type LinearRunOptions,
  type LinearTracePoint,
  linearTraceColumns,
} from '../generated/catalogue'
import {
  binding,
  type ChosenDevice,
  chooseDevice,
  type Device,
  fromNative,
  InvalidDataError,
  InvalidOptionError,
  type NativeLinearResult,
  type NativePathPoint,
  type OptionValues,
  untilAborted,
} from '../native'
import { Jobs } from './jobs'
import { describeTargets, indicesOf, type LinearData, type Loss, rowsFor, targetColumns, weighted } from './linear-data'
import { type Choices, choicesByName } from './option-values'
import { type Preparation, preparedClasses, requireRegression } from './preparation'
import type { Run } from './run'
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
import { columnArrays, lastRow } from './trace-columns'

export interface LinearModelOptions extends Omit<LinearOptions, 'outputs' | 'loss'> {
  /**
   * `'auto'` (default): squared for regression, logistic for classes, one-vs-rest with more than two. Softmax takes any
   * number of classes; squared, Huber and Poisson take numbers.
   */
  loss?: Loss | 'auto'
  /** A method by name, its options with the name among them, or `'auto'` (default). */
  algorithm?: LinearAlgorithm
  /** Scaling of a Dataset's features, fitted on the training data. Default none: the problem is the one on the data as given. */
  scale?: ScalerKind
}

export interface LinearFitOptions extends LinearRunOptions {
  /** n weights of at least 0, brought to mean 1. */
  sampleWeights?: Float64Array
  /** Weight of each class by label, multiplied into the sample weights; `'balanced'`: n / (classes · rows of the class). */
  classWeights?: Readonly<Record<string, number>> | 'balanced'
  /** Starting weights, k × p, each class followed by its intercept. */
  initial?: Float64Array
  /**
   * `'auto'` (default): a GPU where there is one, the method runs there and the data are worth the way, else the CPU, with the
   * reason in `deviceReason`. `'cuda'`, `'cuda:N'` and `'cuda:N,N'` insist; then `algorithm: 'auto'` chooses among the methods of full gradients
   * and minibatches. Several devices share the rows.
   */
  device?: Device
  signal?: AbortSignal
  checkpoint?: string
  resume?: string
  /** Points of a regularization path from λ_max down to pathRatio · λ_max, each started from the one before; l1 : l2 stays as given. */
  path?: number
  /** Default 0.01. */
  pathRatio?: number
}

export type LinearTrace = Record<keyof LinearTracePoint, Float64Array>

export interface LinearFit {
  model: 'linear'
  algorithm: OptionValues & { name: string }
  options: OptionValues
  chosen: Choices
  /** P(w): mean loss + l1 |w|₁ + l2/2 |w|². */
  objective: number
  loss: number
  /** Fenchel's: `primal − gap` is a lower bound on the optimum, exact up to rounding; `standardError` is 0. */
  certificate: { primal: number; dual: number; gap: number; standardError: number }
  trace: LinearTrace
  /** Weights that are not zero. */
  nonZeros: number
  steps: number
  passes: number
  queries: number
  seconds: { setup: number; solve: number }
  /** `gap`: the tolerance is met; `precision`: it lies below what rounding allows. */
  stop: 'gap' | 'precision' | 'budget' | 'target' | 'aborted'
  device: string
  /** Why `device: 'auto'` did not take a GPU. */
  deviceReason?: string
  isa: string
  threads: number
  seed: number
  path: NativePathPoint[]
  resumedFrom?: number
}

interface Fitted {
  preparation: Preparation
  weights: Float64Array
  intercepts: Float64Array
  model: OptionValues
  summary: unknown
}

/**
 * @example
 * const model = new LinearModel({ l1: 1e-3 })
 * const { certificate } = await model.fit(train, { tolerance: 1e-6 })
 * console.log(certificate.gap, await model.score(test))
 */
export class LinearModel {
  readonly options: Readonly<LinearModelOptions>
  #fitted: Fitted | undefined
  readonly #jobs = new Jobs('model')

  constructor(options: LinearModelOptions = {}) {
    if (typeof options !== 'object' || options === null)
      throw new InvalidOptionError(`the options of a model are ${String(options)}; expected an object.`)
    if ('outputs' in options)
      throw new InvalidOptionError('the number of outputs follows from the data; leave the option outputs out.')
    this.options = { ...options }
  }

  /** Solves for all rows of `train`. Typed errors before any work for bad options and data. */
  fit(train: LinearData, options: LinearFitOptions = {}): Run<LinearFit, LinearTracePoint> {
    return this.#jobs.run(
      () => {
        const { algorithm = 'auto', scale = 'none', loss: asked = 'auto', ...model } = this.options
        const {
          sampleWeights,
          classWeights,
          signal: _,
          initial,
          checkpoint,
          resume,
          path,
          pathRatio,
          device: where,
          ...run
        } = options
        if (path === undefined && pathRatio !== undefined)
          throw new InvalidOptionError(
            `pathRatio is ${pathRatio}, but there is no path; say of how many points with path, or leave it out.`,
          )
        const device = chooseDevice(where)
        const { loss, preparation, targets } = describeTargets(train, asked, scale)
        const classes = preparation.classes
        const outputs = !classes
          ? targetColumns(train)
          : classes.length === 2 && loss !== 'softmax'
            ? 1
            : classes.length
        const { name, ...algorithmOptions } = typeof algorithm === 'string' ? { name: algorithm } : algorithm
        const request = {
          data: rowsFor(train, preparation),
          targets: classes && outputs === 1 ? targets.map((index) => 2 * index - 1) : targets,
          model: defined({ ...model, loss, outputs }),
          algorithm: { name, options: defined(algorithmOptions) },
          run: defined(run),
          backend: device.name,
          fallBack: (where ?? 'auto') === 'auto',
          ...weighted(sampleWeights, classWeights, targets, classes),
          ...(initial && { initial }),
          ...(checkpoint !== undefined && { checkpoint }),
          ...(resume !== undefined && { resume }),
          ...(path !== undefined && { path }),
          ...(pathRatio !== undefined && { pathRatio }),
        }
        return {
          start: (onRows) => binding().fitLinear(request, onRows),
          settle: (result) => {
            const fit = describe(request, result, device, Number(run.seed ?? 0))
            const { trace: __, path: ___, ...summary } = fit
            const { weights, intercepts } = result
            this.#fitted = { preparation, weights, intercepts, model: request.model, summary }
            return fit
          },
        }
      },
      (rows) => lastRow(linearTraceColumns, rows),
      options.signal,
    )
  }

  /** k × d, in the units of the (scaled) features. */
  get weights(): Float64Array {
    return this.#require().weights
  }
  /** k numbers. */
  get intercepts(): Float64Array {
    return this.#require().intercepts
  }
  get classes(): readonly string[] | undefined {
    return this.#require().preparation.classes
  }
  get featureNames(): readonly string[] {
    return this.#require().preparation.featureNames
  }

  /** How the columns of the training file became features: for `readFeatures` and `Dataset.fromFile`. */
  get encoding(): Encoding | undefined {
    return this.#require().preparation.encoding
  }

  /** Margins X w + b, n × k row-major; for squared and Huber the prediction, for Poisson the logarithm of its mean. */
  async predict(data: LinearData | FeatureMatrix, { signal }: { signal?: AbortSignal } = {}): Promise<Float64Array> {
    const { preparation, weights, intercepts } = this.#require()
    try {
      const job = binding().predictLinear({ data: rowsFor(data, preparation), weights, intercepts })
      return await untilAborted(job, signal)
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** The label of every row. */
  async predictClasses(data: LinearData | FeatureMatrix): Promise<string[]> {
    const classes = this.#require().preparation.classes
    if (!classes) throw new InvalidDataError('the model was fitted on numbers, not on classes; use predict().')
    const outputs = Float32Array.from(await this.predict(data))
    return Array.from(classIndices(outputs, this.intercepts.length), (i) => classes[i] as string)
  }

  /** Class probabilities, n × classes; logistic for two classes, and softmax. */
  async predictProbabilities(data: LinearData | FeatureMatrix): Promise<Float32Array> {
    const { loss, outputs } = this.#require().model
    if (loss !== 'softmax' && !(loss === 'logistic' && outputs === 1))
      throw new InvalidOptionError(`the loss '${loss}' of ${outputs} outputs has no joint probabilities; use softmax.`)
    return classProbabilities(Float32Array.from(await this.predict(data)), this.intercepts.length)
  }

  /** `{ accuracy, loss }` for classes, `{ r2, mse }` for regression. */
  async score(data: LinearData): Promise<Scores> {
    const { preparation, model } = this.#require()
    const k = this.intercepts.length
    const outputs = Float32Array.from(await this.predict(data))
    if (outputs.length === 0) throw new InvalidDataError('there are 0 rows to score; expected at least 1.')
    const { classes } = preparation
    if (!classes) {
      if (data instanceof Dataset) requireRegression(Array(k).fill({ center: 0, scale: 1 }), data)
      const found = model.loss === 'poisson' ? outputs.map(Math.exp) : outputs
      return scoreRegression(found, k, data.targets)
    }
    const targets = data instanceof Dataset ? preparedClasses(classes, data) : indicesOf(classes, data.targets)
    return scoreClasses(outputs, k, targets, lossOf(model, k))
  }

  /** Writes the fitted model as a safetensors file, whole or not at all. */
  async save(path: string): Promise<void> {
    await writeModel(path, this.saved())
  }

  /** @internal What `save` writes. */
  saved(): SavedModel {
    const { preparation, weights, intercepts, model, summary } = this.#require()
    const k = intercepts.length
    return {
      model: 'linear',
      preparation,
      settings: { options: this.options, model, summary },
      tensors: new Map([
        ['weights', { data: weights, shape: [k, weights.length / k] }],
        ['intercepts', { data: intercepts, shape: [k] }],
      ]),
    }
  }

  /** Reads what `save` wrote. */
  static async load(path: string): Promise<LinearModel> {
    return LinearModel.fromSaved(path, await readModel(path))
  }

  /** @internal */
  static fromSaved(path: string, { model: kind, preparation, settings, tensors }: SavedModel): LinearModel {
    const { options, model, summary } = settings as { options?: object; model?: OptionValues; summary?: unknown }
    const [weights, intercepts] = ['weights', 'intercepts'].map((name) => tensors.get(name)?.data)
    if (
      kind !== 'linear' ||
      !(weights instanceof Float64Array) ||
      !(intercepts instanceof Float64Array) ||
      !options ||
      !model
    )
      throw new InvalidDataError(`'${path}' does not hold a linear model.`, { path })
    const made = new LinearModel(options)
    made.#fitted = { preparation, weights, intercepts, model, summary }
    return made
  }

  #require(): Fitted {
    if (this.#fitted) return this.#fitted
    throw new InvalidDataError('the model has not been fitted; call fit() and await it first, or load a saved one.')
  }
}

/** Loss of one row from its outputs, in the units of training. */
function lossOf({ loss, lossWidth = 1 }: OptionValues, k: number): (z: Float32Array, target: number) => number {
  if (loss === 'softmax') return softmaxLoss
  const one = (t: number) => {
    if (loss === 'squared-hinge') return Math.max(1 - t, 0) ** 2 / 2
    return loss === 'smooth-hinge' ? smoothHingeLoss(t, Number(lossWidth)) : logisticLoss(t)
  }
  return (z, target) => {
    if (k === 1) return one((2 * target - 1) * (z[0] as number))
    return z.reduce((sum, value, c) => sum + one((c === target ? 1 : -1) * value), 0)
  }
}

function defined(options: object): OptionValues {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as OptionValues
}

function describe(
  { model, algorithm }: { model: OptionValues; algorithm: { options: OptionValues } },
  result: NativeLinearResult,
  { reason = result.deviceReason }: ChosenDevice,
  seed: number,
): LinearFit {
  const { objective, loss, dual, gap, steps, passes, queries, nonZeros, seconds, path, isa, threads, resumedFrom } =
    result
  return {
    model: 'linear',
    algorithm: { name: result.algorithm, ...algorithm.options },
    options: model,
    chosen: choicesByName(result.chosen),
    objective,
    loss,
    certificate: { primal: objective, dual, gap, standardError: 0 },
    trace: columnArrays(linearTraceColumns, result.trace),
    nonZeros,
    steps,
    passes,
    queries,
    seconds,
    stop: result.stop === 'cancelled' ? 'aborted' : result.stop,
    device: result.device,
    ...(reason !== '' && { deviceReason: reason }),
    isa,
    threads,
    seed,
    path,
    ...(resumedFrom >= 0 && { resumedFrom }),
  }
}
