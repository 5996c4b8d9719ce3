/**
 * Training methods whose convergence is proved; every run ends with a certificate of how far from the optimum it is.
 *
 * Words for shapes: `n` rows, `d` features, `M` particles, `p` numbers a particle, `k` outputs.
 *
 * @packageDocumentation
 */
export * from './data'
export type {
  DualAveragingOptions,
  LangevinOptions,
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
