/** `meanfield fit linear`: solve a convex finite sum for a file, print scores and duality gap, save the model. */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { LinearFit, LinearLoss, Scores } from '../models'
import { modelAndRun, printOutcome, printRow, traceCsv, watchFit } from './fit-outcome'
import { addCatalogueFlags, type Collected, parseInteger, parseNumber } from './flags'
import { addLinearDataFlags, type LinearDataOptions, loadLinearData, oneOf } from './linear-data-flags'
import { requireFilePlaces } from './paths'

interface LinearFlags extends LinearDataOptions {
  classWeights?: 'balanced'
  path?: number
  pathRatio?: number
  device: string
  trace?: string
  out?: string
  checkpoint?: string
  resume?: string
  json?: boolean
}

export function linearCommand(): Command {
  const command = new Command('linear').description(
    'Fit a linear model with a duality gap as proof. Dense or sparse data; the method is chosen by what is measured on them.',
  )
  addLinearDataFlags(command)
    .option('--class-weights <kind>', 'balanced: every class weighs the same.', oneOf('--class-weights', 'balanced'))
    .option('--path <points>', 'A regularization path of so many points down from the largest l1.', (text) =>
      parseInteger(text, '--path', 1),
    )
    .option('--path-ratio <ratio>', 'Smallest l1 of the path as a part of the largest.', (text) =>
      parseNumber(text, '--path-ratio'),
    )
    .option('--device <name>', 'auto, cpu, cuda, cuda:N, or cuda:N,N for several.', 'auto')
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
  const flags = addCatalogueFlags(command, ...modelAndRun(catalogue(), 'linear'))
  return command.action(async (options: LinearFlags) => {
    process.exitCode = await fitLinear(options, flags.collect(command))
  })
}

async function fitLinear(options: LinearFlags, { model, algorithm, run }: Collected): Promise<number> {
  const { LinearModel } = await import('../models')
  const { scale, device, out, checkpoint, resume, path, pathRatio, classWeights, trace } = options
  await requireFilePlaces({ '--out': out, '--checkpoint': checkpoint, '--trace': trace })
  const seed = Number(run.seed ?? 0)
  const threads = run.threads === undefined || run.threads === 'auto' ? undefined : Number(run.threads)
  const { train, test, seconds: load } = await loadLinearData(options, model.loss as LinearLoss | 'auto', seed, threads)
  const linear = new LinearModel({
    ...model,
    scale,
    algorithm: { name: algorithm.name, ...algorithm.options } as never,
  })
  return watchFit(algorithm.name, options, {
    start: (signal) =>
      linear.fit(train, {
        ...run,
        device: device as 'auto',
        signal,
        ...(classWeights && { classWeights }),
        ...(checkpoint !== undefined && { checkpoint }),
        ...(resume !== undefined && { resume }),
        ...(path !== undefined && { path }),
        ...(pathRatio !== undefined && { pathRatio }),
      }),
    tell: (point) => [undefined, `objective ${point.objective.toPrecision(6)}, gap ${point.gap.toExponential(1)}`],
    finish: async (fitted) => {
      const scores = { train: await linear.score(train), ...(test && { test: await linear.score(test) }) }
      if (out !== undefined) await linear.save(out)
      if (trace !== undefined) await writeFile(trace, boundsCsv(fitted))
      const { trace: _, path: points, ...rest } = fitted
      return {
        ...rest,
        seconds: { load, ...fitted.seconds },
        scores,
        ...(points.length > 0 && { path: points.map(({ weights: __, ...point }) => point) }),
        ...(out !== undefined && { file: out }),
      }
    },
    describe,
  })
}

/** The objective is the primal value here. */
const boundsCsv = ({ trace: { seconds, passes, queries, objective, dual } }: LinearFit) =>
  traceCsv({ seconds, passes, queries, primal: objective, dual })

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
