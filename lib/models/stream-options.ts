/** Options of a fit to a stream, and what it gives. */
import type { Dataset } from '../data'
import { requireNames } from '../data/options'
import { requireInteger } from '../data/random'
import type { RunOptions, SgdLangevinOptions } from '../generated/catalogue'
import { type Device, InvalidOptionError, type Precision } from '../native'
import type { MeanFieldFit } from './mean-field-fit'
import type { MeanFieldNetworkOptions } from './mean-field-options'

type SharedOptions =
  | 'seed'
  | 'threads'
  | 'certificate'
  | 'certificateDraws'
  | 'certificateEstimator'
  | 'checkpointSeconds'

export interface MeanFieldStreamOptions extends Pick<RunOptions, SharedOptions> {
  /** Times that the stream is gone through; more than once only where it can be iterated over anew. Default 1. */
  passes?: number
  /**
   * Rows that are put in another order together, a function of the seed, rounded up to whole minibatches; memory has to hold them.
   * Default 0: the order of the stream.
   */
  shuffle?: number
  /** Rows at the start that stand for all: scales, imputed values, 'auto' options, objective and certificate are theirs. Default 10,000. */
  sampleRows?: number
  /** Data that stand for all in the place of the first rows. */
  sample?: Dataset
  /** Where to run. Default `'auto'`. */
  device?: Device
  /** As for `fit`. */
  precision?: Precision
  /** Stops the run, which then resolves with `stop: 'aborted'`; raised before the first step it rejects with an AbortError. */
  signal?: AbortSignal
  /** File that is written every `checkpointSeconds`, on abort and at the end: the network so far, which `load` reads. */
  checkpoint?: string
  /** Checkpoint to continue from, with the same stream from its start: the rows that it has seen are read and left out. */
  resume?: string
}

/** One point of a fit to a stream. */
export interface MeanFieldStreamPoint {
  /** Steps done. */
  step: number
  /** Rows learned from. */
  rows: number
  seconds: number
  /** Mean loss of the last some thousand rows, each before it was learned from. */
  loss: number
}

/**
 * What a fit to a stream gives. Objective, loss and certificate are those of the sample, NaN and null when aborted: the
 * stream is not read again for them.
 */
export interface MeanFieldStreamFit extends Omit<MeanFieldFit, 'trace' | 'snapshots' | 'queries'> {
  /** Rows learned from, all passes together. */
  rows: number
  /** Mean loss of the rows of the last pass, each before it was learned from: of the first pass, an estimate of the risk. */
  progressiveLoss: number
  /** One typed array a column of `MeanFieldStreamPoint`. */
  trace: Record<keyof MeanFieldStreamPoint, Float64Array>
}

const names = [
  ...['passes', 'shuffle', 'sampleRows', 'sample', 'device', 'precision', 'signal', 'checkpoint', 'resume'],
  ...['seed', 'threads', 'certificate', 'certificateDraws', 'certificateEstimator', 'checkpointSeconds'],
]

/** Throws InvalidOptionError; values that the addon checks are left to it. */
export function requireStreamOptions(options: MeanFieldStreamOptions) {
  requireNames('fitStream', options, names)
  const { passes = 1, seed = 0, shuffle = 0, sampleRows = 10_000, checkpointSeconds = 30 } = options
  for (const name of ['checkpoint', 'resume'] as const)
    if (options[name] === '')
      throw new InvalidOptionError(`${name} is '', expected the name of a file; pass one or leave it out`, {
        option: name,
      })
  return {
    ...options,
    passes: requireInteger('passes', passes, 1),
    seed: requireInteger('seed', seed, 0),
    shuffle: requireInteger('shuffle', shuffle, 0, 2 ** 30),
    sampleRows: requireInteger('sampleRows', sampleRows, 1, 2 ** 31 - 1),
    checkpointSeconds,
  }
}

/** `sgd-langevin` with the rows in order: the one method whose step looks at some rows and never again. */
export function streamAlgorithm({ algorithm, preconditioner }: MeanFieldNetworkOptions): SgdLangevinOptions {
  const { name, ...options } = typeof algorithm === 'object' ? algorithm : { name: algorithm ?? 'sgd-langevin' }
  const refuse = (what: string) => {
    throw new InvalidOptionError(`${what} Or use fit() with the data in memory.`, { option: 'algorithm' })
  }
  if (name !== 'sgd-langevin')
    refuse(`algorithm is '${name}', which looks at rows more than once; use 'sgd-langevin' for a stream.`)
  if ('order' in options && options.order === 'random')
    refuse("order is 'random', for which all rows would have to be there; leave it out, and use shuffle of fitStream.")
  if (preconditioner !== undefined && preconditioner !== 'none')
    refuse(`preconditioner is '${preconditioner}', which is computed from all rows; use 'none' for a stream.`)
  return { ...options, name: 'sgd-langevin', order: 'rows' }
}
