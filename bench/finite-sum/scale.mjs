// A sparse problem that fills memory: reading rate of its LIBSVM file, seconds of solving, and peak memory beside the size of the data.
//
//   node bench/finite-sum/scale.mjs [--rows 2000000] [--columns 1000000] [--numbers 75] [--problems l2:1,l1:0.1] [--dtypes f64,f32]
//       [--threads 1,2] [--tolerance 1e-3] [--folder build/bench-finite-sum]
//
// The file is made once, with a fixed seed: `numbers` distinct columns a row with frequencies j^-1.1, values (1 + Exp(1)) log(1 + j^1.1),
// rows scaled to length 1 and rounded to six decimals, labels of a logistic model with a tenth of the weights. Each measurement is a process of
// its own. "data" are the stored numbers, their columns, row pointers and targets as the solver reads them; memory is the largest resident size of the
// whole process, Node included, from its start to the end of the solve. Problems: l2:FACTOR (λ2 = FACTOR/n), l1:FACTOR (λ1 = FACTOR·λ_max).
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { main, root } from '../../scripts/lib.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '2000000' },
    columns: { type: 'string', default: '1000000' },
    numbers: { type: 'string', default: '75' },
    problems: { type: 'string', default: 'l2:1,l1:0.1' },
    dtypes: { type: 'string', default: 'f64,f32' },
    threads: { type: 'string', default: '1,2' },
    tolerance: { type: 'string', default: '1e-3' },
    algorithm: { type: 'string', default: 'auto' },
    folder: { type: 'string', default: 'build/bench-finite-sum' },
  },
})

/** Uniform in [0, 1): G. Marsaglia's xorshift with 128 bits of state. */
function uniforms(seed) {
  let [x, y, z, w] = [seed, 362436069, 521288629, 88675123]
  return () => {
    const t = x ^ (x << 11)
    x = y
    y = z
    z = w
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
    return (w >>> 0) / 4294967296
  }
}

/** Draws j with probability in proportion to weights[j], by A. Walker's table. */
function drawer(weights, uniform) {
  const n = weights.length
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const keep = weights.map((weight) => (weight * n) / total)
  const other = new Int32Array(n)
  const small = []
  const large = []
  for (let j = 0; j < n; j++) (keep[j] < 1 ? small : large).push(j)
  while (small.length > 0 && large.length > 0) {
    const [low, high] = [small.pop(), large.at(-1)]
    other[low] = high
    keep[high] -= 1 - keep[low]
    if (keep[high] < 1) small.push(large.pop())
  }
  for (const j of [...small, ...large]) keep[j] = 1
  return () => {
    const at = uniform() * n
    const j = at | 0
    return at - j < keep[j] ? j : other[j]
  }
}

function makeFile(path, rows, columns, numbers) {
  const uniform = uniforms(20261128)
  const draw = drawer(
    Float64Array.from({ length: columns }, (_, j) => (j + 1) ** -1.1),
    uniform,
  )
  const scale = Float64Array.from({ length: columns }, (_, j) => Math.log(1 + (j + 1) ** 1.1))
  const truth = Float64Array.from({ length: columns }, () => (uniform() < 0.1 ? 16 * (uniform() - 0.5) : 0))
  const seen = new Int32Array(columns).fill(-1)
  const drawn = new Int32Array(numbers)
  const value = new Float64Array(numbers)
  const buffer = Buffer.allocUnsafe(1 << 24)
  const temporary = `${path}.partial`
  const file = openSync(temporary, 'w')
  let at = 0
  const writeWhole = (number) => {
    let digits = 1
    for (let power = 10; power <= number; power *= 10) digits++
    for (let place = at + digits - 1, rest = number; place >= at; place--) {
      const next = Math.floor(rest / 10)
      buffer[place] = 48 + rest - 10 * next
      rest = next
    }
    at += digits
  }
  for (let i = 0; i < rows; i++) {
    for (let count = 0; count < numbers; ) {
      const j = draw()
      if (seen[j] === i) continue
      seen[j] = i
      drawn[count++] = j
    }
    drawn.sort()
    let squares = 0
    for (let e = 0; e < numbers; e++) {
      value[e] = (1 - Math.log(1 - uniform())) * scale[drawn[e]]
      squares += value[e] * value[e]
    }
    const length = 1e6 / Math.sqrt(squares)
    let margin = 0
    for (let e = 0; e < numbers; e++) {
      value[e] = Math.max(1, Math.round(value[e] * length))
      margin += value[e] * truth[drawn[e]]
    }
    buffer[at++] = uniform() < 1 / (1 + Math.exp(-4e-6 * margin)) ? 43 : 45 // + or -
    buffer[at++] = 49
    for (let e = 0; e < numbers; e++) {
      buffer[at++] = 32
      writeWhole(drawn[e] + 1)
      at = writeDecimal(buffer, at, value[e])
    }
    buffer[at++] = 10
    if (at > buffer.length - 64 * (numbers + 1)) {
      writeSync(file, buffer, 0, at)
      at = 0
    }
  }
  writeSync(file, buffer, 0, at)
  closeSync(file)
  renameSync(temporary, path)
}

/** ":0.123456", millionths without zeros at their end; the largest value is 1. */
function writeDecimal(buffer, at, millionths) {
  buffer[at] = 58
  if (millionths >= 1000000) {
    buffer[at + 1] = 49
    return at + 2
  }
  buffer[at + 1] = 48
  buffer[at + 2] = 46
  let end = at + 8
  for (let place = end, rest = millionths; place > at + 2; place--) {
    const next = (rest / 10) | 0
    buffer[place] = 48 + rest - 10 * next
    rest = next
  }
  while (buffer[end] === 48) end--
  return end + 1
}

/** The measurement of one process, as a JSON line. `problem`: none, largest (λ_max), or the penalties as JSON. */
async function work(path, dtype, threads, problem) {
  const { LinearModel, readLibsvm } = createRequire(import.meta.url)('../../dist/index.js')
  const empty = process.memoryUsage().rss
  const start = performance.now()
  const before = process.cpuUsage()
  const rows = await readLibsvm(path, { single: dtype === 'f32', threads })
  const reading = (performance.now() - start) / 1000
  const used = process.cpuUsage(before)
  const processor = (used.user + used.system) / 1e6
  const { nonZeros } = rows
  const data = nonZeros * (dtype === 'f32' ? 8 : 12) + (rows.rows + 1) * 8 + rows.rows * 8
  const measured = { reading, processor, data, empty, nonZeros }
  if (problem !== 'none') {
    const common = { loss: 'logistic', intercept: false }
    if (problem === 'largest') {
      // The first point of a path is at λ_max.
      const fit = await new LinearModel({ ...common, l1: 1, l2: 0 }).fit(rows, { threads, path: 1 })
      return console.log(JSON.stringify({ largest: fit.path[0].l1 }))
    }
    const model = new LinearModel({ ...common, ...JSON.parse(problem), algorithm: options.algorithm })
    const fit = await model.fit(rows, { threads, tolerance: Number(options.tolerance) })
    const { algorithm, objective, certificate, passes, seconds, stop, nonZeros: support } = fit
    Object.assign(measured, {
      algorithm: algorithm.name,
      objective,
      gap: certificate.gap,
      passes,
      seconds,
      stop,
      support,
    })
    if (process.env.TRACE)
      measured.trace = Array.from(fit.trace.seconds, (s, i) =>
        [s, fit.trace.passes[i], fit.trace.gap[i] / fit.trace.objective[i]].map((v) => Number(v.toPrecision(3))),
      )
  }
  measured.peak = process.resourceUsage().maxRSS * 1024
  console.log(JSON.stringify(measured))
}

function measure(path, dtype, threads, problem) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      import.meta.filename,
      'work',
      path,
      dtype,
      threads,
      problem,
      '--tolerance',
      options.tolerance,
      '--algorithm',
      options.algorithm,
    ],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  )
  if (status !== 0) throw new Error(`measuring ${problem} failed: ${stderr.trim()}`)
  return JSON.parse(stdout)
}

const row = (cells) => `| ${cells.join(' | ')} |`

main(async () => {
  if (positionals[0] === 'work') {
    const [, path, dtype, threads, problem] = positionals
    return work(path, dtype, Number(threads), problem)
  }
  const folder = join(root, options.folder)
  mkdirSync(folder, { recursive: true })
  const [rows, columns, numbers] = [options.rows, options.columns, options.numbers].map(Number)
  const path = join(folder, `scale-${rows}-${columns}-${numbers}.svm`)
  if (!existsSync(path)) makeFile(path, rows, columns, numbers)
  const { size } = statSync(path)
  const free = Number(/MemAvailable:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? Number.NaN) * 1024
  console.log(
    `${rows} rows, ${columns} columns, ${rows * numbers} stored numbers, file of ${(size / 1e9).toFixed(2)} GB; ` +
      `${(free / 1e9).toFixed(1)} GB of memory available\n`,
  )
  console.log(
    row([
      'numbers',
      'threads',
      'problem',
      'read, MB/s',
      'MB a second of processor',
      'method',
      'passes',
      'gap',
      'solve, s',
      'peak, GB',
      'peak / data',
    ]),
  )
  console.log(row(Array.from({ length: 11 }, () => '---')))
  const problems = options.problems.split(',').filter(Boolean)
  const wanted = problems.some((problem) => problem.startsWith('l1'))
  const { largest } = wanted ? measure(path, 'f64', '1', 'largest') : {}
  const penalties = (problem) => {
    if (problem === 'none') return problem
    const [kind, factor] = problem.split(':')
    return JSON.stringify(kind === 'l1' ? { l1: Number(factor) * largest, l2: 0 } : { l2: Number(factor) / rows })
  }
  for (const dtype of options.dtypes.split(','))
    for (const threads of options.threads.split(','))
      for (const problem of ['none', ...problems]) {
        const m = measure(path, dtype, threads, penalties(problem))
        const solved = m.algorithm
          ? [m.algorithm, m.passes.toFixed(1), (m.gap / m.objective).toExponential(1), m.seconds.solve.toFixed(1)]
          : ['–', '–', '–', '–']
        console.log(
          row([
            dtype,
            threads,
            problem === 'none' ? 'reading alone' : problem.replace(':', ' '),
            (size / 1e6 / m.reading).toFixed(0),
            (size / 1e6 / m.processor).toFixed(0),
            ...solved,
            (m.peak / 1e9).toFixed(2),
            (m.peak / m.data).toFixed(2),
          ]),
        )
        if (m.trace) console.log(JSON.stringify(m.trace))
      }
})
