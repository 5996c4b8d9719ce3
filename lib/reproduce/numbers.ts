/** Small statistics that claims are made of, and ranges of rows. */

export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] as number
  return sum / values.length
}

/** Mean of the last `part` of the values, for example 0.5 for the second half. */
export function tailMean(values: Float64Array, part: number): number {
  return mean(values.subarray(Math.floor(values.length * (1 - part))))
}

/** First x at which y is at or below `level`; infinite when it never is. */
export function firstBelow(x: ArrayLike<number>, y: ArrayLike<number>, level: number): number {
  for (let i = 0; i < y.length; i++) if ((y[i] as number) <= level) return x[i] as number
  return Number.POSITIVE_INFINITY
}

/** Least-squares slope of log y against log x over the points where both are positive. */
export function logSlope(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const logs = Array.from(x, (value, i) => [Math.log(value), Math.log(y[i] as number)] as const)
  const used = logs.filter((pair) => pair.every(Number.isFinite))
  const [mx, my] = [mean(used.map(([u]) => u)), mean(used.map(([, v]) => v))]
  const cross = used.reduce((sum, [u, v]) => sum + (u - mx) * (v - my), 0)
  return cross / used.reduce((sum, [u]) => sum + (u - mx) ** 2, 0)
}

/** The row indices from, from + 1, …: `count` of them. */
export function rowRange(from: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => from + i)
}
