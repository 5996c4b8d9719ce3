/** Trials in this process: long fits on native threads of their own, several at once, short ones in batches. */
import { type Executor, limited } from './executor'
import { Together } from './together'
import { runTrial, type TrialControls, type TrialOutcome, type TrialSpec } from './trial'

export class InlineExecutor implements Executor {
  readonly slots: number
  readonly #together: Together

  constructor(slots: number) {
    this.slots = slots
    this.#together = new Together(slots)
  }

  get width(): number {
    return this.#together.width
  }

  run(spec: TrialSpec, controls: TrialControls): Promise<TrialOutcome> {
    // What has a limit of its own is stopped on its own.
    if (spec.timeout !== undefined)
      return limited(spec, controls.signal, (signal) => runTrial(spec, { ...controls, signal }))
    return runTrial(spec, controls, this.#together)
  }

  async close(): Promise<void> {}
}
