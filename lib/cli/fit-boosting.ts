/** `meanfield fit boosting`: residual layers and a linear model on top for a file, scores and certificate, the model saved. */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { Dataset } from '../data'
import type { BoostingFit, Scores } from '../models'
import { InvalidOptionError } from '../native/errors'
import { addDataFlags, type DataOptions, loadData } from './data-flags'
import { modelAndRun, printOutcome, printRow, scoresOf, traceCsv, watchFit } from './fit-outcome'
import { addCatalogueFlags, type Collected, parseNumber } from './flags'
import { writeLayerView } from './layer-view'
import { requireFilePlaces } from './paths'

interface BoostingFlags extends DataOptions {
  scale: 'standard' | 'minmax' | 'whiten' | 'none'
  device: string
  validation?: number
  trace?: string
  layerView?: string
  out?: string
  checkpoint?: string
  resume?: string
  json?: boolean
}

export function boostingCommand(): Command {
  const command = new Command('boosting').description(
    'Fit a classifier of residual layers, each a step along the smoothed functional gradient of a linear model on top.',
  )
  addDataFlags(command)
    .option('--scale <kind>', 'standard (mean 0, deviation 1), minmax ([0, 1]), whiten or none.', 'standard')
    .option(
      '--validation <fraction>',
      'Keep this part of the training rows, by class, to choose the number of layers that predictions use.',
      (text) => {
        const part = parseNumber(text, '--validation')
        if (part > 0 && part < 1) return part
        throw new InvalidOptionError(`--validation is ${text}; expected a fraction above 0 and below 1, such as 0.1.`)
      },
    )
    .option('--device <name>', 'auto or cpu: boosting runs on the CPU alone.', 'auto')
    .option('--trace <file>', 'Write what is known after every layer here, as CSV.')
    .option('--layer-view <file>', 'Write a page (HTML) that shows how the layers move the points.')
    .option('--out <file>', 'Save the fitted model here (safetensors).')
    .option('--checkpoint <file>', 'Write checkpoints here; after Ctrl-C the run can go on from it.')
    .option('--resume <file>', 'Continue from this checkpoint: same data, options and seed; --rounds may be larger.')
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Exits with 75 when it was interrupted.

Example:
  $ meanfield fit boosting --data data/digits.csv.gz --target label --holdout 0.25 --rounds 5 --layer-view layers.html`,
    )
  const { catalogue } = require('../native') as typeof import('../native')
  const flags = addCatalogueFlags(command, ...modelAndRun(catalogue(), 'boosting'))
  return command.action(async (options: BoostingFlags) => {
    process.exitCode = await fitBoosting(options, flags.collect(command))
  })
}

async function fitBoosting(options: BoostingFlags, { model, algorithm, run }: Collected): Promise<number> {
  const { ResidualBoosting } = await import('../models')
  const { scale, device, validation: part, trace, layerView, out, checkpoint, resume } = options
  await requireFilePlaces({ '--out': out, '--checkpoint': checkpoint, '--trace': trace, '--layer-view': layerView })
  const seed = Number(run.seed ?? 0)
  const { train: all, test, seconds: load } = await loadData(options, seed)
  const parts: { train: Dataset; test?: Dataset } =
    part === undefined ? { train: all } : all.split({ test: part, stratify: true, seed })
  const { train, test: validation } = parts
  const boosted = new ResidualBoosting({
    ...model,
    scale,
    algorithm: { name: algorithm.name, ...algorithm.options } as never,
  })
  const rounds = Number(model.rounds ?? 30)
  return watchFit(algorithm.name, options, {
    start: (signal) =>
      boosted.fit(train, {
        ...run,
        device: device as 'auto',
        signal,
        ...(validation && { validation, useBestLayer: true }),
        ...(checkpoint !== undefined && { checkpoint }),
        ...(resume !== undefined && { resume }),
      }),
    tell: (point) => [point.step / rounds, `objective ${point.objective.toPrecision(4)}, layer ${point.step}`],
    finish: async (fitted) => {
      const scores = await scoresOf(boosted, { train, ...(validation && { validation }), ...(test && { test }) })
      if (out !== undefined) await boosted.save(out)
      if (trace !== undefined) await writeFile(trace, traceCsv(fitted.trace))
      if (layerView !== undefined) await writeLayerView(layerView, boosted, fitted, train)
      const { trace: _, ...rest } = fitted
      return { ...rest, seconds: { load, ...fitted.seconds }, scores, ...(out !== undefined && { file: out }) }
    },
    describe,
  })
}

type Document = Omit<BoostingFit, 'trace' | 'seconds'> & {
  seconds: Record<string, number>
  scores: Record<string, Scores>
  file?: string
}

function describe(fit: Document): void {
  const { formatNumber } = require('../report') as typeof import('../report')
  const { certificate: c } = fit
  const best = fit.bestLayer === undefined ? '' : `, the best on the validation rows of ${fit.steps}`
  printRow(
    'algorithm',
    `${fit.algorithm.name}, ${fit.layers} layers${best} (${formatNumber(fit.passes)} passes), end: ${fit.stop}`,
  )
  printRow('objective', `${formatNumber(fit.objective)} (mean loss ${formatNumber(fit.loss)})`)
  const gap = c.frankWolfeGap === undefined ? '' : `, Frank-Wolfe gap ${formatNumber(c.frankWolfeGap)}`
  printRow('functional gradient', `L1 ${formatNumber(c.gradientL1)}, L2 ${formatNumber(c.gradientL2)}${gap}`)
  printRow(
    'margins',
    `${c.marginQuantiles.map((margin) => formatNumber(margin)).join(', ')} at 5, 25, 50, 75 and 95 % of the rows`,
  )
  printOutcome(fit)
  if (fit.file) printRow('saved', fit.file)
}
