/** How good predictions are, in the words of the field: accuracy and mean loss, or R² and mean squared error. */

/** Rows of `outputs` (n × k, row-major). */
export interface ClassScores {
  /** Fraction of rows whose largest output (for one output: whose sign) is that of their class. */
  accuracy: number
  /** Mean loss, in the units of the training loss. */
  loss: number
}

export interface RegressionScores {
  /** 1 − Σ(y − ŷ)² / Σ(y − ȳ)², the mean over outputs; 0 for a constant target that is not met exactly. */
  r2: number
  /** Mean of (y − ŷ)² over rows and outputs, in the units of the target squared. */
  mse: number
}

export type Scores = ClassScores | RegressionScores

/** Index of the largest of k outputs in every row; one output stands for the two classes 0 (negative) and 1. */
export function classIndices(outputs: Float32Array, k: number): Int32Array {
  if (k === 1) return Int32Array.from(outputs, (z) => (z > 0 ? 1 : 0))
  return Int32Array.from({ length: outputs.length / k }, (_, i) => {
    let best = 0
    for (let j = 1; j < k; j++) if (at(outputs, i * k + j) > at(outputs, i * k + best)) best = j
    return best
  })
}

/**
 * Probabilities of the classes, n × max(k, 2): the softmax of k outputs, or the logistic function of one.
 */
export function classProbabilities(outputs: Float32Array, k: number): Float32Array {
  if (k === 1)
    return Float32Array.from({ length: 2 * outputs.length }, (_, i) => sigmoid((i % 2 ? 1 : -1) * at(outputs, i >> 1)))
  const probabilities = new Float32Array(outputs.length)
  for (let i = 0; i < outputs.length; i += k) {
    const row = outputs.subarray(i, i + k)
    const total = logSumExp(row)
    for (let j = 0; j < k; j++) probabilities[i + j] = Math.exp(at(row, j) - total)
  }
  return probabilities
}

/** @param targets class indices, n of them */
export function scoreClasses(
  outputs: Float32Array,
  k: number,
  targets: Float64Array,
  loss: (z: Float32Array, target: number) => number,
): ClassScores {
  const found = classIndices(outputs, k)
  let right = 0
  let sum = 0
  for (let i = 0; i < targets.length; i++) {
    if (found[i] === targets[i]) right++
    sum += loss(outputs.subarray(i * k, (i + 1) * k), at(targets, i))
  }
  return { accuracy: right / targets.length, loss: sum / targets.length }
}

/** @param targets n × k, as `outputs` */
export function scoreRegression(
  outputs: Float32Array | Float64Array,
  k: number,
  targets: Float64Array,
): RegressionScores {
  let errors = 0
  let r2 = 0
  const n = targets.length / k
  for (let j = 0; j < k; j++) {
    let mean = 0
    for (let i = j; i < targets.length; i += k) mean += at(targets, i) / n
    let residual = 0
    let total = 0
    for (let i = j; i < targets.length; i += k) {
      residual += (at(targets, i) - at(outputs, i)) ** 2
      total += (at(targets, i) - mean) ** 2
    }
    errors += residual
    r2 += (total > 0 ? 1 - residual / total : residual === 0 ? 1 : 0) / k
  }
  return { r2, mse: errors / targets.length }
}

/** log(1 + exp(−t)) without overflow. */
export const logisticLoss = (t: number) => (t > 0 ? Math.log1p(Math.exp(-t)) : Math.log1p(Math.exp(t)) - t)

/** −log of the softmax probability of a class. */
export const softmaxLoss = (z: Float32Array, target: number) => logSumExp(z) - at(z, target)

/** Σ_k softplus(1 − (z_y − z_k)). */
export const multiclassHingeLoss = (z: Float32Array, target: number) =>
  z.reduce((sum, value) => sum + logisticLoss(at(z, target) - value - 1), 0)

/** Half the squared error of one number a class, 1 for the own and −1 for the others; one number stands for two classes. */
export const squaredClassLoss = (z: Float32Array, target: number) =>
  z.reduce((sum, value, k) => sum + (value - ((z.length === 1 ? target === 1 : target === k) ? 1 : -1)) ** 2 / 2, 0)

/** Smooth hinge of margin t: quadratic on (1 − width, 1), linear below. */
export function smoothHingeLoss(t: number, width: number): number {
  if (t >= 1) return 0
  return t > 1 - width ? (1 - t) ** 2 / (2 * width) : 1 - t - width / 2
}

const at = (values: ArrayLike<number>, i: number) => values[i] as number
const sigmoid = (z: number) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)))

function logSumExp(z: Float32Array): number {
  const top = z.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  return top + Math.log(z.reduce((sum, value) => sum + Math.exp(value - top), 0))
}
