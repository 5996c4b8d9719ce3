/** Seeds from a counter-based generator: the i-th is a function of the study's seed and of i, whoever asks and when. */
import { philox4x32_10 } from '../data/random'

// Word 3 keeps these numbers apart from those of data sets (0xff……) and of the core (small numbers in the top byte).
const seedDomain = 0xfe000000

/** A safe integer of 53 bits. */
export function derivedSeed(studySeed: number, index: number): number {
  const [a, b] = philox4x32_10(
    [index >>> 0, Math.floor(index / 2 ** 32), 0, seedDomain],
    [studySeed >>> 0, Math.floor(studySeed / 2 ** 32)],
  )
  return (a & 0x1fffff) * 2 ** 32 + b
}
