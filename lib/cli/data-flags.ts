/** Flags that name the data of a fit, and how they become a training and a test set. */
import { type Command, Option } from 'commander'
import type { Dataset } from '../data'
import { InvalidOptionError } from '../native/errors'
import { UsageError } from './exit'
import { addRequired, parseNumber } from './flags'

export interface DataOptions {
  data: string
  target?: string
  test?: string
  holdout?: number
  task?: 'regression' | 'classification'
  header: boolean
  delimiter?: string
  dtype?: 'float32' | 'float64'
  categorical?: 'one-hot' | 'ordinal'
  missing?: 'drop' | 'mean' | 'median'
  group?: string
  time?: string
}

/** The test set of `--holdout` is drawn by `--seed`. */
export interface LoadedData {
  train: Dataset
  test?: Dataset
  /** Seconds of reading. */
  seconds: number
}

export function addDataFlags(command: Command): Command {
  addColumnFlags(command)
  return addRequired(command, '--data <file>', 'Training data: CSV, TSV or JSON lines, plain or gzip; Parquet; Arrow.')
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
    .option('--group <column>', 'Rows with the same value here stay on one side of --holdout; no feature.')
    .option('--time <column>', 'The last rows by this column are those of --holdout; no feature.')
}

/** What becomes of columns that are not numbers. */
export function addColumnFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--categorical <kind>', 'What becomes of columns of texts; default: they are refused.').choices([
        'one-hot',
        'ordinal',
      ]),
    )
    .addOption(
      new Option(
        '--missing <policy>',
        'What becomes of missing values: their rows are dropped, or they are imputed by the fit; default: they are refused.',
      ).choices(['drop', 'mean', 'median']),
    )
}

/** The same as rows one piece after the other, and a test set as `--test` has it, once columns and classes are settled. */
export async function openStream(options: DataOptions) {
  const { group, time, holdout } = options
  const target = targetOf(options)
  const whole = Object.entries({ group, time, holdout }).find(([, value]) => value !== undefined)
  if (whole) throw new UsageError(`--${whole[0]} divides rows that are all there; leave it out, or --stream.`)
  const { Dataset, DatasetStream } = await import('../data')
  const reading = { ...csvOptions(options), target }
  return {
    rows: DatasetStream.fromFile(options.data, { ...reading, ...columnOptions(options) }),
    test: ({ classes, encoding }: Pick<Dataset, 'classes' | 'encoding'>) =>
      options.test === undefined
        ? undefined
        : Dataset.fromFile(options.test, { ...reading, ...(classes && { classes }), ...(encoding && { encoding }) }),
  }
}

export async function loadData(options: DataOptions, seed: number): Promise<LoadedData> {
  const target = targetOf(options)
  requireOneTest(options)
  const { Dataset } = await import('../data')
  const { readLike } = await import('../data/read-like')
  const start = performance.now()
  const { group, time } = options
  const keys = { ...(group !== undefined && { group }), ...(time !== undefined && { time }) }
  const reading = { ...csvOptions(options), target, ...(options.dtype && { dtype: options.dtype }) }
  const all = await Dataset.fromFile(options.data, { ...reading, ...columnOptions(options), ...keys })
  if (options.holdout !== undefined) {
    const parts = all.split({ test: options.holdout, seed })
    return { ...parts, seconds: (performance.now() - start) / 1000 }
  }
  const test = options.test === undefined ? undefined : await readLike(all, options.test, reading)
  return { train: all, ...(test && { test }), seconds: (performance.now() - start) / 1000 }
}

/** Without a header there are only numbers to name a column by. */
function targetOf({ header, target }: DataOptions): string | number {
  if (target === undefined)
    throw new UsageError('no column to learn was named; say --target COLUMN (its name, or its number from 0).')
  return !header && /^\d+$/.test(target) ? Number(target) : target
}

export function columnOptions({ categorical, missing }: Pick<DataOptions, 'categorical' | 'missing'>) {
  return { ...(categorical && { categorical }), ...(missing && { missing }) }
}

export function requireOneTest({ test, holdout }: Pick<DataOptions, 'test' | 'holdout'>): void {
  if (test !== undefined && holdout !== undefined)
    throw new UsageError('both --test and --holdout were given; expected one of the two.')
}

/** Options of the reader that the flags ask for. */
export function csvOptions({ header, delimiter, task }: Pick<DataOptions, 'header' | 'delimiter' | 'task'>) {
  return { header, ...(delimiter !== undefined && { delimiter }), ...(task && { task }) }
}
