/** The loop: trials of a study on an executor, each result written down before the next trial begins. */
import { type Executor, InlineExecutor, ProcessExecutor, type TrialSpec, withRetries } from '../executor'
import { type ErrorCode, nativeInfo } from '../native'
import { hasEnded, type TrialRecord } from '../store'
import { Pruner } from './pruning'
import type { TrialSource } from './source'
import type { AskedTrial, Study } from './study'

/** What to do with trials of an earlier session. */
export interface ResumeSwitches {
  /** Carry on with those that were interrupted or left behind. Default true. */
  unfinished?: boolean
  /** Carry on with failed ones from their checkpoints. Default false. */
  resumeFailed?: boolean
  /** Begin failed ones anew. Default false. */
  restartFailed?: boolean
}

export interface RunStudyOptions extends ResumeSwitches {
  signal?: AbortSignal
  /** Which trials are this process's business, by number. Default all. */
  select?: (number: number) => boolean
  /** Where they run; absent: as the definition says. */
  executor?: Executor
  /** Where trials come from when other processes work on the study too; absent: all that are left. */
  source?: TrialSource
  onProgress?: (progress: StudyProgress) => void
}

export interface StudyProgress {
  /** Trials that have ended, of all. */
  ended: number
  size: number
  failed: number
  /** What has just ended. */
  last?: { id: string; state: string; message?: string }
}

export interface StudySummary extends StudyProgress {
  complete: number
  pruned: number
  /** Was it stopped before everything had ended? */
  interrupted: boolean
}

type Ending = 'complete' | 'pruned' | 'failed' | 'cancelled'

/** A trial that took less than this part of the checkpoint interval shows that its study's trials need no checkpoints. */
const shortPart = 0.1

/** Runs what is left of a study. Resolves when nothing is left or the signal has been raised and all is put away. */
export async function runStudy(study: Study, options: RunStudyOptions = {}): Promise<StudySummary> {
  const runner = new Runner(study, options)
  return runner.run()
}

export function executorOf(study: Study): { executor: Executor; threads: number } {
  const { executor = 'inline', parallel, threads, memory, gpus } = study.resolved.definition.run ?? {}
  const { parallelism } = nativeInfo()
  const slots = parallel ?? Math.max(1, Math.floor(parallelism / (threads ?? 1)))
  const made =
    executor === 'inline'
      ? new InlineExecutor(slots)
      : new ProcessExecutor({ slots, ...(memory !== undefined && { memory }), ...(gpus && { gpus }) })
  return { executor: made, threads: threads ?? Math.max(1, Math.floor(parallelism / made.slots)) }
}

class Runner {
  readonly #study: Study
  readonly #options: RunStudyOptions
  readonly #signal: AbortSignal
  readonly #pruner: Pruner | undefined
  readonly #queue: AskedTrial[] = []
  readonly #counts: Record<Ending, number> = { complete: 0, pruned: 0, failed: 0, cancelled: 0 }
  #longest: number | undefined
  #last: StudyProgress['last']
  #broken: unknown

  constructor(study: Study, options: RunStudyOptions) {
    this.#study = study
    this.#options = options
    this.#signal = options.signal ?? new AbortController().signal
    const { definition, objectives } = study.resolved
    const [objective] = objectives
    if (definition.prune && objective) this.#pruner = new Pruner(definition.prune, objective)
  }

  async run(): Promise<StudySummary> {
    const study = this.#study
    const made = this.#options.executor ? undefined : executorOf(study)
    const executor = this.#options.executor ?? (made as { executor: Executor }).executor
    const threads = made?.threads ?? 1
    study.plan()
    this.#collect(study.trials())
    const { session } = study
    try {
      await this.#work(executor, threads)
    } finally {
      await this.#options.source?.close()
      await executor.close()
      session.flush()
      study.close()
    }
    if (this.#broken) throw this.#broken
    // What others did counts too.
    if (this.#options.source) this.#collect(study.trials())
    const progress = this.#progress()
    return { ...progress, ...this.#counts, interrupted: this.#signal.aborted && progress.ended < progress.size }
  }

  /** As many trials at a time as the executor takes; where results are learnt from, as few as keep it busy. */
  #work(executor: Executor, threads: number): Promise<void> {
    const { source } = this.#options
    const width = () => (this.#study.learns ? executor.slots : (executor.width ?? executor.slots))
    const ready = () => source?.ready ?? this.#queue.length
    return new Promise((resolve, reject) => {
      let loops = 0
      let over = false
      const loop = async () => {
        while (loops <= width()) {
          const trial = await this.#next()
          over ||= !trial
          if (!trial) break
          widen()
          await this.#carryOut(trial, executor, threads)
          if (!this.#broken) await source?.done(trial)
        }
        // At once: others that end in this very moment must not all take themselves for one too many.
        if (--loops === 0) resolve()
      }
      const widen = () => {
        while (!over && loops < width() && (loops < executor.slots || ready() > 0)) {
          loops++
          loop().catch(reject)
        }
      }
      widen()
    })
  }

  #collect(trials: readonly TrialRecord[]): void {
    Object.assign(this.#counts, { complete: 0, pruned: 0, failed: 0, cancelled: 0 })
    const { unfinished = true, resumeFailed = false, restartFailed = false, select = () => true } = this.#options
    for (const trial of trials) {
      for (const [resource, value] of trial.reports) this.#pruner?.note(trial.id, resource, value)
      if (!select(trial.number)) continue
      const failed = trial.state === 'failed'
      const begun = trial.attempts > 0
      if (failed && restartFailed) this.#study.dropCheckpoint(trial.id)
      if ((failed && (resumeFailed || restartFailed)) || trial.state === 'stale' || trial.state === 'waiting') {
        if (!failed && begun && !unfinished) continue
        this.#queue.push(trial)
      } else if (hasEnded(trial.state)) this.#counts[trial.state as Ending]++
    }
    this.#queue.reverse()
  }

  async #next(): Promise<AskedTrial | undefined> {
    if (this.#signal.aborted || this.#broken) return undefined
    if (this.#options.source) return this.#options.source.next()
    const queued = this.#queue.pop()
    if (queued) return queued
    return this.#study.learns && !this.#options.select ? this.#study.next() : undefined
  }

  async #carryOut(trial: AskedTrial, executor: Executor, threads: number): Promise<void> {
    const { session, resolved } = this.#study
    const { retries = 2, backoff = 1 } = resolved.definition.run ?? {}
    const spec = this.#spec(trial, threads)
    const onRung = async (resource: number, value: number) => {
      session.report(trial.id, resource, value)
      session.flush()
      return this.#pruner?.goesOn(trial.id, resource, value) ?? true
    }
    const start = performance.now()
    try {
      const outcome = await withRetries(() => executor.run(spec, { signal: this.#signal, onRung }), {
        retries,
        backoff,
        signal: this.#signal,
        onAttempt: () => {
          session.start(trial.id)
          session.flush()
        },
      })
      if (outcome.kind === 'interrupted') session.interrupt(trial.id)
      else {
        session.complete(trial.id, { ...outcome, pruned: outcome.kind === 'pruned' })
        this.#end(trial.id, outcome.kind)
      }
    } catch (error) {
      if (this.#signal.aborted) session.interrupt(trial.id)
      else {
        const { code = 'MEANFIELD_INTERNAL', message } = error as Error & { code?: ErrorCode }
        session.fail(trial.id, { code, message })
        this.#end(trial.id, 'failed', message)
      }
    }
    this.#longest = Math.max(this.#longest ?? 0, (performance.now() - start) / 1000)
    this.#flush()
    if (!this.#signal.aborted && spec.checkpoint && !this.#failedNow(trial.id)) this.#study.dropCheckpoint(trial.id)
  }

  /** A disk that is full must stop the study, not be forgotten with one trial. */
  #flush(): void {
    try {
      this.#study.session.flush()
    } catch (error) {
      this.#broken = error
    }
  }

  #failedNow(id: string): boolean {
    return this.#last?.id === id && this.#last.state === 'failed'
  }

  #spec(trial: AskedTrial & { reports?: TrialRecord['reports'] }, threads: number): TrialSpec {
    const study = this.#study
    const spec: TrialSpec = { ...study.spec(trial), threads }
    const { checkpointSeconds: seconds = 30 } = study.resolved.definition.run ?? {}
    const short = this.#longest !== undefined && this.#longest < shortPart * seconds
    const pruner = this.#pruner
    const path = study.store.checkpointPath(trial.id)
    // Rungs need one: each part of a trial goes on from the last.
    if ((seconds > 0 && !short) || pruner) spec.checkpoint = { path, seconds: Math.max(1, seconds) }
    if (pruner) {
      spec.rungs = pruner.rungs(Number(trial.options.steps))
      spec.rungDone = Math.max(0, ...(trial.reports ?? []).map(([resource]) => resource))
    }
    return spec
  }

  #end(id: string, state: 'complete' | 'pruned' | 'failed', message?: string): void {
    this.#counts[state]++
    this.#last = { id, state, ...(message !== undefined && { message }) }
    this.#options.onProgress?.(this.#progress())
  }

  #progress(): StudyProgress {
    const { complete, pruned, failed, cancelled } = this.#counts
    const ended = complete + pruned + failed + cancelled
    return { ended, size: this.#study.size, failed, ...(this.#last && { last: this.#last }) }
  }
}
