/** Many scores of mean-field networks in one native call. */
import type { Dataset } from '../data'
import {
  abortError,
  binding,
  CancelledError,
  fromNative,
  modelEntry,
  type NativeMatrix,
  type OptionValues,
  untilAborted,
} from '../native'
import { inner, once } from './maps'
import { type Preparation, preparedFeatures, restoredOutputs } from './preparation'
import type { Scores } from './scores'

/** What a score takes: the network as predictions need it, and what the outputs are worth. */
export interface Scoring {
  preparation: Preparation
  particles: Float32Array
  model: OptionValues
  /** @param outputs n × k, in the units of the data */
  finish(outputs: Float32Array): Scores
}

export interface ScoreManyOptions {
  /** Predictions at a time. Default: all the processors that may be used. */
  threads?: number
  signal?: AbortSignal
}

/** Reading what the addon would fill in itself takes longer than a small prediction. */
function withoutDefaults(model: OptionValues): OptionValues {
  defaults ??= new Map(modelEntry('mean-field').options.map((field) => [field.name, field.default]))
  const other: OptionValues = {}
  for (const name in model) if (model[name] !== defaults.get(name)) other[name] = model[name] as OptionValues[string]
  return other
}

let defaults: Map<string, OptionValues[string]> | undefined

/**
 * Each does what `score` alone would. Data that networks of one `fitMany` have in common are scaled once.
 *
 * @param scoringOf throws what makes the score of its entry impossible
 */
export async function scoreMany<T extends { data: Dataset }>(
  asked: readonly T[],
  { threads, signal }: ScoreManyOptions,
  scoringOf: (one: T) => Scoring,
): Promise<PromiseSettledResult<Scores>[]> {
  const features = new Map<Preparation, Map<Dataset, Promise<NativeMatrix>>>()
  const made = await Promise.allSettled(
    asked.map(async (one) => {
      const scoring = scoringOf(one)
      const { preparation } = scoring
      const matrix = once(inner(features, preparation), one.data, () => preparedFeatures(preparation, one.data))
      return { scoring, features: await matrix }
    }),
  )
  if (signal?.aborted) throw abortError(signal.reason)
  const ready = made.flatMap((entry) => (entry.status === 'fulfilled' ? [entry.value] : []))
  const job = binding().predictManyMeanField(
    ready.map(({ scoring: { particles, model }, features }) => ({
      features,
      particles,
      model: withoutDefaults(model),
      backend: 'cpu',
    })),
    threads,
  )
  const predictions = await untilAborted(job, signal)
  let next = 0
  return made.map((entry): PromiseSettledResult<Scores> => {
    if (entry.status === 'rejected') return entry
    const outputs = predictions[next++] as Float32Array | Error
    if (outputs instanceof Error) {
      const error = fromNative(outputs)
      return { status: 'rejected', reason: error instanceof CancelledError ? abortError(signal?.reason) : error }
    }
    const { preparation, finish } = entry.value.scoring
    const { targetScalers } = preparation
    return { status: 'fulfilled', value: finish(targetScalers ? restoredOutputs(targetScalers, outputs) : outputs) }
  })
}
