/** Trials as rows and columns, the same for every format. */
import type { Scalar, TrialRecord } from '../store'

export interface Column {
  name: string
  /** `undefined` where a trial lacks it. */
  values: (Scalar | undefined)[]
}

/** number, id, state, seed, then `option.NAME` and the metrics, each in the order of its first use. */
export function trialColumns(trials: readonly TrialRecord[]): Column[] {
  const options = [...new Set(trials.flatMap(({ options }) => Object.keys(options)))]
  const metrics = [...new Set(trials.flatMap(({ metrics }) => Object.keys(metrics)))]
  const column = (name: string, value: (trial: TrialRecord) => Scalar | undefined): Column => ({
    name,
    values: trials.map(value),
  })
  return [
    column('number', ({ number }) => number),
    column('id', ({ id }) => id),
    column('state', ({ state }) => state),
    column('seed', ({ seed }) => seed),
    ...options.map((name) => column(`option.${name}`, ({ options }) => options[name])),
    ...metrics.map((name) => column(name, ({ metrics }) => metrics[name])),
  ]
}
