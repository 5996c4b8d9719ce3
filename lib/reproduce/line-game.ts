/** The sigmoid game on a grid: its equilibrium to any precision, by damped exact best responses. */

const reach = 10
const count = 401
const spacing = (2 * reach) / (count - 1)
const grid = Float64Array.from({ length: count }, (_, i) => -reach + i * spacing)

export interface Equilibrium {
  grid: Float64Array
  /** Densities of the player who minimizes and of the one who maximizes. */
  x: Float64Array
  y: Float64Array
}

/** Of min_µ max_ν ∬Q dµ dν + λ KL(µ‖ρ) − λ KL(ν‖ρ), Q = 1/(1 + exp(−(x−y)²)), ρ = N(0, 1); Q is symmetric. */
export function gridEquilibrium(entropy: number, rounds = 600): Equilibrium {
  const payoff = Array.from(grid, (x) => grid.map((y) => 1 / (1 + Math.exp(-((x - y) ** 2)))))
  const respond = (opponent: Float64Array, sign: number) => {
    const density = payoff.map((row, i) => {
      const value = row.reduce((sum, q, j) => sum + q * (opponent[j] as number) * spacing, 0)
      return Math.exp((sign * value) / entropy - (grid[i] as number) ** 2 / 2)
    })
    const total = density.reduce((sum, value) => sum + value * spacing, 0)
    return Float64Array.from(density, (value) => value / total)
  }
  let x = Float64Array.from(grid, (t) => Math.exp(-(t ** 2) / 2) / Math.sqrt(2 * Math.PI))
  let y = x
  for (let k = 0; k < rounds; k++) {
    const share = 0.05 / (1 + 0.05 * Math.max(0, k - rounds / 2))
    const mix = (old: Float64Array, response: Float64Array) =>
      old.map((value, i) => value + share * ((response[i] as number) - value))
    const [toY, toX] = [respond(y, -1), respond(x, 1)]
    x = mix(x, toY)
    y = mix(y, toX)
  }
  return { grid, x, y }
}

/** Where the distribution function of a density on the grid reaches the levels. */
export function quantiles(density: Float64Array, levels: Float64Array): Float64Array {
  const below = new Float64Array(density.length + 1)
  density.forEach((value, i) => {
    below[i + 1] = (below[i] as number) + value * spacing
  })
  return levels.map((level) => {
    const after = below.findIndex((value) => value >= level)
    const i = after < 1 ? density.length - 1 : after - 1
    const [low, high] = [below[i] as number, below[i + 1] as number]
    return (grid[i] as number) + spacing * ((level - low) / Math.max(high - low, 1e-300) - 0.5)
  })
}
