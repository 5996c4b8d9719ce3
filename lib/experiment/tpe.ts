/**
 * Tree-structured Parzen estimator: Bergstra, Bardenet, Bengio, Kégl, "Algorithms for hyper-parameter optimization", NIPS
 * 2011, section 4. The observations are parted into good and others; each parameter gets a density from either, and of
 * some draws from the good one that with the largest ratio is taken. With several objectives, good is what few dominate.
 */
import type { Random } from '../data/random'
import type { Point, Scalar } from '../store'
import type { Observation } from './samplers'
import { type Choice, fromInternal, high, holds, low, type Range, type Space, toAxis } from './space'

/** Fraction of observations that count as good (γ). */
const goodFraction = 0.2
const mostGood = 25
/** Draws from the density of the good. */
const candidates = 24

export function parzenPoint(space: Space, observations: readonly Observation[], random: Random): Point {
  const ranked = rankByDominance(observations)
  const count = Math.max(2, Math.min(mostGood, Math.ceil(goodFraction * ranked.length)))
  const good = ranked.slice(0, count)
  const others = ranked.slice(count)
  const point: Record<string, Scalar> = {}
  for (const [name, parameter] of space) {
    if (!holds(parameter.when, point)) continue
    const values = (from: readonly Observation[]) =>
      from.flatMap(({ point }) => (name in point ? [point[name] as Scalar] : []))
    point[name] =
      parameter.kind === 'choice'
        ? bestChoice(parameter, values(good), values(others), random)
        : bestInRange(parameter, values(good) as number[], values(others) as number[], random)
  }
  return point
}

/** Best first: by the number of observations that dominate one, ties by the sum of ranks over the objectives. */
export function rankByDominance(observations: readonly Observation[]): Observation[] {
  const objectives = observations[0]?.losses.length ?? 0
  if (objectives === 1) return [...observations].sort((a, b) => (a.losses[0] as number) - (b.losses[0] as number))
  const dominated = observations.map((a) => observations.filter((b) => dominates(b.losses, a.losses)).length)
  const ranks = observations.map(() => 0)
  for (let j = 0; j < objectives; j++)
    observations
      .map((observation, i) => [observation.losses[j] as number, i] as const)
      .sort(([a], [b]) => a - b)
      .forEach(([, i], rank) => {
        ranks[i] = (ranks[i] as number) + rank
      })
  return observations
    .map((_, i) => i)
    .sort((a, b) => (dominated[a] as number) - (dominated[b] as number) || (ranks[a] as number) - (ranks[b] as number))
    .map((i) => observations[i] as Observation)
}

/** No worse in any objective and better in one. */
export function dominates(a: readonly number[], b: readonly number[]): boolean {
  return a.every((loss, j) => loss <= (b[j] as number)) && a.some((loss, j) => loss < (b[j] as number))
}

/** Frequencies with one added to each value, so that none is ruled out. */
function bestChoice({ values }: Choice, good: Scalar[], others: Scalar[], random: Random): Scalar {
  const weights = (seen: Scalar[]) =>
    values.map((value) => (1 + seen.filter((s) => s === value).length) / (values.length + seen.length))
  const [l, g] = [weights(good), weights(others)]
  let best = 0
  let bestRatio = Number.NEGATIVE_INFINITY
  for (let draw = 0; draw < candidates; draw++) {
    let u = random.uniform()
    let i = 0
    while (i < values.length - 1 && u >= (l[i] as number)) u -= l[i++] as number
    const ratio = (l[i] as number) / (g[i] as number)
    if (ratio > bestRatio) [best, bestRatio] = [i, ratio]
  }
  return values[best] as Scalar
}

interface Kernel {
  center: number
  width: number
}

/** A mixture of truncated normals, one an observation and a wide one for the whole range (the prior). */
function kernels(range: Range, seen: number[]): Kernel[] {
  const [from, to] = [low(range), high(range)]
  const prior = { center: (from + to) / 2, width: to - from }
  const centers = [...seen.map((value) => toAxis(range, value)), prior.center].sort((a, b) => a - b)
  const least = (to - from) / Math.min(100, 1 + centers.length)
  return centers.map((center, i) => {
    if (center === prior.center) return prior
    // The width of a kernel is the larger distance to its neighbours, so that dense places are sharp.
    const gap = Math.max(center - (centers[i - 1] ?? from), (centers[i + 1] ?? to) - center)
    return { center, width: Math.min(to - from, Math.max(least, gap)) }
  })
}

function bestInRange(range: Range, good: number[], others: number[], random: Random): number {
  const [from, to] = [low(range), high(range)]
  const [l, g] = [kernels(range, good), kernels(range, others)]
  const density = (mixture: Kernel[], x: number) =>
    mixture.reduce((sum, { center, width }) => {
      const z = (x - center) / width
      return sum + Math.exp(-0.5 * z * z) / (width * mass(center, width, from, to))
    }, 0) / mixture.length
  let best = (from + to) / 2
  let bestRatio = Number.NEGATIVE_INFINITY
  for (let draw = 0; draw < candidates; draw++) {
    const { center, width } = l[random.below(l.length)] as Kernel
    let x = center + width * random.normal()
    while (x < from || x > to) x = center + width * random.normal()
    const ratio = density(l, x) / density(g, x)
    if (ratio > bestRatio) [best, bestRatio] = [x, ratio]
  }
  return fromInternal(range, best)
}

/** Of a normal, what lies between the bounds. */
function mass(center: number, width: number, from: number, to: number): number {
  return normalCdf((to - center) / width) - normalCdf((from - center) / width)
}

/** Abramowitz, Stegun 26.2.17; the error is below 7.5e-8, which a ratio of densities does not see. */
function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x))
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  const upper = (Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)) * tail
  return x >= 0 ? 1 - upper : upper
}
