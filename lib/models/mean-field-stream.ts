/** Fits of a mean-field network to rows that are read once; the face is `MeanFieldNetwork.fitStream`. */
import { createHash } from 'node:crypto'
import type { Dataset } from '../data'
import type { SgdLangevinOptions } from '../generated/catalogue'
import {
  abortError,
  binding,
  CancelledError,
  CheckpointError,
  type ChosenDevice,
  DivergenceError,
  fromNative,
  InvalidDataError,
  InvalidOptionError,
  type NativeFitRequest,
  type NativeFitResult,
  type OptionValues,
  untilAborted,
} from '../native'
import { type Loss, tableOf } from './losses'
import { describeFit, type MeanFieldFit } from './mean-field-fit'
import type { Fitted, MeanFieldNetwork } from './mean-field-network'
import type { MeanFieldNetworkOptions } from './mean-field-options'
import { resolvedModel } from './option-values'
import { type Preparation, preparationToJson } from './preparation'
import { Run } from './run'
import { readModel, writeModel } from './saved-model'
import {
  type MeanFieldStreamFit,
  type MeanFieldStreamOptions,
  type MeanFieldStreamPoint,
  requireStreamOptions,
  streamAlgorithm,
} from './stream-options'
import { type DatasetChunks, RowsHash, rowsOf, StreamPass, shuffled } from './stream-rows'
import { columnArrays } from './trace-columns'

/** A fit that is ready to start. */
export interface ReadyFit {
  request: NativeFitRequest
  preparation: Preparation
  device: ChosenDevice
  preparing: number
}

/** What only the network itself may do. */
interface Access {
  readonly options: Readonly<MeanFieldNetworkOptions>
  claim(): () => void
  ready(train: Dataset, options: object, algorithm: SgdLangevinOptions): Promise<ReadyFit>
  /** A network of the same options in this state. */
  holding(fitted: Fitted): MeanFieldNetwork
  settle(fitted: Fitted): void
}

const columns = ['step', 'rows', 'seconds', 'loss'] as const
/** Rows that the addon is given at once, and numbers in them: what JavaScript does with a block takes some milliseconds. */
const block = { rows: 8192, numbers: 2 ** 20 }
/** As in the driver of fits: this many times the first loss has left every descent argument behind. */
const explosion = 1e3

export function fitStream(
  chunks: DatasetChunks,
  options: MeanFieldStreamOptions,
  access: Access,
): Run<MeanFieldStreamFit, MeanFieldStreamPoint> {
  return new Run(async ({ signal, emit }) => {
    const release = access.claim()
    try {
      return await new StreamRun(chunks, requireStreamOptions(options), access, signal, emit).run()
    } catch (error) {
      const known = fromNative(error)
      throw known instanceof CancelledError ? abortError(signal.reason) : known
    } finally {
      release()
    }
  }, options?.signal)
}

/** What a checkpoint holds beside the network. */
interface Position {
  /** Options and values that have to be the same. */
  identity: string
  pass: number
  /** Rows of this pass that have been learned from, their hash, and the sum of their losses. */
  passRows: number
  hash: string
  losses: number
  rows: number
  steps: number
  seconds: number
}

class StreamRun {
  readonly #trace: number[] = []
  readonly #before = performance.now()
  #ready!: ReadyFit
  #settled!: MeanFieldFit
  #algorithm!: OptionValues
  #particles!: Float32Array
  #parameters = 0
  #at: Position = { identity: '', pass: 0, passRows: 0, hash: '', losses: 0, rows: 0, steps: 0, seconds: 0 }
  /** Of the rows of this pass; whole unless those that a checkpoint has seen are still to be read again. */
  #hash = new RowsHash()
  #whole = true
  #start = 0
  #saved = 0

  constructor(
    readonly chunks: DatasetChunks,
    readonly options: ReturnType<typeof requireStreamOptions>,
    readonly access: Access,
    readonly signal: AbortSignal,
    readonly emit: (point: MeanFieldStreamPoint) => void,
  ) {}

  async run(): Promise<MeanFieldStreamFit> {
    const { resume, sample: given, sampleRows, passes } = this.options
    let pass = new StreamPass(this.chunks)
    const sample = given ?? (await pass.head(sampleRows))
    if (!sample)
      throw new InvalidDataError('the stream has no rows, expected at least one; pass one that gives data sets.')
    try {
      await this.#settle(sample)
      const seen = resume === undefined ? undefined : await this.#resume(resume)
      this.#start = performance.now()
      // At once, so that a place that cannot be written to is found before the work and not after it.
      await this.#save()
      const first = this.#at.pass
      for (; this.#at.pass < passes && !this.signal.aborted; this.#at.pass++) {
        if (this.#at.pass > first) this.#begin()
        if (this.#at.pass > 0) {
          pass.close()
          pass = new StreamPass(this.chunks)
        }
        if (!(await this.#pass(pass, seen))) break
      }
      await this.#save()
      return await this.#finish(seen)
    } finally {
      pass.close()
    }
  }

  /** Options, scales and start from the sample: a fit of no steps. */
  async #settle(sample: Dataset): Promise<void> {
    const { device, precision, threads, seed, shuffle } = this.options
    this.#ready = await this.access.ready(
      sample,
      {
        seed,
        steps: 0,
        certificate: false,
        ...(threads !== undefined && { threads }),
        ...(device !== undefined && { device }),
        ...(precision !== undefined && { precision }),
      },
      streamAlgorithm(this.access.options),
    )
    const { request, device: chosen, preparing } = this.#ready
    const result = await this.#native(request)
    this.#settled = describeFit(request, result, chosen, preparing)
    this.#algorithm = resolvedModel({ ...this.#settled, options: this.#settled.algorithm })
    this.#particles = result.particles
    this.#parameters = result.parameters
    const { options } = this.access
    this.#at.identity = JSON.stringify({
      options: { ...options, algorithm: this.#algorithm },
      model: resolvedModel(this.#settled),
      scales: createHash('sha256')
        .update(JSON.stringify(preparationToJson(this.#ready.preparation)))
        .digest('hex'),
      seed,
      shuffle,
      precision: this.#settled.precision,
    })
  }

  /** One pass, or what is left of one; false when it was aborted. */
  async #pass(pass: StreamPass, seen: Position | undefined): Promise<boolean> {
    const minibatch = Number(this.#algorithm.minibatch)
    const { shuffle, seed, checkpointSeconds } = this.options
    const unshuffled = Math.min(block.rows, Math.ceil(block.numbers / this.#ready.preparation.featureNames.length))
    const size = Math.ceil((shuffle || unshuffled) / minibatch) * minibatch
    let [window, end] = [0, 0]
    for await (const rows of pass.blocks(size, this.signal)) {
      const data = shuffle ? shuffled(rows, seed, this.#at.pass * 2 ** 20 + window) : rows
      const skip = Math.max(0, Math.min(rows.rows, this.#at.passRows - end))
      window++
      end += rows.rows
      if (skip > 0 && !this.#whole) this.#skip(rowsOf(data, 0, skip), end - rows.rows + skip, seen as Position)
      if (skip === rows.rows) continue
      await this.#learn(rowsOf(data, skip, rows.rows), minibatch)
      if (this.signal.aborted) return false
      if (performance.now() - this.#saved > 1000 * Number(checkpointSeconds)) await this.#save()
    }
    if (this.signal.aborted) return false
    if (end < this.#at.passRows) throw otherRows(this.options.resume as string)
    if (end > 0) return true
    throw new InvalidDataError(
      `pass ${this.#at.pass + 1} of the stream has no rows; pass an object that can be iterated over anew, such as a DatasetStream, or passes: 1.`,
    )
  }

  async #learn(rows: Dataset, minibatch: number): Promise<void> {
    const { request, preparation } = this.#ready
    const model = resolvedModel(this.#settled)
    const { steps } = this.#at
    const { name, ...algorithm } = this.#algorithm
    const result = await this.#interruptible({
      ...request,
      train: await tableOf(model.loss as Loss, preparation, rows),
      model,
      algorithm: { name: String(name), options: { ...algorithm, minibatch: Math.min(minibatch, rows.rows) } },
      run: { ...request.run, steps: steps + Math.ceil(rows.rows / minibatch) },
      initial: this.#particles,
      firstStep: steps,
    })
    if (!result || result.steps === steps) return
    const learned = Math.min(rows.rows, (result.steps - steps) * minibatch)
    this.#particles = result.particles
    this.#hash.add(rowsOf(rows, 0, learned))
    this.#at.steps = result.steps
    this.#at.rows += learned
    this.#at.passRows += learned
    this.#at.losses += result.loss * learned
    if (result.loss > explosion * (Math.abs(this.#settled.loss) + 1))
      throw new DivergenceError(
        `diverged before step ${result.steps}: the loss rose from ${this.#settled.loss} to ${result.loss}; the step is ` +
          `${algorithm.step}; use a smaller one, or step: 'auto'.`,
        { step: result.steps },
      )
    const point = { step: result.steps, rows: this.#at.rows, seconds: this.#seconds(), loss: result.loss }
    this.#trace.push(...columns.map((column) => point[column]))
    this.emit(point)
  }

  /** Rows that the checkpoint has seen; at the last of them they must have been the same. */
  #skip(rows: Dataset, end: number, { passRows, hash }: Position): void {
    this.#hash.add(rows)
    if (end < passRows) return
    if (this.#hash.value !== hash) throw otherRows(this.options.resume as string)
    this.#whole = true
  }

  #begin(): void {
    this.#at.passRows = 0
    this.#at.losses = 0
    this.#hash = new RowsHash()
  }

  #seconds(): number {
    return this.#at.seconds + (performance.now() - this.#start) / 1000
  }

  async #native(request: NativeFitRequest): Promise<NativeFitResult> {
    return untilAborted(
      binding().fitMeanField(request, () => {}),
      this.signal,
    )
  }

  /** Nothing where it was aborted while the rows were still being looked at. */
  async #interruptible(request: NativeFitRequest): Promise<NativeFitResult | undefined> {
    try {
      return await this.#native(request)
    } catch (error) {
      if (this.signal.aborted && fromNative(error) instanceof CancelledError) return undefined
      throw error
    }
  }

  #fitted(fit: Omit<MeanFieldFit, 'trace' | 'snapshots'>): Fitted {
    const { preparation } = this.#ready
    const [particles, parameters] = [this.#particles, this.#parameters]
    return { preparation, particles, parameters, model: resolvedModel(this.#settled), summary: fit }
  }

  async #save(): Promise<void> {
    const { checkpoint } = this.options
    if (checkpoint === undefined || !this.#whole) return
    const { trace: _, snapshots: __, ...fit } = this.#unmeasured()
    const saved = this.access.holding(this.#fitted(fit)).saved()
    const pass = Math.min(this.#at.pass, this.options.passes - 1)
    const stream: Position = { ...this.#at, pass, hash: this.#hash.value, seconds: this.#seconds() }
    await writeModel(checkpoint, { ...saved, settings: { ...saved.settings, stream } })
    this.#saved = performance.now()
  }

  async #resume(path: string): Promise<Position> {
    const { settings, tensors } = await readModel(path).catch((cause) => {
      throw new CheckpointError((cause as Error).message, { path }, { cause })
    })
    const seen = settings.stream as Position | undefined
    const particles = tensors.get('particles')?.data
    if (!seen || !(particles instanceof Float32Array) || particles.length !== this.#particles.length)
      throw new CheckpointError(
        `checkpoint '${path}' is no checkpoint of such a fit to a stream; resume from what fitStream wrote with the option checkpoint.`,
        { path },
      )
    if (seen.identity !== this.#at.identity)
      throw new CheckpointError(
        `checkpoint '${path}' is of another run: ${differing(seen.identity, this.#at.identity)} differ; use the same options, seed and stream.`,
        { path },
      )
    if (seen.pass >= this.options.passes)
      throw new InvalidOptionError(
        `checkpoint '${path}' is in pass ${seen.pass + 1} of the stream, and passes is ${this.options.passes}; expected at least ${seen.pass + 1}. Pass as many.`,
        { option: 'passes' },
      )
    this.#particles = particles
    this.#at = { ...seen }
    this.#whole = seen.passRows === 0
    return seen
  }

  /** The fit without objective and certificate, at the present position. */
  #unmeasured(): MeanFieldFit {
    return { ...this.#settled, objective: Number.NaN, loss: Number.NaN, steps: this.#at.steps, stop: 'aborted' }
  }

  async #finish(seen: Position | undefined): Promise<MeanFieldStreamFit> {
    const { request, device, preparing } = this.#ready
    const { steps, rows, pass, passRows, losses } = this.#at
    const { aborted } = this.signal
    const solve = this.#seconds()
    let fit = this.#unmeasured()
    if (!aborted) {
      const { certificate = true, certificateDraws, certificateEstimator } = this.options
      const run = {
        ...request.run,
        certificate,
        ...(certificateDraws !== undefined && { certificateDraws }),
        ...(certificateEstimator !== undefined && { certificateEstimator }),
      } as OptionValues
      const result = await this.#interruptible({ ...request, run, initial: this.#particles })
      if (result) fit = describeFit({ ...request, run }, result, device, preparing)
    }
    const { trace: _, snapshots: __, queries: ___, ...measured } = fit
    const whole: MeanFieldStreamFit = {
      ...measured,
      algorithm: this.#settled.algorithm,
      steps,
      rows,
      passes: pass,
      progressiveLoss: passRows > 0 ? losses / passRows : Number.NaN,
      seconds: { ...measured.seconds, setup: (this.#start - this.#before) / 1000, solve },
      stop: aborted ? 'aborted' : 'budget',
      trace: columnArrays(columns, Float64Array.from(this.#trace)),
      ...(seen && { resumedFrom: seen.steps }),
    }
    this.access.settle(this.#fitted({ ...measured, steps, queries: steps, stop: whole.stop }))
    return whole
  }
}

function otherRows(path: string): CheckpointError {
  return new CheckpointError(
    `checkpoint '${path}' has seen other rows than the stream gives; resume with the same stream, from its start.`,
    { path },
  )
}

/** The names of what differs between two identities. */
function differing(one: string, other: string): string {
  const [a, b] = [JSON.parse(one), JSON.parse(other)] as [Record<string, unknown>, Record<string, unknown>]
  return Object.keys(b)
    .filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]))
    .join(', ')
}
