// npm run bench: whole steps of `langevin` beside the processor's multiply-add peak, sgemm of OpenBLAS and the peers that
// are installed; and many small fits. Prints the tables and writes them into bench/RESULTS.md.
//
//   npm run bench -- [--n 2000,20000] [--d 10,100,784] [--m 1000,10000] [--threads 1,2] [--seconds 0.5] [--peers numpy,torch] [--cpu]
//
// --peers knows numpy, torch, torch-autograd, torch-compile and jax, of which those are taken that are installed.
// --cpu takes seconds of the processor instead of the wall: for one thread on a machine that others use too.
// PyTorch and NumPy are those of `MEANFIELD_BENCH_PYTHON` (default python3); ONNX Runtime is a peer too, on the wall, when
// `MEANFIELD_BENCH_NODE` names a folder with onnxruntime-node in its node_modules. Sizes whose arrays no peer could hold are
// measured alone. Each size is one run of ours, the peers, and ours again; the ratio is to the mean of the two.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { jobs, main, quiet, root } from './lib.mjs'

const { values } = parseArgs({
  options: {
    n: { type: 'string', default: '2000,20000' },
    d: { type: 'string', default: '10,100,784' },
    m: { type: 'string', default: '1000,10000' },
    threads: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '0.5' },
    peers: { type: 'string', default: 'numpy,torch,torch-autograd' },
    cpu: { type: 'boolean', default: false },
    section: { type: 'string', default: 'steps' },
  },
})
const python = process.env.MEANFIELD_BENCH_PYTHON ?? 'python3'
const nodePeers = process.env.MEANFIELD_BENCH_NODE
const list = (text) => text.split(',').filter(Boolean)

function build() {
  const folder = 'build/bench'
  quiet('cmake', ['-S', '.', '-B', folder, '-DMEANFIELD_ADDON=OFF', '-DMEANFIELD_BENCH=ON'])
  quiet('cmake', ['--build', folder, '--parallel', jobs, '--target', 'meanfield_bench'])
  return join(root, folder, 'meanfield_bench')
}

/** Standard output as JSON documents, one a line; none when the program cannot run. */
function lines(command, args, environment = {}, cwd = root) {
  const env = { ...process.env, ATEN_CPU_CAPABILITY: 'avx512', ...environment }
  const { stdout, status } = spawnSync(command, args, { cwd, encoding: 'utf8', env, maxBuffer: 1 << 26 })
  if (status !== 0) return []
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
}

const installed = (module) => spawnSync(python, ['-c', `import ${module}`]).status === 0

function sgemm(threads) {
  const program = `
import json, time, numpy as np
clock = time.process_time if ${values.cpu ? 'True' : 'False'} else time.perf_counter
a = np.random.rand(2048, 2048).astype(np.float32); c = np.empty_like(a); times = []
for _ in range(8):
    start = clock(); np.matmul(a, a, out=c); times.append(clock() - start)
print(json.dumps({"gflops": 2e-9 * 2048 ** 3 / min(times)}))`
  const [line] = lines(python, ['-c', program], { OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads })
  return line?.gflops
}

const row = (cells) => `| ${cells.join(' | ')} |`

/** One measurement of each peer at one size. */
function peersOf(peers, args) {
  const inPython = peers.filter((peer) => peer !== 'onnxruntime')
  return [
    ...(inPython.length > 0 ? lines(python, ['bench/peers/langevin.py', ...args, '--peers', inPython.join(',')]) : []),
    ...(peers.includes('onnxruntime')
      ? lines(process.execPath, [join(root, 'bench/peers/onnx.mjs'), ...args], {}, nodePeers)
      : []),
  ]
}

function measure(bench, peers, threads) {
  const table = [
    row([
      'n',
      'd',
      'M',
      'steps/s',
      'GFLOP/s',
      '% of peak',
      ...peers.map((peer) => `${peer}, GFLOP/s`),
      'to the best peer',
    ]),
    row(Array.from({ length: 7 + peers.length }, () => '---')),
  ]
  const arguments_ = (n, d, m) => [
    '--n',
    n,
    '--d',
    d,
    '--m',
    m,
    '--threads',
    threads,
    '--seconds',
    values.seconds,
    ...(values.cpu ? ['--cpu'] : []),
  ]
  for (const n of list(values.n))
    for (const d of list(values.d))
      for (const m of list(values.m)) {
        const ours = () => lines(bench, [...arguments_(n, d, m), '--json'])[0]
        const first = ours()
        const measured = peersOf(peers, arguments_(n, d, m))
        const second = ours()
        const mean = (key) => (first[key] + second[key]) / 2
        const best = Math.max(...measured.map(({ gflops }) => gflops))
        const of = (peer) => measured.find((line) => line.peer === peer)?.gflops.toFixed(1) ?? '–'
        const percent = ((100 * mean('gflops')) / mean('peak')).toFixed(0)
        const ratio = Number.isFinite(best) && best > 0 ? `${(mean('gflops') / best).toFixed(2)} ×` : '–'
        table.push(
          row([
            n,
            d,
            m,
            mean('stepsPerSecond').toPrecision(4),
            mean('gflops').toFixed(1),
            percent,
            ...peers.map(of),
            ratio,
          ]),
        )
        console.log(table.at(-1))
      }
  return table
}

main(() => {
  const bench = build()
  const peers = list(values.peers).filter((peer) => installed(peer.split('-')[0]))
  if (nodePeers && !values.cpu) peers.push('onnxruntime')
  const text = []
  for (const threads of list(values.threads)) {
    const peak = installed('numpy') ? sgemm(threads) : undefined
    const head = `${cpus()[0].model}, ${threads} thread${threads === '1' ? '' : 's'}`
    const blas = peak ? `; sgemm of NumPy's BLAS, 2048 cubed: ${peak.toFixed(0)} GFLOP/s` : ''
    console.log(`${head}${blas}`)
    text.push(`${head}${blas}.`, '', ...measure(bench, peers, threads), '')
  }
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim()
  const file = join(root, 'bench/RESULTS.md')
  const before = readFileSync(file, 'utf8')
  const [open, close] = [`<!-- ${values.section} -->`, `<!-- /${values.section} -->`]
  if (!before.includes(open)) throw new Error(`bench/RESULTS.md has no section '${values.section}'.`)
  const body = `${open}\n\`${command}\`, ${new Date().toISOString().slice(0, 10)}. ${text.join('\n')}${close}`
  writeFileSync(file, before.slice(0, before.indexOf(open)) + body + before.slice(before.indexOf(close) + close.length))
})
