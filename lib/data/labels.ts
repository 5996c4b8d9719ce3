/** Targets as class indices: labels, their order, and when numbers are classes. */

import { InvalidDataError, InvalidOptionError } from '../native/errors'
import { show } from './options'

export type Task = 'regression' | 'classification'

// A numeric target with more distinct values is a quantity; classes with fewer rows each could not be learnt.
const maxNumericClasses = 100
const minRowsPerNumericClass = 10

/**
 * The task that a numeric target stands for when none is given: classification when every value is an integer, there are
 * from 2 to 100 distinct ones, and at least ten rows for each of them on average; regression otherwise.
 */
export function numericTask(values: ArrayLike<number>): Task {
  const most = Math.min(maxNumericClasses, Math.floor(values.length / minRowsPerNumericClass))
  const distinct = new Set<number>()
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (!Number.isInteger(value)) return 'regression'
    distinct.add(value)
    if (distinct.size > most) return 'regression'
  }
  return distinct.size >= 2 ? 'classification' : 'regression'
}

/** Labels in the order of their numbers when all are numbers, else in the order of their code points. */
export function sortLabels(labels: Iterable<string>): string[] {
  const list = [...labels]
  // The order of UTF-8 bytes is that of code points; JavaScript's own is that of UTF-16 units.
  const byText = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
  if (!list.every(isNumeral)) return list.sort(byText)
  return list.sort((a, b) => Number(a) - Number(b) || byText(a, b))
}

const isNumeral = (label: string) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(label)

/** Numbers the labels of rows: by the classes that are given, else by all labels seen, sorted at the end. */
export class LabelEncoder {
  readonly #classes: readonly string[] | undefined
  readonly #indices: Map<string, number>

  constructor(classes: readonly string[] | undefined) {
    this.#classes = classes
    this.#indices = new Map(classes?.map((label, index) => [label, index]))
  }

  /** The number of a label until `finish`; undefined when it is not one of the classes given. */
  encode(label: string): number | undefined {
    const index = this.#indices.get(label)
    if (index !== undefined || this.#classes !== undefined) return index
    this.#indices.set(label, this.#indices.size)
    return this.#indices.size - 1
  }

  /** Turn numbers that `encode` gave, in place, into indices of the classes, which are returned. */
  finish(codes: Float64Array): readonly string[] {
    if (this.#classes !== undefined) return Object.freeze([...this.#classes])
    const classes = sortLabels(this.#indices.keys())
    const ranks = new Float64Array(classes.length)
    classes.forEach((label, rank) => {
      ranks[this.#indices.get(label) as number] = rank
    })
    for (let i = 0; i < codes.length; i++) codes[i] = ranks[codes[i] as number] as number
    return Object.freeze(classes)
  }
}

/** The error for a label that is not one of the classes given; `place` says where it is. */
export function unknownLabel(
  place: string,
  label: string,
  classes: readonly string[],
  details: Record<string, unknown>,
): InvalidDataError {
  return new InvalidDataError(
    `${place}: the label is ${show(label)}, expected one of ${listed(classes)}; remove such rows, or train on them too`,
    { ...details, label, classes },
  )
}

/** The option `classes` as a list of different labels. */
export function requireClasses(classes: unknown): readonly string[] | undefined {
  if (classes === undefined) return undefined
  if (!Array.isArray(classes) || classes.length === 0 || !classes.every((label) => typeof label === 'string')) {
    throw new InvalidOptionError(
      `classes is ${show(classes)}, expected an array of labels; pass the classes of the training data`,
      { option: 'classes' },
    )
  }
  const twice = classes.find((label, index) => classes.indexOf(label) !== index)
  if (twice !== undefined) {
    throw new InvalidOptionError(`classes has ${show(twice)} twice, expected different labels; remove one`, {
      option: 'classes',
      label: twice,
    })
  }
  return classes
}

/** The option `task`, which must not contradict `classes`. */
export function requireTask(task: unknown, classes: readonly string[] | undefined): Task | undefined {
  if (task !== undefined && task !== 'regression' && task !== 'classification') {
    throw new InvalidOptionError(`task is ${show(task)}, expected 'regression' or 'classification'; choose one`, {
      option: 'task',
      choices: ['regression', 'classification'],
    })
  }
  if (task === 'regression' && classes !== undefined) {
    throw new InvalidOptionError("task is 'regression' and classes are given, expected one of the two; remove one", {
      option: 'classes',
    })
  }
  return classes === undefined ? task : 'classification'
}

function listed(classes: readonly string[]): string {
  const shown = classes.slice(0, 12).map(show).join(', ')
  return classes.length > 12 ? `${shown}, … (${classes.length})` : shown
}
