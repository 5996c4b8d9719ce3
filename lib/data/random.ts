/**
 * Counter-based random numbers for data: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011 (Philox 4×32-10), the generator of the native core.
 */

import { InvalidOptionError } from '../native/errors'

export type PhiloxCounter = readonly [number, number, number, number]
export type PhiloxKey = readonly [number, number]

// The core puts its stream number, a small integer, in the top byte of counter word 3. This byte is none of them, so a
// data set and a training run with the same seed share no number.
const DATA_DOMAIN = 0xff000000

const TWO_32 = 2 ** 32

// A test runner's context looks globals up slowly.
const { imul } = Math

function mulHigh(a: number, b: number): number {
  const aHigh = a >>> 16
  const aLow = a & 0xffff
  const bHigh = b >>> 16
  const bLow = b & 0xffff
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const carry = aLow * bHigh + (middle % 0x10000)
  return aHigh * bHigh + ((middle / 0x10000) >>> 0) + ((carry / 0x10000) >>> 0)
}

/** Four 32-bit words that are a pure function of a counter (four 32-bit words) and a key (two). */
export function philox4x32_10(counter: PhiloxCounter, key: PhiloxKey): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0)
    const low0 = imul(0xd2511f53, c0) >>> 0
    const high1 = mulHigh(0xcd9e8d57, c2)
    const low1 = imul(0xcd9e8d57, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** `value` as an integer in [min, max]; throws InvalidOptionError that names the option otherwise. */
export function requireInteger(name: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new InvalidOptionError(
    `${name} is ${String(value)}, expected an integer from ${min} to ${max}; pass ${name} in that range`,
    { option: name, min, max },
  )
}

/**
 * A sequence of random numbers, the same on every machine for the same seed and stream (normal() up to the rounding of
 * Math.log, Math.cos and Math.sin).
 */
export class Random {
  readonly #key: PhiloxKey
  readonly #stream: number
  #block = 0
  #words: readonly number[] = []
  #next = 4
  #spare: number | undefined

  /**
   * @param seed a non-negative safe integer
   * @param stream a 32-bit unsigned integer; streams of one seed are independent
   * @throws InvalidOptionError when either is out of range
   */
  constructor(seed: number, stream = 0) {
    requireInteger('seed', seed, 0)
    this.#stream = requireInteger('stream', stream, 0, TWO_32 - 1)
    this.#key = [seed >>> 0, Math.floor(seed / TWO_32)]
  }

  /** Uniform on 0 … 2³² − 1. */
  uint32(): number {
    if (this.#next === 4) {
      this.#words = philox4x32_10(
        [this.#block >>> 0, Math.floor(this.#block / TWO_32), this.#stream, DATA_DOMAIN],
        this.#key,
      )
      this.#block++
      this.#next = 0
    }
    return this.#words[this.#next++] as number
  }

  /** Uniform on the open interval (0, 1): the midpoints of 2⁵² equal cells, each exact in float64. */
  uniform(): number {
    const high = this.uint32() >>> 6
    const low = this.uint32() >>> 6
    return (high * 2 ** 26 + low + 0.5) * 2 ** -52
  }

  /** Standard normal in float64, by Box and Muller's transform. */
  normal(): number {
    const spare = this.#spare
    if (spare !== undefined) {
      this.#spare = undefined
      return spare
    }
    const radius = Math.sqrt(-2 * Math.log(this.uniform()))
    const angle = 2 * Math.PI * this.uniform()
    this.#spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  /** Uniform on 0 … n − 1 for an integer n from 1 to 2³², without bias: the incomplete last interval is redrawn. */
  below(n: number): number {
    requireInteger('n', n, 1, TWO_32)
    const limit = TWO_32 - (TWO_32 % n)
    let word = this.uint32()
    while (word >= limit) word = this.uint32()
    return word % n
  }

  /** A uniform permutation of 0 … n − 1 (Fisher and Yates). */
  permutation(n: number): Int32Array {
    requireInteger('n', n, 0, 2 ** 31 - 1)
    const order = Int32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const swapped = order[i] as number
      order[i] = order[j] as number
      order[j] = swapped
    }
    return order
  }
}

/** A uniform permutation of 0 … n − 1, a function of n, seed and stream. */
export function permutation(n: number, seed: number, stream = 0): Int32Array {
  return new Random(seed, stream).permutation(n)
}
