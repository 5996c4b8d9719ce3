/** Exit codes, and how a failure is told: one sentence for what a person can put right, the stack for what only we can. */
import { isNativeError } from 'node:util/types'
import { MeanfieldError } from '../native/errors'

export const exitCodes = { done: 0, wrongUse: 1, badInput: 2, failedForGood: 42, interrupted: 75 } as const

/** For the schedulers of `meanfield worker`: what would only fail again is 42, whatever it is elsewhere. */
export function finalExitCode({ code, exitCode }: Failure): number {
  const hopeless =
    code === 'MEANFIELD_INVALID_OPTION' || code === 'MEANFIELD_INVALID_DATA' || code === 'MEANFIELD_USAGE'
  return hopeless ? exitCodes.failedForGood : exitCode
}

/** The command line was used in a way that it does not have; bad data and bad values are errors of the library. */
export class UsageError extends Error {
  readonly code = 'MEANFIELD_USAGE'
}

export interface Failure {
  code: string
  message: string
  exitCode: number
  /** Only where the failure is a bug. */
  stack?: string
}

export function describeFailure(error: unknown): Failure {
  if (!isNativeError(error)) return bug(String(error))
  const { message } = error
  if (error instanceof UsageError) return { code: error.code, message, exitCode: exitCodes.wrongUse }
  if (error.name === 'AbortError')
    return { code: 'MEANFIELD_CANCELLED', message: 'interrupted.', exitCode: exitCodes.interrupted }
  if (error instanceof MeanfieldError && error.code !== 'MEANFIELD_INTERNAL') {
    const interrupted = error.code === 'MEANFIELD_CANCELLED'
    return { code: error.code, message, exitCode: interrupted ? exitCodes.interrupted : exitCodes.badInput }
  }
  // What the operating system says about a file names the file.
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code !== undefined && syscall !== undefined) return { code, message, exitCode: exitCodes.badInput }
  return bug(message, error.stack)
}

function bug(message: string, stack = message): Failure {
  return { code: 'MEANFIELD_INTERNAL', message, exitCode: exitCodes.wrongUse, stack }
}
