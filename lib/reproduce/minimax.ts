/**
 * Two distributions in a game: averaged gradients and best responses end at the same equilibrium, which is known here to any
 * precision from a grid, and descent-ascent moves on at every step.
 *
 * Kim, Yamamoto, Oko, Yang, Suzuki, ICLR 2024 (arXiv 2312.01127), experiment on the line. Entropy 0.05 instead of the recalled 0.01,
 * where averages need far more than the published number of steps; docs/algorithms/measures.md has the numbers.
 */

import { Random } from '../data/random'
import { type MinimaxFit, MinimaxGame } from '../models'
import { atLeast, atMost } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { gridEquilibrium, quantiles } from './line-game'
import { mean } from './numbers'

export const minimaxSettings = {
  particles: 1000,
  step: 0.3,
  entropy: 0.05,
  weightPower: 1,
  mixing: 0.15,
  innerSteps: 10,
  /** Gradient steps of every method. */
  epochs: 600,
  /** Independent samples of the equilibrium that say how near a sample of N can be. */
  samples: 20,
  stream: 0x610,
}
type Settings = typeof minimaxSettings
const methods = ['descent-ascent', 'averaged-gradient', 'best-response'] as const

export const minimax: Experiment = {
  id: 'minimax',
  title: 'A game of two distributions: two methods, one equilibrium',
  source: 'Kim, Yamamoto, Oko, Yang, Suzuki, ICLR 2024, arXiv 2312.01127; entropy 0.05 and number of steps are ours',
  summary:
    'Two players on the line play Q(x, y) = 1/(1 + exp(−(x−y)²)) with relative entropies. The equilibrium is computed on a grid. Three ' +
    'methods are compared with it, with each other and by the Nikaido-Isoda gap; a thousand independent draws of the equilibrium ' +
    'are the yardstick.',
  measure: (context) => measureMinimax(minimaxSettings, context),
}

interface Pair {
  x: Float64Array
  y: Float64Array
}

export async function measureMinimax(settings: Settings, context: Context): Promise<Findings> {
  const { particles, step, entropy, weightPower, mixing, innerSteps, epochs, samples, stream } = settings
  const { seed, threads, signal, onProgress } = context
  const played: Played[] = []
  for (const [i, method] of methods.entries()) {
    onProgress?.(i / methods.length, method)
    const game = new MinimaxGame({ particles, step, entropy, weightPower, mixing, innerSteps, method })
    const inner = method === 'best-response' ? innerSteps : 1
    const run = { seed, traceEvery: 1, ...(threads !== undefined && { threads }), ...(signal && { signal }) }
    const before = completed(await game.play({ ...run, steps: 0 }))
    const fit = completed(await game.play({ ...run, steps: Math.round(epochs / inner) }))
    played.push({ method, inner, x: game.x, y: game.y, fit, start: before.certificate?.gap ?? Number.NaN })
  }
  const exact = gridEquilibrium(entropy)
  const even = Float64Array.from({ length: particles }, (_, i) => (i + 0.5) / particles)
  const ideal = { x: quantiles(exact.x, even), y: quantiles(exact.y, even) }
  const random = new Random(seed, stream)
  const draw = (): Pair => {
    const levels = () => Float64Array.from({ length: particles }, () => random.uniform())
    return { x: quantiles(exact.x, levels()), y: quantiles(exact.y, levels()) }
  }
  const pairs = Array.from({ length: samples }, () => [draw(), draw()] as const)
  const toIdeal = pairs.map(([one]) => distance(one, ideal))
  const apart = pairs.map(([one, other]) => distance(one, other))
  const [direct, averaged, anchored] = played as [Played, Played, Played]
  const moved = ({ fit }: Played) => mean(fit.trace.moved.slice(-20))
  return {
    claims: [
      ...[averaged, anchored].map((one) =>
        atMost(
          `${one.method}: distance to the equilibrium over the largest of ${samples} samples of it`,
          distance(one, ideal) / Math.max(...toIdeal),
          1.25,
        ),
      ),
      atMost(
        `averaged-gradient and best-response: distance over the largest between ${samples} pairs of samples`,
        distance(averaged, anchored) / Math.max(...apart),
        1.25,
      ),
      ...[averaged, anchored].map((one) =>
        atLeast(`${one.method}: Nikaido-Isoda gap at the start over that at the end`, one.start / gapOf(one), 10),
      ),
      atLeast(
        'descent-ascent moves further in a step than averaged-gradient: ratio',
        moved(direct) / Math.max(moved(averaged), 1e-9),
        2,
      ),
    ],
    figures: [
      ...(['x', 'y'] as const).map((player) => ({
        id: `minimax-${player}`,
        title: player === 'x' ? 'The player who minimizes' : 'The player who maximizes',
        description: 'Histograms of the particles of three methods, and the density of the equilibrium from a grid.',
        xLabel: player,
        xDomain: [-6, 6] as [number, number],
        yLabel: 'density',
        series: [
          { name: 'equilibrium', x: exact.grid, y: exact[player] },
          ...played.map((one) => ({ name: one.method, ...histogram(one[player]) })),
        ],
      })),
      {
        id: 'minimax-moved',
        title: 'How far the measures move',
        description: 'Wasserstein distance between successive measures, both players, against gradient steps.',
        xLabel: 'gradient steps',
        yLabel: 'W₁ of a step',
        yScale: 'log' as const,
        series: played.map(({ method, inner, fit: { trace } }) => ({
          name: method,
          x: trace.step.map((k) => k * inner),
          y: trace.moved,
        })),
      },
    ],
    settings: listSettings(settings, seed),
  }
}

type Played = Pair & {
  method: string
  inner: number
  start: number
  fit: MinimaxFit
}

/** At least its own standard error, under which a gap cannot be told from 0. */
const gapOf = ({ fit: { certificate } }: Played) =>
  Math.max(certificate?.gap ?? Number.NaN, certificate?.standardError ?? 0)

/** W₁ of both players. */
function distance(a: Pair, b: Pair): number {
  const one = (p: Float64Array, q: Float64Array) => {
    const [s, t] = [p.slice().sort(), q.slice().sort()]
    return mean(s.map((value, i) => Math.abs(value - (t[i] as number))))
  }
  return one(a.x, b.x) + one(a.y, b.y)
}

function histogram(points: Float64Array, width = 0.4, reach = 8): { x: number[]; y: number[] } {
  const count = Math.round((2 * reach) / width)
  const y = Array<number>(count).fill(0)
  for (const value of points) {
    const cell = Math.floor((value + reach) / width)
    if (cell >= 0 && cell < count) y[cell] = (y[cell] as number) + 1 / (points.length * width)
  }
  return { x: y.map((_, i) => -reach + (i + 0.5) * width), y }
}
