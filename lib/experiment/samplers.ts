/** Where to look next: designs fixed beforehand (grid, random, Sobol) and one that learns (tree-structured Parzen). */
import { Random } from '../data/random'
import type { Point } from '../store'
import { sobolPoint } from './sobol'
import { gridPoints, pointAt, type Space } from './space'
import { parzenPoint } from './tpe'

/** A point that has been tried. */
export interface Observation {
  point: Point
  /** One loss an objective, the less the better; NaN for a trial that failed. */
  losses: readonly number[]
}

export interface Sampler {
  /** Points in all. */
  readonly count: number
  /** Whether `sample` looks at the observations. */
  readonly learns: boolean
  /** The point of this number, from 0: a function of the seed, the number and the observations. */
  sample(number: number, observations: readonly Observation[]): Point
}

// Streams of samplers, apart from stream 0 that splits of data sets use.
const randomStream = 0x40000000
const parzenStream = 0x60000000

export function gridSampler(space: Space): Sampler {
  const points = gridPoints(space)
  return { count: points.length, learns: false, sample: (number) => points[number] as Point }
}

/** Uniform on each range (of the logarithm where the scale is `log`) and on the values of each choice. */
export function randomSampler(space: Space, count: number, seed: number): Sampler {
  return {
    count,
    learns: false,
    sample(number) {
      const random = new Random(seed, randomStream + number)
      return pointAt(space, () => random.uniform())
    },
  }
}

/** Points that fill the space more evenly than random ones. */
export function sobolSampler(space: Space, count: number, seed: number): Sampler {
  return {
    count,
    learns: false,
    sample(number) {
      const coordinates = sobolPoint(number, space.size, seed)
      return pointAt(space, (_, index) => coordinates[index] as number)
    },
  }
}

/** Draws that `tpeSampler` makes at random before it learns. */
const startUp = 10

export function tpeSampler(space: Space, count: number, seed: number): Sampler {
  const start = randomSampler(space, count, seed)
  return {
    count,
    learns: true,
    sample(number, observations) {
      const usable = observations.filter(({ losses }) => losses.every(Number.isFinite))
      if (usable.length < startUp) return start.sample(number, [])
      return parzenPoint(space, usable, new Random(seed, parzenStream + number))
    },
  }
}
