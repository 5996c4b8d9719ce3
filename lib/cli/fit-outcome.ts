/** What the `fit` commands of all models share: which options can be said, how a fit is watched, and how it is told in lines. */
import type { Run } from '../models'
import type { Catalogue, ModelEntry, OptionField } from '../native/entries'
import { exitCodes } from './exit'
import { onInterrupt } from './interrupt'
import { note, print, printJson, startProgress } from './output'

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

/** Of a model with run options of its own, for `addCatalogueFlags`. */
export function modelAndRun(catalogue: Catalogue, name: string): [ModelEntry, Catalogue] {
  const model = catalogue.models.find((entry) => entry.name === name) as ModelEntry
  return [sayable(model), { ...catalogue, run: model.run ?? catalogue.run }]
}

/** Of a fitted model on the parts that there are. */
export async function scoresOf<D, S>(
  model: { score(data: D): Promise<S> },
  parts: Record<string, D>,
): Promise<Record<string, S>> {
  const scores: Record<string, S> = {}
  for (const [name, data] of Object.entries(parts)) scores[name] = await model.score(data)
  return scores
}

interface FitSteps<F, P, D> {
  start: (signal: AbortSignal) => Run<F, P>
  /** The part of the budget that a point has used, where it is known, and words. */
  tell: (point: P) => [number | undefined, string]
  /** Scores and saves; what is printed. */
  finish: (fitted: F) => Promise<D>
  describe: (document: D) => void
}

/** A fit with its progress, ended by Ctrl-C; the exit code. */
export async function watchFit<F extends { stop: string }, P, D>(
  name: string,
  { json, checkpoint }: { json?: boolean; checkpoint?: string },
  { start, tell, finish, describe }: FitSteps<F, P, D>,
): Promise<number> {
  const interrupt = onInterrupt(() => note('\nstopping; again to end at once.'))
  const progress = startProgress(name, json === true)
  try {
    const fitting = start(interrupt.signal)
    for await (const point of fitting) progress.update(...tell(point))
    const fitted = await fitting
    progress.stop()
    const document = await finish(fitted)
    if (json) printJson(document)
    else describe(document)
    if (fitted.stop !== 'aborted') return exitCodes.done
    if (!json && checkpoint !== undefined) note(`interrupted; go on with --resume ${checkpoint}`)
    return exitCodes.interrupted
  } finally {
    progress.stop()
    interrupt.release()
  }
}

/** One line a point, all its columns. */
export function traceCsv(trace: Readonly<Record<string, ArrayLike<number>>>): string {
  const columns = Object.values(trace)
  const lines = Array.from({ length: columns[0]?.length ?? 0 }, (_, i) => columns.map((column) => column[i]).join(','))
  return `${[Object.keys(trace).join(','), ...lines].join('\n')}\n`
}

export const printRow = (name: string, words: string) => print(`${name.padEnd(24)}${words}`)

/** What every fit has, whatever the model. */
export interface ToldFit {
  chosen: Record<string, { value: number | string; why: string }>
  seconds: Record<string, number>
  scores: { train?: import('../models').Scores; test?: import('../models').Scores }
  device: string
  /** Absent where no code is chosen by it. */
  isa?: string
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
    `${fit.device}${fit.isa ? ` (${fit.isa})` : ''}, ${fit.threads} thread${fit.threads === 1 ? '' : 's'}, seed ${fit.seed}`,
  )
}
