/** Many fits of mean-field networks in one native call; the face is `MeanFieldNetwork.fitMany`. */
import type { Dataset, ScalerKind } from '../data'
import {
  abortError,
  binding,
  CancelledError,
  fromNative,
  InvalidOptionError,
  type NativeFitRequest,
  type NativeFitResult,
  type NativeTable,
} from '../native'
import type { Loss } from './losses'
import { inner, once } from './maps'
import type { MeanFieldFit } from './mean-field-fit'
import type { MeanFieldNetwork } from './mean-field-network'
import type { MeanFieldFitOptions } from './mean-field-options'
import { type Preparation, prepare } from './preparation'
import { Run } from './run'

/** One of many runs: a network of its own, data that others may share, and options as for `fit`. */
export interface MeanFieldManyRun {
  network: MeanFieldNetwork
  train: Dataset
  /** A run has one thread, and stops with the call as a whole. */
  options?: Omit<MeanFieldFitOptions, 'threads' | 'signal'>
}

export interface MeanFieldManyOptions {
  /**
   * Runs at a time. Default: all the processors that may be used. On a GPU, where runs launch their kernels together and
   * mostly wait, at least 64.
   */
  threads?: number
  /** Stops the runs under way and those to come. */
  signal?: AbortSignal
}

/** How data become what the addon reads. */
export interface Preparing {
  prepare(train: Dataset, scale: ScalerKind, scaleTargets: boolean): Preparation
  tableOf(loss: Loss, preparation: Preparation, data: Dataset): Promise<NativeTable>
}

export interface Begun<T> {
  request: NativeFitRequest
  settle(result: NativeFitResult): T
}

/** What only the network itself may do. */
interface Access {
  begin(run: MeanFieldManyRun, how: Preparing): Promise<Begun<MeanFieldFit>>
  /** Marks the network as busy; the function returned ends that. */
  claim(network: MeanFieldNetwork): () => void
}

export function fitMany(
  runs: readonly MeanFieldManyRun[],
  { threads, signal: outer }: MeanFieldManyOptions,
  tableOf: Preparing['tableOf'],
  access: Access,
): Run<PromiseSettledResult<MeanFieldFit>[], number> {
  return new Run<PromiseSettledResult<MeanFieldFit>[], number>(async ({ signal, emit }) => {
    if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024))
      throw new InvalidOptionError(`threads is ${String(threads)}; expected a whole number from 1 to 1024.`)
    const release: (() => void)[] = []
    try {
      const how = sharing(tableOf)
      const begun: Begun<MeanFieldFit>[] = []
      for (const [i, run] of runs.entries()) {
        for (const name of ['threads', 'signal'])
          if (run.options && name in run.options)
            throw new InvalidOptionError(`run ${i} has the option ${name}; give it to fitMany, for all runs.`)
        release.push(access.claim(run.network))
        begun.push(await access.begin(run, how))
      }
      const job = binding().fitManyMeanField(
        begun.map(({ request }) => request),
        threads,
        (done) => emit(done[done.length - 1] as number),
      )
      signal.addEventListener('abort', job.cancel, { once: true })
      if (signal.aborted) job.cancel()
      return (await job.promise).map((result, i) => {
        if ('particles' in result)
          return { status: 'fulfilled', value: (begun[i] as Begun<MeanFieldFit>).settle(result) }
        const { message, code } = result
        const error = fromNative(Object.assign(new Error(message), { code }))
        return { status: 'rejected', reason: error instanceof CancelledError ? abortError(signal.reason) : error }
      })
    } catch (error) {
      throw fromNative(error)
    } finally {
      for (const free of release) free()
    }
  }, outer)
}

/** The same data under the same scaling become the same arrays, made once. */
function sharing(tableOf: Preparing['tableOf']): Preparing {
  const preparations = new Map<Dataset, Map<string, Preparation>>()
  const tables = new Map<Preparation, Map<Dataset, Map<Loss, Promise<NativeTable>>>>()
  return {
    prepare: (train, scale, scaleTargets) =>
      once(inner(preparations, train), `${scale} ${scaleTargets}`, () => prepare(train, scale, scaleTargets)),
    tableOf: (loss, preparation, data) =>
      once(inner(inner(tables, preparation), data), loss, () => tableOf(loss, preparation, data)),
  }
}
