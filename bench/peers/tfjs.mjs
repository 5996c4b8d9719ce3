// The same step in TensorFlow.js with its WebAssembly backend: the other peer that JavaScript users have.
//
//   node bench/peers/tfjs.mjs [--n 2000] [--d 10,100,784] [--m 1000] [--seconds 1]
//
// @tensorflow/tfjs-core and @tensorflow/tfjs-backend-wasm are looked for from the present folder. One thread: in Node the
// backend finds no more. Chunks of rows by a trial, all tensors of a chunk given back at once, normals from the library's
// own generator. One JSON document a line, as in langevin.py.
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { parseArgs } from 'node:util'

const local = createRequire(join(process.cwd(), 'x.js'))
const tf = local('@tensorflow/tfjs-core')
const wasm = local('@tensorflow/tfjs-backend-wasm')
wasm.setWasmPaths(dirname(local.resolve('@tensorflow/tfjs-backend-wasm')) + sep)
await tf.setBackend('wasm')

const { values } = parseArgs({
  options: {
    n: { type: 'string', default: '2000' },
    d: { type: 'string', default: '10,100,784' },
    m: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '1' },
  },
})
const [KEEP, RATE, NOISE] = [0.9999, 0.01, 1e-3]

function stepper(n, d, m, chunk) {
  const tensor = (rows, columns, f) =>
    tf.tensor2d(
      Float32Array.from({ length: rows * columns }, (_, i) => f(i)),
      [rows, columns],
    )
  const chunks = []
  for (let at = 0; at + chunk <= n; at += chunk)
    chunks.push({
      x: tensor(chunk, d + 1, (i) => Math.sin(i + at)),
      y: tensor(chunk, 1, (i) => Math.cos(i + at)),
      // Its own, since the backend's quick product takes no transposed factor.
      transposed: tensor(d + 1, chunk, (i) => Math.sin((i % chunk) * (d + 1) + Math.floor(i / chunk) + at)),
    })
  let theta = tensor(d + 1, m, (i) => 0.1 * Math.sin(7 * i))
  const step = () => {
    const moved = tf.tidy(() => {
      let g
      for (const { x, y, transposed } of chunks)
        g = tf.tidy(() => {
          const a = tf.tanh(tf.matMul(x, theta))
          const weights = tf.div(tf.sub(tf.mean(a, 1, true), y), n)
          const part = tf.matMul(transposed, tf.mul(tf.sub(1, tf.square(a)), weights))
          return g ? tf.add(g, part) : part
        })
      const noise = tf.randomNormal([d + 1, m], 0, NOISE)
      return tf.add(tf.sub(tf.mul(theta, KEEP), tf.mul(g, RATE)), noise)
    })
    theta.dispose()
    theta = moved
  }
  const end = () => tf.dispose([theta, ...chunks.flatMap(Object.values)])
  return { step, end }
}

function median(step, seconds, least) {
  step()
  const times = []
  const end = performance.now() + seconds * 1000
  while (times.length < least || performance.now() < end) {
    const start = performance.now()
    step()
    times.push((performance.now() - start) / 1000)
  }
  return times.sort((a, b) => a - b)[times.length >> 1]
}

function measure(n, d, m, chunk, seconds, least) {
  const { step, end } = stepper(n, d, m, chunk)
  const time = median(step, seconds, least)
  end()
  return time
}

const list = (value) => value.split(',').map(Number)
for (const n of list(values.n))
  for (const d of list(values.d))
    for (const m of list(values.m)) {
      let best
      for (const chunk of [50, 100, 250, 500, 1000, 2000].filter((chunk) => chunk <= n && n % chunk === 0)) {
        const seconds = measure(n, d, m, chunk, 0.1, 1)
        if (!best || seconds < best.seconds) best = { chunk, seconds }
      }
      const seconds = measure(n, d, m, best.chunk, Number(values.seconds), 3)
      const line = { peer: 'tfjs-wasm', n, d, m, threads: 1, chunk: best.chunk }
      console.log(JSON.stringify({ ...line, stepsPerSecond: 1 / seconds, gflops: (4e-9 * n * d * m) / seconds }))
    }
