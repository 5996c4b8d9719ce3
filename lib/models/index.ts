export type { MeasureCertificate, NativeCertificate as Certificate, NativePathPoint as PathPoint } from '../native'
export type { BoostingCertificate, BoostingFit, BoostingTrace } from './boosting-fit'
export type { MeanFieldManyOptions, MeanFieldManyRun } from './fit-many'
export {
  type KernelRegimeCertificate,
  type KernelRegimeFit,
  type KernelRegimeFitOptions,
  type KernelRegimeModelOptions,
  KernelRegimeNetwork,
  type KernelRegimeTrace,
} from './kernel-regime-network'
export type { KernelSpectrum, SpectrumOptions } from './kernel-spectrum'
export type { LinearData, Loss as LinearLoss } from './linear-data'
export {
  type LinearFit,
  type LinearFitOptions,
  LinearModel,
  type LinearModelOptions,
  type LinearTrace,
} from './linear-model'
export type { Loss as MeanFieldLoss } from './losses'
export type { MeanFieldFit, MeanFieldSummary, Trace } from './mean-field-fit'
export { MeanFieldNetwork } from './mean-field-network'
export type { MeanFieldFitOptions, MeanFieldNetworkOptions, PredictOptions } from './mean-field-options'
export {
  type MinimaxFit,
  MinimaxGame,
  type MinimaxPoint,
  type MinimaxRunOptions,
  type MinimaxTrace,
} from './minimax-game'
export type { Choices } from './option-values'
export {
  ParticleMeasure,
  type ParticleMeasureFit,
  type ParticleMeasurePoint,
  type ParticleMeasureRunOptions,
  type ParticleMeasureTrace,
  type Points,
} from './particle-measure'
export type { Rows } from './preparation'
export {
  type BoostingFitOptions,
  type BoostingModelOptions,
  type BoostingPredictOptions,
  ResidualBoosting,
} from './residual-boosting'
export { Run, type RunControls } from './run'
export type { ClassScores, RegressionScores, Scores } from './scores'
export type { MeanFieldStreamFit, MeanFieldStreamOptions, MeanFieldStreamPoint } from './stream-options'
export type { DatasetChunks } from './stream-rows'
