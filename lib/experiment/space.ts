/** The space that a study searches: parameters, when each of them exists, and all points of a grid. */
import type { Point, Scalar } from '../store'

/** For each name, the values of which one must hold. */
export type Condition = Readonly<Record<string, readonly Scalar[]>>

export interface Choice {
  kind: 'choice'
  values: readonly Scalar[]
  /** The parameter exists only where this holds. */
  when?: Condition
}

export interface Range {
  kind: 'range'
  min: number
  max: number
  scale: 'linear' | 'log'
  integer: boolean
  when?: Condition
}

export type Parameter = Choice | Range

/** Parents before children: a parameter comes after those that its condition names. */
export type Space = ReadonlyMap<string, Parameter>

export function holds(condition: Condition | undefined, point: Point): boolean {
  if (!condition) return true
  return Object.entries(condition).every(([name, values]) => name in point && values.includes(point[name] as Scalar))
}

/** All points of a space of choices, the last parameter fastest. */
export function gridPoints(space: Space): Point[] {
  let points: Point[] = [{}]
  for (const [name, parameter] of space) {
    if (parameter.kind !== 'choice') throw new TypeError(`${name} is a range; a grid takes values.`)
    points = points.flatMap((point) =>
      holds(parameter.when, point) ? parameter.values.map((value) => ({ ...point, [name]: value })) : [point],
    )
  }
  return points
}

/** A point from one number in [0, 1) a parameter, taken only for those that exist. */
export function pointAt(space: Space, unit: (name: string, index: number) => number): Point {
  const point: Record<string, Scalar> = {}
  let index = 0
  for (const [name, parameter] of space) {
    // Every parameter has its coordinate whether it exists or not, so that a point never depends on others' conditions.
    const place = index++
    if (holds(parameter.when, point)) point[name] = valueAt(parameter, unit(name, place))
  }
  return point
}

export function valueAt(parameter: Parameter, u: number): Scalar {
  if (parameter.kind === 'choice') {
    const { values } = parameter
    return values[Math.min(values.length - 1, Math.floor(u * values.length))] as Scalar
  }
  return fromInternal(parameter, low(parameter) + u * (high(parameter) - low(parameter)))
}

/** Where a range lies on the axis that samplers work on: the logarithm's for `log`, half a step wider for integers. */
export const low = (range: Range): number => toAxis(range, range.integer ? range.min - 0.5 : range.min)
export const high = (range: Range): number => toAxis(range, range.integer ? range.max + 0.5 : range.max)
export const toAxis = (range: Range, value: number): number => (range.scale === 'log' ? Math.log(value) : value)

export function fromInternal(range: Range, place: number): number {
  const value = range.scale === 'log' ? Math.exp(place) : place
  return Math.min(range.max, Math.max(range.min, range.integer ? Math.round(value) : value))
}

/** Parents before children, else in the order given; undefined where conditions go round in a circle. */
export function ordered(parameters: ReadonlyMap<string, Parameter>): Space | undefined {
  const left = new Map(parameters)
  const done = new Map<string, Parameter>()
  while (left.size > 0) {
    const next = [...left].find(([, { when }]) =>
      Object.keys(when ?? {}).every((name) => done.has(name) || !left.has(name)),
    )
    if (!next) return undefined
    left.delete(next[0])
    done.set(...next)
  }
  return done
}
