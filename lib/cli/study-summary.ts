/** How far a study is, as a document and in words. */
import { formatTable, type ResultTable, resultTable } from '../report'
import { type StudyStore, type TrialState, trialStates } from '../store'

/** Rows shown in a terminal. */
const mostRows = 60

export interface SummaryDocument {
  study: string
  folder: string
  trials: number
  states: Partial<Record<TrialState, number>>
  /** Lines of journals that were left out because they are damaged. */
  damaged: number
  /** Results by point, over the seeds. */
  table: ResultTable
}

export function studySummary(store: StudyStore, folder: string): { document: SummaryDocument; words: string } {
  store.refresh()
  const trials = store.trials()
  const states: Partial<Record<TrialState, number>> = {}
  for (const { state } of trials) states[state] = (states[state] ?? 0) + 1
  const table = resultTable(trials)
  const counts = trialStates.filter((state) => states[state]).map((state) => `${states[state]} ${state}`)
  const words = [
    `${store.study.name}: ${trials.length} trials (${counts.join(', ') || 'none begun'}), in ${folder}`,
    ...(table.rows.length > 0 && table.columns.length > 0 ? ['', formatTable(table, 'text', mostRows)] : []),
  ]
  const document = {
    study: store.study.name,
    folder,
    trials: trials.length,
    states,
    damaged: store.damaged.length,
    table,
  }
  return { document, words: words.join('\n') }
}
