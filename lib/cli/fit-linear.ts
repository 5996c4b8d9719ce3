/** `meanfield fit linear`: solve a convex finite sum for a file, print scores and duality gap, save the model. */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { LinearRows } from '../data'
import type { LinearData, LinearFit, Scores } from '../models'
import type { Catalogue, ModelEntry } from '../native/binding'
import { addColumnFlags, columnOptions, csvOptions, readLike } from './data-flags'
import { exitCodes, UsageError } from './exit'
import { printOutcome, printRow, sayable } from './fit-outcome'
import { addCatalogueFlags, parseNumber } from './flags'
import { onInterrupt } from './interrupt'
import { note, printJson, startProgress } from './output'

interface LinearFlags {
  data: string
  target?: string
  targets?: string
  test?: string
  testTargets?: string
  holdout?: number
  task?: 'regression' | 'classification'
  header: boolean
  delimiter?: string
  scale: 'standard' | 'minmax' | 'whiten' | 'none'
  dtype: 'f64' | 'f32'
  classWeights?: 'balanced'
  categorical?: 'one-hot' | 'ordinal'
  missing?: 'drop' | 'mean' | 'median'
  path?: number
  pathRatio?: number
  trace?: string
  out?: string
  checkpoint?: string
  resume?: string
  json?: boolean
}

const oneOf =
  <T extends string>(flag: string, ...allowed: T[]) =>
  (text: string): T => {
    if ((allowed as string[]).includes(text)) return text as T
    throw new UsageError(`${flag} is '${text}'; expected ${allowed.join(' or ')}.`)
  }

export function linearCommand(): Command {
  const command = new Command('linear').description(
    'Fit a linear model with a duality gap as proof. Dense or sparse data; the method is chosen by what is measured on them.',
  )
  addColumnFlags(command)
    .requiredOption(
      '--data <file>',
      'Training data: CSV, TSV, JSON lines, Parquet, Arrow; NPY (with --targets), or LIBSVM (.svm, .libsvm, .txt).',
    )
    .option('--target <column>', 'CSV: the column to learn, by name, or by number from 0 where there is no header.')
    .option('--targets <file>', 'NPY: the file of the targets.')
    .option('--test <file>', 'Data that are scored at the end and not fitted.')
    .option('--test-targets <file>', 'NPY: the targets of --test.')
    .option(
      '--holdout <fraction>',
      'CSV: keep this part of the rows as test data, by class, drawn by --seed.',
      (text) => parseNumber(text, '--holdout'),
    )
    .option('--task <task>', 'CSV: regression or classification.', oneOf('--task', 'regression', 'classification'))
    .option('--no-header', 'CSV: the first line is data, not the names of the columns.')
    .option('--delimiter <character>', "CSV: what separates the columns; default: a comma, a tab for '.tsv'.")
    .option(
      '--scale <kind>',
      'CSV: standard, minmax, whiten or none.',
      oneOf('--scale', 'none', 'standard', 'minmax', 'whiten'),
      'none',
    )
    .option(
      '--dtype <type>',
      'Numbers of the features: f64 or f32. Arithmetic is in f64.',
      oneOf('--dtype', 'f64', 'f32'),
      'f64',
    )
    .option('--class-weights <kind>', 'balanced: every class weighs the same.', oneOf('--class-weights', 'balanced'))
    .option('--path <points>', 'A regularization path of so many points down from the largest l1.', (text) =>
      parseNumber(text, '--path'),
    )
    .option('--path-ratio <ratio>', 'Smallest l1 of the path as a part of the largest.', (text) =>
      parseNumber(text, '--path-ratio'),
    )
    .option('--trace <file>', 'Write seconds, passes, queries, primal and dual at every check here, as CSV.')
    .option('--out <file>', 'Save the fitted model here (safetensors).')
    .option('--checkpoint <file>', 'Write checkpoints here; after Ctrl-C the run can go on from it.')
    .option('--resume <file>', 'Continue from this checkpoint: same data, options and seed.')
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      '\nExample:\n  $ meanfield fit linear --data data/spam.csv.gz --target label --scale standard --l1 1e-3',
    )
  const { catalogue } = require('../native') as typeof import('../native')
  const flags = addCatalogueFlags(command, ...entries(catalogue()))
  return command.action(async (options: LinearFlags) => {
    process.exitCode = await fitLinear(options, flags.collect(command))
  })
}

/** The run options are those of this model. */
function entries(catalogue: Catalogue): [ModelEntry, Catalogue] {
  const model = catalogue.models.find(({ name }) => name === 'linear') as ModelEntry
  return [sayable(model), { ...catalogue, run: model.run ?? catalogue.run }]
}

async function fitLinear(
  options: LinearFlags,
  { model, algorithm, run }: ReturnType<ReturnType<typeof addCatalogueFlags>['collect']>,
): Promise<number> {
  const { LinearModel } = await import('../models')
  const json = options.json === true
  const begin = performance.now()
  const { train, test } = await load(options, model.loss, Number(run.seed ?? 0), run.threads)
  const seconds = (performance.now() - begin) / 1000
  const { scale, out, checkpoint, resume, path, pathRatio, classWeights } = options
  const linear = new LinearModel({
    ...model,
    scale,
    algorithm: { name: algorithm.name, ...algorithm.options } as never,
  })
  const interrupt = onInterrupt(() => note('\nstopping; again to end at once.'))
  const progress = startProgress(algorithm.name, json)
  try {
    const fitting = linear.fit(train, {
      ...run,
      signal: interrupt.signal,
      ...(classWeights && { classWeights }),
      ...(checkpoint !== undefined && { checkpoint }),
      ...(resume !== undefined && { resume }),
      ...(path !== undefined && { path }),
      ...(pathRatio !== undefined && { pathRatio }),
    })
    for await (const point of fitting)
      progress.update(undefined, `objective ${point.objective.toPrecision(6)}, gap ${point.gap.toExponential(1)}`)
    const fitted = await fitting
    progress.stop()
    const scores = { train: await linear.score(train), ...(test && { test: await linear.score(test) }) }
    if (out !== undefined) await linear.save(out)
    if (options.trace !== undefined) await writeFile(options.trace, traceCsv(fitted))
    const { trace: _, path: points, ...rest } = fitted
    const document = {
      ...rest,
      seconds: { load: seconds, ...fitted.seconds },
      scores,
      ...(points.length > 0 && { path: points.map(({ weights: __, ...point }) => point) }),
      ...(out !== undefined && { file: out }),
    }
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

async function load(
  options: LinearFlags,
  loss: unknown,
  seed: number,
  threads: unknown,
): Promise<{ train: LinearData; test?: LinearData }> {
  const { asFeatures, asTargets, Dataset, readLibsvm, readNpy } = await import('../data')
  const { data, target, targets, test, testTargets, holdout, dtype } = options
  const sparse = (path: string, columns?: number) =>
    readLibsvm(path, {
      single: dtype === 'f32',
      ...(columns && { columns }),
      ...(threads !== undefined && { threads: Number(threads) }),
    })
  if (/\.npy$/i.test(data)) {
    if (targets === undefined) throw new UsageError('an NPY file has no targets; say --targets FILE.')
    const pair = async (features: string, labels: string): Promise<LinearRows> => {
      const x = asFeatures(await readNpy(features), features)
      const y = asTargets(await readNpy(labels), labels)
      const read = x.features as Float64Array
      const type = dtype === 'f32' ? Float32Array : Float64Array
      const values = read instanceof type ? read : new type(read)
      return {
        values,
        rows: values.length / x.columns,
        columns: x.columns,
        targets: Float64Array.from(y.targets as Float64Array),
      }
    }
    const train = await pair(data, targets)
    if (test === undefined) return { train }
    if (testTargets === undefined) throw new UsageError('--test is an NPY file; say --test-targets FILE.')
    return { train, test: await pair(test, testTargets) }
  }
  if (/\.(svm|libsvm|txt)$/i.test(data)) {
    const train = await sparse(data)
    return test === undefined ? { train } : { train, test: await sparse(test, train.columns) }
  }
  if (target === undefined) throw new UsageError('no column to learn was named; say --target COLUMN.')
  const task = options.task ?? (['squared', 'huber', 'poisson'].includes(String(loss)) ? 'regression' : undefined)
  const reading = {
    ...csvOptions({ ...options, ...(task && { task }) }),
    target,
    dtype: dtype === 'f32' ? ('float32' as const) : ('float64' as const),
  }
  const all = await Dataset.fromFile(data, { ...reading, ...columnOptions(options) })
  if (holdout !== undefined) return all.split({ test: holdout, seed })
  return test === undefined ? { train: all } : { train: all, test: await readLike(all, test, reading) }
}

function traceCsv({ trace }: LinearFit): string {
  const columns = ['seconds', 'passes', 'queries', 'objective', 'dual'] as const
  const lines = Array.from(trace.seconds, (_, i) => columns.map((name) => trace[name][i]).join(','))
  return `seconds,passes,queries,primal,dual\n${lines.join('\n')}\n`
}

type Document = Omit<LinearFit, 'trace' | 'path' | 'seconds'> & {
  seconds: Record<string, number>
  scores: { train: Scores; test?: Scores }
  path?: object[]
  file?: string
}

function describe(fit: Document): void {
  const { formatNumber } = require('../report') as typeof import('../report')
  const { certificate: c } = fit
  printRow(
    'algorithm',
    `${fit.algorithm.name}, ${fit.steps} steps (${formatNumber(fit.passes)} passes), stopped by ${fit.stop}`,
  )
  printRow(
    'objective',
    `${formatNumber(fit.objective)} (mean loss ${formatNumber(fit.loss)}), ${fit.nonZeros} weights that are not 0`,
  )
  printRow('certificate', `primal ${formatNumber(c.primal)}, dual ${formatNumber(c.dual)}, gap ${formatNumber(c.gap)}`)
  printOutcome(fit)
  if (fit.path) printRow('path', `${fit.path.length} points; --json has them`)
  if (fit.file) printRow('saved', fit.file)
}
