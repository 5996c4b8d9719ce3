/** Special functions that the distributions below are made of. */

/** log Γ(x) for x > 0: Lanczos (SIAM J. Numer. Anal. 1, 1964) with g = 7 and nine terms; relative error about 1e-15. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  const c = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ]
  const t = x + 6.5
  const sum = c.reduce((total, value, i) => (i === 0 ? value : total + value / (x + i - 1)), 0)
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum)
}

/** Regularized incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22, modified Lentz). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a
  const tiny = 1e-300
  let c = 1
  let d = 1 / guard(1 - ((a + b) * x) / (a + 1), tiny)
  let fraction = d
  for (let m = 1; m < 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    let change = 1
    for (const term of [even, odd]) {
      d = 1 / guard(1 + term * d, tiny)
      c = guard(1 + term / c, tiny)
      change = c * d
      fraction *= change
    }
    if (Math.abs(change - 1) < 1e-15) break
  }
  return front * fraction
}

const guard = (value: number, tiny: number) => (Math.abs(value) < tiny ? tiny : value)

/** Upper regularized incomplete gamma function Q(a, x): series for small x, else the continued fraction (DLMF 8.9). */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1
  const front = Math.exp(a * Math.log(x) - x - logGamma(a))
  if (x < a + 1) {
    let term = 1 / a
    let sum = term
    for (let n = 1; n < 10_000 && term > sum * 1e-17; n++) {
      term *= x / (a + n)
      sum += term
    }
    return 1 - front * sum
  }
  let b = x + 1 - a
  let c = 1e300
  let d = 1 / b
  let fraction = d
  for (let i = 1; i < 10_000; i++) {
    const term = -i * (i - a)
    b += 2
    d = 1 / guard(term * d + b, 1e-300)
    c = guard(b + term / c, 1e-300)
    fraction *= c * d
    if (Math.abs(c * d - 1) < 1e-15) break
  }
  return front * fraction
}

/** Distribution function of the standard normal, through Q(1/2, x²/2); relative error about 1e-15 in both tails. */
export function normalCdf(x: number): number {
  const upper = 0.5 * upperGamma(0.5, (x * x) / 2)
  return x > 0 ? 1 - upper : upper
}

/** P(|T| ≥ |t|) for Student's t with `freedom` degrees. */
export function studentTwoSided(t: number, freedom: number): number {
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5)
}

/** P(X ≥ x) for chi-squared with `freedom` degrees. */
export const chiSquaredTail = (x: number, freedom: number): number => upperGamma(freedom / 2, x / 2)

/** P(F ≥ f) for Fisher's F with (a, b) degrees of freedom. */
export const fisherTail = (f: number, a: number, b: number): number =>
  f <= 0 ? 1 : incompleteBeta(b / (b + a * f), b / 2, a / 2)

/**
 * Quantile of the studentized range of k normals with known variance (infinite degrees of freedom), which critical
 * differences take: the root of P(q) = k ∫ φ(z) [Φ(z) − Φ(z − q)]^{k−1} dz.
 */
export function studentizedRangeQuantile(probability: number, k: number): number {
  const key = `${probability} ${k}`
  const known = quantiles.get(key)
  if (known !== undefined) return known
  // Simpson on [-8, 8]; outside φ is below 1e-14. The rule is far more exact than its order for so smooth a function.
  const n = 160
  const h = 16 / n
  const nodes = Array.from({ length: n + 1 }, (_, i) => {
    const z = -8 + i * h
    const weight = ((i === 0 || i === n ? 1 : i % 2 ? 4 : 2) * h) / 3
    return { z, weight: (weight * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI), below: normalCdf(z) }
  })
  const cdf = (q: number) =>
    k * nodes.reduce((sum, { z, weight, below }) => sum + weight * (below - normalCdf(z - q)) ** (k - 1), 0)
  let [low, high] = [0, 20]
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2
    if (cdf(middle) < probability) low = middle
    else high = middle
  }
  quantiles.set(key, (low + high) / 2)
  return (low + high) / 2
}

const quantiles = new Map<string, number>()
