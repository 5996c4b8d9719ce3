/** Trials as rows and columns, the same for every format. */
import { metricNames, optionNames, type Scalar, type TrialRecord } from '../store'

export interface Column {
  name: string
  /** `undefined` where a trial lacks it. */
  values: (Scalar | undefined)[]
}

/** number, id, state, seed, then `option.NAME` and the metrics, each in the order of its first use. */
export function trialColumns(trials: readonly TrialRecord[]): Column[] {
  const column = (name: string, value: (trial: TrialRecord) => Scalar | undefined): Column => ({
    name,
    values: trials.map(value),
  })
  return [
    column('number', ({ number }) => number),
    column('id', ({ id }) => id),
    column('state', ({ state }) => state),
    column('seed', ({ seed }) => seed),
    ...optionNames(trials).map((name) => column(`option.${name}`, ({ options }) => options[name])),
    ...metricNames(trials).map((name) => column(name, ({ metrics }) => metrics[name])),
  ]
}
