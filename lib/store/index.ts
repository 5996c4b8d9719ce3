/** Append-only storage of studies. */
export { crc32, crc32c } from '../data/checksum'
export type { EnvironmentRecord } from './environment'
export type { DamagedLine, JournalEntry } from './journal'
export { type QueryResult, type QueryValue, queryStudy } from './query'
export { Session, type StudyFile, StudyStore, type TraceColumns, writeWhole } from './store'
export {
  hasEnded,
  metricNames,
  optionNames,
  type Point,
  type Scalar,
  type TraceReference,
  type TrialFailure,
  type TrialRecord,
  type TrialState,
  trialStates,
} from './trial'
