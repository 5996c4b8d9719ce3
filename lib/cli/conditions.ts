/** `--where`: trials whose options or results fit. */
import { suggest } from '../native/errors'
import type { StudyStore, TrialRecord } from '../store'
import { UsageError } from './exit'

/** All of `--where`, as one test of a trial. Throws UsageError for a name that no trial of the study has. */
export function conditions(texts: readonly string[], store: StudyStore): (trial: TrialRecord) => boolean {
  const tests = texts.map(conditionOf)
  if (tests.length > 0) requireNames(tests, store.trials())
  return (trial) => tests.every(({ holds }) => holds(trial))
}

interface Condition {
  name: string
  holds: (trial: TrialRecord) => boolean
}

function valueIn(trial: TrialRecord, name: string): unknown {
  return name === 'seed' || name === 'number' ? trial[name] : (trial.options[name] ?? trial.metrics[name])
}

/** `name=value`, `name!=value`, `name<number`, … */
function conditionOf(text: string): Condition {
  const [, name, operator, value] = /^([\w.]+)(<=|>=|!=|=|<|>)(.*)$/.exec(text) ?? []
  if (name === undefined || value === undefined || (/[<>]/.test(operator as string) && !Number.isFinite(Number(value))))
    throw new UsageError(`--where is '${text}'; expected NAME=VALUE, or NAME and one of < <= > >= != with a number.`)
  const holds = (trial: TrialRecord) => {
    const found = valueIn(trial, name)
    if (found === undefined) return false
    const same = String(found) === value || (typeof found === 'number' && value !== '' && found === Number(value))
    if (operator === '=') return same
    if (operator === '!=') return !same
    const [a, b] = [Number(found), Number(value)]
    if (operator === '<') return a < b
    if (operator === '<=') return a <= b
    return operator === '>' ? a > b : a >= b
  }
  return { name, holds }
}

/** Before a trial has ended, nobody knows the names of the results. */
function requireNames(tests: readonly Condition[], trials: readonly TrialRecord[]): void {
  const missing = tests.find(({ name }) => trials.every((trial) => valueIn(trial, name) === undefined))
  if (!missing || !trials.some(({ state }) => state === 'complete')) return
  const known = [
    ...new Set(trials.flatMap(({ options, metrics }) => [...Object.keys(options), ...Object.keys(metrics)])),
  ]
  const near = suggest(missing.name, known)
  throw new UsageError(
    `--where names '${missing.name}', which no trial has${near ? `; did you mean ${near}?` : '.'} Known: number, seed, ${known.join(', ')}.`,
  )
}
