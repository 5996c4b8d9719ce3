/** `meanfield export`: a study in the formats of others. */
import { join } from 'node:path'
import { Command } from 'commander'
import type { ExportFormat } from '../export'
import { conditions } from './conditions'
import { UsageError } from './exit'
import { print, printJson } from './output'

interface ExportFlags {
  format: string
  out?: string
  where: string[]
  json?: boolean
}

export function exportCommand(): Command {
  return new Command('export')
    .description('Write the trials of a study for other programs, or a fitted model as ONNX.')
    .argument('<path>', 'folder of the study; for onnx the file of the model')
    .option('--format <format>', 'csv, parquet, tensorboard, mlflow or onnx.', 'csv')
    .option(
      '--out <path>',
      'File; folder for tensorboard and mlflow, or the address of an MLflow server. Default: beside the model or in the study.',
    )
    .option(
      '--where <condition>',
      'Only trials whose option or result fits, such as algorithm=langevin; may be given several times.',
      (text: string, before: string[]) => [...before, text],
      [] as string[],
    )
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Examples:
  $ meanfield export out/spam --format parquet --out out/spam/trials.parquet
  $ meanfield export spam.safetensors --format onnx`,
    )
    .action(async (from: string, { format, out, where, json }: ExportFlags) => {
      const { exportFormats, exportOnnx, exportStudy } = await import('../export')
      const finish = (files: string[]) => (json ? printJson({ from, format, files }) : print(files.join('\n')))
      if (format === 'onnx') {
        if (where.length > 0) throw new UsageError('--where chooses trials of a study; leave it out for a model.')
        const path = out ?? `${from.replace(/\.safetensors$/, '')}.onnx`
        await exportOnnx(from, path)
        return finish([path])
      }
      if (!exportFormats.includes(format as ExportFormat))
        throw new UsageError(`--format is '${format}'; expected one of ${exportFormats.join(', ')}, onnx.`)
      const { StudyStore } = await import('../store')
      const store = StudyStore.open(from)
      const names: Record<string, string> = { tensorboard: 'tensorboard', mlflow: 'mlruns' }
      const path = out ?? join(from, names[format] ?? `trials.${format}`)
      finish(await exportStudy(store, format as ExportFormat, path, conditions(where, store)))
    })
}
