export {
  type Certificate,
  type MeanFieldFit,
  type MeanFieldFitOptions,
  MeanFieldNetwork,
  type MeanFieldNetworkOptions,
  type Trace,
} from './mean-field-network'
export type { Rows } from './preparation'
export { abortError, Run } from './run'
export type { ClassScores, RegressionScores, Scores } from './scores'
