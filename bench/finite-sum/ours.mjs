// One solver of ours on one workload; prints a JSON line for every run.
// BENCH_SECONDS ends a run, REPEATS are those of which the median counts.
//   node bench/finite-sum/ours.mjs FOLDER WORKLOAD PROBLEM TOLERANCE THREADS [ALGORITHM] [DTYPE] [OPTIONS AS JSON]
// PROBLEM is l2:FACTOR (λ2 = FACTOR/n) or l1:FACTOR (λ1 = FACTOR·λ_max). Seconds are those of the processor, of the whole call; BENCH_CLOCK=wall: by the wall. With OPTIMUM in the environment, a run ends at a relative
// suboptimality of TOLERANCE, the gap above it.
import { createRequire } from 'node:module'

const { LinearModel, readNpy } = createRequire(import.meta.url)('../../dist/index.js')
const [folder, workload, problem, tolerance, threads, algorithm = 'auto', dtype = 'f64', options = '{}'] =
  process.argv.slice(2)

const array = async (part) => (await readNpy(`${folder}/${workload}-${part}.npy`)).values
const targets = await array('y')
const n = targets.length
const narrow = (values) => (dtype === 'f32' ? Float32Array.from(values) : values)
const rows =
  workload === 'w2'
    ? {
        values: narrow(await array('values')),
        columnIndices: Int32Array.from(await array('columns')),
        rowStarts: Int32Array.from(await array('starts')),
        rows: n,
        columns: (await array('d'))[0],
        targets,
      }
    : {
        values: narrow(await array('x')),
        rows: n,
        columns: (await readNpy(`${folder}/${workload}-x.npy`)).shape[1],
        targets,
      }
const loss = workload === 'w3' ? 'squared' : 'logistic'

/** |∇F(0)|_∞: the smallest l1 that leaves no weight. */
function largest() {
  const sums = new Float64Array(rows.columns)
  const slope = workload === 'w3' ? 1 : 0.5
  for (let i = 0; i < n; i++) {
    const from = rows.rowStarts ? rows.rowStarts[i] : i * rows.columns
    const to = rows.rowStarts ? rows.rowStarts[i + 1] : from + rows.columns
    for (let e = from; e < to; e++)
      sums[rows.columnIndices ? rows.columnIndices[e] : e - from] += slope * targets[i] * rows.values[e]
  }
  return sums.reduce((max, sum) => Math.max(max, Math.abs(sum)), 0) / n
}

const [kind, factor] = problem.split(':')
const penalty = kind === 'l2' ? { l2: Number(factor) / n } : { l1: Number(factor) * largest(), l2: 0 }
for (const each of tolerance.split(',')) {
  const seconds = []
  let fit
  const repeats = Number(process.env.REPEATS ?? 3)
  // Before several runs one that does not count: those of the peers that count are not their process's first either.
  for (let repeat = repeats > 1 ? -1 : 0; repeat < repeats; repeat++) {
    const model = new LinearModel({
      loss,
      intercept: false,
      ...penalty,
      algorithm: algorithm === 'auto' ? 'auto' : { name: algorithm, ...JSON.parse(options) },
    })
    const start = performance.now()
    const c0 = process.cpuUsage()
    fit = await model.fit(rows, {
      tolerance: Number(each),
      ...(process.env.OPTIMUM && { targetObjective: Number(process.env.OPTIMUM) * (1 + Number(each)) }),
      threads: Number(threads),
      seconds: Number(process.env.BENCH_SECONDS ?? 60),
    })
    const c = process.cpuUsage(c0)
    if (repeat < 0) continue
    seconds.push(process.env.BENCH_CLOCK === 'wall' ? (performance.now() - start) / 1e3 : (c.user + c.system) / 1e6)
  }
  seconds.sort((a, b) => a - b)
  const { objective, certificate, passes, steps, nonZeros, stop, trace } = fit
  console.log(
    JSON.stringify({
      workload,
      problem,
      tolerance: process.env.OPTIMUM ? 0 : Number(each),
      ...(process.env.OPTIMUM && { targetObjective: Number(process.env.OPTIMUM) * (1 + Number(each)) }),
      threads: Number(threads),
      dtype,
      algorithm: fit.algorithm.name,
      seconds: seconds[seconds.length >> 1],
      objective,
      gap: certificate.gap,
      penalty: Object.values(penalty)[0],
      passes,
      steps,
      nonZeros,
      stop,
      ...(process.env.TRACE && {
        trace: Array.from(trace.seconds, (s, i) =>
          [s, trace.passes[i], trace.gap[i] / trace.objective[i]].map((v) => Number(v.toPrecision(3))),
        ),
      }),
    }),
  )
}
