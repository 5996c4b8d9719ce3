/** Where trials run. */
export { type DataSpec, dataIdentity, loadParts } from './data-source'
export { type Executor, TrialCrash, TrialLimit, withRetries } from './executor'
export { InlineExecutor } from './inline'
export { trialModelNames } from './models'
export { ProcessExecutor, type ProcessOptions } from './process'
export { runTrial, type TrialControls, type TrialOutcome, type TrialSpec } from './trial'
