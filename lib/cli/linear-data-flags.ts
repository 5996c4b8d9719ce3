/** Data of linear models on the command line: beside CSV, arrays of NumPy and LIBSVM files. */
import type { Command } from 'commander'
import type { LinearData, LinearLoss, LinearModel } from '../models'
import { addDataFlags, csvOptions, type DataOptions, loadData, requireOneTest } from './data-flags'
import { UsageError } from './exit'

export interface LinearDataOptions extends Omit<DataOptions, 'dtype'> {
  targets?: string
  testTargets?: string
  dtype: 'f64' | 'f32'
  scale: 'standard' | 'minmax' | 'whiten' | 'none'
}

export const oneOf =
  <T extends string>(flag: string, ...allowed: T[]) =>
  (text: string): T => {
    if ((allowed as string[]).includes(text)) return text as T
    throw new UsageError(`${flag} is '${text}'; expected ${allowed.join(' or ')}.`)
  }

export function addLinearDataFlags(command: Command): Command {
  addDataFlags(command)
  const data = command.options.find(({ long }) => long === '--data')
  if (data)
    data.description =
      'Training data: CSV, TSV, JSON lines, Parquet, Arrow; NPY (with --targets), or LIBSVM (.svm, .libsvm, .txt).'
  return command
    .option('--targets <file>', 'NPY: the file of the targets.')
    .option('--test-targets <file>', 'NPY: the targets of --test.')
    .option(
      '--scale <kind>',
      'standard, minmax, whiten or none; not for LIBSVM.',
      oneOf('--scale', 'none', 'standard', 'minmax', 'whiten'),
      'none',
    )
    .option(
      '--dtype <type>',
      'Numbers of the features: f64 or f32. Arithmetic is in f64.',
      oneOf('--dtype', 'f64', 'f32'),
      'f64',
    )
}

/** Tables have named columns: CSV, JSON lines, Parquet, Arrow. */
export type FileKind = 'table' | 'npy' | 'libsvm'

export function fileKind(path: string): FileKind {
  return /\.npy(\.gz)?$/i.test(path) ? 'npy' : /\.(svm|libsvm|txt)$/i.test(path) ? 'libsvm' : 'table'
}

const words: Record<FileKind, string> = { table: 'a table', npy: 'NPY', libsvm: 'LIBSVM' }
const plural: Record<FileKind, string> = {
  table: 'tables (CSV and the like)',
  npy: 'NPY files',
  libsvm: 'LIBSVM files',
}

/** Flags that belong to other kinds of files than `kind` are refused: they would change nothing. */
function requireKind(options: LinearDataOptions, kind: FileKind): void {
  const owners: [string, unknown, FileKind[]][] = [
    ['--target', options.target, ['table']],
    ['--targets', options.targets, ['npy']],
    ['--test-targets', options.testTargets, ['npy']],
    ['--task', options.task, ['table', 'npy']],
    ['--no-header', options.header ? undefined : true, ['table']],
    ['--delimiter', options.delimiter, ['table']],
    ['--categorical', options.categorical, ['table']],
    ['--missing', options.missing, ['table']],
    ['--group', options.group, ['table']],
    ['--time', options.time, ['table']],
    ['--scale', options.scale === 'none' ? undefined : options.scale, ['table', 'npy']],
  ]
  for (const [flag, value, kinds] of owners)
    if (value !== undefined && !kinds.includes(kind))
      throw new UsageError(
        `${flag} is for ${kinds.map((each) => plural[each]).join(' and ')}, but --data is ${words[kind]}; leave it out.`,
      )
  if (options.test !== undefined && fileKind(options.test) !== kind)
    throw new UsageError(
      `--data is ${words[kind]} and --test is ${words[fileKind(options.test)]}; expected the same kind.`,
    )
}

export interface LoadedLinearData {
  train: LinearData
  test?: LinearData
  /** Seconds of reading. */
  seconds: number
}

/** `loss`, where it was said, tells classes from numbers. */
export async function loadLinearData(
  options: LinearDataOptions,
  loss: LinearLoss | 'auto' | undefined,
  seed: number,
  threads?: number,
): Promise<LoadedLinearData> {
  const kind = fileKind(options.data)
  requireKind(options, kind)
  requireOneTest(options)
  const { isNumberLoss } = await import('../models/linear-data')
  const dtype = options.dtype === 'f32' ? ('float32' as const) : ('float64' as const)
  const said = loss === undefined || loss === 'auto' ? undefined : isNumberLoss(loss) ? 'regression' : 'classification'
  const task = options.task ?? (said as DataOptions['task'])
  if (kind === 'table') return loadData({ ...options, dtype, ...(task && { task }) }, seed)
  const start = performance.now()
  const parts =
    kind === 'npy' ? await loadNpy(options, dtype, task, seed) : await loadLibsvm(options, loss, seed, threads)
  return { ...parts, seconds: (performance.now() - start) / 1000 }
}

type Parts = Omit<LoadedLinearData, 'seconds'>

async function loadNpy(
  { data, targets, test, testTargets, holdout }: LinearDataOptions,
  dtype: 'float32' | 'float64',
  task: DataOptions['task'],
  seed: number,
): Promise<Parts> {
  if (targets === undefined) throw new UsageError('an NPY file has no targets; say --targets FILE.')
  if (test !== undefined && testTargets === undefined)
    throw new UsageError('--test is an NPY file; say --test-targets FILE.')
  if (test === undefined && testTargets !== undefined)
    throw new UsageError('--test-targets was given without --test; say --test FILE, or leave it out.')
  const { Dataset } = await import('../data')
  const train = await Dataset.fromNpy(data, targets, { dtype, ...(task && { task }) })
  if (holdout !== undefined) return train.split({ test: holdout, seed })
  if (test === undefined) return { train }
  const { classes } = train
  const like = classes ? { classes } : { task: 'regression' as const }
  return { train, test: await Dataset.fromNpy(test, testTargets as string, { dtype, ...like }) }
}

async function loadLibsvm(
  { data, test, holdout, dtype }: LinearDataOptions,
  loss: LinearLoss | 'auto' = 'auto',
  seed: number,
  threads?: number,
): Promise<Parts> {
  const { readLibsvm, splitLinearRows } = await import('../data')
  const { classLabels, indicesOf } = await import('../models/linear-data')
  const read = (path: string, columns?: number) =>
    readLibsvm(path, { single: dtype === 'f32', ...(columns && { columns }), ...(threads && { threads }) })
  const train = await read(data)
  if (test !== undefined) return { train, test: await read(test, train.columns) }
  if (holdout === undefined) return { train }
  const labels = classLabels(train.targets, loss)
  return splitLinearRows(train, { test: holdout, seed }, labels && indicesOf(labels, train.targets))
}

/** Rows to predict; targets, where a LIBSVM file has them, are not looked at. */
export async function readLinearFeatures(
  options: Pick<DataOptions, 'data' | 'header' | 'delimiter'>,
  { featureNames, encoding }: Pick<LinearModel, 'featureNames' | 'encoding'>,
): Promise<LinearData> {
  const { asFeatures, readFeatures, readLibsvm, readNpy } = await import('../data')
  const { data, header, delimiter } = options
  const kind = fileKind(data)
  if (kind !== 'table' && (!header || delimiter !== undefined))
    throw new UsageError(
      `--no-header and --delimiter are for tables (CSV and the like), but --data is ${words[kind]}; leave them out.`,
    )
  if (kind === 'libsvm') return readLibsvm(data, { columns: featureNames.length })
  const none = new Float64Array()
  if (kind === 'table') {
    const { features, rows, columns } = await readFeatures(data, {
      ...csvOptions({ header, ...(delimiter !== undefined && { delimiter }) }),
      dtype: 'float64',
      ...(encoding ? { encoding } : { features: featureNames }),
    })
    return { values: features, rows, columns, targets: none }
  }
  const { features, columns } = asFeatures(await readNpy(data), data)
  const values = Float64Array.from(features as Float64Array)
  return { values, rows: values.length / columns, columns, targets: none }
}
