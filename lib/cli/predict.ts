/** `meanfield predict MODEL`: the outputs of a saved model for the rows of a file, as CSV or JSON. */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { InvalidDataError } from '../native/errors'
import { csvOptions } from './data-flags'
import { addRequired } from './flags'
import { onInterrupt } from './interrupt'
import { readLinearFeatures } from './linear-data-flags'
import { note, print, printJson } from './output'
import { requireFilePlace } from './paths'

interface PredictFlags {
  data: string
  header: boolean
  delimiter?: string
  out?: string
  json?: boolean
}

export function predictCommand(): Command {
  const command = new Command('predict')
    .description('Predict the rows of a file with a saved model: a class and its outputs, or the target, for each row.')
    .argument('<model>', 'file written by fit --out')
  return addRequired(
    command,
    '--data <file>',
    'Rows with the columns that the model was fitted on; others are not looked at. Linear models: NPY and LIBSVM too.',
  )
    .option('--no-header', 'The first line is data, not the names of the columns.')
    .option('--delimiter <character>', "What separates the columns; default: a comma, a tab for '.tsv'.")
    .option('--out <file>', 'Write the CSV here instead of to standard output.')
    .option('--json', 'Print one JSON document and nothing else; with --out it tells of the file.')
    .addHelpText(
      'after',
      `
Example:
  $ meanfield predict cancer.safetensors --data data/breast-cancer.csv --out predictions.csv`,
    )
    .action(async (model: string, options: PredictFlags) => predict(model, options))
}

/** What a saved model of any kind does for this command. */
interface Predictor {
  readonly classes: readonly string[] | undefined
  rows: number
  outputs(signal: AbortSignal): Promise<Float32Array | Float64Array>
}

async function predictor(model: string, options: PredictFlags): Promise<Predictor> {
  const { readModel } = await import('../models/saved-model')
  const saved = await readModel(model)
  const kind = saved.model
  if (kind === 'linear') {
    const { LinearModel } = await import('../models')
    const linear = LinearModel.fromSaved(model, saved)
    const data = await readLinearFeatures(options, linear)
    return {
      classes: linear.classes,
      rows: data.rows,
      outputs: (signal) => linear.predict(data, { signal }),
    }
  }
  if (kind === 'boosting') {
    const { ResidualBoosting } = await import('../models')
    const boosted = ResidualBoosting.fromSaved(model, saved)
    const rows = await tableRows(options, boosted)
    return { classes: boosted.classes, rows: rows.rows, outputs: (signal) => boosted.predict(rows, { signal }) }
  }
  if (kind === 'kernel-regime') {
    const { KernelRegimeNetwork } = await import('../models')
    const net = KernelRegimeNetwork.fromSaved(model, saved)
    const rows = await tableRows(options, net)
    return { classes: net.classes, rows: rows.rows, outputs: (signal) => net.predict(rows, { signal }) }
  }
  if (kind !== 'mean-field')
    throw new InvalidDataError(
      `'${model}' holds a model of the kind '${kind}'; expected mean-field, linear, boosting or kernel-regime. Use the version that wrote it.`,
      { path: model },
    )
  const { MeanFieldNetwork } = await import('../models')
  const net = MeanFieldNetwork.fromSaved(model, saved)
  const rows = await tableRows(options, net)
  return { classes: net.classes, rows: rows.rows, outputs: (signal) => net.predict(rows, { signal }) }
}

/** The columns that the model was fitted on. */
async function tableRows(options: PredictFlags, { encoding, featureNames }: Fitted) {
  const { readFeatures } = await import('../data')
  const columns = encoding ? { encoding } : { features: featureNames }
  return readFeatures(options.data, { ...csvOptions(options), ...columns })
}

type Fitted = Pick<import('../models').MeanFieldNetwork, 'encoding' | 'featureNames'>

async function predict(model: string, options: PredictFlags): Promise<void> {
  const { classIndices } = await import('../models/scores')
  const { out, json } = options
  if (out !== undefined) await requireFilePlace(out, '--out')
  const rows = await predictor(model, options)
  const { classes } = rows
  const interrupt = onInterrupt(() => note('\nstopping; again to end at once.'))
  const outputs = await rows.outputs(interrupt.signal).finally(interrupt.release)
  const k = outputs.length / rows.rows
  const labels = classes && Array.from(classIndices(Float32Array.from(outputs), k), (index) => classes[index] as string)
  const names = k === 1 ? ['output'] : Array.from({ length: k }, (_, j) => `output ${classes?.[j] ?? j}`)
  const row = (i: number) => Array.from(outputs.subarray(i * k, (i + 1) * k))
  if (json && out === undefined) {
    const predictions = Array.from({ length: rows.rows }, (_, i) => ({
      ...(labels && { class: labels[i] }),
      outputs: row(i),
    }))
    return printJson({ model, rows: rows.rows, outputs: names, predictions })
  }
  const { csvField } = await import('../report')
  const lines = [[...(labels ? ['class'] : []), ...names].map(csvField).join(',')]
  for (let i = 0; i < rows.rows; i++)
    lines.push([...(labels ? [csvField(labels[i] as string)] : []), ...row(i)].join(','))
  if (out === undefined) return print(lines.join('\n'))
  await writeFile(out, `${lines.join('\n')}\n`)
  if (json) printJson({ model, rows: rows.rows, outputs: names, file: out })
  else note(`${rows.rows} rows: ${out}`)
}
