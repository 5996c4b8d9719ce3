/** Options of a mean-field network and of its fits. */
import type { Dataset, ScalerKind } from '../data'
import { requireNames } from '../data/options'
import type { MeanFieldAlgorithm, MeanFieldOptions, RunOptions } from '../generated/catalogue'
import { catalogue, type Device, InvalidOptionError, type Precision } from '../native'
import type { Loss } from './losses'

/** Options of the network; `outputs` follows from the data. */
export interface MeanFieldNetworkOptions extends Omit<MeanFieldOptions, 'outputs' | 'loss'> {
  /**
   * `'auto'` (default): squared for regression, logistic for two classes, softmax for more. Logistic and smooth hinge take
   * two classes, softmax any number, squared and Huber numbers.
   */
  loss?: Loss | 'auto'
  /** How the method is called, or its options with the name among them. Default `'langevin'`. */
  algorithm?: MeanFieldAlgorithm
  /** Scaling of the features, fitted on the training data: mean 0 and deviation 1 (default), to [0, 1], principal components of variance 1, or none. */
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
  /**
   * Of the products on a CUDA device, where tensor cores multiply `tf32` or `bf16`: relative errors of 2^-11 and 2^-8 a
   * factor, with float32 accumulation. Default `'float32'`, which agrees with the CPU to rounding. `device: 'auto'`
   * computes in float32 where it takes the CPU.
   */
  precision?: Precision
  /** Stops the run, which then resolves with `stop: 'aborted'`; raised before the data have been looked at it rejects with an AbortError. */
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

/** Options of a prediction: a signal to stop it with, and where to run it, by default on the CPU. */
export interface PredictOptions {
  signal?: AbortSignal
  device?: Device
}

const fitOptionNames = ['validation', 'device', 'precision', 'signal', 'initial', 'snapshots', 'checkpoint', 'resume']

/** Throws InvalidOptionError; values that the addon checks are left to it. */
export function requireFitOptions(options: MeanFieldFitOptions): MeanFieldFitOptions {
  requireNames('fit', options, [...catalogue().run.map(({ name }) => name), ...fitOptionNames])
  for (const name of ['checkpoint', 'resume'] as const)
    if (options[name] === '')
      throw new InvalidOptionError(`${name} is '', expected the name of a file; pass one or leave it out`, {
        option: name,
      })
  return options
}
