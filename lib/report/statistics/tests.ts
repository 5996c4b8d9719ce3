/** Paired tests, their correction for many comparisons, and ranks over several blocks. */
import { chiSquaredTail, fisherTail, normalCdf, studentizedRangeQuantile, studentTwoSided } from './special'
import { summarize } from './summary'

export interface TestResult {
  statistic: number
  /** Two-sided; 1 where all pairs are equal. */
  p: number
}

function differences(a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  if (a.length !== b.length)
    throw new RangeError(`paired samples have ${a.length} and ${b.length} values; expected as many.`)
  return Array.from(a, (value, i) => value - (b[i] as number))
}

/** Student's paired t-test. */
export function pairedT(a: ArrayLike<number>, b: ArrayLike<number>): TestResult {
  const d = differences(a, b)
  const { mean, deviation } = summarize(d)
  if (d.every((value) => value === 0)) return { statistic: 0, p: 1 }
  const statistic = mean / (deviation / Math.sqrt(d.length))
  return { statistic, p: studentTwoSided(statistic, d.length - 1) }
}

/** Largest sample for which the signed-rank distribution is counted out. */
const exactUpTo = 50

/**
 * Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945). Equal pairs are dropped. The distribution is exact up to 50
 * pairs, ties included (their mid-ranks are halves of integers); above it is normal with the correction for ties.
 */
export function signedRank(a: ArrayLike<number>, b: ArrayLike<number>): TestResult {
  const d = differences(a, b).filter((value) => value !== 0)
  const n = d.length
  if (n === 0) return { statistic: 0, p: 1 }
  const ranks = midRanks(d.map(Math.abs))
  const positive = d.reduce((sum, value, i) => (value > 0 ? sum + (ranks[i] as number) : sum), 0)
  const total = (n * (n + 1)) / 2
  const statistic = Math.min(positive, total - positive)
  if (n <= exactUpTo) {
    // Number of sign patterns for every doubled rank sum.
    let counts = new Float64Array(2 * total + 1)
    counts[0] = 1
    for (const rank of ranks) {
      const next = Float64Array.from(counts)
      for (let s = 2 * rank; s < counts.length; s++) next[s] = (next[s] as number) + (counts[s - 2 * rank] as number)
      counts = next
    }
    let tail = 0
    for (let s = 0; s <= 2 * statistic; s++) tail += counts[s] as number
    return { statistic, p: Math.min(1, (2 * tail) / 2 ** n) }
  }
  const variance = ranks.reduce((sum, rank) => sum + rank * rank, 0) / 4
  const z = (Math.abs(statistic - total / 2) - 0.5) / Math.sqrt(variance)
  return { statistic, p: Math.min(1, 2 * (1 - normalCdf(z))) }
}

/** Ranks from 1, equal values sharing the mean of theirs. */
export function midRanks(values: ArrayLike<number>): number[] {
  const order = Array.from(values, (value, i) => [value, i] as const).sort(([a], [b]) => a - b)
  const ranks = new Array<number>(order.length)
  for (let start = 0; start < order.length; ) {
    let end = start
    while (end < order.length && order[end]?.[0] === order[start]?.[0]) end++
    for (let k = start; k < end; k++) ranks[(order[k] as readonly [number, number])[1]] = (start + end + 1) / 2
    start = end
  }
  return ranks
}

/** Holm's step-down correction (Scand. J. Stat. 6, 1979): adjusted p-values in the order given. */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((a, b) => (p[a] as number) - (p[b] as number))
  const adjusted = new Array<number>(p.length)
  let least = 0
  order.forEach((i, k) => {
    least = Math.max(least, Math.min(1, (p.length - k) * (p[i] as number)))
    adjusted[i] = least
  })
  return adjusted
}

export interface RankResult {
  /** Mean rank of every method, 1 the best. */
  ranks: number[]
  /** Friedman's chi-squared with its p-value, corrected for ties. */
  friedman: TestResult
  /** Iman and Davenport's F of it, with its p-value. */
  imanDavenport: TestResult
  /** Mean ranks that differ by this much differ at the level (Nemenyi). */
  criticalDifference: number
}

/**
 * Ranks of k methods over N blocks (data sets, or seeds), and whether they differ: Friedman (J. Am. Stat. Assoc. 32, 1937),
 * Iman, Davenport (1980) and Nemenyi's critical difference, as in Demšar, JMLR 7, 2006.
 *
 * @param blocks N rows of k values
 * @param maximize whether more is better
 */
export function rankMethods(blocks: readonly ArrayLike<number>[], { maximize = false, level = 0.05 } = {}): RankResult {
  const n = blocks.length
  const k = blocks[0]?.length ?? 0
  if (n < 2 || k < 2 || blocks.some((block) => block.length !== k))
    throw new RangeError(`ranks need at least two blocks of at least two methods each; there are ${n} of ${k}.`)
  const sums = new Array<number>(k).fill(0)
  let squares = 0
  for (const block of blocks) {
    const ranks = midRanks(Array.from(block, (value) => (maximize ? -value : value)))
    ranks.forEach((rank, j) => {
      sums[j] = (sums[j] as number) + rank
      squares += rank * rank
    })
  }
  const constant = (n * k * (k + 1) ** 2) / 4
  const between = sums.reduce((sum, value) => sum + value * value, 0) / n - constant
  const statistic = squares === constant ? 0 : ((k - 1) * between) / ((squares - constant) / n)
  const friedman = { statistic, p: chiSquaredTail(statistic, k - 1) }
  const rest = n * (k - 1) - statistic
  const f = rest <= 0 ? Number.POSITIVE_INFINITY : ((n - 1) * statistic) / rest
  return {
    ranks: sums.map((sum) => sum / n),
    friedman,
    imanDavenport: { statistic: f, p: rest <= 0 ? 0 : fisherTail(f, k - 1, (k - 1) * (n - 1)) },
    criticalDifference: (studentizedRangeQuantile(1 - level, k) / Math.SQRT2) * Math.sqrt((k * (k + 1)) / (6 * n)),
  }
}
