/**
 * Sobol's sequence (Zh. Vych. Mat. 7, 1967) in Gray-code order (Antonov, Saleev 1979), with the primitive polynomials and
 * initial direction numbers of Joe, Kuo, "Constructing Sobol sequences with better two-dimensional projections", SIAM J.
 * Sci. Comput. 30, 2008, and a random digital shift, which keeps the net and makes every point uniform.
 */
import { Random } from '../data/random'
import { InvalidOptionError } from '../native/errors'

/** Degree s, coefficients a and initial numbers m of dimensions 2, 3, … */
const directions: readonly (readonly [s: number, a: number, m: readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
  [5, 14, [1, 3, 5, 5, 31]],
  [6, 1, [1, 3, 3, 9, 7, 49]],
  [6, 13, [1, 1, 1, 15, 21, 21]],
  [6, 16, [1, 3, 1, 13, 27, 49]],
  [6, 19, [1, 1, 1, 15, 7, 5]],
  [6, 22, [1, 3, 1, 15, 13, 25]],
  [6, 25, [1, 1, 5, 5, 19, 61]],
  [7, 1, [1, 3, 7, 11, 23, 15, 103]],
  [7, 4, [1, 3, 7, 13, 13, 15, 69]],
]
export const mostDimensions = directions.length + 1

const bits = 32
const shiftStream = 0x50000000

const table: Uint32Array[] = []
/** Direction integers v_1 … v_32 of a dimension, from 0. */
function directionIntegers(dimension: number): Uint32Array {
  const known = table[dimension]
  if (known) return known
  const v = new Uint32Array(bits)
  if (dimension === 0) for (let i = 0; i < bits; i++) v[i] = 2 ** (bits - 1 - i)
  else {
    const [s, a, m] = directions[dimension - 1] as (typeof directions)[number]
    for (let i = 0; i < bits; i++) {
      if (i < s) v[i] = (m[i] as number) * 2 ** (bits - 1 - i)
      else {
        // v_i = a_1 v_{i-1} ⊕ … ⊕ a_{s-1} v_{i-s+1} ⊕ v_{i-s} ⊕ v_{i-s} / 2^s
        let value = (v[i - s] as number) ^ ((v[i - s] as number) >>> s)
        for (let k = 1; k < s; k++) if ((a >>> (s - 1 - k)) & 1) value ^= v[i - k] as number
        v[i] = value >>> 0
      }
    }
  }
  table[dimension] = v
  return v
}

/** Coordinates in [0, 1) of the point of this number; `seed` undefined: without shift. */
export function sobolPoint(number: number, dimensions: number, seed?: number): number[] {
  if (dimensions > mostDimensions)
    throw new InvalidOptionError(
      `search.sampler is sobol with ${dimensions} parameters; it has up to ${mostDimensions}. Use random, or fix some options.`,
    )
  const shift = seed === undefined ? undefined : new Random(seed, shiftStream)
  const gray = (number ^ (number >>> 1)) >>> 0
  return Array.from({ length: dimensions }, (_, dimension) => {
    const v = directionIntegers(dimension)
    let x = shift ? shift.uint32() : 0
    for (let i = 0; i < bits; i++) if ((gray >>> i) & 1) x ^= v[i] as number
    return (x >>> 0) / 2 ** bits
  })
}
