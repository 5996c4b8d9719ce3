// npm run bench:finite-sum: `auto` and the best variance-reduced method beside scikit-learn, LIBLINEAR and glmnet on the workloads of
// workloads.py, in one run. Prints the tables and writes them into bench/RESULTS.md.
//
//   npm run bench:finite-sum -- [--problems w1:l2:1,w2:l1:0.01,…] [--threads 1,2] [--data FOLDER] [--seconds 60] [--print]
//
// Seconds are those of the call that solves: of the processor on one thread, so that other work on the machine weighs less, by the wall on
// several, where the machine has to be quiet. Targets are suboptimality relative to the optimum, which `auto` finds first to a gap of 1e-10. Ours runs before and after the
// peers; what counts is the mean. --print leaves RESULTS.md as it is. Python is MEANFIELD_BENCH_PYTHON (default /usr/bin/python3: Debian's).
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { main, root } from '../../scripts/lib.mjs'

const { values } = parseArgs({
  options: {
    problems: {
      type: 'string',
      default: 'w1:l2:1,w1:l2:0.1,w2:l2:1,w2:l2:0.1,w2:l1:0.1,w2:l1:0.01,w3:l1:0.1,w3:l1:0.01',
    },
    threads: { type: 'string', default: '1,2' },
    data: { type: 'string', default: 'build/bench-finite-sum' },
    seconds: { type: 'string', default: '60' },
    print: { type: 'boolean', default: false },
  },
})
const python = process.env.MEANFIELD_BENCH_PYTHON ?? '/usr/bin/python3'
const targets = ['1e-3', '1e-6']
const reduced = ['svrg', 'saga', 'katyusha', 'dasvrda', 'acc-svrg-appa']

function lines(command, args, environment = {}) {
  const { stdout, status, error, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 1 << 26,
  })
  if (error || status !== 0)
    throw new Error(`'${command} ${args.join(' ')}' failed: ${error?.message ?? stderr.trim().split('\n').at(-1)}`)
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
}

/** One sentence for each piece that is missing. */
function missing() {
  const runs = (command, args) => spawnSync(command, args).status === 0
  const said = []
  for (const [module, name] of [
    ['numpy', 'python3-numpy'],
    ['scipy', 'python3-scipy'],
    ['sklearn', 'python3-sklearn'],
  ])
    if (!runs(python, ['-c', `import ${module}`]))
      said.push(
        `${python} has no module '${module}': apt-get install ${name}, or name another Python in MEANFIELD_BENCH_PYTHON.`,
      )
  if (!runs('Rscript', ['-e', 'library(glmnet)']))
    said.push("Rscript with the package 'glmnet' is missing: apt-get install r-cran-glmnet.")
  if (!existsSync(join(root, 'dist/index.js'))) said.push('dist/index.js is missing: npm run build.')
  return said
}

/** Bytes a second of one core, and multiply-adds in float64 as flops a second. */
function machine(threads) {
  const program = `
import json, os, time, numpy as np
a = np.random.rand(1 << 26)
clock = time.process_time if os.environ["OMP_NUM_THREADS"] == "1" else time.perf_counter
times = []
for _ in range(5):
    start = clock(); a.sum(); times.append(clock() - start)
b = np.random.rand(1536, 1536); gemm = []
for _ in range(5):
    start = clock(); b @ b; gemm.append(clock() - start)
print(json.dumps({"bandwidth": a.nbytes / min(times), "peak": 2 * 1536 ** 3 / min(gemm)}))`
  return lines(python, ['-c', program], { OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads })[0]
}

const size = (folder, name) => statSync(join(root, folder, name)).size
/** Bytes and stored numbers of a workload. */
function weight(folder, workload) {
  const part = workload === 'w2' ? 'values' : 'x'
  const bytes = size(folder, `${workload}-${part}.npy`)
  return { bytes: bytes + (workload === 'w2' ? size(folder, 'w2-columns.npy') : 0), numbers: bytes / 8 }
}

const show = (seconds) => (Number.isFinite(seconds) ? seconds.toFixed(seconds < 10 ? 2 : 1) : '–')
const row = (cells) => `| ${cells.join(' | ')} |`
const mean = (a, b) => (a + b) / 2

function measure(problem, threads, rates) {
  const [workload, kind, factor] = problem.split(':')
  const clock = threads === '1' ? 'processor' : 'wall'
  const own = (tolerance, algorithm, environment) =>
    lines(
      process.execPath,
      ['bench/finite-sum/ours.mjs', values.data, workload, `${kind}:${factor}`, tolerance, threads, algorithm],
      { BENCH_SECONDS: values.seconds, BENCH_CLOCK: clock, ...environment },
    )
  const [best] = own('1e-10', 'auto', { REPEATS: '1' })
  const optimum = { OPTIMUM: String(best.objective) }
  const first = own(targets.join(','), 'auto', optimum)
  const environment = { OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads, BENCH_CLOCK: clock }
  const common = [String(best.penalty), String(best.objective), targets.join(',')]
  const peers = lines(
    python,
    ['bench/finite-sum/peers.py', values.data, workload, `${kind}:${factor}`, ...common],
    environment,
  )
  if (kind === 'l1')
    peers.push(...lines('Rscript', ['bench/finite-sum/peers.R', values.data, workload, ...common], environment))
  const second = own(targets.join(','), 'auto', optimum)
  const certified = own(targets.join(','), 'auto', {})
  const others = reduced.map((name) => ({ name, found: own(targets.join(','), name, { ...optimum, REPEATS: '1' }) }))

  const { bytes, numbers } = weight(values.data, workload)
  return targets.map((target, at) => {
    const seconds = mean(first[at].seconds, second[at].seconds)
    const reached = peers.filter((peer) => peer.target === Number(target) && peer.seconds !== null)
    const peer = reached.reduce((least, each) => (each.seconds < least.seconds ? each : least), {
      seconds: Infinity,
      solver: '–',
    })
    const method = others
      .map(({ name, found }) => ({ name, ...found[at] }))
      .filter((each) => each.stop === 'target')
      .reduce((least, each) => (each.seconds < least.seconds ? each : least), { seconds: Infinity, name: '–' })
    // Each pass reads the data once and makes a product and a sum of every number, twice.
    const { passes } = first[at]
    const floor = Math.max((passes * bytes) / rates.bandwidth, (passes * 4 * numbers) / rates.peak)
    const cells = [
      `${workload} ${kind} ${factor}`,
      target,
      `${first[at].algorithm}, ${passes.toFixed(1)} passes`,
      show(seconds),
      show(certified[at].seconds),
      show(floor),
      `${peer.solver} ${show(peer.seconds)}`,
      `${(peer.seconds / seconds).toFixed(1)} ×`,
      `${method.name} ${show(method.seconds)}`,
    ]
    console.log(row(cells))
    return row(cells)
  })
}

main(() => {
  const absent = missing()
  if (absent.length > 0) throw new Error(absent.join('\n'))
  spawnSync(python, ['bench/finite-sum/workloads.py', values.data], { cwd: root, stdio: 'inherit' })
  const head = [
    [
      'problem',
      'to',
      '`auto`',
      's',
      's to that gap, certified',
      'floor, s',
      'best peer, s',
      'ratio',
      'best variance-reduced, s',
    ],
    Array.from({ length: 9 }, () => '---'),
  ]
  const text = []
  for (const threads of values.threads.split(',')) {
    const rates = machine(threads)
    const title =
      `${cpus()[0].model}, ${threads} thread${threads === '1' ? '' : 's'}; NumPy reads ${(rates.bandwidth / 1e9).toFixed(1)} GB and ` +
      `multiplies ${(rates.peak / 1e9).toFixed(0)} GFLOP (float64) in a second ${threads === '1' ? 'of the processor' : 'by the wall'}; load ${loadavg()[0].toFixed(1)} on ${cpus().length} processors.`
    console.log(title)
    text.push(
      title,
      '',
      ...head.map(row),
      ...values.problems.split(',').flatMap((problem) => measure(problem, threads, rates)),
      '',
    )
  }
  if (values.print) return
  const command = `npm run bench:finite-sum -- ${process.argv.slice(2).join(' ')}`.replace(/ -- $/, '')
  const file = join(root, 'bench/RESULTS.md')
  const before = readFileSync(file, 'utf8')
  const [open, close] = ['<!-- finite-sum -->', '<!-- /finite-sum -->']
  if (!before.includes(open)) throw new Error("bench/RESULTS.md has no section 'finite-sum'.")
  const body = `${open}\n\`${command}\`, ${new Date().toISOString().slice(0, 10)}.\n\n${text.join('\n')}${close}`
  writeFileSync(file, before.slice(0, before.indexOf(open)) + body + before.slice(before.indexOf(close) + close.length))
})
