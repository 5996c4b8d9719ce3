/** Residual functional gradient boosting: layers that pull classes apart, each with a linear model on top. */
import type { Dataset, Encoding, ScalerKind } from '../data'
import { requireBoolean, requireNames } from '../data/options'
import {
  type BoostingAlgorithm,
  type BoostingOptions,
  type BoostingRunOptions,
  type BoostingTracePoint,
  boostingTraceColumns,
} from '../generated/catalogue'
import {
  binding,
  type Device,
  DeviceError,
  fromNative,
  InvalidDataError,
  InvalidOptionError,
  modelEntry,
  type NativeBoostingRequest,
  type NativeBoostingResult,
  type NativeLayers,
  type OptionValues,
  untilAborted,
} from '../native'
import type { NativeJob } from '../native/binding'
import { type BoostingFit, describeBoosting, firstLargest } from './boosting-fit'
import { Jobs } from './jobs'
import { type Preparation, prepare, preparedClasses, preparedFeatures, type Rows, requireDataset } from './preparation'
import type { Run } from './run'
import { readModel, type SavedModel, writeModel } from './saved-model'
import {
  type ClassScores,
  classIndices,
  classProbabilities,
  multiclassHingeLoss,
  scoreClasses,
  softmaxLoss,
} from './scores'
import { columnArrays, lastRow } from './trace-columns'

export interface BoostingModelOptions extends Omit<BoostingOptions, 'outputs' | 'loss'> {
  /** `'auto'` (default): logistic. */
  loss?: NonNullable<BoostingOptions['loss']> | 'auto'
  /** A method by name, or its options with the name among them. Default `'residual-boosting'`. */
  algorithm?: BoostingAlgorithm
  /** Scaling of the features, fitted on the training data. Default `'standard'`: mean 0 and deviation 1. */
  scale?: ScalerKind
}

export interface BoostingFitOptions extends BoostingRunOptions {
  /** Data that are scored after every layer, in the trace. */
  validation?: Dataset
  /** Keep the number of layers with the best accuracy on the validation data, the smallest among equals. Default false: all. */
  useBestLayer?: boolean
  /** `'auto'` (default) and `'cpu'` are the CPU, the only place where boosting runs; others are refused with a DeviceError. */
  device?: Device
  /** Stops the run, which then resolves with `stop: 'aborted'`; raised before there is a first linear model it rejects with an AbortError. */
  signal?: AbortSignal
  /** File that is written every `checkpointSeconds`, on abort and at the end. */
  checkpoint?: string
  /** Checkpoint to continue from: same data, options and seed; `rounds` may be larger. */
  resume?: string
}

export interface BoostingPredictOptions {
  /** Layers that are applied, each with the linear model of its round. Default: those that the fit kept. */
  layers?: number
  signal?: AbortSignal
}

const fitOptionNames = ['validation', 'useBestLayer', 'device', 'signal', 'checkpoint', 'resume']

interface Fitted {
  preparation: Preparation
  request: Pick<NativeBoostingRequest, 'model' | 'algorithm'>
  tensors: NativeLayers
  /** Used by predictions, and made. */
  layers: number
  made: number
  summary: unknown
}

/**
 * A classifier: T residual layers on the features, a linear model on top (Nitanda, Suzuki, ICML 2018 and AISTATS 2020).
 *
 * @example
 * const model = new ResidualBoosting({ rounds: 10 })
 * const { certificate } = await model.fit(train, { validation, useBestLayer: true, seed: 1 })
 * console.log(certificate.gradientL1, await model.score(test))
 */
export class ResidualBoosting {
  readonly options: Readonly<BoostingModelOptions>
  #fitted: Fitted | undefined
  readonly #jobs = new Jobs('model')

  /** Throws InvalidOptionError for an unknown option; values are checked when it is fitted. */
  constructor(options: BoostingModelOptions = {}) {
    if (typeof options === 'object' && options !== null && 'outputs' in options)
      throw new InvalidOptionError('the number of outputs follows from the data; leave the option outputs out.')
    requireNames('ResidualBoosting', options, [
      ...modelEntry('boosting').options.map(({ name }) => name),
      'algorithm',
      'scale',
    ])
    this.options = { ...options }
  }

  /** Trains on all rows of `train`, which have classes. Typed errors before any work for bad options and data. */
  fit(train: Dataset, options: BoostingFitOptions = {}): Run<BoostingFit, BoostingTracePoint> {
    return this.#jobs.run(
      async () => {
        const start = performance.now()
        const { validation, useBestLayer = false, device = 'auto', signal: _, checkpoint, resume, ...run } = options
        const runNames = (modelEntry('boosting').run ?? []).map(({ name }) => name)
        requireNames('fit', options, [...runNames, ...fitOptionNames])
        if (device !== 'auto' && device !== 'cpu')
          throw new DeviceError(`device is '${device}', but boosting runs on the CPU alone; use 'auto' or 'cpu'.`)
        requireBoolean('useBestLayer', useBestLayer)
        if (useBestLayer && validation === undefined)
          throw new InvalidOptionError(
            'useBestLayer chooses by the validation data, but there are none; pass validation.',
          )
        const { algorithm = 'residual-boosting', scale = 'standard', loss: asked = 'auto', ...model } = this.options
        const preparation = prepare(requireDataset(train, 'training data'), scale, false)
        const { classes } = preparation
        if (!classes)
          throw new InvalidDataError(
            "the targets are numbers, but boosting learns classes. Read the data with task: 'classification', or use another model.",
          )
        const table = async (data: Dataset) => ({
          targets: preparedClasses(classes, data),
          ...(await preparedFeatures(preparation, data)),
        })
        const { name, ...own } = typeof algorithm === 'string' ? { name: algorithm } : algorithm
        const loss = asked === 'auto' ? 'logistic' : asked
        const request: NativeBoostingRequest = {
          train: await table(train),
          ...(validation !== undefined && { validation: await table(requireDataset(validation, 'validation data')) }),
          model: { ...model, loss, outputs: classes.length } as OptionValues,
          algorithm: { name, options: own as OptionValues },
          run: run as OptionValues,
          ...(checkpoint !== undefined && { checkpoint }),
          ...(resume !== undefined && { resume }),
        }
        const preparing = (performance.now() - start) / 1000
        return {
          start: (onRows) => binding().fitBoosting(request, onRows),
          settle: (result) => this.#settle(preparation, request, result, useBestLayer, preparing),
        }
      },
      (rows) => lastRow(boostingTraceColumns, rows),
      options?.signal,
    )
  }

  #settle(
    preparation: Preparation,
    request: NativeBoostingRequest,
    result: NativeBoostingResult,
    useBestLayer: boolean,
    preparing: number,
  ): BoostingFit {
    const trace = columnArrays(boostingTraceColumns, result.trace)
    const best = useBestLayer ? firstLargest(trace.validationScore) : undefined
    const fit = describeBoosting(request, result, trace, best, preparing)
    const { trace: _, ...summary } = fit
    const { parameters, matrices, mixes, linears } = result
    const { model, algorithm } = request
    this.#fitted = {
      preparation,
      request: { model, algorithm },
      tensors: { parameters, matrices, mixes, linears },
      layers: fit.layers,
      made: result.steps,
      summary,
    }
    return fit
  }

  get classes(): readonly string[] {
    return this.#require().preparation.classes as readonly string[]
  }
  /** Names of the columns that it was fitted on, in their order. */
  get featureNames(): readonly string[] {
    return this.#require().preparation.featureNames
  }
  /** How the columns of the training file became features: for `readFeatures` and `Dataset.fromFile`. */
  get encoding(): Encoding | undefined {
    return this.#require().preparation.encoding
  }
  /** Layers that predictions use unless told otherwise. */
  get layers(): number {
    return this.#require().layers
  }

  /** Scores of the classes, n × K row-major: logits of the logistic loss. */
  async predict(features: Rows, { layers, signal }: BoostingPredictOptions = {}): Promise<Float32Array> {
    return this.#ask((request) => binding().predictBoosting(request), features, this.#count(layers), signal)
  }

  /** The features after 0, 1, … layers, each n × d: what the linear models see. */
  async represent(features: Rows, { layers, signal }: BoostingPredictOptions = {}): Promise<Float32Array[]> {
    const count = this.#count(layers)
    const all = await this.#ask((request) => binding().representBoosting(request), features, count, signal)
    const size = all.length / (count + 1)
    return Array.from({ length: count + 1 }, (_, t) => all.subarray(t * size, (t + 1) * size))
  }

  /** The label of every row. */
  async predictClasses(features: Rows, options: BoostingPredictOptions = {}): Promise<string[]> {
    const { classes } = this
    const outputs = await this.predict(features, options)
    return Array.from(classIndices(outputs, classes.length), (i) => classes[i] as string)
  }

  /** Class probabilities, n × K, of the logistic loss. */
  async predictProbabilities(features: Rows, options: BoostingPredictOptions = {}): Promise<Float32Array> {
    if (this.#require().request.model.loss !== 'logistic')
      throw new InvalidOptionError("the loss 'smooth-hinge' gives no probabilities; use logistic, or predictClasses().")
    return classProbabilities(await this.predict(features, options), this.classes.length)
  }

  async score(data: Dataset, options: BoostingPredictOptions = {}): Promise<ClassScores> {
    const { classes } = this
    const targets = preparedClasses(classes, requireDataset(data, 'data'))
    const loss = this.#require().request.model.loss === 'logistic' ? softmaxLoss : multiclassHingeLoss
    return scoreClasses(await this.predict(data, options), classes.length, targets, loss)
  }

  /** Writes the fitted model, all its layers, as a safetensors file, whole or not at all. */
  async save(path: string): Promise<void> {
    await writeModel(path, this.saved())
  }

  /** @internal What `save` writes. */
  saved(): SavedModel {
    const { preparation, request, tensors, layers, made, summary } = this.#require()
    const part = (data: Float32Array, count: number) => ({ data, shape: [count, count > 0 ? data.length / count : 0] })
    return {
      model: 'boosting',
      preparation,
      settings: { options: this.options, request, layers, summary },
      tensors: new Map([
        ['parameters', part(tensors.parameters, made)],
        ['matrices', part(tensors.matrices, made)],
        ['mixes', part(tensors.mixes, made)],
        ['linears', part(tensors.linears, made + 1)],
      ]),
    }
  }

  /** Reads what `save` wrote. */
  static async load(path: string): Promise<ResidualBoosting> {
    return ResidualBoosting.fromSaved(path, await readModel(path))
  }

  /** @internal */
  static fromSaved(path: string, { model: kind, preparation, settings, tensors }: SavedModel): ResidualBoosting {
    const { options, request, layers, summary } = settings as Partial<Fitted> & { options?: object }
    const [parameters, matrices, mixes, linears] = ['parameters', 'matrices', 'mixes', 'linears'].map(
      (name) => tensors.get(name)?.data,
    )
    if (
      kind !== 'boosting' ||
      !(parameters instanceof Float32Array && matrices instanceof Float32Array) ||
      !(mixes instanceof Float32Array && linears instanceof Float32Array) ||
      !options ||
      !request ||
      !preparation.classes ||
      typeof layers !== 'number'
    )
      throw new InvalidDataError(`'${path}' does not hold a boosted model.`, { path })
    const made = new ResidualBoosting(options)
    made.#fitted = {
      preparation,
      request,
      tensors: { parameters, matrices, mixes, linears },
      layers,
      made: mixes.length / 2,
      summary,
    }
    return made
  }

  #count(asked: number | undefined): number {
    const { layers, made } = this.#require()
    if (asked === undefined) return layers
    if (Number.isInteger(asked) && asked >= 0 && asked <= made) return asked
    throw new InvalidOptionError(`layers is ${asked}; expected a whole number from 0 to ${made}, the layers there are.`)
  }

  async #ask(
    start: (request: Parameters<ReturnType<typeof binding>['predictBoosting']>[0]) => NativeJob<Float32Array>,
    features: Rows,
    layers: number,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const { preparation, request, tensors, made } = this.#require()
    const first = (data: Float32Array) => data.subarray(0, made > 0 ? (data.length / made) * layers : 0)
    const linear = tensors.linears.length / (made + 1)
    try {
      const job = start({
        ...request,
        features: await preparedFeatures(preparation, features),
        parameters: first(tensors.parameters),
        matrices: first(tensors.matrices),
        mixes: first(tensors.mixes),
        linear: tensors.linears.subarray(layers * linear, (layers + 1) * linear),
      })
      return await untilAborted(job, signal)
    } catch (error) {
      throw fromNative(error)
    }
  }

  #require(): Fitted {
    if (this.#fitted) return this.#fitted
    throw new InvalidDataError('the model has not been fitted; call fit() and await it first, or load a saved one.')
  }
}
