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
} from './definition'
export { type ResumeSwitches, type RunStudyOptions, runStudy, type StudyProgress, type StudySummary } from './run'
export { type AskedTrial, Study, type StudyOptions, type ToldResult } from './study'
export { type LoadedDefinition, loadDefinition } from './yaml'
