import type { NativeJob } from './binding'
import { abortError, CancelledError, fromNative } from './errors'

/** What a job gives; an abort cancels it, also one that came before, and rejects with an AbortError. */
export async function untilAborted<R>(job: NativeJob<R>, signal: AbortSignal | undefined): Promise<R> {
  signal?.addEventListener('abort', job.cancel, { once: true })
  const before = signal?.aborted === true
  if (before) job.cancel()
  try {
    const result = await job.promise
    if (before) throw abortError(signal.reason) // a short job may have been faster
    return result
  } catch (error) {
    const known = fromNative(error)
    throw signal?.aborted && known instanceof CancelledError ? abortError(signal.reason) : known
  } finally {
    signal?.removeEventListener('abort', job.cancel)
  }
}
