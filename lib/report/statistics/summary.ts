/** A sample in a few numbers. */
import { Random } from '../../data/random'

export interface Summary {
  count: number
  mean: number
  /** With n − 1; NaN for fewer than two values. */
  deviation: number
  median: number
  /** First and third quartile. */
  quartiles: [number, number]
  min: number
  max: number
}

/** Linear interpolation between order statistics (Hyndman, Fan, Am. Stat. 50, 1996, type 7). `sorted` ascending. */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  if (sorted.length === 0) return Number.NaN
  const place = p * (sorted.length - 1)
  const below = Math.floor(place)
  const low = sorted[below] as number
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number
  return low === high ? low : low + (place - below) * (high - low)
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] as number
  return sum / values.length
}

/** NaN among the values makes every number NaN: half a sample is not summarized as if it were whole. */
export function summarize(values: ArrayLike<number>): Summary {
  const count = values.length
  const sorted = Float64Array.from(values).sort()
  if (count === 0 || Number.isNaN(sorted[count - 1]))
    return { count, mean: NaN, deviation: NaN, median: NaN, quartiles: [NaN, NaN], min: NaN, max: NaN }
  const m = mean(values)
  const squares = sorted.reduce((sum, value) => sum + (value - m) ** 2, 0)
  return {
    count,
    mean: m,
    deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : NaN,
    median: quantile(sorted, 0.5),
    quartiles: [quantile(sorted, 0.25), quantile(sorted, 0.75)],
    min: sorted[0] as number,
    max: sorted[count - 1] as number,
  }
}

export interface BootstrapOptions {
  /** Default the mean. */
  statistic?: (values: Float64Array) => number
  /** Coverage; default 0.95. */
  level?: number
  /** Samples drawn; default 2000. */
  resamples?: number
  /** Default 0. */
  seed?: number
}

/** Percentile bootstrap interval (Efron, Tibshirani, "An introduction to the bootstrap", 1993, section 13.3). */
export function bootstrapInterval(values: ArrayLike<number>, options: BootstrapOptions = {}): [number, number] {
  const { statistic = mean, level = 0.95, resamples = 2000, seed = 0 } = options
  const n = values.length
  if (n === 0) return [NaN, NaN]
  const places = drawnPlaces(n, resamples, seed)
  const sample = new Float64Array(n)
  const found = new Float64Array(resamples)
  for (let draw = 0; draw < resamples; draw++) {
    for (let i = 0; i < n; i++) sample[i] = values[places[draw * n + i] as number] as number
    found[draw] = statistic(sample)
  }
  found.sort()
  return [quantile(found, (1 - level) / 2), quantile(found, (1 + level) / 2)]
}

/** The last ones, since a table has many samples of one size. */
let drawn = { key: '', places: new Uint32Array() }

function drawnPlaces(n: number, resamples: number, seed: number): Uint32Array {
  const key = `${n} ${resamples} ${seed}`
  if (key !== drawn.key) {
    const random = new Random(seed, 0x70000000)
    drawn = { key, places: new Uint32Array(n * resamples).map(() => random.below(n)) }
  }
  return drawn.places
}
