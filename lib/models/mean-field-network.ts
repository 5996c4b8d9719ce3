/** The mean-field two-layer network: h(x) = the mean of h_θ(x) over M particles θ, trained with a certificate. */
import type { Dataset, Encoding } from '../data'
import { requireBoolean, requireNames } from '../data/options'
import { type TracePoint, traceColumns } from '../generated/catalogue'
import {
  abortError,
  binding,
  chooseDevice,
  choosePrecision,
  fromNative,
  InvalidDataError,
  InvalidOptionError,
  modelEntry,
  type NativeFitRequest,
  type OptionValues,
  untilAborted,
} from '../native'
import { type Begun, fitMany, type MeanFieldManyOptions, type MeanFieldManyRun, type Preparing } from './fit-many'
import { Jobs } from './jobs'
import { chooseLoss, classLoss, type Loss, outputsOf, tableOf } from './losses'
import { describeFit, type MeanFieldFit, type MeanFieldSummary } from './mean-field-fit'
import {
  type MeanFieldFitOptions,
  type MeanFieldNetworkOptions,
  type PredictOptions,
  requireFitOptions,
} from './mean-field-options'
import { fitStream, type ReadyFit } from './mean-field-stream'
import { resolvedModel } from './option-values'
import {
  type Preparation,
  prepare,
  preparedClasses,
  preparedFeatures,
  type Rows,
  requireDataset,
  requireRegression,
  restoredOutputs,
} from './preparation'
import type { Run } from './run'
import { readModel, type SavedModel, writeModel } from './saved-model'
import { type ScoreManyOptions, type Scoring, scoreMany } from './score-many'
import { classIndices, classProbabilities, type Scores, scoreClasses, scoreRegression } from './scores'
import type { MeanFieldStreamFit, MeanFieldStreamOptions, MeanFieldStreamPoint } from './stream-options'
import type { DatasetChunks } from './stream-rows'
import { lastRow } from './trace-columns'

export interface Fitted {
  preparation: Preparation
  /** M × p */
  particles: Float32Array
  /** p */
  parameters: number
  /** Everything that predictions need, k among it. */
  model: OptionValues
  summary: MeanFieldSummary
}

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
  readonly #jobs = new Jobs('network')

  /** Throws InvalidOptionError for an unknown option; values are checked when it is fitted. */
  constructor(options: MeanFieldNetworkOptions = {}) {
    if (typeof options === 'object' && options !== null && 'outputs' in options)
      throw new InvalidOptionError('the number of outputs follows from the data; leave the option outputs out.')
    const names = modelEntry('mean-field').options.map(({ name }) => name)
    requireNames('MeanFieldNetwork', options, [...names, 'algorithm', 'scale', 'scaleTargets'])
    const { algorithm } = options
    this.options = { ...options, ...(typeof algorithm === 'object' && { algorithm: { ...algorithm } }) }
  }

  /**
   * Trains on all rows of `train`, replacing what was fitted before once it has succeeded. Bad options and data reject
   * with an InvalidOptionError or InvalidDataError before any step is taken; an iterate that explodes, with a
   * DivergenceError that names step and remedy.
   */
  fit(train: Dataset, options: MeanFieldFitOptions = {}): Run<MeanFieldFit, TracePoint> {
    return this.#jobs.run(
      async () => {
        const { request, settle } = await this.#begin(train, options, { prepare, tableOf })
        return { start: (onRows) => binding().fitMeanField(request, onRows), settle }
      },
      (rows) => lastRow(traceColumns, rows),
      options?.signal,
    )
  }

  /**
   * Fits many networks in one call, each on one core, `threads` of them at a time, or on one GPU together; what the runs have in common, such as the
   * scaled features of one data set, they share. Every run does what `fit` would do with the same options, bit for bit, and
   * starting one costs microseconds, so that thousands of short runs take as long as their arithmetic. Live points are the
   * numbers of runs done. Bad options and data reject the call before any run starts; a run that fails later is a rejected
   * entry and leaves the others alone. After an abort, runs under way end with `stop: 'aborted'` and those that had not
   * begun are rejected entries.
   *
   * @example
   * const runs = [1, 2, 3].map((seed) => ({ network: new MeanFieldNetwork({ particles: 100 }), train, options: { seed } }))
   * const fits = await MeanFieldNetwork.fitMany(runs, { threads: 2 })
   */
  static fitMany(
    runs: readonly MeanFieldManyRun[],
    options: MeanFieldManyOptions = {},
  ): Run<PromiseSettledResult<MeanFieldFit>[], number> {
    return fitMany(runs, options, tableOf, {
      begin: ({ network, train, options = {} }, how) => network.#begin(train, options, how),
      claim: (network) =>
        network.#jobs.claim('a network of fitMany is being fitted; give every run a network of its own.'),
    })
  }

  /**
   * Trains on rows that are read once and need not fit in memory: data sets one after the other, as `DatasetStream` gives them, by
   * `sgd-langevin` with the rows in their order. The result is that of `fit` with these rows at once, bit for bit, where scales and
   * 'auto' options are the same: neither depends on how the rows are divided. See MeanFieldStreamOptions for what settles them.
   *
   * @example
   * const net = new MeanFieldNetwork({ particles: 1000, algorithm: { name: 'sgd-langevin', minibatch: 128 } })
   * const fitted = await net.fitStream(DatasetStream.fromFile('clicks.csv.gz', { target: 'clicked' }), { seed: 7 })
   * console.log(fitted.progressiveLoss, fitted.rows)
   */
  fitStream(
    chunks: DatasetChunks,
    options: MeanFieldStreamOptions = {},
  ): Run<MeanFieldStreamFit, MeanFieldStreamPoint> {
    return fitStream(chunks, options, {
      options: this.options,
      claim: () => this.#jobs.claim(),
      ready: (train, fit, algorithm) =>
        new MeanFieldNetwork({ ...this.options, algorithm }).#ready(train, fit, { prepare, tableOf }),
      holding: (fitted) => new MeanFieldNetwork(this.options).#hold(fitted),
      settle: (fitted) => {
        this.#hold(fitted)
      },
    })
  }

  /** Particles, M × p: for each its weights (d, then the bias where there is one), then the tail of the second layer. */
  get particles(): Float32Array {
    return this.#require().particles
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

  /** What the last fit gave, without its arrays: options, values chosen, objective, certificate. */
  get summary(): MeanFieldSummary {
    return this.#require().summary
  }

  /**
   * Outputs, n × k row-major: regression in the units of the targets; classification as margins (k = 1, positive for the
   * second class) or one logit a class.
   */
  async predict(features: Rows, { signal, device = 'cpu' }: PredictOptions = {}): Promise<Float32Array> {
    const { preparation, particles, model } = this.#require()
    if (signal?.aborted) throw abortError(signal.reason)
    try {
      const matrix = await preparedFeatures(preparation, features)
      const job = binding().predictMeanField({ features: matrix, particles, model, backend: chooseDevice(device).name })
      const outputs = await untilAborted(job, signal)
      return preparation.targetScalers ? restoredOutputs(preparation.targetScalers, outputs) : outputs
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** The label of every row. Throws InvalidDataError for a regression. */
  async predictClasses(features: Rows, options?: PredictOptions): Promise<string[]> {
    const classes = this.#requireClasses()
    return Array.from(classIndices(await this.predict(features, options), this.#outputs()), (i) => classes[i] as string)
  }

  /** Class probabilities, n × classes. Only the logistic and softmax losses have them. */
  async predictProbabilities(features: Rows, options?: PredictOptions): Promise<Float32Array> {
    this.#requireClasses()
    const { loss } = this.#require().model
    if (loss !== 'logistic' && loss !== 'softmax')
      throw new InvalidOptionError(
        `the network was fitted with the loss '${loss}', which has no probabilities; use logistic or softmax.`,
      )
    return classProbabilities(await this.predict(features, options), this.#outputs())
  }

  /** `{ accuracy, loss }` for classes, `{ r2, mse }` in the units of the targets for regression. */
  async score(data: Dataset, options?: PredictOptions): Promise<Scores> {
    const { finish } = this.#scoring(data)
    return finish(await this.predict(data, options))
  }

  /** @internal */
  static scoreMany(
    asked: readonly { network: MeanFieldNetwork; data: Dataset }[],
    options: ScoreManyOptions = {},
  ): Promise<PromiseSettledResult<Scores>[]> {
    return scoreMany(asked, options, ({ network, data }) => network.#scoring(data))
  }

  #scoring(data: Dataset): Scoring {
    const { preparation, particles, model } = this.#require()
    const { classes, targetScalers } = preparation
    requireDataset(data, 'data to score')
    const network = { preparation, particles, model }
    if (targetScalers) {
      requireRegression(targetScalers, data)
      return { ...network, finish: (outputs) => scoreRegression(outputs, targetScalers.length, data.targets) }
    }
    const targets = preparedClasses(classes ?? [], data)
    return { ...network, finish: (outputs) => scoreClasses(outputs, this.#outputs(), targets, classLoss(model)) }
  }

  /** Writes the fitted network as a safetensors file, whole or not at all. */
  async save(path: string): Promise<void> {
    await writeModel(path, this.saved())
  }

  /** @internal What `save` writes. */
  saved(): SavedModel {
    const { preparation, particles, parameters, model, summary } = this.#require()
    return {
      model: 'mean-field',
      preparation,
      settings: { options: this.options, model, summary },
      tensors: new Map([['particles', { data: particles, shape: [particles.length / parameters, parameters] }]]),
    }
  }

  /** Reads what `save` wrote. Throws InvalidDataError that names the file and what is wrong with it. */
  static async load(path: string): Promise<MeanFieldNetwork> {
    return MeanFieldNetwork.fromSaved(path, await readModel(path))
  }

  /** @internal */
  static fromSaved(path: string, { model: kind, preparation, settings, tensors }: SavedModel): MeanFieldNetwork {
    const { data: particles, shape: [count, parameters] = [] } = tensors.get('particles') ?? {}
    const { options, model, summary } = settings as { options: object; model: OptionValues; summary: MeanFieldSummary }
    const { classes, targetScalers } = preparation
    const whole = particles instanceof Float32Array && parameters !== undefined && options && model && summary
    if (kind !== 'mean-field' || !whole)
      throw new InvalidDataError(`'${path}' does not hold a mean-field network.`, { path })
    if (count !== model.particles || model.outputs !== outputsOf(model.loss as Loss, preparation))
      throw new InvalidDataError(
        `'${path}' is damaged: it has ${count} particles and ${(classes ?? targetScalers)?.length} classes or targets, where ` +
          `its options say ${model.particles} and ${model.outputs} outputs. Save the model again.`,
        { path },
      )
    const net = new MeanFieldNetwork(options)
    net.#fitted = { preparation, particles, parameters, model, summary }
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

  #prepare(train: Dataset, how: Preparing): Preparation {
    const { scale = 'standard', scaleTargets = true } = this.options
    return how.prepare(requireDataset(train, 'training data'), scale, requireBoolean('scaleTargets', scaleTargets))
  }

  /** The request of a fit, and what makes its result the state of this network. */
  async #begin(train: Dataset, options: MeanFieldFitOptions, how: Preparing): Promise<Begun<MeanFieldFit>> {
    const { request, preparation, device, preparing } = await this.#ready(train, options, how)
    return {
      request,
      settle: (result) => {
        const fit = describeFit(request, result, device, preparing)
        const { trace: _, snapshots: __, ...summary } = fit
        const { particles, parameters } = result
        this.#hold({ preparation, particles, parameters, model: resolvedModel(fit), summary })
        return fit
      },
    }
  }

  #hold(fitted: Fitted): this {
    this.#fitted = fitted
    return this
  }

  async #ready(train: Dataset, options: MeanFieldFitOptions, how: Preparing): Promise<ReadyFit> {
    const start = performance.now()
    const device = chooseDevice(requireFitOptions(options).device)
    const precision = choosePrecision(device, options.precision, options.device)
    const preparation = this.#prepare(train, how)
    const request = await this.#request(train, preparation, options, how)
    const preparing = (performance.now() - start) / 1000
    request.backend = device.name
    request.precision = precision
    return { request, preparation, device, preparing }
  }

  async #request(
    train: Dataset,
    preparation: Preparation,
    options: MeanFieldFitOptions,
    how: Preparing,
  ): Promise<NativeFitRequest> {
    const { algorithm = 'langevin', scale: _, scaleTargets: __, loss: asked = 'auto', ...model } = this.options
    const {
      validation,
      device: _d,
      precision: _p,
      signal: _s,
      initial,
      snapshots,
      checkpoint,
      resume,
      ...run
    } = options
    const loss = chooseLoss(asked, preparation)
    const table = (data: Dataset) => how.tableOf(loss, preparation, data)
    const { name, ...algorithmOptions } = typeof algorithm === 'string' ? { name: algorithm } : { ...algorithm }
    return {
      train: await table(train),
      ...(validation !== undefined && { validation: await table(requireDataset(validation, 'validation data')) }),
      // What is undefined stands for the default, here and on the native side.
      model: { ...model, loss, outputs: outputsOf(loss, preparation) } as OptionValues,
      algorithm: { name, options: algorithmOptions as OptionValues },
      run: run as OptionValues,
      initial,
      snapshots: snapshots as number[] | undefined,
      checkpoint,
      resume,
    }
  }
}
