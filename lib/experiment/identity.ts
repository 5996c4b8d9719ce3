/** Who a trial is: the hash of everything that its result is a function of. */
import { createHash } from 'node:crypto'

/** JSON with the members of objects in the order of their names, so that equal values are equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  members.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`
}

export interface TrialIdentity {
  model: string
  /** Every option of model, algorithm and run that can change the result, defaults filled in. */
  options: object
  /** Content hash of the data, and how they are split. */
  data: unknown
  /** Version of the algorithms. */
  version: string
}

/** The name of each trial by its seed: 32 hexadecimal digits (128 bits of SHA-256). */
export function identifier({ data, model, options, version }: TrialIdentity): (seed: number) => string {
  // In the order of the names, as canonicalJson has them.
  const before = canonicalJson({ data, model, options }).slice(0, -1)
  const after = canonicalJson({ version }).slice(1)
  return (seed) => createHash('sha256').update(`${before},"seed":${seed},${after}`).digest('hex').slice(0, 32)
}
