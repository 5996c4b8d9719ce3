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

export interface StudySummaryTexts {
  document(): SummaryDocument
  words(): string
}

/** Of the study as it is now; each is made when it is asked for. */
export function studySummary(store: StudyStore, folder: string): StudySummaryTexts {
  store.refresh()
  const trials = store.trials()
  const states: Partial<Record<TrialState, number>> = {}
  for (const { state } of trials) states[state] = (states[state] ?? 0) + 1
  return {
    document: () => ({
      study: store.study.name,
      folder,
      trials: trials.length,
      states,
      damaged: store.damaged.length,
      table: resultTable(trials),
    }),
    words: () => {
      const table = resultTable(trials, undefined, mostRows)
      const counts = trialStates.filter((state) => states[state]).map((state) => `${states[state]} ${state}`)
      return [
        `${store.study.name}: ${trials.length} trials (${counts.join(', ') || 'none begun'}), in ${folder}`,
        ...(table.rows.length > 0 && table.columns.length > 0 ? ['', formatTable(table, 'text')] : []),
      ].join('\n')
    },
  }
}
