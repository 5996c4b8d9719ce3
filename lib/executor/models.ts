/** The models that trials can fit, by their names on the command line. A new model is one line here. */
import type { Dataset } from '../data'
import { KernelRegimeNetwork, LinearModel, MeanFieldNetwork, ResidualBoosting } from '../models'
import { InvalidOptionError } from '../native/errors'

/** What a trial needs to know of a fit, whatever the model. */
export interface FitSummary {
  objective: number
  certificate: { trusted: boolean; words: string } | null
  trace: Readonly<Record<string, ArrayLike<number>>>
  seconds: Readonly<Record<string, number>>
  stop: string
  chosen?: Readonly<Record<string, { value: unknown }>>
  device?: string
  isa?: string
  threads?: number
  resumedFrom?: number
}

export interface TrialModel {
  fit(train: Dataset, options: object): PromiseLike<FitSummary>
  score(data: Dataset): Promise<object>
  save(path: string): Promise<void>
}

const constructors: Record<string, (options: object) => TrialModel> = {
  'mean-field': (options) => new MeanFieldNetwork(options) as TrialModel,
  linear: (options) => {
    const model = new LinearModel(options)
    return {
      fit: async (
        train,
        { validation: _, certificate: __, ...rest }: { validation?: Dataset; certificate?: boolean },
      ) => {
        const fit = await model.fit(train, rest)
        return { ...fit, certificate: { ...fit.certificate, trusted: true, words: '' } }
      },
      score: (data) => model.score(data),
      save: (path) => model.save(path),
    }
  },
  boosting: (options) => {
    const model = new ResidualBoosting(options)
    return {
      fit: async (train, { certificate: _, ...rest }: { certificate?: boolean }) => {
        const fit = await model.fit(train, rest)
        return { ...fit, certificate: { ...fit.certificate, trusted: true, words: '' } }
      },
      score: (data) => model.score(data),
      save: (path) => model.save(path),
    }
  },
  'kernel-regime': (options) => {
    const net = new KernelRegimeNetwork(options)
    return {
      fit: async (train, fitOptions) => {
        const fit = await net.fit(train, fitOptions)
        return { ...fit, certificate: fit.certificate ? { ...fit.certificate, trusted: true, words: '' } : null }
      },
      score: (data) => net.score(data),
      save: (path) => net.save(path),
    }
  },
}

export const trialModelNames: readonly string[] = Object.keys(constructors)

export function createModel(name: string, options: object): TrialModel {
  const create = constructors[name]
  if (create) return create(options)
  throw new InvalidOptionError(
    `trials cannot fit the model '${name}'; expected one of ${Object.keys(constructors).join(', ')}.`,
  )
}
