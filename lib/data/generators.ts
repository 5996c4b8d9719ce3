/**
 * Synthetic data sets of the mean-field literature, each a pure function of its options.
 *
 * Targets are computed in float64 from the float32 features as stored, so that they are exact functions of the data.
 * Features, targets' noise and the hidden structure come from separate random streams: with the same seed, more rows
 * extend a data set, and another noise level leaves features and structure as they are.
 */

import { InvalidOptionError } from '../native/errors'
import { Dataset } from './dataset'
import { allocate, requireBoolean, requireChoice, requireNames, requireNumber, show } from './options'
import { Random, requireInteger } from './random'

// Apart from the small stream numbers of splits: a permutation must not be made of the same words as the rows it orders.
const streams = { features: 0x100, noise: 0x101, structure: 0x102 }

export interface TeacherStudentOptions {
  /** Number of rows, at least 1. */
  rows: number
  /** Number of features, at least 1. */
  columns: number
  /** Neurons m of the teacher, at least 1. Default 3. */
  neurons?: number
  /** Default 'tanh'. */
  activation?: 'tanh' | 'relu'
  /** Standard deviation of the noise on the targets, at least 0. Default 0. */
  noise?: number
  /** Non-negative safe integer. Default 0. */
  seed?: number
}

/**
 * Regression on a teacher network: y = m^(−1/2) Σ σ(⟨w_i, x⟩) + noise · N(0, 1) with x ~ N(0, I) and directions w_i
 * uniform on the unit sphere.
 *
 * @returns the data set, and the directions row by row, neurons × columns
 * @throws InvalidOptionError for an option that is unknown or out of range
 */
export function teacherStudent(options: TeacherStudentOptions): { dataset: Dataset; directions: Float64Array } {
  requireNames('teacherStudent', options, ['rows', 'columns', 'neurons', 'activation', 'noise', 'seed'])
  const { rows, columns, neurons = 3, activation = 'tanh', noise = 0, seed = 0 } = options
  requireShape(rows, columns)
  requireInteger('neurons', neurons, 1, 2 ** 31 - 1)
  const sigma = requireChoice('activation', activation, { tanh: Math.tanh, relu })
  requireNoise(noise)
  const features = gaussianFeatures(rows, columns, seed)
  const structure = new Random(seed, streams.structure)
  const directions = allocate(Float64Array, neurons * columns)
  for (let i = 0; i < neurons; i++) directions.set(unitVector(columns, structure), i * columns)
  const noises = new Random(seed, streams.noise)
  const values = targets(rows, (row) => {
    let sum = 0
    for (let i = 0; i < neurons; i++) sum += sigma(dot(directions, i * columns, features, row * columns, columns))
    return sum / Math.sqrt(neurons) + noise * noises.normal()
  })
  return { dataset: Dataset.fromArrays(features, values, { columns, task: 'regression' }), directions }
}

export interface SingleIndexOptions {
  /** Number of rows, at least 1. */
  rows: number
  /** Number of features, at least 1. */
  columns: number
  /** 'hermite3' is the normalized third Hermite polynomial (t³ − 3t) / √6, blind to the direction up to order 2. */
  link: 'tanh' | 'relu' | 'sign' | 'hermite3'
  /**
   * Standard deviation of the noise, at least 0: added to the targets, or for 'sign' to ⟨w, x⟩ (a probit model).
   * Default 0.
   */
  noise?: number
  /** Non-negative safe integer. Default 0. */
  seed?: number
}

/**
 * One hidden direction: y = link(⟨w, x⟩) + noise · N(0, 1) with x ~ N(0, I) and w uniform on the unit sphere. The link
 * 'sign' gives the classes '-1' and '1', any other a regression.
 *
 * @returns the data set, and the unit vector w
 * @throws InvalidOptionError for an option that is unknown or out of range
 */
export function singleIndex(options: SingleIndexOptions): { dataset: Dataset; direction: Float64Array } {
  requireNames('singleIndex', options, ['rows', 'columns', 'link', 'noise', 'seed'])
  const { rows, columns, link, noise = 0, seed = 0 } = options
  requireShape(rows, columns)
  const links = { tanh: Math.tanh, relu, sign: Math.sign, hermite3: (t: number) => (t ** 3 - 3 * t) / Math.sqrt(6) }
  const apply = requireChoice('link', link, links)
  requireNoise(noise)
  const features = gaussianFeatures(rows, columns, seed)
  const direction = unitVector(columns, new Random(seed, streams.structure))
  const noises = new Random(seed, streams.noise)
  const index = (row: number) => dot(direction, 0, features, row * columns, columns)
  if (link === 'sign') {
    const positive = (row: number) => index(row) + noise * noises.normal() >= 0
    return { dataset: classified(features, columns, ['-1', '1'], rows, (row) => Number(positive(row))), direction }
  }
  const values = targets(rows, (row) => apply(index(row)) + noise * noises.normal())
  return { dataset: Dataset.fromArrays(features, values, { columns, task: 'regression' }), direction }
}

export interface ParityOptions {
  /** Number of rows, at least 1. */
  rows: number
  /** Number of features d, at least 1. */
  columns: number
  /** Features in the product, the first k, from 1 to d. Default 2. */
  k?: number
  /** Non-negative safe integer. Default 0. */
  seed?: number
  /** |z_j| for each of the d features, positive in float32. Default 1/√d each, rows of norm 1. */
  magnitudes?: readonly number[]
}

/**
 * k-sparse parity: z_j is ±magnitude_j with equal odds, and the class, '-1' or '1', is the sign of z_1 ⋯ z_k. Equal
 * magnitudes: Suzuki, Wu, Oko, Nitanda, NeurIPS 2023; unequal ones: Nitanda, Oko, Suzuki, Wu, ICLR 2024.
 *
 * @throws InvalidOptionError for an option that is unknown or out of range
 */
export function parity(options: ParityOptions): { dataset: Dataset } {
  requireNames('parity', options, ['rows', 'columns', 'k', 'seed', 'magnitudes'])
  const { rows, columns, k = 2, seed = 0, magnitudes } = options
  requireShape(rows, columns)
  requireInteger('k', k, 1, columns)
  const sizes = magnitudes ?? new Float64Array(columns).fill(1 / Math.sqrt(columns))
  if (magnitudes !== undefined) {
    requireList('magnitudes', magnitudes, 'numbers that are positive in float32', (m) => Math.fround(m) > 0)
    if (magnitudes.length !== columns) {
      throw new InvalidOptionError(
        `magnitudes has ${magnitudes.length} numbers, expected one for each of the ${columns} columns; pass that many`,
        { option: 'magnitudes' },
      )
    }
  }
  const random = new Random(seed, streams.features)
  const features = allocate(Float32Array, rows * columns)
  for (let i = 0; i < features.length; i++) {
    features[i] = (sizes[i % columns] as number) * (random.uint32() >= 2 ** 31 ? 1 : -1)
  }
  const code = (row: number) => {
    const negatives = features.subarray(row * columns, row * columns + k).filter((z) => z < 0).length
    return 1 - (negatives % 2)
  }
  return { dataset: classified(features, columns, ['-1', '1'], rows, code) }
}

export interface CirclesOptions {
  /** Number of rows, at least 2. */
  rows: number
  /** Radius of the inner circle, in (0, 1); that of the outer is 1. Default 0.5. */
  factor?: number
  /** Standard deviation of the noise on each coordinate, at least 0. Default 0.05. */
  noise?: number
  /** Non-negative safe integer. Default 0. */
  seed?: number
}

/**
 * Two concentric circles in the plane, rows in turn 'outer' and 'inner', at uniform angles.
 *
 * @throws InvalidOptionError for an option that is unknown or out of range
 */
export function circles(options: CirclesOptions): { dataset: Dataset } {
  requireNames('circles', options, ['rows', 'factor', 'noise', 'seed'])
  const { rows, factor = 0.5, noise = 0.05, seed = 0 } = options
  requireInteger('rows', rows, 2, maxRows)
  requireNumber('factor', factor, (value) => value > 0 && value < 1, 'a number above 0 and below 1')
  requireNoise(noise)
  const angles = new Random(seed, streams.features)
  const noises = new Random(seed, streams.noise)
  const features = allocate(Float32Array, rows * 2)
  for (let row = 0; row < rows; row++) {
    const radius = row % 2 === 0 ? 1 : factor
    const angle = 2 * Math.PI * angles.uniform()
    features[2 * row] = radius * Math.cos(angle) + noise * noises.normal()
    features[2 * row + 1] = radius * Math.sin(angle) + noise * noises.normal()
  }
  return { dataset: classified(features, 2, ['outer', 'inner'], rows, (row) => row % 2) }
}

export interface GaussianOptions {
  /** Number of rows, at least 1. */
  rows: number
  /** Eigenvalues of the covariance, one for each feature, at least 0. */
  spectrum: readonly number[]
  /** Turn the eigenvectors from the axes to a uniformly random orthonormal basis. Default false. */
  rotate?: boolean
  /** Standard deviation of the noise on the targets, at least 0. Default 0. */
  noise?: number
  /** Non-negative safe integer. Default 0. */
  seed?: number
}

/**
 * Linear regression on x ~ N(0, Q diag(spectrum) Qᵀ): y = ⟨θ, x⟩ + noise · N(0, 1) with θ uniform on the unit sphere.
 *
 * @returns the data set, and the coefficients θ, one for each feature
 * @throws InvalidOptionError for an option that is unknown or out of range
 */
export function gaussian(options: GaussianOptions): { dataset: Dataset; coefficients: Float64Array } {
  requireNames('gaussian', options, ['rows', 'spectrum', 'rotate', 'noise', 'seed'])
  const { rows, spectrum, rotate = false, noise = 0, seed = 0 } = options
  requireList('spectrum', spectrum, 'finite numbers, each at least 0', (value) => value >= 0)
  const columns = spectrum.length
  requireShape(rows, columns)
  requireBoolean('rotate', rotate)
  requireNoise(noise)
  const structure = new Random(seed, streams.structure)
  const coefficients = unitVector(columns, structure)
  const basis = rotate ? orthonormalBasis(columns, structure) : undefined
  const deviations = Float64Array.from(spectrum, Math.sqrt)
  const random = new Random(seed, streams.features)
  const features = allocate(Float32Array, rows * columns)
  for (let row = 0; row < rows; row++) {
    const axes = deviations.map((deviation) => deviation * random.normal())
    features.set(basis === undefined ? axes : combine(basis, axes), row * columns)
  }
  const noises = new Random(seed, streams.noise)
  const values = targets(
    rows,
    (row) => dot(coefficients, 0, features, row * columns, columns) + noise * noises.normal(),
  )
  return { dataset: Dataset.fromArrays(features, values, { columns, task: 'regression' }), coefficients }
}

const maxRows = 2 ** 31 - 1

const relu = (t: number) => Math.max(0, t)

function gaussianFeatures(rows: number, columns: number, seed: number): Float32Array {
  const random = new Random(seed, streams.features)
  const features = allocate(Float32Array, rows * columns)
  for (let i = 0; i < features.length; i++) features[i] = random.normal()
  return features
}

function targets(rows: number, target: (row: number) => number): Float64Array {
  const values = allocate(Float64Array, rows)
  for (let row = 0; row < rows; row++) values[row] = target(row)
  return values
}

function classified(
  features: Float32Array,
  columns: number,
  classes: readonly string[],
  rows: number,
  code: (row: number) => number,
): Dataset {
  const labels = Array.from({ length: rows }, (_, row) => classes[code(row)] as string)
  return Dataset.fromArrays(features, labels, { columns, classes })
}

/** Σ_j a[i + j] b[k + j] over `length` terms, in float64. */
function dot(a: Float64Array, i: number, b: Float32Array | Float64Array, k: number, length: number): number {
  let sum = 0
  for (let j = 0; j < length; j++) sum += (a[i + j] as number) * (b[k + j] as number)
  return sum
}

function unitVector(length: number, random: Random): Float64Array {
  const vector = allocate(Float64Array, length)
  for (let j = 0; j < length; j++) vector[j] = random.normal()
  const norm = Math.sqrt(dot(vector, 0, vector, 0, length))
  return vector.map((value) => value / norm)
}

/**
 * Orthonormal rows, uniform over all bases (Haar): normal vectors made orthogonal in turn by Gram and Schmidt. Each
 * projection is done twice, after which the rows are orthogonal to rounding ("twice is enough", Kahan and Parlett).
 */
function orthonormalBasis(d: number, random: Random): Float64Array {
  const basis = allocate(Float64Array, d * d)
  for (let i = 0; i < d; i++) {
    const row = basis.subarray(i * d, (i + 1) * d)
    for (let j = 0; j < d; j++) row[j] = random.normal()
    for (let k = 0; k < 2 * i; k++) {
      const other = (k % i) * d
      const projection = dot(row, 0, basis, other, d)
      for (let j = 0; j < d; j++) row[j] = (row[j] as number) - projection * (basis[other + j] as number)
    }
    const norm = Math.sqrt(dot(row, 0, row, 0, d))
    for (let j = 0; j < d; j++) row[j] = (row[j] as number) / norm
  }
  return basis
}

/** Σ_i weights_i times row i of the basis. */
function combine(basis: Float64Array, weights: Float64Array): Float64Array {
  const d = weights.length
  const sum = new Float64Array(d)
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) sum[j] = (sum[j] as number) + (weights[i] as number) * (basis[i * d + j] as number)
  }
  return sum
}

function requireShape(rows: number, columns: number): void {
  requireInteger('rows', rows, 1, maxRows)
  requireInteger('columns', columns, 1, maxRows)
}

function requireNoise(noise: number): void {
  requireNumber('noise', noise, (value) => value >= 0, 'a finite number, at least 0')
}

function requireList(
  option: string,
  list: readonly number[],
  expected: string,
  accepts: (value: number) => boolean,
): void {
  const isList = Array.isArray(list) || ArrayBuffer.isView(list)
  const bad = isList ? Array.from(list).findIndex((value) => !Number.isFinite(value) || !accepts(value)) : -1
  if (isList && list.length > 0 && bad === -1) return
  const seen = bad === -1 ? show(list) : `${show(list[bad])} at ${bad}`
  throw new InvalidOptionError(`${option} is ${seen}, expected an array of ${expected}; pass such numbers`, { option })
}
