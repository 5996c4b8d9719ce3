/** `meanfield predict MODEL`: the outputs of a saved model for the rows of a file, as CSV or JSON. */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { csvOptions } from './data-flags'
import { onInterrupt } from './interrupt'
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
  return new Command('predict')
    .description('Predict the rows of a file with a saved model: a class and its outputs, or the target, for each row.')
    .argument('<model>', 'file written by fit --out')
    .requiredOption('--data <file>', 'Rows with the columns that the model was fitted on; others are not looked at.')
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

async function predict(model: string, options: PredictFlags): Promise<void> {
  const { LinearModel, MeanFieldNetwork } = await import('../models')
  const { readModel } = await import('../models/saved-model')
  const { classIndices } = await import('../models/scores')
  const { readFeatures } = await import('../data')
  const { out, json } = options
  if (out !== undefined) await requireFilePlace(out, '--out')
  const saved = await readModel(model)
  const net = saved.model === 'linear' ? LinearModel.fromSaved(model, saved) : MeanFieldNetwork.fromSaved(model, saved)
  const { classes } = net
  const columns = net.encoding ? { encoding: net.encoding } : { features: net.featureNames }
  const rows = await readFeatures(options.data, { ...csvOptions(options), ...columns })
  const interrupt = onInterrupt(() => note('\nstopping; again to end at once.'))
  const outputs = await net.predict(rows, { signal: interrupt.signal }).finally(interrupt.release)
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
