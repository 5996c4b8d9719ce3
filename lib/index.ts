/**
 * Training methods whose convergence is proved; every run ends with a certificate of how far from the optimum it is.
 *
 * Words for shapes: `n` rows, `d` features, `M` particles, `p` numbers a particle, `k` outputs.
 *
 * @packageDocumentation
 */
export * from './data'
export {
  type AskedTrial,
  defineExperiment,
  type ExperimentDefinition,
  type LoadedDefinition,
  loadDefinition,
  type Objective,
  type OptionDefinition,
  type PruneDefinition,
  type ResumeSwitches,
  type RunDefinition,
  type RunStudyOptions,
  runStudy,
  Study,
  type StudyOptions,
  type StudyProgress,
  type StudySummary,
  type ToldResult,
} from './experiment'
export type {
  DualAveragingOptions,
  LangevinOptions,
  LinearAlgorithm,
  LinearAlgorithmName,
  LinearOptions,
  LinearRunOptions,
  LinearTracePoint,
  MeanFieldAlgorithm,
  MeanFieldAlgorithmName,
  MeanFieldOptions,
  RunOptions,
  TracePoint,
} from './generated/catalogue'
export * from './models'
export {
  CancelledError,
  type Catalogue,
  CheckpointError,
  catalogue,
  type Device,
  DeviceError,
  DivergenceError,
  EnvironmentError,
  type ErrorCode,
  InternalError,
  InvalidDataError,
  InvalidOptionError,
  LoadError,
  MeanfieldError,
  type NativeInfo,
  nativeInfo,
  OutOfMemoryError,
} from './native'
export {
  type BootstrapOptions,
  bootstrapInterval,
  type Comparison,
  compareMethods,
  formatComparison,
  formatTable,
  holm,
  pairedT,
  type RankResult,
  type ResultTable,
  rankMethods,
  resultTable,
  type Summary,
  signedRank,
  summarize,
  type TableFormat,
  type TestResult,
} from './report'
export { type Point, StudyStore, type TraceColumns, type TrialRecord, type TrialState } from './store'
