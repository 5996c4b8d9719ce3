/** Two distributions on the line that play against each other. */
import type { MeasureRunOptions, MinimaxGameOptions } from '../generated/catalogue'
import { binding, InvalidDataError, type MeasureCertificate, type OptionValues } from '../native'
import { Jobs } from './jobs'
import { measureOptions, measureRun, numbers, requireFitted } from './measure-run'
import type { Run } from './run'
import { columnArrays, lastRow } from './trace-columns'

/** Steps, seed, threads (`MeasureRunOptions`), the start and a signal. */
export interface MinimaxRunOptions extends MeasureRunOptions {
  /** Starting particles of both players, N each; absent: draws from the prior. */
  initial?: { x: ArrayLike<number>; y: ArrayLike<number> }
  /** Stops the run, which then resolves with `stop: 'aborted'` and the particles of the last whole step. */
  signal?: AbortSignal
}

/** A point of the trace. */
export interface MinimaxPoint {
  /** Steps done. */
  step: number
  /** W₁(µ_k−1, µ_k) + W₁(ν_k−1, ν_k): how far the two measures moved in the step. */
  moved: number
}
/** Columns of the trace, each an array with an entry a trace point. */
export type MinimaxTrace = Record<keyof MinimaxPoint, Float64Array>
const columns = ['step', 'moved'] as const satisfies (keyof MinimaxPoint)[]

/** What a game gives; the particles of the players are on the game itself. */
export interface MinimaxFit {
  /**
   * The Nikaido-Isoda gap: primal max over ν' of L(µ, ν'), dual min over µ' of L(µ', ν); 0 at the equilibrium only. null when
   * aborted.
   */
  certificate: MeasureCertificate | null
  trace: MinimaxTrace
  steps: number
  stop: 'budget' | 'aborted'
  threads: number
}

/**
 * The game min_µ max_ν ∬Q dµ dν + λ KL(µ‖ρ) − λ KL(ν‖ρ) on the line, ρ a normal law, played with N particles a side by symmetric
 * mean-field Langevin dynamics (Kim, Yamamoto, Oko, Yang, Suzuki, ICLR 2024).
 *
 * @example
 * const game = new MinimaxGame({ game: 'sigmoid', entropy: 0.01 })
 * const { certificate } = await game.play({ steps: 1000, seed: 1 })
 * console.log(certificate?.gap, game.x, game.y)
 */
export class MinimaxGame {
  readonly options: Readonly<MinimaxGameOptions>
  readonly #jobs = new Jobs('game')
  #players: { x: Float64Array; y: Float64Array } | undefined

  /** Throws InvalidOptionError for an unknown option; values are checked when it is played. */
  constructor(options: MinimaxGameOptions = {}) {
    this.options = measureOptions('MinimaxGame', 'minimax-game', options)
  }

  /**
   * Plays from the start. Rejects with an InvalidOptionError or InvalidDataError before any step is taken, with a DivergenceError
   * when particles run off. Live points are those of the trace.
   */
  play(options: MinimaxRunOptions = {}): Run<MinimaxFit, MinimaxPoint> {
    return this.#jobs.run(
      () => {
        const run = measureRun('MinimaxGame', options, ['initial', 'signal'])
        const { initial } = options
        const request = { options: this.options as OptionValues, run }
        const start = initial && bothPlayers(initial)
        return {
          start: (onRows) => binding().playMinimax({ ...request, ...(start && { initial: start }) }, onRows),
          settle: ({ x, y, trace, steps, stop, threads, certificate }): MinimaxFit => {
            this.#players = { x, y }
            const course = columnArrays(columns, trace)
            return { certificate, trace: course, steps, stop: stop === 'cancelled' ? 'aborted' : stop, threads }
          },
        }
      },
      (rows) => lastRow(columns, rows),
      options?.signal,
    )
  }

  /** N particles of µ, who minimizes. */
  get x(): Float64Array {
    return requireFitted(this.#players, 'game').x
  }

  /** N particles of ν, who maximizes. */
  get y(): Float64Array {
    return requireFitted(this.#players, 'game').y
  }
}

function bothPlayers(initial: { x: ArrayLike<number>; y: ArrayLike<number> }): Float64Array {
  const [x, y] = [numbers('the initial particles x', initial.x), numbers('the initial particles y', initial.y)]
  if (x.length !== y.length)
    throw new InvalidDataError(`initial has ${x.length} particles x and ${y.length} particles y; pass as many of each.`)
  const both = new Float64Array(2 * x.length)
  both.set(x)
  both.set(y, x.length)
  return both
}
