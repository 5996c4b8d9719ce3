/** What the two experiments on the tangent kernel share: the setting of the paper's Figure 2, points, targets, and the exact spectrum. */
import { Dataset } from '../data'
import type { KernelRegimeModelOptions } from '../models'

/** R = 1/(20√2) and γ = 10√2: both layers of a ReLU network have about the same share of the kernel's trace. */
export const figureKernel: KernelRegimeModelOptions = {
  activation: 'relu',
  outputScale: 1 / (20 * Math.SQRT2),
  biasScale: 10 * Math.SQRT2,
  scale: 'none',
  scaleTargets: false,
}

export type Trained = 'output' | 'input' | 'both'

/** Of frequency k on the circle, for ReLU and the points uniform (Eq. 4 in Fourier series; the closed form follows from those of h). */
export function circleEigenvalue(layers: Trained, k: number): number {
  const r2 = 1 / 800
  const gamma2 = 200
  // Coefficients of E σ'σ' = (π − φ)/(2π), and of E σσ'.
  const h = (j: number) => (j === 0 ? 1 / 4 : j % 2 === 1 ? 1 / (Math.PI * j) ** 2 : 0)
  const output = k === 0 ? 1 / Math.PI ** 2 : k === 1 ? 1 / 16 : k % 2 === 0 ? 1 / (Math.PI ** 2 * (k * k - 1) ** 2) : 0
  const input = r2 * (k === 0 ? h(1) : (h(k - 1) + h(k + 1)) / 2) + r2 * gamma2 * h(k)
  return (layers === 'input' ? 0 : output) + (layers === 'output' ? 0 : input)
}

/** A function of the angle with its harmonics: for each frequency the number of its two eigenfunctions, √2 sin kt and √2 cos kt. */
export type Harmonics = readonly (readonly [frequency: number, functions: 1 | 2])[]

/**
 * The mean of the eigenfunctions #3 … #10 of a kernel by decreasing eigenvalue. The second and third belong to frequency 1, so that one
 * of these is left out, as is one of the last pair.
 */
export function target(layers: Trained): Harmonics {
  const order = Array.from({ length: 60 }, (_, k) => k)
    .filter((k) => circleEigenvalue(layers, k) > 0)
    .sort((a, b) => circleEigenvalue(layers, b) - circleEigenvalue(layers, a))
  const members = order.flatMap((k) => (k === 0 ? [k] : [k, k])).slice(2, 10)
  return [...new Set(members)].map((k) => [k, members.filter((each) => each === k).length as 1 | 2])
}

export const valueAt = (harmonics: Harmonics, t: number) =>
  harmonics.reduce((sum, [k, functions]) => {
    const both = Math.sin(k * t) + (functions === 2 ? Math.cos(k * t) : 0)
    return sum + (k === 0 ? 1 : Math.SQRT2 * both) / 8
  }, 0)

export const onCircle = (angles: readonly number[], harmonics: Harmonics): Dataset =>
  Dataset.fromArrays(
    angles.map((t) => [Math.cos(t), Math.sin(t)]),
    angles.map((t) => valueAt(harmonics, t)),
    { task: 'regression' },
  )

export const evenAngles = (count: number) => Array.from({ length: count }, (_, i) => (2 * Math.PI * i) / count)
