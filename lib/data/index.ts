/** Data sets: reading, splitting, scaling and generating them. */

export type { ArrayOptions, FeatureInput, TargetInput } from './arrays'
export { Dataset } from './dataset'
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
export type { Dtype } from './options'
export type { SplitOptions } from './split'
export { type FeatureMatrix, type FeatureOptions, readFeatures, type TableOptions } from './table'
export {
  applyScaler,
  applyTargetScaler,
  type FeatureTable,
  fitScaler,
  fitTargetScaler,
  invertTargetScaler,
  type Scaler,
  type ScalerKind,
  scalerFromJson,
  scalerToJson,
  type TargetScaler,
  targetScalerFromJson,
  targetScalerToJson,
} from './transforms'
