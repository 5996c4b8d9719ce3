/** A measure of particles on the torus, fitted to points by the maximum mean discrepancy. */
import type { MeasureRunOptions, ParticleMeasureOptions } from '../generated/catalogue'
import { binding, InvalidDataError, type MeasureCertificate, type OptionValues } from '../native'
import { Jobs } from './jobs'
import { measureOptions, measureRun, numbers, requireFitted } from './measure-run'
import type { Run } from './run'
import { columnArrays, lastRow } from './trace-columns'

/** N points of p coordinates each, in radians (any number is brought into [0, 2π)). */
export type Points = readonly ArrayLike<number>[]

/** Steps, seed, threads (`MeasureRunOptions`), the start and a signal. */
export interface ParticleMeasureRunOptions extends MeasureRunOptions {
  /** Starting particles, M points; absent: uniform draws. */
  initial?: Points
  /** Stops the run, which then resolves with `stop: 'aborted'` and the particles of the last whole step. */
  signal?: AbortSignal
}

/** A point of the trace. */
export interface ParticleMeasurePoint {
  /** Steps done. */
  step: number
  /** G: the squared maximum mean discrepancy between particles and target. */
  discrepancy: number
  /** ∫µ log µ by the nearest neighbour on the torus, an estimate. */
  negentropy: number
}
/** Columns of the trace, each an array with an entry a trace point. */
export type ParticleMeasureTrace = Record<keyof ParticleMeasurePoint, Float64Array>
const columns = ['step', 'discrepancy', 'negentropy'] as const satisfies (keyof ParticleMeasurePoint)[]

/** What a run of the particle measure gives; the particles are on the measure itself. */
export interface ParticleMeasureFit {
  /** G at the end; 0 is reached by the target itself. */
  discrepancy: number
  /**
   * Of the objective G/2 + τ ∫µ log µ at the temperature τ of the last step; exact where that was 0. null when aborted.
   */
  certificate: MeasureCertificate | null
  trace: ParticleMeasureTrace
  steps: number
  stop: 'budget' | 'aborted'
  threads: number
}

/**
 * M particles on the torus [0, 2π)^p moved by noisy gradient descent on the squared maximum mean discrepancy to given points,
 * with a temperature that may be annealed (L. Chizat, TMLR 2022).
 *
 * @example
 * const measure = new ParticleMeasure({ particles: 50, temperature: 20, annealing: 'harmonic' })
 * const { discrepancy, certificate } = await measure.fit([[0.1, 2], [3, 4]], { steps: 1000, seed: 1 })
 * console.log(discrepancy, certificate?.gap, measure.particles)
 */
export class ParticleMeasure {
  readonly options: Readonly<ParticleMeasureOptions>
  readonly #jobs = new Jobs('particle measure')
  #particles: Float64Array | undefined

  /** Throws InvalidOptionError for an unknown option; values are checked when it is fitted. */
  constructor(options: ParticleMeasureOptions = {}) {
    this.options = measureOptions('ParticleMeasure', 'particle-measure', options)
  }

  /**
   * Fits the particles to `target`, N points of p coordinates. Rejects with an InvalidOptionError or InvalidDataError before any
   * step is taken, with a DivergenceError when a step is so long that nothing is left of an angle. Live points are those of the trace.
   */
  fit(target: Points, options: ParticleMeasureRunOptions = {}): Run<ParticleMeasureFit, ParticleMeasurePoint> {
    return this.#jobs.run(
      () => {
        const run = measureRun('ParticleMeasure', options, ['initial', 'signal'])
        const { points, dimension } = flat('the target', target)
        const initial = options.initial && flat('the initial particles', options.initial)
        if (initial && initial.dimension !== dimension)
          throw new InvalidDataError(
            `the initial particles have ${initial.dimension} coordinates, the target ${dimension}; pass points of one dimension.`,
          )
        const request = { target: points, dimension, options: this.options as OptionValues, run }
        return {
          start: (onRows) => binding().fitMeasure({ ...request, ...(initial && { initial: initial.points }) }, onRows),
          settle: ({ particles, trace, steps, stop, threads, certificate }): ParticleMeasureFit => {
            this.#particles = particles
            const course = columnArrays(columns, trace)
            const discrepancy = course.discrepancy.at(-1) ?? Number.NaN
            return {
              discrepancy,
              certificate,
              trace: course,
              steps,
              stop: stop === 'cancelled' ? 'aborted' : stop,
              threads,
            }
          },
        }
      },
      (rows) => lastRow(columns, rows),
      options?.signal,
    )
  }

  /** M × p, row by row, in [0, 2π). */
  get particles(): Float64Array {
    return requireFitted(this.#particles, 'particle measure')
  }
}

function flat(what: string, points: Points): { points: Float64Array; dimension: number } {
  if (!Array.isArray(points) || points.length === 0)
    throw new InvalidDataError(`${what} must be a list of at least one point; pass an array of rows.`)
  const rows = points.map((point, i) => numbers(`the coordinates of point ${i} of ${what}`, point))
  const dimension = (rows[0] as Float64Array).length
  const ragged = rows.findIndex((row) => row.length !== dimension)
  if (ragged >= 0)
    throw new InvalidDataError(
      `point ${ragged} of ${what} has ${(rows[ragged] as Float64Array).length} coordinates, the first one ${dimension}; ` +
        'pass points of one dimension.',
    )
  const values = new Float64Array(rows.length * dimension)
  rows.forEach((row, i) => {
    values.set(row, i * dimension)
  })
  return { points: values, dimension }
}
