/** What a fit of the mean-field network gives, made of what the native side returns. */
import { type TracePoint, traceColumns } from '../generated/catalogue'
import {
  type ChosenDevice,
  modelEntry,
  type NativeCertificate,
  type NativeFitRequest,
  type NativeFitResult,
  type OptionValues,
  type Precision,
} from '../native'
import { type Choices, choicesByName, withDefaults } from './option-values'
import { columnArrays } from './trace-columns'

/** Columns of the trace, each an array with an entry a trace point. */
export type Trace = Record<keyof TracePoint, Float64Array>

/** What a fit gives. Objective, loss and certificate are in the units of training (targets scaled). */
export interface MeanFieldFit {
  model: 'mean-field'
  algorithm: OptionValues & { name: string }
  /** Options of the model, those that follow from the data and the defaults among them. */
  options: OptionValues
  /** Values that were left to `'auto'`, each with the formula that gave it. */
  chosen: Choices
  /** F(q): mean loss + ridge term, without the entropy, which is in the certificate's primal. */
  objective: number
  /** Mean loss over the training rows. */
  loss: number
  /**
   * Primal, dual and gap with their uncertainty. null where there is no density to certify (no noise, the sphere, a single
   * particle), when aborted, or when switched off.
   */
  certificate: NativeCertificate | null
  /** One typed array a column of `TracePoint`, one entry a trace point; NaN where a column does not apply. */
  trace: Trace
  /** Particles, M × p, after the steps asked for that were reached. */
  snapshots: { step: number; particles: Float32Array }[]
  /** Steps done. */
  steps: number
  /** Gradient evaluations per particle divided by n. */
  passes: number
  /** Minibatch queries, passes · n/b for minibatches of b rows; equal to passes where every step takes all rows. */
  queries: number
  /** Seconds of scaling, checks and constants; of the steps with their trace; and of the certificate. */
  seconds: { setup: number; solve: number; certificate: number }
  /** Steps, passes or seconds spent; `targetObjective` reached; no progress by `tolerance`; the signal raised. */
  stop: 'budget' | 'target' | 'tolerance' | 'aborted'
  /** Where it ran: `cpu`, `cuda:0`, … */
  device: string
  /** Of the products; `float32` on the CPU. */
  precision: Precision
  /** Why `device: 'auto'` did not take a GPU. */
  deviceReason?: string
  /** Instruction set of the kernels. */
  isa: string
  threads: number
  seed: number
  /** Step of the checkpoint that the run continued from. */
  resumedFrom?: number
}

/** A fit without its arrays: what is saved with a model. */
export type MeanFieldSummary = Omit<MeanFieldFit, 'trace' | 'snapshots'>

export function describeFit(
  { algorithm, model, run, train, precision = 'float32' }: NativeFitRequest,
  result: NativeFitResult,
  device: ChosenDevice,
  preparing: number,
): MeanFieldFit {
  const entry = modelEntry('mean-field')
  const fields = entry.algorithms.find(({ name }) => name === algorithm.name)?.options ?? []
  const chosen = choicesByName(result.chosen)
  const options = withDefaults(fields, algorithm.options)
  const minibatch = Number(chosen.minibatch?.value ?? options.minibatch ?? train.rows)
  const { objective, loss, certificate, snapshots, steps, passes, seconds, isa, threads } = result
  return {
    model: 'mean-field',
    algorithm: { name: algorithm.name, ...options },
    options: withDefaults(entry.options, model),
    chosen,
    objective,
    loss,
    certificate,
    trace: columnArrays(traceColumns, result.trace),
    snapshots,
    steps,
    passes,
    queries: (passes * train.rows) / minibatch,
    seconds: { ...seconds, setup: preparing + seconds.setup },
    stop: result.stop === 'cancelled' ? 'aborted' : result.stop,
    device: device.name,
    precision,
    ...(device.reason !== undefined && { deviceReason: device.reason }),
    isa,
    threads,
    seed: Number(run.seed ?? 0),
    ...(result.resumedFrom >= 0 && { resumedFrom: result.resumedFrom }),
  }
}
