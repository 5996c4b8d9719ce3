// The same step in ONNX Runtime on Node: the peer of bench/native/kernels.cpp that JavaScript users have.
//
//   NODE_PATH=… node bench/peers/onnx.mjs [--n 2000] [--d 10] [--m 1000] [--threads 1] [--seconds 1]
//
// onnxruntime-node is looked for from the present folder. The graph is written here, in the wire format of protocol
// buffers: S = X Θ, A = tanh S, r = (A 1/M − y)/n, Δ = (1 − A²) r, G = Xᵀ Δ, Θ' = keep Θ − rate G + noise·normal, over
// chunks of rows chosen by a trial. One JSON document a line, as in langevin.py.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const ort = createRequire(join(process.cwd(), 'x.js'))('onnxruntime-node')
const { values } = parseArgs({
  options: {
    n: { type: 'string', default: '2000' },
    d: { type: 'string', default: '10,100,784' },
    m: { type: 'string', default: '1000' },
    threads: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '1' },
  },
})
const [KEEP, RATE, NOISE] = [0.9999, 0.01, 1e-3]
const FLOAT = 1

// ---- protocol buffers: varints, and length-prefixed bytes
const varint = (value) => {
  const bytes = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return [...bytes, value]
}
const number = (field, value) => Buffer.from([...varint(field * 8), ...varint(value)])
const bytes = (field, data) => Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(data.length)]), data])
const text = (field, value) => bytes(field, Buffer.from(value))
const message = (field, ...parts) => bytes(field, Buffer.concat(parts))

const attribute = (name, type, part) => message(5, text(1, name), part, number(20, type))
const integers = (name, list) => attribute(name, 7, Buffer.concat(list.map((value) => number(8, value))))
const node = (op, inputs, outputs, ...attributes) =>
  message(
    1,
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...attributes,
  )
const constant = (name, value) =>
  message(5, number(2, FLOAT), text(8, name), bytes(9, Buffer.from(new Float32Array([value]).buffer)))
const info = (field, name, dims) =>
  message(
    field,
    text(1, name),
    message(2, message(1, number(1, FLOAT), message(2, ...dims.map((d) => message(1, number(1, d)))))),
  )
const model = (nodes, constants, inputs, outputs) =>
  Buffer.concat([
    number(1, 8),
    message(
      7,
      ...nodes,
      text(2, 'step'),
      ...constants,
      ...inputs.map((i) => info(11, ...i)),
      ...outputs.map((o) => info(12, ...o)),
    ),
    message(8, number(2, 13)),
  ])

const gradient = (n, chunk, d, m) =>
  model(
    [
      node('MatMul', ['x', 'theta'], ['s']),
      node('Tanh', ['s'], ['a']),
      node('ReduceMean', ['a'], ['z'], integers('axes', [1])),
      node('Sub', ['z', 'y'], ['e']),
      node('Mul', ['e', 'scale'], ['w']),
      node('Mul', ['a', 'a'], ['q']),
      node('Sub', ['one', 'q'], ['slope']),
      node('Mul', ['slope', 'w'], ['delta']),
      node('Gemm', ['x', 'delta', 'g0'], ['g'], attribute('transA', 2, number(3, 1))),
    ],
    [constant('scale', 1 / n), constant('one', 1)],
    [
      ['x', [chunk, d + 1]],
      ['y', [chunk, 1]],
      ['theta', [d + 1, m]],
      ['g0', [d + 1, m]],
    ],
    [['g', [d + 1, m]]],
  )
const update = (d, m) =>
  model(
    [
      node('RandomNormalLike', ['theta'], ['xi']),
      node('Mul', ['theta', 'keep'], ['kept']),
      node('Mul', ['g', 'rate'], ['pull']),
      node('Mul', ['xi', 'noise'], ['push']),
      node('Sub', ['kept', 'pull'], ['moved']),
      node('Add', ['moved', 'push'], ['out']),
    ],
    [constant('keep', KEEP), constant('rate', RATE), constant('noise', NOISE)],
    [
      ['theta', [d + 1, m]],
      ['g', [d + 1, m]],
    ],
    [['out', [d + 1, m]]],
  )

async function stepper(n, d, m, chunk) {
  const options = { intraOpNumThreads: Number(values.threads), interOpNumThreads: 1, graphOptimizationLevel: 'all' }
  const [first, last] = await Promise.all(
    [gradient(n, chunk, d, m), update(d, m)].map((graph) => ort.InferenceSession.create(graph, options)),
  )
  const tensor = (dims, f) =>
    new ort.Tensor(
      'float32',
      Float32Array.from({ length: dims[0] * dims[1] }, (_, i) => f(i)),
      dims,
    )
  const x = []
  const y = []
  for (let at = 0; at + chunk <= n; at += chunk) {
    x.push(tensor([chunk, d + 1], (i) => Math.sin(i + at)))
    y.push(tensor([chunk, 1], (i) => Math.cos(i + at)))
  }
  const zero = tensor([d + 1, m], () => 0)
  let theta = tensor([d + 1, m], (i) => 0.1 * Math.sin(7 * i))
  return async () => {
    let g = zero
    for (const [i, rows] of x.entries()) g = (await first.run({ x: rows, y: y[i], theta, g0: g })).g
    theta = (await last.run({ theta, g })).out
  }
}

async function median(step, seconds, least) {
  await step()
  const times = []
  const end = performance.now() + seconds * 1000
  while (times.length < least || performance.now() < end) {
    const start = performance.now()
    await step()
    times.push((performance.now() - start) / 1000)
  }
  return times.sort((a, b) => a - b)[times.length >> 1]
}

const list = (value) => value.split(',').map(Number)
for (const n of list(values.n))
  for (const d of list(values.d))
    for (const m of list(values.m)) {
      let best
      for (const chunk of [250, 256, 500, 1000, 2000].filter((chunk) => chunk <= n && n % chunk === 0)) {
        const seconds = await median(await stepper(n, d, m, chunk), 0.1, 1)
        if (!best || seconds < best.seconds) best = { chunk, seconds }
      }
      const seconds = await median(await stepper(n, d, m, best.chunk), Number(values.seconds), 3)
      const line = { peer: 'onnxruntime', n, d, m, threads: Number(values.threads), chunk: best.chunk }
      console.log(JSON.stringify({ ...line, stepsPerSecond: 1 / seconds, gflops: (4e-9 * n * d * m) / seconds }))
    }
