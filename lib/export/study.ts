/** A study in the formats of others. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { StudyStore, TrialRecord } from '../store'
import { trialsCsv } from './csv'
import { sendToMlflow, writeMlflow } from './mlflow'
import { writeParquet } from './parquet'
import { eventFile, type ScalarEvent, scalarEvents } from './tensorboard'

export type ExportFormat = 'csv' | 'parquet' | 'tensorboard' | 'mlflow'
export const exportFormats: readonly ExportFormat[] = ['csv', 'parquet', 'tensorboard', 'mlflow']

/**
 * Writes trials to `path`: a file; for tensorboard a folder, with one folder a trial; for mlflow the folder of a file store or
 * the address of a server. Returns the files, or what the runs are called.
 */
export async function exportStudy(
  store: StudyStore,
  format: ExportFormat,
  path: string,
  filter?: (trial: TrialRecord) => boolean,
): Promise<string[]> {
  const trials = store.trials(filter)
  if (format === 'tensorboard')
    return trials.flatMap((trial) => {
      const events = scalarEvents(store, trial)
      if (events.length === 0) return []
      const folder = join(path, `trial-${trial.number}`)
      mkdirSync(folder, { recursive: true })
      const file = join(folder, `events.out.tfevents.${Math.floor((events[0] as ScalarEvent).time)}.${trial.id}`)
      writeFileSync(file, eventFile(events))
      return [file]
    })
  if (format === 'mlflow')
    return /^https?:/.test(path) ? sendToMlflow(store, trials, path) : writeMlflow(store, trials, path)
  mkdirSync(dirname(path), { recursive: true })
  if (format === 'csv') writeFileSync(path, trialsCsv(trials))
  else await writeParquet(path, trials)
  return [path]
}
