// How far each estimator of the certificate is from the truth, by dimension p and number of particles M: the tables of
// docs/certificate.md. The problem is one whose gap is known in every dimension: n = p rows x_i = 1.5 e_i, targets ±1.5, neurons
// tanh(θᵀx), λ = 1/p, λ' = λ/2, so that Gibbs densities are products of p densities on the line,
//
//     exp{−g_i tanh(1.5 θ_i) − θ_i²/2},
//
// which quadrature knows. The particles are independent draws from N(0, 0.7 I), whose outputs are 0. Errors are in nats, that is
// divided by λ: mean and deviation over five draws.
//
//   npm run build && node examples/certificate-estimators.mjs
import { Dataset, MeanFieldNetwork } from 'meanfield'

const [slope, target, variance, repeats] = [1.5, 1.5, 0.7, 5]
const dimensions = (process.argv[2] ?? '2,5,10,20,40').split(',').map(Number)
const sizes = (process.argv[3] ?? '500,2000,10000').split(',').map(Number)
const estimators = ['nearest-neighbours', 'two-sample', 'mixture']

const logZ = (() => {
  let sum = 0
  for (let t = -12; t <= 12; t += 1e-3) sum += Math.exp(target * Math.tanh(slope * t) - (t * t) / 2) * 1e-3
  return Math.log(sum)
})()
// Of one coordinate, in units of λ.
const exact = {
  gap: variance / 2 + logZ - Math.log(2 * Math.PI * Math.E * variance) / 2,
  dual: target ** 2 / 2 - logZ,
}

/** Mulberry32 and Box-Muller: any generator would do. */
function normals(count, seed) {
  let state = seed
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296
  }
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform()) * variance) * Math.cos(2 * Math.PI * uniform()),
  )
}

async function certificate(p, particles, certificateEstimator, seed) {
  const x = Float32Array.from({ length: p * p }, (_, i) => (i % (p + 1) === 0 ? slope : 0))
  const y = Float64Array.from({ length: p }, (_, i) => (i % 2 ? target : -target))
  const net = new MeanFieldNetwork({
    particles,
    secondLayer: 'fixed',
    outputScale: 1,
    bias: false,
    entropy: 1 / p,
    ridge: 0.5 / p,
    scale: 'none',
    scaleTargets: false,
  })
  const initial = normals(particles * p, 1000 * seed + p)
  const run = { steps: 0, seed, initial, certificateEstimator }
  return (await net.fit(Dataset.fromArrays(x, y, { columns: p, task: 'regression' }), run)).certificate
}

const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
const deviation = (values) => Math.sqrt(meanOf(values.map((value) => (value - meanOf(values)) ** 2)))
const show = (value) => value.toFixed(2).replace('-', '−')
const both = (values) => `${show(meanOf(values))} ± ${show(deviation(values))}`
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)

console.log(`gap per coordinate ${exact.gap.toFixed(4)} nats\n`)
row('p', 'M', 'gap', ...estimators.flatMap((name) => [name, 'trusted']))
row(...Array(3 + 2 * estimators.length).fill('--'))
const partitions = new Map()
for (const p of dimensions)
  for (const M of sizes) {
    const cells = []
    for (const name of estimators) {
      const all = []
      for (let seed = 1; seed <= repeats; seed++) all.push(await certificate(p, M, name, seed))
      cells.push(
        both(all.map(({ gap }) => (gap - exact.gap) * p)),
        `${all.filter(({ trusted }) => trusted).length} of 5`,
      )
      partitions.set(p, all)
    }
    row(p, M, show(exact.gap * p), ...cells)
  }
console.log('')
row('p', 'estimator of log Z', 'effective sample', 'error', 'response gap')
row(...Array(5).fill('--'))
for (const [p, all] of partitions)
  row(
    p,
    all[0].partitionEstimator,
    `${(100 * meanOf(all.map((c) => c.effectiveFraction))).toFixed(0)} %`,
    both(all.map(({ dual }) => -(dual - exact.dual) * p)),
    both(all.map(({ responseGap }) => responseGap * p)),
  )
