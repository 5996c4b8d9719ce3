/** Data sets: reading, splitting, scaling and generating them. */

export type { ArrayOptions, FeatureInput, NumberArray, TargetInput } from './arrays'
export { type ArrayFileOptions, Dataset, type NpzOptions } from './dataset'
export type { CategoricalKind, EncodedColumn, Encoding, EncodingOptions, MissingPolicy } from './encoding'
export type { FoldOptions } from './folds'
export type { Frame, FrameColumn, NumberColumn, TextColumn } from './frame'
export type { FrameDatasetOptions, FrameFeatureOptions } from './from-frame'
export {
  type CirclesOptions,
  circles,
  type GaussianOptions,
  gaussian,
  type ParityOptions,
  parity,
  type SingleIndexOptions,
  singleIndex,
  type TeacherStudentOptions,
  teacherStudent,
} from './generators'
export type { Task } from './labels'
export { type LibsvmOptions, type LibsvmRows, type LinearRows, readLibsvm, splitLinearRows } from './linear-rows'
export type { Dtype } from './options'
export { type FileFormat, type FrameOptions, readFrame } from './read-frame'
export type { ArrowTable } from './readers/arrow'
export { readIdx } from './readers/idx'
export { asFeatures, asTargets, type NdArray } from './readers/nd-array'
export { readNpy } from './readers/npy'
export { readNpz } from './readers/npz'
export { readSql, type SqlOptions } from './readers/sql'
export type { SplitOptions } from './split'
export { type ArrayStreamOptions, DatasetStream, type PieceOptions, type StreamOptions } from './stream'
export { type FeatureMatrix, type FeatureOptions, readFeatures, type TableOptions } from './table'
export {
  applyScaler,
  applyTargetScaler,
  type FeatureTable,
  fitScaler,
  fitTargetScaler,
  invertTargetScaler,
  type Scaler,
  type ScalerJson,
  type ScalerKind,
  scalerFromJson,
  scalerToJson,
  type TargetScaler,
  targetScalerFromJson,
  targetScalerToJson,
} from './transforms'
