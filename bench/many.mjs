// Many small fits in one call: runs a second of fitMany, beside the same fits one by one.
//
//   node bench/many.mjs [--runs 1000] [--threads 1,2] [--json]
//
// n = 200 rows, d = 5, M = 100 particles, 300 steps, without certificates, traced at the end only.
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    threads: { type: 'string', default: '1,2' },
    json: { type: 'boolean', default: false },
  },
})
const native = createRequire(import.meta.url)('../build/Release/meanfield.node')
const rows = 200
const columns = 5
const train = {
  values: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(12.9898 * i) * 1.7),
  rows,
  columns,
  targets: Float64Array.from({ length: rows }, (_, i) => Math.cos(i)),
}
const request = (seed) => ({
  train,
  model: { particles: 100, loss: 'squared', outputs: 1 },
  algorithm: { name: 'langevin', options: {} },
  run: { steps: 300, seed, certificate: false, traceEvery: 300 },
})

async function seconds(work) {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

const runs = Number(values.runs)
const requests = Array.from({ length: runs }, (_, seed) => request(seed))
await native.fitManyMeanField(requests.slice(0, 20), 1).promise
const rates = {}
for (const threads of values.threads.split(',').map(Number))
  rates[threads] = runs / (await seconds(() => native.fitManyMeanField(requests, threads).promise))
const few = requests.slice(0, 100)
const single = few.map((one) => ({ ...one, run: { ...one.run, threads: 1 } }))
const alone =
  few.length /
  (await seconds(async () => {
    for (const one of single) await native.fitMeanField(one).promise
  }))
const empty = requests.map((one) => ({ ...one, run: { ...one.run, steps: 0 } }))
const start = (await seconds(() => native.fitManyMeanField(empty, 1).promise)) / runs
if (values.json) console.log(JSON.stringify({ runs, rates, alone, startMicroseconds: start * 1e6 }))
else {
  for (const [threads, rate] of Object.entries(rates))
    console.log(`${threads} threads: ${rate.toFixed(0)} runs a second`)
  console.log(
    `one by one: ${alone.toFixed(0)} runs a second; starting and ending a run: ${(start * 1e6).toFixed(0)} us`,
  )
}
