/** Trials as CSV (RFC 4180). Numbers have every digit, so that reading them back gives the same. */
import { csvField } from '../report'
import type { TrialRecord } from '../store'
import { trialColumns } from './rows'

export function trialsCsv(trials: readonly TrialRecord[]): string {
  const columns = trialColumns(trials)
  const lines = [columns.map(({ name }) => csvField(name)).join(',')]
  const cell = (value: unknown) =>
    value === undefined || Number.isNaN(value) ? '' : typeof value === 'string' ? csvField(value) : String(value)
  for (let i = 0; i < trials.length; i++) lines.push(columns.map(({ values }) => cell(values[i])).join(','))
  return `${lines.join('\n')}\n`
}
