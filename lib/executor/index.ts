/** Where trials run. */
export { type ClusterJob, type KubernetesJob, kubernetesManifest, type SlurmJob, slurmScript } from './cluster'
export { type DataSpec, dataIdentity, loadParts } from './data-source'
export { type Executor, TrialCrash, TrialLimit, withRetries } from './executor'
export { InlineExecutor } from './inline'
export { trialModelNames } from './models'
export { ProcessExecutor, type ProcessOptions } from './process'
export { runTrial, type TrialControls, type TrialOutcome, type TrialSpec } from './trial'
