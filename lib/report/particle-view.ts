/**
 * What the particles of a mean-field network do in training: their weights projected on two directions at some steps, and how
 * much of the weights lies in that plane (their alignment with it).
 */
import { InvalidOptionError, rightSingularVectors } from '../native'
import type { Figure } from './figure'
import { renderFigure, renderView } from './page'
import { formatNumber } from './text'

export interface ParticleSnapshot {
  step: number
  /** M × p: for each particle its d weights first. */
  particles: Float32Array
}

export interface ParticleViewOptions {
  /** p */
  parameters: number
  /** d */
  columns: number
  /** Two directions of d numbers, such as a teacher's; default: the principal ones of the last cloud. */
  directions?: readonly (readonly number[])[]
}

/** Clouds that are shown, and most points of each. */
const mostClouds = 6
const mostPoints = 2000

/** One cloud a figure, on the same axes, then the alignment. With one feature the second axis is the next number of a particle. */
export function particleFigures(snapshots: readonly ParticleSnapshot[], options: ParticleViewOptions): Figure[] {
  const { parameters, columns, directions } = options
  const last = snapshots.at(-1)
  if (!last) throw new InvalidOptionError('there are no snapshots; fit with the option snapshots.')
  const basis = directions ? orthonormal(directions, columns) : principal(last.particles, parameters, columns)
  const project = (particles: Float32Array) =>
    Array.from({ length: particles.length / parameters }, (_, i) => {
      const theta = particles.subarray(i * parameters, (i + 1) * parameters)
      const along = basis.map((direction) => direction.reduce((sum, value, j) => sum + value * (theta[j] as number), 0))
      return [along[0] as number, along[1] ?? theta[columns] ?? 0] as const
    })
  const chosen = evenly(snapshots, mostClouds).map(({ step, particles }) => ({ step, cloud: project(particles) }))
  const reach = Math.max(...chosen.flatMap(({ cloud }) => cloud.map(([x, y]) => Math.max(Math.abs(x), Math.abs(y)))), 0)
  const domain: [number, number] = [-1.05 * reach || -1, 1.05 * reach || 1]
  const axis = (i: number) => `${directions ? '' : 'principal '}direction ${i}`
  const clouds = chosen.map(({ step, cloud }): Figure => {
    const shown = evenly(cloud, mostPoints)
    return {
      id: `particles-${step}`,
      title: `Particles after ${formatNumber(step)} steps`,
      description: `The weights of ${shown.length} of ${cloud.length} particles, projected on two directions.`,
      xLabel: axis(1),
      yLabel: basis.length > 1 ? axis(2) : 'next number of the particle',
      xDomain: domain,
      yDomain: domain,
      equalScale: true,
      series: [{ name: 'particles', mark: 'points', x: shown.map(([x]) => x), y: shown.map(([, y]) => y) }],
    }
  })
  const alignment: Figure = {
    id: 'alignment',
    title: 'Alignment of the weights with the plane',
    description: 'The part of the squared weights, summed over all particles, that lies in the two directions.',
    xLabel: 'steps',
    yLabel: 'part of the squared weights',
    yDomain: [0, 1],
    series: [
      {
        name: 'alignment',
        x: snapshots.map(({ step }) => step),
        y: snapshots.map(({ particles }) => alignmentOf(particles, parameters, columns, basis)),
      },
    ],
  }
  return [...clouds, alignment]
}

/** Σ‖Pw‖² / Σ‖w‖² */
function alignmentOf(particles: Float32Array, parameters: number, columns: number, basis: number[][]): number {
  let [inside, all] = [0, 0]
  for (let at = 0; at < particles.length; at += parameters) {
    for (let j = 0; j < columns; j++) all += (particles[at + j] as number) ** 2
    for (const direction of basis)
      inside += direction.reduce((sum, value, j) => sum + value * (particles[at + j] as number), 0) ** 2
  }
  return inside / all
}

function principal(particles: Float32Array, parameters: number, columns: number): number[][] {
  const rows = particles.length / parameters
  const values = new Float32Array(rows * columns)
  for (let i = 0; i < rows; i++) values.set(particles.subarray(i * parameters, i * parameters + columns), i * columns)
  const count = Math.min(2, rows, columns)
  const { vectors } = rightSingularVectors({ values, rows, columns }, count)
  return Array.from({ length: count }, (_, k) => [...vectors.subarray(k * columns, (k + 1) * columns)])
}

/** By Gram and Schmidt: the first keeps its direction. */
function orthonormal(directions: readonly (readonly number[])[], columns: number): number[][] {
  const basis: number[][] = []
  for (const direction of directions) {
    const left = basis.reduce<number[]>(
      (rest, known) => {
        const along = known.reduce((sum, value, j) => sum + value * (direction[j] as number), 0)
        return rest.map((value, j) => value - along * (known[j] as number))
      },
      [...direction],
    )
    const [length, whole] = [Math.hypot(...left), Math.hypot(...direction)]
    if (direction.length !== columns || !(length > 1e-9 * whole))
      throw new InvalidOptionError(
        `direction ${basis.length} has ${direction.length} numbers or none that is new; expected two independent ones of ${columns} numbers.`,
      )
    basis.push(left.map((value) => value / length))
  }
  if (basis.length !== 2) throw new InvalidOptionError(`there are ${basis.length} directions; expected 2.`)
  return basis
}

function evenly<T>(values: readonly T[], most: number): T[] {
  if (values.length <= most) return [...values]
  return Array.from({ length: most }, (_, i) => values[Math.round((i * (values.length - 1)) / (most - 1))] as T)
}

/** A page that holds the figures and needs nothing else. */
export function renderParticlePage(title: string, facts: [string, string][], figures: readonly Figure[]): string {
  return renderView({ title, facts, content: figures.map((figure) => renderFigure(figure, 'particles')) })
}
