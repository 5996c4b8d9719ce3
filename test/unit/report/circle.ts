/** The tangent kernel of ReLU networks on the unit circle, in closed form: R = 1/(20√2), γ = 10√2 (Nitanda and Suzuki 2021, figure 2). */
import type { SpectrumRecord } from '../../../lib/report'
import { circleEigenvalue } from '../../../lib/reproduce/tangent-kernel'

/** A fit on `rows` points whose target is the mean of the eigenfunctions 3 to 10, by kernel ridge regression with some noise. */
export function circleRecord(rows = 1000, ridge = 1e-3): SpectrumRecord {
  const eigenvalues = Array.from({ length: rows }, (_, j) => circleEigenvalue('both', Math.ceil(j / 2))).sort(
    (a, b) => b - a,
  )
  const noise = (i: number) => 2e-3 * Math.sin(12.9898 * i) * Math.cos(78.233 * i)
  const target = eigenvalues.map((_, i) => (i >= 2 && i < 10 ? 1 / 8 : 0) + noise(i + 1))
  const dimension = (at: number) => eigenvalues.reduce((sum, value) => sum + value / (value + at), 0)
  return {
    title: 'Circle, both layers',
    layers: 'both',
    width: 20000,
    rows,
    features: 2,
    trace: 0.25 + 0.125625,
    eigenvalues,
    ridge,
    effectiveDimension: [-5, -4.5, -4, -3.5, -3, -2.5, -2, -1.5, -1, 0]
      .map((power) => 10 ** power)
      .map((at) => ({ ridge: at, value: dimension(at) })),
    coefficients: {
      target,
      fitted: target.map((value, i) => (value * eigenvalues[i]) / (eigenvalues[i] + ridge)),
    },
  }
}
