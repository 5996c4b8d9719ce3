/** A piece of work in progress: at once a promise of its result and an async iterable of live points. */
import { abortError, InvalidOptionError } from '../native/errors'

/** What the work of a run is given. */
export interface RunControls<P> {
  /** Raised by `abort()` and by the caller's own signal. */
  readonly signal: AbortSignal
  /** Publishes a point. */
  emit(point: P): void
}

/**
 * A run that has been started.
 *
 * As a promise (`await run`, `then`, `catch`, `finally`) it gives the result. As an async iterable it gives live points:
 * the latest one wins, points that nobody was ready for are skipped, and the run never waits for a reader. Iteration
 * ends when the run does, and throws what the run was rejected with. Leaving the loop early does not stop the run.
 *
 * @example
 * const run = net.fit(train)
 * for await (const point of run) console.log(point.step, point.objective)
 * const fitted = await run
 */
export class Run<T, P> implements Promise<T>, AsyncIterable<P> {
  readonly [Symbol.toStringTag] = 'Run'
  readonly #promise: Promise<T>
  readonly #controller = new AbortController()
  #latest: P | undefined
  #count = 0
  #finished = false
  #wake: () => void = () => {}
  #news = Promise.resolve()

  /**
   * Calls `work` at once. A `signal` that is already aborted keeps it from being called: the run rejects with an error
   * named `AbortError`. Otherwise the listener on `signal` is removed when the run ends.
   */
  constructor(work: (controls: RunControls<P>) => Promise<T>, signal?: AbortSignal) {
    this.#expectNews()
    this.#promise = this.#execute(work, signal)
  }

  /** Asks the run to stop; does nothing once it has ended. */
  abort(reason?: unknown): void {
    if (!this.#finished) this.#controller.abort(reason)
  }

  // biome-ignore lint/suspicious/noThenProperty: a run is a promise
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise.then(fulfilled, rejected)
  }

  catch<A = never>(rejected?: ((reason: unknown) => A | PromiseLike<A>) | null): Promise<T | A> {
    return this.#promise.catch(rejected)
  }

  finally(settled?: (() => void) | null): Promise<T> {
    return this.#promise.finally(settled)
  }

  [Symbol.asyncIterator](): AsyncGenerator<P, void, undefined> {
    // Whoever iterates hears of a failure from the loop: the promise alone must not count as unhandled.
    this.#promise.catch(() => {})
    return this.#points()
  }

  async *#points(): AsyncGenerator<P, void, undefined> {
    let seen = 0
    for (;;) {
      if (this.#count > seen) {
        seen = this.#count
        yield this.#latest as P
      } else if (this.#finished) {
        await this.#promise
        return
      } else {
        await this.#news
      }
    }
  }

  async #execute(work: (controls: RunControls<P>) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const forward = () => this.#controller.abort(signal?.reason)
    try {
      if (signal !== undefined && !isSignal(signal))
        throw new InvalidOptionError('signal is not an AbortSignal; pass the signal of an AbortController.')
      if (signal?.aborted) throw abortError(signal.reason)
      signal?.addEventListener('abort', forward, { once: true })
      return await work({ signal: this.#controller.signal, emit: (point) => this.#emit(point) })
    } finally {
      if (isSignal(signal)) signal.removeEventListener('abort', forward)
      this.#finished = true
      this.#wake()
    }
  }

  #emit(point: P): void {
    this.#latest = point
    this.#count++
    const wake = this.#wake
    this.#expectNews()
    wake()
  }

  #expectNews(): void {
    this.#news = new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

/** By its shape, so that the signal of another realm or of a library is one too. */
function isSignal(value: unknown): value is AbortSignal {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value
}
