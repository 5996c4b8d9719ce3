/** `meanfield fit MODEL`: train a model on a file, print its scores and its certificate, save it. */
import { Command } from 'commander'
import type { ModelEntry } from '../native/entries'
import { addDataFlags, type DataOptions, loadData, openStream } from './data-flags'
import { UsageError } from './exit'
import { boostingCommand } from './fit-boosting'
import { kernelRegimeCommand } from './fit-kernel-regime'
import { linearCommand } from './fit-linear'
import { printOutcome, printRow, sayable, watchFit } from './fit-outcome'
import { addCatalogueFlags, type Collected, parseInteger } from './flags'
import { viewedSteps, writeParticleView } from './particle-view'
import { requireFilePlaces } from './paths'

interface FitFlags extends DataOptions {
  scale: 'standard' | 'minmax' | 'whiten' | 'none'
  scaleTargets: boolean
  device: string
  precision: string
  out?: string
  particleView?: string
  checkpoint?: string
  resume?: string
  stream?: boolean
  shuffle?: number
  json?: boolean
}

/** The subcommands have the options of the native catalogue as flags; `withModels` is false where it must not be asked. */
export function fitCommand(withModels: boolean): Command {
  const fit = new Command('fit')
    .description('Train a model on a file: mean-field, linear, boosting, kernel-regime.')
    .addHelpText(
      'after',
      `
Example:
  $ meanfield fit mean-field --data data/breast-cancer.csv --target label --holdout 0.25`,
    )
  if (!withModels) return fit
  for (const command of [meanFieldCommand, linearCommand, boostingCommand, kernelRegimeCommand])
    fit.addCommand(command())
  return fit
}

function meanFieldCommand(): Command {
  const command = new Command('mean-field').description(
    'Train a mean-field two-layer network. The data alone are enough: every other flag has a default for ordinary data of any scale.',
  )
  addDataFlags(command)
    .option(
      '--scale <kind>',
      'standard (mean 0, deviation 1), minmax ([0, 1]), whiten (principal components of variance 1) or none.',
      'standard',
    )
    .option('--no-scale-targets', 'Leave regression targets in their own units for training.')
    .option('--device <name>', 'auto, cpu, cuda, cuda:N, or cuda:N,N for several.', 'auto')
    .option('--precision <name>', 'Of the products on a CUDA device: float32, tf32 or bf16.', 'float32')
    .option('--out <file>', 'Save the fitted network here (safetensors).')
    .option(
      '--particle-view <file>',
      'Write a page (HTML) that shows the particles at some steps, projected on two directions.',
    )
    .option('--checkpoint <file>', 'Write checkpoints here; after Ctrl-C the run can go on from it.')
    .option('--resume <file>', 'Continue from this checkpoint: same data, options and seed.')
    .option(
      '--stream',
      'Read the rows once, in their order, and hold only some of them in memory: for files larger than it. Takes --algorithm sgd-langevin.',
    )
    .option('--shuffle <rows>', 'With --stream: put each so many rows into another order.', (text) =>
      parseInteger(text, '--shuffle', 1),
    )
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Exits with 75 when it was interrupted.

Example:
  $ meanfield fit mean-field --data data/breast-cancer.csv --target label --holdout 0.25 --seed 1 --out cancer.safetensors`,
    )
  const { catalogue } = require('../native') as typeof import('../native')
  const entries = catalogue()
  const flags = addCatalogueFlags(
    command,
    sayable(entries.models.find(({ name }) => name === 'mean-field') as ModelEntry),
    entries,
  )
  return command.action(async (options: FitFlags) => {
    process.exitCode = await fitMeanField(options, flags.collect(command))
  })
}

async function fitMeanField(options: FitFlags, flags: Collected): Promise<number> {
  if (options.stream) return fitRows(options, flags)
  if (options.shuffle !== undefined) throw new UsageError('--shuffle is for --stream; leave it out, or say --stream.')
  const { algorithm, run } = flags
  const { out, particleView, checkpoint } = options
  await requireFilePlaces({ '--out': out, '--checkpoint': checkpoint, '--particle-view': particleView })
  const { train, test, seconds: load } = await loadData(options, Number(run.seed ?? 0))
  const net = await networkOf(options, flags)
  const end = budget(run)
  return watchFit(algorithm.name, options, {
    start: (signal) =>
      net.fit(train, {
        ...fitOptions(options, flags),
        signal,
        ...(particleView !== undefined && { snapshots: viewedSteps }),
      }),
    tell: (point) => [end(point), `objective ${point.objective.toPrecision(4)}, step ${point.step}`],
    finish: async (fitted) => {
      const scores = { train: await net.score(train), ...(test && { test: await net.score(test) }) }
      if (out !== undefined) await net.save(out)
      if (particleView !== undefined) await writeParticleView(particleView, net, fitted)
      const { trace: _, snapshots: __, seconds, ...rest } = fitted
      return { ...rest, seconds: { load, ...seconds }, scores, ...(out !== undefined && { file: out }) }
    },
    describe,
  })
}

/** The same with rows that are read once. */
async function fitRows(options: FitFlags, flags: Collected): Promise<number> {
  const { out, checkpoint, shuffle, particleView } = options
  if (particleView !== undefined)
    throw new UsageError('--particle-view needs particles along the way, which --stream does not keep; leave one out.')
  await requireFilePlaces({ '--out': out, '--checkpoint': checkpoint })
  const { rows, test } = await openStream(options)
  const net = await networkOf(options, flags)
  return watchFit(flags.algorithm.name, options, {
    start: (signal) =>
      net.fitStream(rows, { ...fitOptions(options, flags), signal, ...(shuffle !== undefined && { shuffle }) }),
    tell: (point) => [undefined, `loss ${point.loss.toPrecision(4)}, ${point.rows} rows`],
    finish: async (fitted) => {
      const others = await test(net)
      const scores = others ? { test: await net.score(others) } : {}
      if (out !== undefined) await net.save(out)
      const { trace: _, ...rest } = fitted
      return { ...rest, scores, ...(out !== undefined && { file: out }) }
    },
    describe,
  })
}

async function networkOf({ scale, scaleTargets }: FitFlags, { model, algorithm }: Collected) {
  const { MeanFieldNetwork } = await import('../models')
  return new MeanFieldNetwork({
    ...model,
    scale,
    scaleTargets,
    algorithm: { name: algorithm.name, ...algorithm.options } as never,
  })
}

function fitOptions({ device, precision, checkpoint, resume }: FitFlags, { run }: Collected) {
  return {
    ...run,
    device: device as 'auto',
    precision: precision as 'float32',
    ...(checkpoint !== undefined && { checkpoint }),
    ...(resume !== undefined && { resume }),
  }
}

/** Fraction of the budget that a point has used. */
function budget(
  run: Record<string, unknown>,
): (point: { step: number; passes: number; seconds: number }) => number | undefined {
  const names = { steps: 'step', passes: 'passes', seconds: 'seconds' } as const
  const given = Object.entries(names).filter(([option]) => typeof run[option] === 'number')
  if (given.length === 0) return () => undefined
  return (point) => Math.max(...given.map(([option, column]) => point[column] / Number(run[option])))
}

type Document = Omit<import('../models').MeanFieldSummary, 'seconds' | 'queries'> & {
  seconds: Record<string, number>
  scores: { train?: import('../models').Scores; test?: import('../models').Scores }
  progressiveLoss?: number
  rows?: number
  file?: string
}

function describe(fit: Document): void {
  const { formatNumber } = require('../report') as typeof import('../report')
  const { certificate } = fit
  printRow(
    'algorithm',
    `${fit.algorithm.name}, ${fit.steps} steps (${formatNumber(fit.passes)} passes), end: ${fit.stop}`,
  )
  if (fit.rows !== undefined)
    printRow(
      'rows',
      `${fit.rows}, mean loss before each was learned from ${formatNumber(fit.progressiveLoss as number)}`,
    )
  printRow('objective', `${formatNumber(fit.objective)} (mean loss ${formatNumber(fit.loss)})`)
  if (certificate) {
    printRow(
      'certificate',
      `primal ${formatNumber(certificate.primal)}, dual ${formatNumber(certificate.dual)}, gap ${formatNumber(certificate.gap)} ± ${formatNumber(certificate.standardError)}`,
    )
    if (!certificate.trusted) printRow('', `not to be relied on: ${certificate.words}`)
  }
  printOutcome(fit)
  if (fit.file) printRow('saved', fit.file)
}
