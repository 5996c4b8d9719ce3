/** Trials in this process: each fit works on native threads of its own, so that several run at once. */
import { type Executor, limited } from './executor'
import { runTrial, type TrialControls, type TrialOutcome, type TrialSpec } from './trial'

export class InlineExecutor implements Executor {
  readonly slots: number

  constructor(slots: number) {
    this.slots = slots
  }

  run(spec: TrialSpec, { signal, ...controls }: TrialControls): Promise<TrialOutcome> {
    return limited(spec, signal, (both) => runTrial(spec, { ...controls, signal: both }))
  }

  async close(): Promise<void> {}
}
