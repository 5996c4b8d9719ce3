/**
 * Training methods whose convergence is proved; every run ends with a certificate of how far from the optimum it is.
 *
 * Words for shapes: `n` rows, `d` features, `M` particles, `p` numbers a particle, `k` outputs.
 *
 * @packageDocumentation
 */
export * from './data'
export type { DataSpec, Executor, TrialControls, TrialOutcome, TrialSpec } from './executor'
export {
  type AskedTrial,
  type ChoiceParameter,
  defineExperiment,
  type ExperimentDefinition,
  type LoadedDefinition,
  loadDefinition,
  type ModelFields,
  type Objective,
  type OptionDefinition,
  type Parameter,
  type PruneDefinition,
  type RangeParameter,
  type ResolvedDefinition,
  type ResumeSwitches,
  type RunDefinition,
  type RunStudyOptions,
  runStudy,
  type SamplerName,
  type Space,
  Study,
  type StudyOptions,
  type StudyProgress,
  type StudySummary,
  type ToldResult,
  type TrialField,
  type TrialSource,
} from './experiment'
export { type ExportFormat, exportOnnx, exportStudy } from './export'
export type * from './generated/catalogue'
export * from './models'
export {
  type AlgorithmEntry,
  CancelledError,
  type Catalogue,
  CheckpointError,
  type ChosenValue,
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
  type ModelEntry,
  type NativeHandle,
  type NativeInfo,
  nativeInfo,
  type OptionField,
  type OptionValues,
  OutOfMemoryError,
  type Precision,
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
  type ResultCell,
  type ResultRow,
  type ResultTable,
  rankMethods,
  resultTable,
  type Summary,
  signedRank,
  summarize,
  type TableFormat,
  type TestResult,
} from './report'
export {
  type DamagedLine,
  type EnvironmentRecord,
  type Point,
  type QueryResult,
  type QueryValue,
  queryStudy,
  type Scalar,
  type Session,
  type StudyFile,
  StudyStore,
  type TraceColumns,
  type TraceReference,
  type TrialFailure,
  type TrialRecord,
  type TrialState,
} from './store'
