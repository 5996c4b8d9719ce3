/** Experiments: what is studied, and the loop that studies it. */
export {
  defineExperiment,
  type ExperimentDefinition,
  type Objective,
  type OptionDefinition,
  type PruneDefinition,
  type ResolvedDefinition,
  type RunDefinition,
  resolveDefinition,
  type SamplerName,
} from './definition'
export type { ModelFields, TrialField } from './option-fields'
export { enqueueStudy, QueueSource, type StudyQueueOptions } from './queue-source'
export {
  executorOf,
  type ResumeSwitches,
  type RunStudyOptions,
  runStudy,
  type StudyProgress,
  type StudySummary,
} from './run'
export { PartSource, requireFixedDesign, type TrialSource } from './source'
export type { Choice as ChoiceParameter, Parameter, Range as RangeParameter, Space } from './space'
export { type AskedTrial, Study, type StudyOptions, type ToldResult } from './study'
export { type LoadedDefinition, loadDefinition } from './yaml'
