import {
  circles,
  type Dataset,
  type GaussianOptions,
  gaussian,
  parity,
  type SingleIndexOptions,
  singleIndex,
  teacherStudent,
} from '../../../lib/data'
import { InvalidOptionError } from '../../../lib/native/errors'

// Every statistical tolerance below is five standard errors.
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length
const column = ({ features, rows, columns }: Dataset, j: number) =>
  Array.from({ length: rows }, (_, row) => features[row * columns + j] as number)
const row = ({ features, columns }: Dataset, i: number) => Array.from(features.subarray(i * columns, (i + 1) * columns))
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, j) => sum + value * (b[j] as number), 0)
const labels = ({ classes, targets }: Dataset) => Array.from(targets, (code) => classes?.[code] as string)

/** Mean 0 and the given variances, no correlations: E x_i x_j has variance v_i v_j, or 2 v_i² on the diagonal. */
function expectGaussian(data: Dataset, variances: number[]) {
  variances.forEach((variance, i) => {
    expect(Math.abs(mean(column(data, i)))).toBeLessThan(5 * Math.sqrt(variance / data.rows) + 1e-12)
    variances.forEach((other, j) => {
      const moment = dot(column(data, i), column(data, j)) / data.rows
      const error = 5 * Math.sqrt(((i === j ? 2 : 1) * variance * other) / data.rows)
      expect(Math.abs(moment - (i === j ? variance : 0))).toBeLessThan(error + 1e-12)
    })
  })
}

/** The residuals of the targets are N(0, noise²). */
function expectNoise(data: Dataset, predicted: (row: number[]) => number, noise: number) {
  const residuals = Array.from(data.targets, (y, i) => y - predicted(row(data, i)))
  const squares = residuals.map((value) => value ** 2)
  expect(Math.abs(mean(residuals))).toBeLessThan((5 * noise) / Math.sqrt(data.rows))
  expect(Math.abs(mean(squares) - noise ** 2)).toBeLessThan(5 * Math.sqrt(2 / data.rows) * noise ** 2)
}

describe('teacherStudent', () => {
  it.each([
    ['tanh', Math.tanh],
    ['relu', (t: number) => Math.max(0, t)],
  ] as const)('gives m^(−1/2) Σ %s(⟨w_i, x⟩)', (activation, sigma) => {
    const { dataset, directions } = teacherStudent({ rows: 200, columns: 7, neurons: 4, activation, seed: 2 })
    expect([dataset.rows, dataset.columns, dataset.task]).toEqual([200, 7, 'regression'])
    dataset.targets.forEach((y, i) => {
      const x = row(dataset, i)
      const sum = [0, 1, 2, 3].reduce((total, k) => total + sigma(dot(directions.subarray(7 * k, 7 * k + 7), x)), 0)
      expect(y).toBeCloseTo(sum / 2, 13)
    })
  })

  it('has unit directions, standard normal features and normal noise', () => {
    const { dataset, directions } = teacherStudent({ rows: 20000, columns: 4, neurons: 1, noise: 0.3, seed: 3 })
    expect(dot(directions, directions)).toBeCloseTo(1, 14)
    expectGaussian(dataset, [1, 1, 1, 1])
    expectNoise(dataset, (x) => Math.tanh(dot(directions, x)), 0.3)
  })

  it('has three tanh neurons without noise by default', () => {
    const shape = { rows: 5, columns: 2 }
    const given = teacherStudent({ ...shape, neurons: 3, activation: 'tanh', noise: 0, seed: 0 })
    expect(teacherStudent(shape)).toEqual(given)
  })

  it('draws directions uniformly on the sphere', () => {
    // The squared first coordinate has mean 1/d and variance 2(d − 1) / (d²(d + 2)); the coordinate has mean 0.
    const { directions } = teacherStudent({ rows: 1, columns: 3, neurons: 20000, seed: 4 })
    const first = Array.from({ length: 20000 }, (_, i) => directions[3 * i] as number)
    expect(Math.abs(mean(first))).toBeLessThan(5 * Math.sqrt(1 / 3 / 20000))
    expect(Math.abs(mean(first.map((w) => w ** 2)) - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / 20000))
  })
})

describe('singleIndex', () => {
  const options = (link: SingleIndexOptions['link']) => ({ rows: 20000, columns: 5, link, seed: 5 })

  it.each([
    ['tanh', Math.tanh],
    ['relu', (t: number) => Math.max(0, t)],
    ['hermite3', (t: number) => (t ** 3 - 3 * t) / Math.sqrt(6)],
  ] as const)('gives %s(⟨w, x⟩) and noise', (link, apply) => {
    const exact = singleIndex({ ...options(link), rows: 100 })
    exact.dataset.targets.forEach((y, i) => {
      expect(y).toBeCloseTo(apply(dot(exact.direction, row(exact.dataset, i))), 13)
    })
    const { dataset, direction } = singleIndex({ ...options(link), noise: 0.2 })
    expect(dot(direction, direction)).toBeCloseTo(1, 14)
    expectNoise(dataset, (x) => apply(dot(direction, x)), 0.2)
  })

  it('has a normalized third Hermite polynomial without lower orders', () => {
    const { dataset, direction } = singleIndex(options('hermite3'))
    const y = dataset.targets
    const t = Array.from({ length: dataset.rows }, (_, i) => dot(direction, row(dataset, i)))
    // For standard normal t: E h₃² = 1 with E h₃⁴ = 93, E (h₃ t)² = 7, E (h₃ (t² − 1)/√2)² = 31 by Gaussian moments.
    expect(Math.abs(mean(y.map((value) => value ** 2)) - 1)).toBeLessThan(5 * Math.sqrt(92 / dataset.rows))
    expect(Math.abs(mean(y))).toBeLessThan(5 / Math.sqrt(dataset.rows))
    expect(Math.abs(dot(y, t) / dataset.rows)).toBeLessThan(5 * Math.sqrt(7 / dataset.rows))
    const second = t.map((value) => (value ** 2 - 1) / Math.SQRT2)
    expect(Math.abs(dot(y, second) / dataset.rows)).toBeLessThan(5 * Math.sqrt(31 / dataset.rows))
  })

  it('has two classes for sign, flipped by noise as a probit model', () => {
    const flips = (noise: number) => {
      const { dataset, direction } = singleIndex({ ...options('sign'), noise })
      expect(dataset.classes).toEqual(['-1', '1'])
      return mean(labels(dataset).map((y, i) => Number(Number(y) * dot(direction, row(dataset, i)) < 0)))
    }
    expect(flips(0)).toBe(0)
    // sign(t + noise·z) differs from sign(t) with probability arctan(noise) / π.
    const expected = Math.atan(0.5) / Math.PI
    expect(Math.abs(flips(0.5) - expected)).toBeLessThan(5 * Math.sqrt((expected * (1 - expected)) / 20000))
  })
})

describe('parity', () => {
  it('is the sign of the product of the first k features, of magnitude 1/√d', () => {
    for (const k of [1, 2, 3, 8]) {
      const { dataset } = parity({ rows: 300, columns: 8, k, seed: 6 })
      expect([dataset.task, dataset.classes]).toEqual(['classification', ['-1', '1']])
      expect(dataset.features.every((z) => Math.abs(z) === Math.fround(1 / Math.sqrt(8)))).toBe(true)
      labels(dataset).forEach((y, i) => {
        expect(Number(y)).toBe(
          row(dataset, i)
            .slice(0, k)
            .reduce((product, z) => product * Math.sign(z), 1),
        )
      })
    }
    expect(parity({ rows: 20, columns: 4 })).toEqual(parity({ rows: 20, columns: 4, k: 2, seed: 0 }))
  })

  it('has independent signs of equal odds', () => {
    const { dataset } = parity({ rows: 20000, columns: 4, magnitudes: [1, 1, 1, 1], seed: 7 })
    const signs = [0, 1, 2, 3].map((j) => column(dataset, j))
    signs.forEach((a, i) => {
      expect(Math.abs(mean(a))).toBeLessThan(5 / Math.sqrt(20000))
      for (const b of signs.slice(i + 1)) expect(Math.abs(dot(a, b) / 20000)).toBeLessThan(5 / Math.sqrt(20000))
    })
    expect(Math.abs(mean(labels(dataset).map(Number)))).toBeLessThan(5 / Math.sqrt(20000))
  })

  it('takes magnitudes for every feature', () => {
    const { dataset } = parity({ rows: 10, columns: 3, magnitudes: [3, 0.1, 2] })
    expect(row(dataset, 4).map(Math.abs)).toEqual([3, Math.fround(0.1), 2])
  })
})

describe('circles', () => {
  it('has rows in turn on circles of radius 1 and factor', () => {
    const { dataset } = circles({ rows: 101, factor: 0.3, noise: 0, seed: 8 })
    expect(dataset.classes).toEqual(['outer', 'inner'])
    labels(dataset).forEach((label, i) => {
      expect(label).toBe(i % 2 === 0 ? 'outer' : 'inner')
      expect(Math.hypot(...row(dataset, i))).toBeCloseTo(i % 2 === 0 ? 1 : 0.3, 6)
    })
  })

  it('has uniform angles and normal noise', () => {
    const rows = 20000
    const exact = circles({ rows, noise: 0, seed: 9 }).dataset
    const angles = Array.from({ length: rows }, (_, i) => Math.atan2(...(row(exact, i) as [number, number])))
    for (const k of [1, 2, 3]) {
      expect(Math.abs(mean(angles.map((angle) => Math.cos(k * angle))))).toBeLessThan(5 * Math.sqrt(0.5 / rows))
      expect(Math.abs(mean(angles.map((angle) => Math.sin(k * angle))))).toBeLessThan(5 * Math.sqrt(0.5 / rows))
    }
    const noisy = circles({ rows, noise: 0.1, seed: 9 }).dataset
    const noise = Array.from(noisy.features, (value, i) => value - (exact.features[i] as number))
    expect(Math.abs(mean(noise))).toBeLessThan(5 * Math.sqrt(0.01 / noise.length))
    expect(Math.abs(mean(noise.map((e) => e ** 2)) - 0.01)).toBeLessThan(5 * Math.sqrt(2 / noise.length) * 0.01)
    expect(circles({ rows: 9 })).toEqual(circles({ rows: 9, factor: 0.5, noise: 0.05, seed: 0 }))
  })
})

describe('gaussian', () => {
  const spectrum = [4, 1, 0.25, 0]
  const options: GaussianOptions = { rows: 20000, spectrum, seed: 10 }

  it('has the spectrum on the axes, and linear targets with noise', () => {
    const { dataset, coefficients } = gaussian({ ...options, noise: 0.5 })
    expectGaussian(dataset, spectrum)
    expect(dot(coefficients, coefficients)).toBeCloseTo(1, 14)
    expectNoise(dataset, (x) => dot(coefficients, x), 0.5)
  })

  it('has the spectrum in another orthonormal basis when rotated', () => {
    const plain = gaussian(options)
    const turned = gaussian({ ...options, rotate: true })
    expect(turned.coefficients).toEqual(plain.coefficients)
    // A rotation keeps all inner products of rows, here exactly up to float32 rounding.
    for (const [i, j] of [
      [0, 0],
      [1, 1],
      [0, 1],
      [17, 18],
    ] as const) {
      expect(dot(row(turned.dataset, i), row(turned.dataset, j))).toBeCloseTo(
        dot(row(plain.dataset, i), row(plain.dataset, j)),
        4,
      )
    }
    expect(row(turned.dataset, 0)).not.toEqual(row(plain.dataset, 0))
  })

  it('rotates by the uniform law', () => {
    // With spectrum (1, 0, 0) every row is a multiple of the first basis vector, whose squared coordinates have mean 1/3
    // and variance 4/45.
    const count = 3000
    const squares = Array.from({ length: count }, (_, seed) => {
      const [x = 0, y = 0, z = 0] = gaussian({ rows: 1, spectrum: [1, 0, 0], rotate: true, seed }).dataset.features
      return x ** 2 / (x ** 2 + y ** 2 + z ** 2)
    })
    expect(Math.abs(mean(squares) - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / count))
  })
})

describe('every generator', () => {
  const generators: Record<string, (options: { rows: number; seed?: number; noise?: number }) => { dataset: Dataset }> =
    {
      teacherStudent: (options) => teacherStudent({ columns: 3, ...options }),
      singleIndex: (options) => singleIndex({ columns: 3, link: 'tanh', ...options }),
      parity: ({ noise, ...options }) => parity({ columns: 3, ...options }),
      circles: (options) => circles(options),
      gaussian: (options) => gaussian({ spectrum: [1, 2], ...options }),
    }

  it.each(Object.entries(generators))('%s is a function of its options, extended by more rows', (_, make) => {
    const { dataset } = make({ rows: 30, seed: 11 })
    expect(make({ rows: 30, seed: 11 }).dataset.hash).toBe(dataset.hash)
    expect(make({ rows: 30, seed: 12 }).dataset.hash).not.toBe(dataset.hash)
    const longer = make({ rows: 50, seed: 11 }).dataset
    expect(longer.features.subarray(0, dataset.features.length)).toEqual(dataset.features)
    expect(longer.targets.subarray(0, 30)).toEqual(dataset.targets)
  })

  it.each(['teacherStudent', 'singleIndex', 'gaussian'])('%s keeps its features when the noise changes', (name) => {
    const make = generators[name] as (typeof generators)[string]
    expect(make({ rows: 9, noise: 1 }).dataset.features).toEqual(make({ rows: 9 }).dataset.features)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['no rows', () => teacherStudent({ rows: 0, columns: 2 }), /rows is 0/],
    ['no columns', () => singleIndex({ rows: 1, columns: 0, link: 'tanh' }), /columns is 0/],
    ['no neurons', () => teacherStudent({ rows: 1, columns: 2, neurons: 0 }), /neurons is 0/],
    ['negative noise', () => teacherStudent({ rows: 1, columns: 2, noise: -1 }), /noise is -1/],
    ['infinite noise', () => circles({ rows: 2, noise: Number.POSITIVE_INFINITY }), /noise is Infinity/],
    ['a bad seed', () => circles({ rows: 2, seed: -1 }), /seed is -1/],
    ['another activation', () => teacherStudent({ rows: 1, columns: 1, activation: 'x' as 'tanh' }), /'tanh', 'relu'/],
    ['another link', () => singleIndex({ rows: 1, columns: 1, link: 'toString' as 'tanh' }), /link is 'toString'/],
    ['k above d', () => parity({ rows: 1, columns: 2, k: 3 }), /k is 3/],
    ['few magnitudes', () => parity({ rows: 1, columns: 2, magnitudes: [1] }), /1 numbers, expected one for each/],
    ['a magnitude of 0', () => parity({ rows: 1, columns: 2, magnitudes: [1, 1e-50] }), /magnitudes is 1e-50 at 1/],
    ['a factor of 1', () => circles({ rows: 2, factor: 1 }), /factor is 1/],
    ['one row on two circles', () => circles({ rows: 1 }), /rows is 1/],
    ['no spectrum', () => gaussian({ rows: 1, spectrum: [] }), /spectrum is an array of 0/],
    ['a negative eigenvalue', () => gaussian({ rows: 1, spectrum: [1, -1] }), /spectrum is -1 at 1/],
    ['a rotation by 90', () => gaussian({ rows: 1, spectrum: [1], rotate: 90 as unknown as true }), /rotate is 90/],
    ['an unknown option', () => circles({ rows: 2, radius: 1 } as { rows: number }), /no option 'radius'/],
    ['no options', () => circles(undefined as unknown as { rows: number }), /expected an object/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(message)
  })
})
