/** The native layer with errors turned into classes; nothing above it touches the addon directly. */
import type { NativeInfo, NativeMatrix } from './binding'
import type { Catalogue, ModelEntry } from './entries'
import { fromNative } from './errors'
import { binding } from './load'

export type * from './binding'
export { type ChosenDevice, chooseDevice, choosePrecision, cudaDevices, type Device } from './devices'
export type * from './entries'
export * from './errors'
export { binding } from './load'
export { untilAborted } from './until-aborted'

function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw fromNative(error)
  }
}

/** Version, instruction sets, processors and devices, as the addon sees them. */
export const nativeInfo = (): NativeInfo => guarded(() => binding().info())

let parsed: Catalogue | undefined
/** Models, algorithms and their options, as declared in C++. */
export function catalogue(): Catalogue {
  parsed ??= guarded(() => JSON.parse(binding().catalogue()) as Catalogue)
  return parsed
}

export const modelEntry = (name: string): ModelEntry =>
  catalogue().models.find((entry) => entry.name === name) as ModelEntry

/** Leading right singular vectors (count × columns, not centred) and singular values, largest first. */
export const rightSingularVectors = (
  matrix: NativeMatrix,
  count: number,
): { vectors: Float64Array; values: Float64Array } => guarded(() => binding().rightSingularVectors(matrix, count))
