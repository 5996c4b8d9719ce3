import type { NativeJob } from './binding'

/** What a job gives; an abort cancels it, also one that came before. */
export async function untilAborted<R>(job: NativeJob<R>, signal: AbortSignal | undefined): Promise<R> {
  signal?.addEventListener('abort', job.cancel, { once: true })
  if (signal?.aborted) job.cancel()
  return await job.promise.finally(() => signal?.removeEventListener('abort', job.cancel))
}
