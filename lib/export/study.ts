/** A study in the formats of others. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { StudyStore, TrialRecord } from '../store'
import { trialsCsv } from './csv'
import { writeParquet } from './parquet'
import { eventFile, type ScalarEvent } from './tensorboard'

export type ExportFormat = 'csv' | 'parquet' | 'tensorboard'
export const exportFormats: readonly ExportFormat[] = ['csv', 'parquet', 'tensorboard']

/** Writes trials to `path`, a file or (tensorboard) a folder with one folder a trial. Returns the files. */
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
  mkdirSync(dirname(path), { recursive: true })
  if (format === 'csv') writeFileSync(path, trialsCsv(trials))
  else await writeParquet(path, trials)
  return [path]
}

/** The points of the trace with their times, then the metrics at the last step. */
function scalarEvents(store: StudyStore, trial: TrialRecord): ScalarEvent[] {
  const start = (trial.started ?? 0) / 1000
  const { step = [], seconds = [], ...columns } = store.trace(trial) ?? {}
  const events = step.map((at, i): ScalarEvent => {
    const values = Object.entries(columns).map(([name, column]) => [`trace/${name}`, column[i] as number] as const)
    return { step: at, time: start + (seconds[i] ?? 0), values: Object.fromEntries(values) }
  })
  if (Object.keys(trial.metrics).length === 0) return events
  const values = Object.fromEntries(Object.entries(trial.metrics).map(([name, value]) => [`result/${name}`, value]))
  return [...events, { step: step.at(-1) ?? 0, time: (trial.ended ?? 0) / 1000, values }]
}
