/** Where trials run, and what is done when one crashes. */
import { EnvironmentError } from '../native/errors'
import type { TrialControls, TrialOutcome, TrialSpec } from './trial'

export interface Executor {
  /** Trials at once. */
  readonly slots: number
  /** Trials that it takes at once, more than `slots` while they are so short that it works on them in batches. */
  readonly width?: number
  run(spec: TrialSpec, controls: TrialControls): Promise<TrialOutcome>
  close(): Promise<void>
}

/** The process of a trial died; not the trial's doing as far as anybody knows. */
export class TrialCrash extends EnvironmentError {}

/** The trial took longer, or more memory, than it may. */
export class TrialLimit extends EnvironmentError {}

export interface RetryOptions {
  /** New attempts after the first. */
  retries: number
  /** Seconds before the first new attempt, doubled for each further one. */
  backoff: number
  signal: AbortSignal
  /** Told before every attempt, from 1. */
  onAttempt?: (attempt: number) => void
}

/** Crashes and limits are tried again; errors that would only come again (options, data, divergence) are not. */
export async function withRetries<T>(
  work: () => Promise<T>,
  { retries, backoff, signal, onAttempt }: RetryOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    onAttempt?.(attempt)
    try {
      return await work()
    } catch (error) {
      const again = error instanceof TrialCrash || error instanceof TrialLimit
      if (!again || attempt > retries || signal.aborted) throw error
      await pause(1000 * backoff * 2 ** (attempt - 1), signal)
    }
  }
}

/** Ends early when the signal is raised. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
}

/** Runs `work` with a signal that is raised after `timeout` seconds too; then a result `interrupted` is a TrialLimit. */
export async function limited(
  { timeout, id }: TrialSpec,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<TrialOutcome>,
): Promise<TrialOutcome> {
  if (timeout === undefined) return work(signal)
  const controller = new AbortController()
  let late = false
  const timer = setTimeout(() => {
    late = true
    controller.abort()
  }, 1000 * timeout)
  const forward = () => controller.abort()
  signal.addEventListener('abort', forward, { once: true })
  if (signal.aborted) controller.abort()
  try {
    const outcome = await work(controller.signal)
    if (late && outcome.kind === 'interrupted')
      throw new TrialLimit(
        `trial ${id} took longer than its limit of ${timeout} s; raise run.timeout, or give it less to do.`,
      )
    return outcome
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', forward)
  }
}
