/**
 * Twenty points and neurons tanh(θx) with one weight: the problem on which every density can be computed, by quadrature.
 */
import { Dataset } from '../data'
import { Random } from '../data/random'

export interface LineSettings {
  rows: number
  /** The teacher is tanh(teacher · x). */
  teacher: number
  labelNoise: number
  ridge: number
  entropy: number
  /** Of the random numbers. */
  stream: number
}

export const bound = 12
export const spacing = 0.01
/** Weights θ at which densities are held; spectrally accurate for densities that vanish at the ends. */
export const grid = Float64Array.from({ length: Math.round((2 * bound) / spacing) + 1 }, (_, i) => -bound + i * spacing)

export class LineProblem {
  readonly data: Dataset
  readonly #x: Float64Array
  readonly #y: Float64Array

  constructor(
    readonly settings: LineSettings,
    seed: number,
  ) {
    const { rows, teacher, labelNoise, stream } = settings
    const random = new Random(seed, stream)
    const features = Float32Array.from({ length: rows }, () => random.normal())
    this.#x = Float64Array.from(features)
    this.#y = this.#x.map((x) => Math.tanh(teacher * x) + labelNoise * random.normal())
    this.data = Dataset.fromArrays(features, this.#y, { columns: 1, task: 'regression' })
  }

  /** E_q tanh(θ x_i) − y_i: the derivative of the squared loss. */
  residuals(density: Float64Array): Float64Array {
    return this.#x.map((x, i) => {
      const output = density.reduce((sum, q, k) => sum + q * Math.tanh((grid[k] as number) * x) * spacing, 0)
      return output - (this.#y[i] as number)
    })
  }

  /** ∝ exp{−(1/λ)[(1/n) Σ ω_i tanh(θ x_i) + ρ λ' θ²]} */
  gibbs(weights: Float64Array, part: number): Float64Array {
    const { entropy, ridge, rows } = this.settings
    const exponent = grid.map((theta) => {
      const energy = weights.reduce((sum, w, i) => sum + (w * Math.tanh(theta * (this.#x[i] as number))) / rows, 0)
      return -(energy + part * ridge * theta * theta) / entropy
    })
    const top = exponent.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    const raw = exponent.map((value) => Math.exp(value - top))
    const total = raw.reduce((sum, value) => sum + value * spacing, 0)
    return raw.map((value) => value / total)
  }

  /** L(q) = mean loss + λ' E θ² + λ E log q */
  objective(density: Float64Array): number {
    const { entropy, ridge, rows } = this.settings
    const loss = this.residuals(density).reduce((sum, r) => sum + (r * r) / (2 * rows), 0)
    return density.reduce((sum, q, k) => {
      const theta = grid[k] as number
      return sum + spacing * q * (ridge * theta * theta + (q > 0 ? entropy * Math.log(q) : 0))
    }, loss)
  }

  /** q_*^(t+1) for t = 1, 2, …: ω^(t) = (t/(t+2)) ω^(t−1) + (2t/((t+1)(t+2))) ℓ_z at q_*^(t), from q^(1) = N(0, 1). */
  dualAveraging(steps: number): Float64Array[] {
    let density: Float64Array = grid.map((theta) => Math.exp((-theta * theta) / 2) / Math.sqrt(2 * Math.PI))
    let weights: Float64Array = new Float64Array(this.settings.rows)
    return Array.from({ length: steps }, (_, index) => {
      const t = index + 1
      const g = this.residuals(density)
      weights = weights.map((w, i) => (t / (t + 2)) * w + ((2 * t) / ((t + 1) * (t + 2))) * (g[i] as number))
      density = this.gibbs(weights, t / (t + 2))
      return density
    })
  }

  /** Exact fictitious play: q^(k+1) = (1 − γ) q^(k) + γ p_{q^(k)}, from the prior. Its q^(0), …, q^(steps). */
  fictitiousPlay(mixing: number, steps: number): Float64Array[] {
    const densities = [this.gibbs(new Float64Array(this.settings.rows), 1)]
    for (let k = 0; k < steps; k++) {
      const density = densities[k] as Float64Array
      const response = this.gibbs(this.residuals(density), 1)
      densities.push(density.map((q, i) => (1 - mixing) * q + mixing * (response[i] as number)))
    }
    return densities
  }

  /** q*, to below rounding: the excess falls by (1 − γ)^k. */
  optimum(): Float64Array {
    return this.fictitiousPlay(0.5, 60).at(-1) as Float64Array
  }
}
