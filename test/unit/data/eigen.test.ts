import { applyScaler, fitScaler, scalerFromJson, scalerToJson } from '../../../lib/data'
import { symmetricEigen } from '../../../lib/data/eigen'
import { Random } from '../../../lib/data/random'

const random = new Random(11)

function symmetric(n: number, entry: () => number): Float64Array {
  const a = new Float64Array(n * n)
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = entry()
  return a
}

/** Largest entries of A V − V Λ and of VᵀV − I, in parts of the largest eigenvalue. */
function errors(a: Float64Array, n: number) {
  const { values, vectors: v } = symmetricEigen(a, n)
  const at = (m: Float64Array, i: number, j: number) => m[i * n + j] as number
  let [residual, skew] = [0, 0]
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let [product, dot] = [0, 0]
      for (let k = 0; k < n; k++) {
        product += at(a, i, k) * at(v, k, j)
        dot += at(v, k, i) * at(v, k, j)
      }
      residual = Math.max(residual, Math.abs(product - at(v, i, j) * (values[j] as number)))
      skew = Math.max(skew, Math.abs(dot - Number(i === j)))
    }
  const size = Math.max(...values.map(Math.abs), Number.MIN_VALUE)
  expect(Array.from(values)).toEqual([...values].sort((x, y) => x - y))
  return { residual: residual / size, skew }
}

test.each([
  ['random', (n: number) => symmetric(n, () => random.normal())],
  ['of widely different scales', (n: number) => symmetric(n, () => random.normal() * 10 ** (6 * random.normal()))],
  ['diagonal', (n: number) => Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? i : 0))],
  [
    'of rank one',
    (n: number) => Float64Array.from({ length: n * n }, (_, i) => ((i % n) + 1) * (Math.floor(i / n) + 1)),
  ],
  ['zero', (n: number) => new Float64Array(n * n)],
  [
    'with equal eigenvalues',
    (n: number) => Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 2 : 1)),
  ],
] as const)('eigenvectors of matrices, %s', (_, make) => {
  for (const n of [1, 2, 3, 10, 57]) {
    const { residual, skew } = errors(make(n), n)
    // Backward error of Householder and QL: a small multiple of n ε.
    expect(residual).toBeLessThan(1e-13 * n)
    expect(skew).toBeLessThan(1e-13 * n)
  }
})

test('whitened features are uncorrelated with variance 1; directions without variance are 0', () => {
  const [rows, columns] = [500, 5]
  const features = new Float64Array(rows * columns)
  for (let i = 0; i < features.length; i += columns) {
    const [a, b] = [random.normal(), random.normal()]
    features.set([a, 1e6 + a + 0.01 * b, 1e-6 * b, 3, a + b], i)
  }
  const scaler = fitScaler('whiten', { features, columns })
  const z = applyScaler(scalerFromJson(JSON.parse(JSON.stringify(scalerToJson(scaler))), columns), features, columns)
  // Five columns made of two numbers: two directions have variance, what the others have is rounding.
  for (let i = 0; i < 2; i++)
    for (let j = 0; j < columns; j++) {
      let sum = 0
      for (let row = 0; row < z.length; row += columns) sum += (z[row + i] as number) * (z[row + j] as number)
      expect(Math.abs(sum / rows - Number(i === j))).toBeLessThan(1e-6)
    }
  expect(z.filter((_, i) => i % columns >= 2).every((value) => value === 0)).toBe(true)
})
