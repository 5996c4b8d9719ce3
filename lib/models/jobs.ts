/** Native jobs of an object that holds the result of the last one, one at a time. */
import { abortError, CancelledError, fromNative, InvalidOptionError } from '../native'
import type { NativeJob } from '../native/binding'
import { Run } from './run'

/** A job that can be started, and what becomes of its result. */
export interface Ready<R, T> {
  /** `onRows` gets the numbers of new trace rows. */
  start(onRows: (rows: Float64Array) => void): NativeJob<R>
  settle(result: R): T
}

export class Jobs {
  #busy = false

  /** @param what what the object is called in messages */
  constructor(private readonly what: string) {}

  /** Keeps other jobs away until the function returned is called. Throws InvalidOptionError when there is one. */
  claim(refusal = `this ${this.what} is being fitted; wait for that run, or use another ${this.what}.`): () => void {
    if (this.#busy) throw new InvalidOptionError(refusal)
    this.#busy = true
    return () => {
      this.#busy = false
    }
  }

  /** Claims the object, makes the job ready and runs it: live points from its rows, failures as typed errors. */
  run<R, T, P>(
    ready: () => Ready<R, T> | Promise<Ready<R, T>>,
    toPoint: (rows: Float64Array) => P,
    signal: AbortSignal | undefined,
  ): Run<T, P> {
    return new Run<T, P>(async ({ signal: stop, emit }) => {
      const release = this.claim()
      try {
        const { start, settle } = await ready()
        if (stop.aborted) throw abortError(stop.reason)
        const job = start((rows) => emit(toPoint(rows)))
        stop.addEventListener('abort', job.cancel, { once: true })
        return settle(await job.promise)
      } catch (error) {
        const known = fromNative(error)
        // Stopped while the data were still being looked at: the same to the caller as before the start.
        throw known instanceof CancelledError ? abortError(stop.reason) : known
      } finally {
        release()
      }
    }, signal)
  }
}
