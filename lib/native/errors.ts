/**
 * Typed errors. Every message says what was seen, what was expected and what to do; `code` is stable.
 */
import { isNativeError } from 'node:util/types'

export type ErrorCode =
  | 'MEANFIELD_INVALID_OPTION'
  | 'MEANFIELD_INVALID_DATA'
  | 'MEANFIELD_DIVERGED'
  | 'MEANFIELD_CANCELLED'
  | 'MEANFIELD_CHECKPOINT'
  | 'MEANFIELD_OUT_OF_MEMORY'
  | 'MEANFIELD_DEVICE'
  | 'MEANFIELD_LOAD'
  | 'MEANFIELD_INTERNAL'
  | 'MEANFIELD_ENVIRONMENT'

export class MeanfieldError extends Error {
  readonly code: ErrorCode
  /** Machine-readable facts, for example the file, line and column of a bad value. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.details = details
  }
}

/** An option has an unknown name, a wrong type or a value out of range. */
export class InvalidOptionError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_INVALID_OPTION', message, details, options)
  }
}

/** Data, or a file of data or a model, cannot be used as it is. */
export class InvalidDataError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_INVALID_DATA', message, details, options)
  }
}

/** The iterate exploded; the message has the step, the step size and a remedy. */
export class DivergenceError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_DIVERGED', message, details, options)
  }
}

/** Work without a partial result, such as a prediction, was cancelled. */
export class CancelledError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_CANCELLED', message, details, options)
  }
}

/** A checkpoint is missing, torn, foreign or belongs to another run. */
export class CheckpointError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_CHECKPOINT', message, details, options)
  }
}

export class OutOfMemoryError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_OUT_OF_MEMORY', message, details, options)
  }
}

/** The device asked for is absent, lost or unusable. */
export class DeviceError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_DEVICE', message, details, options)
  }
}

/** The native binary cannot be loaded on this machine; the message lists causes and remedies. */
export class LoadError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_LOAD', message, details, options)
  }
}

/** A mistake of ours. */
export class InternalError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_INTERNAL', message, details, options)
  }
}

/** Something that the environment should provide is missing. */
export class EnvironmentError extends MeanfieldError {
  constructor(message: string, details?: Record<string, unknown>, options?: ErrorOptions) {
    super('MEANFIELD_ENVIRONMENT', message, details, options)
  }
}

const classes: Record<
  ErrorCode,
  new (
    message: string,
    details?: Record<string, unknown>,
    options?: ErrorOptions,
  ) => MeanfieldError
> = {
  MEANFIELD_INVALID_OPTION: InvalidOptionError,
  MEANFIELD_INVALID_DATA: InvalidDataError,
  MEANFIELD_DIVERGED: DivergenceError,
  MEANFIELD_CANCELLED: CancelledError,
  MEANFIELD_CHECKPOINT: CheckpointError,
  MEANFIELD_OUT_OF_MEMORY: OutOfMemoryError,
  MEANFIELD_DEVICE: DeviceError,
  MEANFIELD_LOAD: LoadError,
  MEANFIELD_INTERNAL: InternalError,
  MEANFIELD_ENVIRONMENT: EnvironmentError,
}

/** The class that fits an error thrown by the addon; anything without one of our codes is returned as it is. */
export function fromNative(error: unknown): Error {
  // Not by instanceof: to a test runner's sandbox or another context, the addon's errors are of another realm.
  if (!isNativeError(error)) return new InternalError(String(error))
  const code = (error as { code?: unknown }).code
  if (error instanceof MeanfieldError || typeof code !== 'string' || !(code in classes)) return error
  return new classes[code as ErrorCode](error.message, {}, { cause: error })
}

/** For work that was aborted before there was anything to return: `name` is `AbortError`, `cause` the signal's reason. */
export function abortError(reason: unknown): CancelledError {
  const error = new CancelledError('the work was aborted before it had a result.', {}, { cause: reason })
  error.name = 'AbortError'
  return error
}

/** The candidate nearest to `name` in edit distance; undefined when none is near. */
export function suggest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      bestDistance = distance
      best = candidate
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, substitution))
    }
    row = next
  }
  return row[b.length] as number
}
