export type { MeanFieldManyOptions, MeanFieldManyRun } from './fit-many'
export type { LinearData } from './linear-data'
export {
  type LinearFit,
  type LinearFitOptions,
  LinearModel,
  type LinearModelOptions,
  type LinearTrace,
} from './linear-model'
export type { Certificate, MeanFieldFit, MeanFieldSummary, Trace } from './mean-field-fit'
export { type MeanFieldFitOptions, MeanFieldNetwork, type MeanFieldNetworkOptions } from './mean-field-network'
export type { Rows } from './preparation'
export { abortError, Run } from './run'
export type { ClassScores, RegressionScores, Scores } from './scores'
