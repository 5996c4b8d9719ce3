/** What a boosted fit gives. */
import type { BoostingTracePoint } from '../generated/catalogue'
import { modelEntry, type NativeBoostingRequest, type NativeBoostingResult, type OptionValues } from '../native'
import { type Choices, choicesByName, withDefaults } from './option-values'

export type BoostingTrace = Record<keyof BoostingTracePoint, Float64Array>

/** Of the model that predictions use. */
export interface BoostingCertificate {
  /** Σ ‖G_i‖ over the training rows, G the derivative of the mean loss in the features after the last layer: 0 where no move of any row helps. */
  gradientL1: number
  /** √(n Σ ‖G_i‖²), at least `gradientL1`: its norm in the space of functions of the training rows. */
  gradientL2: number
  /** Margins z_y − max z_k at 5, 25, 50, 75 and 95 % of the training rows. */
  marginQuantiles: [number, number, number, number, number]
  /** Of `frank-wolfe`, with at least one layer; below 0 only where the map lies outside of the unit ball that its steps come from. */
  frankWolfeGap?: number
}

export interface BoostingFit {
  model: 'boosting'
  algorithm: OptionValues & { name: string }
  options: OptionValues
  chosen: Choices
  /** Mean training loss + l2/2 ‖W‖² of the linear model that predictions use. */
  objective: number
  loss: number
  certificate: BoostingCertificate
  /** One entry for each number of layers, from 0. */
  trace: BoostingTrace
  /** Layers that predictions use. */
  layers: number
  /** With `useBestLayer`: the number that was best on the validation data. */
  bestLayer?: number
  /** Layers that were made. */
  steps: number
  passes: number
  seconds: { setup: number; solve: number }
  stop: 'budget' | 'target' | 'aborted'
  device: string
  isa: string
  threads: number
  seed: number
  resumedFrom?: number
}

/** Index of the largest number, the first among equals. */
export function firstLargest(values: Float64Array): number {
  return values.reduce((best, value, i) => (value > (values[best] as number) ? i : best), 0)
}

export function describeBoosting(
  { model, algorithm, run }: NativeBoostingRequest,
  result: NativeBoostingResult,
  trace: BoostingTrace,
  bestLayer: number | undefined,
  preparing: number,
): BoostingFit {
  const { steps, passes, seconds, isa, threads, resumedFrom } = result
  const layers = bestLayer ?? steps
  const at = (column: keyof BoostingTrace) => trace[column][layers] ?? Number.NaN
  const gap = at('frankWolfeGap')
  const entry = modelEntry('boosting')
  const fields = entry.algorithms.find(({ name }) => name === algorithm.name)?.options ?? []
  return {
    model: 'boosting',
    algorithm: { name: algorithm.name, ...withDefaults(fields, algorithm.options) },
    options: withDefaults(entry.options, model),
    chosen: choicesByName(result.chosen),
    objective: at('objective'),
    loss: at('loss'),
    certificate: {
      gradientL1: at('gradientL1'),
      gradientL2: at('gradientL2'),
      marginQuantiles: [at('margin05'), at('margin25'), at('margin50'), at('margin75'), at('margin95')],
      ...(!Number.isNaN(gap) && { frankWolfeGap: gap }),
    },
    trace,
    layers,
    ...(bestLayer !== undefined && { bestLayer }),
    steps,
    passes,
    seconds: { ...seconds, setup: preparing + seconds.setup },
    stop: result.stop === 'cancelled' ? 'aborted' : result.stop,
    device: 'cpu',
    isa,
    threads,
    seed: Number(run.seed ?? 0),
    ...(resumedFrom >= 0 && { resumedFrom }),
  }
}
