/** Flags that name the data of a fit, and how they become a training and a test set. */
import type { Command } from 'commander'
import type { Dataset } from '../data'
import { InvalidOptionError } from '../native/errors'
import { UsageError } from './exit'
import { parseNumber } from './flags'

export interface DataOptions {
  data: string
  target?: string
  test?: string
  holdout?: number
  task?: 'regression' | 'classification'
  header: boolean
  delimiter?: string
}

/** The test set of `--holdout` is drawn by `--seed`. */
export interface LoadedData {
  train: Dataset
  test?: Dataset
  /** Seconds of reading. */
  seconds: number
}

export function addDataFlags(command: Command): Command {
  return command
    .requiredOption('--data <file>', 'Training data: CSV or TSV, plain or gzip.')
    .option('--target <column>', 'Column to learn: its name, or its number from 0 where there is no header.')
    .option('--test <file>', 'Data that are scored at the end and not trained on.')
    .option('--holdout <fraction>', 'Keep this part of the rows as test data, by class, drawn by --seed.', (text) => {
      const part = parseNumber(text, '--holdout')
      if (part > 0 && part < 1) return part
      throw new InvalidOptionError(`--holdout is ${text}; expected a fraction above 0 and below 1, such as 0.25.`)
    })
    .option('--task <task>', 'regression or classification; default: by what the target looks like.', (text) => {
      if (text !== 'regression' && text !== 'classification')
        throw new UsageError(`--task is '${text}'; expected regression or classification.`)
      return text
    })
    .option('--no-header', 'The first line is data, not the names of the columns.')
    .option('--delimiter <character>', "What separates the columns; default: a comma, a tab for '.tsv'.")
}

export async function loadData(options: DataOptions, seed: number): Promise<LoadedData> {
  if (options.target === undefined)
    throw new UsageError('no column to learn was named; say --target COLUMN (its name, or its number from 0).')
  if (options.test !== undefined && options.holdout !== undefined)
    throw new UsageError('both --test and --holdout were given; expected one of the two.')
  const { Dataset } = await import('../data')
  const start = performance.now()
  // Without a header there are only numbers to name a column by.
  const target = !options.header && /^\d+$/.test(options.target) ? Number(options.target) : options.target
  const read = async (file: string, classes?: readonly string[]) =>
    Dataset.fromCsv(file, { ...csvOptions(options), target, ...(classes && { classes }) })
  const all = await read(options.data)
  if (options.holdout !== undefined) {
    const parts = all.split({ test: options.holdout, seed })
    return { ...parts, seconds: (performance.now() - start) / 1000 }
  }
  const test = options.test === undefined ? undefined : await read(options.test, all.classes)
  return { train: all, ...(test && { test }), seconds: (performance.now() - start) / 1000 }
}

/** Options of the reader that the flags ask for. */
export function csvOptions({ header, delimiter, task }: Pick<DataOptions, 'header' | 'delimiter' | 'task'>) {
  return { header, ...(delimiter !== undefined && { delimiter }), ...(task && { task }) }
}
