/** `meanfield export`: a study in the formats of others. */
import { join } from 'node:path'
import { Command } from 'commander'
import type { ExportFormat } from '../export'
import { UsageError } from './exit'
import { conditionOf } from './experiment'
import { print, printJson } from './output'

interface ExportFlags {
  format: string
  out?: string
  where: string[]
  json?: boolean
}

export function exportCommand(): Command {
  return new Command('export')
    .description('Write the trials of a study as CSV or Parquet, or their curves for TensorBoard.')
    .argument('<folder>', 'folder of the study')
    .option('--format <format>', 'csv, parquet or tensorboard.', 'csv')
    .option('--out <path>', 'File, or folder for tensorboard; default: in the folder of the study.')
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
Example:
  $ meanfield export out/spam --format parquet --out out/spam/trials.parquet`,
    )
    .action(async (folder: string, { format, out, where, json }: ExportFlags) => {
      const { exportFormats, exportStudy } = await import('../export')
      if (!exportFormats.includes(format as ExportFormat))
        throw new UsageError(`--format is '${format}'; expected one of ${exportFormats.join(', ')}.`)
      const { StudyStore } = await import('../store')
      const filters = where.map(conditionOf)
      const path = out ?? join(folder, format === 'tensorboard' ? 'tensorboard' : `trials.${format}`)
      const files = await exportStudy(StudyStore.open(folder), format as ExportFormat, path, (trial) =>
        filters.every((holds) => holds(trial)),
      )
      if (json) printJson({ folder, format, files })
      else print(files.join('\n'))
    })
}
