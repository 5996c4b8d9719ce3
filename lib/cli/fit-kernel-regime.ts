/** `meanfield fit kernel-regime`: averaged SGD of a wide two-layer network for a file, scores and certificate, the model saved. */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { KernelRegimeFit, Scores } from '../models'
import { addDataFlags, type DataOptions, loadData } from './data-flags'
import { modelAndRun, printOutcome, printRow, scoresOf, traceCsv, watchFit } from './fit-outcome'
import { addCatalogueFlags, type Collected } from './flags'
import { requireFilePlaces } from './paths'
import { writeSpectrumView } from './spectrum-view'

interface KernelRegimeFlags extends DataOptions {
  scale: 'standard' | 'minmax' | 'whiten' | 'none'
  scaleTargets: boolean
  device: string
  trace?: string
  spectrumView?: string
  out?: string
  checkpoint?: string
  resume?: string
  json?: boolean
}

export function kernelRegimeCommand(): Command {
  const command = new Command('kernel-regime').description(
    'Train a wide two-layer network near its start by averaged SGD: kernel regression, with a certificate of how far it is from it.',
  )
  addDataFlags(command)
    .option('--scale <kind>', 'standard (mean 0, deviation 1), minmax ([0, 1]), whiten or none.', 'standard')
    .option('--no-scale-targets', 'Leave regression targets in their own units for training.')
    .option('--device <name>', 'auto or cpu: this model runs on the CPU alone.', 'auto')
    .option('--trace <file>', 'Write what is known at every trace point here, as CSV.')
    .option('--spectrum-view <file>', 'Write a page (HTML) that shows the tangent kernel and what the fit has learnt.')
    .option('--out <file>', 'Save the fitted network here (safetensors).')
    .option('--checkpoint <file>', 'Write checkpoints here; after Ctrl-C the run can go on from it.')
    .option('--resume <file>', 'Continue from this checkpoint: same data, options and seed; the budget may be larger.')
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Exits with 75 when it was interrupted.

Example:
  $ meanfield fit kernel-regime --data data/breast-cancer.csv --target label --holdout 0.25 --spectrum-view spectrum.html`,
    )
  const { catalogue } = require('../native') as typeof import('../native')
  const flags = addCatalogueFlags(command, ...modelAndRun(catalogue(), 'kernel-regime'))
  return command.action(async (options: KernelRegimeFlags) => {
    process.exitCode = await fitKernelRegime(options, flags.collect(command))
  })
}

async function fitKernelRegime(options: KernelRegimeFlags, { model, algorithm, run }: Collected): Promise<number> {
  const { KernelRegimeNetwork } = await import('../models')
  const { scale, scaleTargets, device, trace, spectrumView, out, checkpoint, resume } = options
  const places = { '--out': out, '--checkpoint': checkpoint, '--trace': trace, '--spectrum-view': spectrumView }
  await requireFilePlaces(places)
  const { train, test, seconds: load } = await loadData(options, Number(run.seed ?? 0))
  const net = new KernelRegimeNetwork({
    ...model,
    scale,
    scaleTargets,
    algorithm: { name: algorithm.name, ...algorithm.options } as never,
  })
  const end = (point: { step: number; passes: number }) => {
    if (run.steps !== undefined && run.steps !== 'auto') return point.step / Number(run.steps)
    return run.passes !== undefined && run.passes !== 'auto' ? point.passes / Number(run.passes) : undefined
  }
  return watchFit(algorithm.name, options, {
    start: (signal) =>
      net.fit(train, {
        ...run,
        device: device as 'auto',
        signal,
        ...(checkpoint !== undefined && { checkpoint }),
        ...(resume !== undefined && { resume }),
      }),
    tell: (point) => [end(point), `objective ${point.objective.toPrecision(4)}, step ${point.step}`],
    finish: async (fitted) => {
      const scores = await scoresOf(net, { train, ...(test && { test }) })
      if (out !== undefined) await net.save(out)
      if (trace !== undefined) await writeFile(trace, traceCsv(fitted.trace))
      if (spectrumView !== undefined) await writeSpectrumView(spectrumView, net, fitted, train)
      const { trace: _, ...rest } = fitted
      return { ...rest, seconds: { load, ...fitted.seconds }, scores, ...(out !== undefined && { file: out }) }
    },
    describe,
  })
}

type Document = Omit<KernelRegimeFit, 'trace' | 'seconds'> & {
  seconds: Record<string, number>
  scores: Record<string, Scores>
  file?: string
}

function describe(fit: Document): void {
  const { formatNumber } = require('../report') as typeof import('../report')
  const { certificate: c } = fit
  printRow(
    'algorithm',
    `${fit.algorithm.name}, ${fit.steps} steps (${formatNumber(fit.passes)} passes), end: ${fit.stop}`,
  )
  printRow('objective', `${formatNumber(fit.objective)} (mean loss ${formatNumber(fit.loss)})`)
  if (c) {
    printRow(
      'linearized problem',
      `primal ${formatNumber(c.primal)}, dual ${formatNumber(c.dual)}, gap ${formatNumber(c.gap)}`,
    )
    printRow('departure from it', `${formatNumber(c.departure)} (root mean square of the outputs)`)
  }
  printOutcome(fit)
  if (fit.file) printRow('saved', fit.file)
}
