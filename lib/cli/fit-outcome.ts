/** What the `fit` commands of all models share: which options can be said, and how a fit is told in lines. */
import type { ModelEntry, OptionField } from '../native/entries'
import { print } from './output'

/** What can be said on the command line: the number of outputs follows from the data, and so does the loss by default. */
export function sayable(model: ModelEntry): ModelEntry {
  const options = model.options.flatMap((field): OptionField[] => {
    if (field.name === 'outputs') return []
    return field.name === 'loss'
      ? [{ ...field, auto: true, default: 'auto', doc: `${field.doc} auto: by the target.` }]
      : [field]
  })
  return { ...model, options }
}

export const printRow = (name: string, words: string) => print(`${name.padEnd(24)}${words}`)

/** What every fit has, whatever the model. */
export interface ToldFit {
  chosen: Record<string, { value: number | string; why: string }>
  seconds: Record<string, number>
  scores: { train?: import('../models').Scores; test?: import('../models').Scores }
  device: string
  isa: string
  threads: number
  seed: number
}

export function printOutcome(fit: ToldFit): void {
  const { formatNumber, formatSeconds } = require('../report') as typeof import('../report')
  const listed = (values: object, format: (value: number) => string) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${format(value)}`)
      .join(', ')
  for (const [name, scores] of Object.entries(fit.scores))
    printRow(
      name,
      listed(scores, (value) => formatNumber(value)),
    )
  for (const [name, { value, why }] of Object.entries(fit.chosen))
    printRow(`${name} (auto)`, `${typeof value === 'number' ? formatNumber(value) : value}: ${why}`)
  printRow('seconds', listed(fit.seconds, formatSeconds))
  printRow(
    'ran on',
    `${fit.device} (${fit.isa}), ${fit.threads} thread${fit.threads === 1 ? '' : 's'}, seed ${fit.seed}`,
  )
}
