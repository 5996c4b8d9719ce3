/**
 * Eigenvalues and eigenvectors of a symmetric matrix: Householder tridiagonalization, then QL with implicit Wilkinson shifts
 * (Golub, Van Loan, Matrix Computations, 8.3; Wilkinson, Reinsch, Linear Algebra, 1971, contributions II/2 and II/4).
 */

/**
 * @param matrix n × n, symmetric; not changed
 * @returns eigenvalues in increasing order; eigenvector j in column j of `vectors`, n × n row by row
 */
export function symmetricEigen(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const q = matrix.slice()
  const { diagonal, off } = tridiagonalize(q, n)
  implicitQl(diagonal, off, q, n)
  const order = Array.from(diagonal.keys()).sort((a, b) => (diagonal[a] as number) - (diagonal[b] as number))
  const vectors = new Float64Array(n * n)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) vectors[i * n + j] = q[i * n + (order[j] as number)] as number
  return { values: Float64Array.from(order, (j) => diagonal[j] as number), vectors }
}

const at = (values: Float64Array, i: number) => values[i] as number

/** T = Qᵀ A Q with Q = P_0 … P_{n−3}, P_k = I − β v vᵀ making column k zero below the subdiagonal; Q replaces A. */
function tridiagonalize(a: Float64Array, n: number): { diagonal: Float64Array; off: Float64Array } {
  const diagonal = new Float64Array(n)
  const off = new Float64Array(n)
  const reflectors: { k: number; v: Float64Array; beta: number }[] = []
  const p = new Float64Array(n)
  for (let k = 0; k < n - 2; k++) {
    let norm = 0
    for (let i = k + 1; i < n; i++) norm = Math.hypot(norm, at(a, i * n + k))
    if (norm === 0) continue
    const v = new Float64Array(n)
    const head = at(a, (k + 1) * n + k)
    const alpha = head > 0 ? -norm : norm
    for (let i = k + 1; i < n; i++) v[i] = at(a, i * n + k)
    v[k + 1] = head - alpha
    // vᵀv = 2 norm (norm + |head|)
    const beta = 1 / (norm * (norm + Math.abs(head)))
    // A ← A − v wᵀ − w vᵀ with w = βAv − (β²/2)(vᵀAv) v
    let dot = 0
    for (let i = k; i < n; i++) {
      let sum = 0
      for (let j = k + 1; j < n; j++) sum += at(a, i * n + j) * at(v, j)
      p[i] = beta * sum
      dot += at(p, i) * at(v, i)
    }
    for (let i = k; i < n; i++) p[i] = at(p, i) - (beta / 2) * dot * at(v, i)
    for (let i = k; i < n; i++)
      for (let j = k; j < n; j++) a[i * n + j] = at(a, i * n + j) - at(v, i) * at(p, j) - at(p, i) * at(v, j)
    reflectors.push({ k, v, beta })
  }
  for (let i = 0; i < n; i++) {
    diagonal[i] = at(a, i * n + i)
    off[i] = i + 1 < n ? at(a, (i + 1) * n + i) : 0
  }
  a.fill(0)
  for (let i = 0; i < n; i++) a[i * n + i] = 1
  for (const { k, v, beta } of reflectors.reverse()) {
    // Rows from k + 1 on of the product so far: Q ← P Q, by columns of the part that is not the identity.
    p.fill(0)
    for (let i = k + 1; i < n; i++) for (let j = k + 1; j < n; j++) p[j] = at(p, j) + at(v, i) * at(a, i * n + j)
    for (let i = k + 1; i < n; i++)
      for (let j = k + 1; j < n; j++) a[i * n + j] = at(a, i * n + j) - beta * at(v, i) * at(p, j)
  }
  return { diagonal, off }
}

/** Rotations turn the tridiagonal matrix (d, e) into a diagonal one in d, and are multiplied into q. */
function implicitQl(d: Float64Array, e: Float64Array, q: Float64Array, n: number): void {
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l
      while (m < n - 1 && Math.abs(at(e, m)) > Number.EPSILON * (Math.abs(at(d, m)) + Math.abs(at(d, m + 1)))) m++
      if (m === l) break
      if (sweep === 60) throw new RangeError('the eigenvalue iteration does not converge')
      const half = (at(d, l + 1) - at(d, l)) / (2 * at(e, l))
      const r = Math.hypot(half, 1)
      let g = at(d, m) - at(d, l) + at(e, l) / (half + (half >= 0 ? r : -r))
      let [s, c, shift] = [1, 1, 0]
      let i = m - 1
      for (; i >= l; i--) {
        const f = s * at(e, i)
        const b = c * at(e, i)
        const h = Math.hypot(f, g)
        e[i + 1] = h
        if (h === 0) break
        s = f / h
        c = g / h
        const rest = at(d, i + 1) - shift
        const t = (at(d, i) - rest) * s + 2 * c * b
        shift = s * t
        d[i + 1] = rest + shift
        g = c * t - b
        for (let k = 0; k < n; k++) {
          const [x, y] = [at(q, k * n + i), at(q, k * n + i + 1)]
          q[k * n + i + 1] = s * x + c * y
          q[k * n + i] = c * x - s * y
        }
      }
      if (i >= l) {
        // Underflow: the matrix has come apart at i + 1.
        d[i + 1] = at(d, i + 1) - shift
        e[m] = 0
        continue
      }
      d[l] = at(d, l) - shift
      e[l] = g
      e[m] = 0
    }
  }
}
