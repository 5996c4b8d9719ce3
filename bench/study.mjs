// A study of many trials: seconds to open it, to list its trials and to filter them, each in a process of its own.
//
//   node bench/study.mjs [--trials 100000] [--runs 3] [--json]
//
// Every trial has 5 options, 12 metrics and details, as those of `meanfield run` have; a trace is written for none. Seconds of the
// clock and, in brackets, of the processor, the least of the runs; and those of `meanfield status --list --where`, start of Node included.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '3' },
    look: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const { StudyStore } = createRequire(import.meta.url)('../dist/index.js')

if (values.look) {
  const parts = {}
  const timed = (name, work) => {
    const [start, before] = [performance.now(), process.cpuUsage()]
    const result = work()
    const { user, system } = process.cpuUsage(before)
    parts[name] = [(performance.now() - start) / 1000, (user + system) / 1e6]
    return result
  }
  const store = timed('open', () => StudyStore.open(values.look))
  const all = timed('list', () => store.trials())
  const some = timed('filter', () =>
    store.trials(({ options, metrics }) => options.entropy === 1e-3 && metrics['test.accuracy'] > 0.9),
  )
  console.log(JSON.stringify({ parts, all: all.length, some: some.length, memory: process.memoryUsage.rss() }))
} else {
  const trials = Number(values.trials)
  const folder = mkdtempSync(join(tmpdir(), 'meanfield-study-'))
  const store = StudyStore.create(join(folder, 'study'), {
    name: 'large',
    definition: { name: 'large', options: { a: 1 } },
  })
  const session = store.session()
  const entropies = [1e-2, 1e-3, 1e-4, 1e-5]
  const declared = Array.from({ length: trials }, (_, number) => ({
    id: number.toString(16).padStart(32, '0'),
    number,
    options: {
      algorithm: ['langevin', 'dual-averaging', 'sgd-langevin'][number % 3],
      entropy: entropies[number % 4],
      particles: 512,
      passes: 20,
      step: 10 ** (-3 + 3 * Math.abs(Math.sin(number))),
    },
    seed: number,
  }))
  session.declare(declared)
  for (const { id, number } of declared) {
    session.start(id)
    const value = (i) => Math.abs(Math.sin(12.9898 * number + i))
    const metrics = Object.fromEntries(
      [
        'objective',
        'loss',
        'steps',
        'passes',
        'primal',
        'dual',
        'gap',
        'standardError',
        'train.accuracy',
        'train.loss',
      ].map((name, i) => [name, value(i)]),
    )
    Object.assign(metrics, { 'test.accuracy': value(20), 'test.loss': value(21), seconds: value(22) })
    const details = {
      stop: 'budget',
      device: 'cpu',
      isa: 'avx512',
      threads: 1,
      chosen: { step: value(30), ridge: value(31) },
    }
    session.complete(id, { metrics, details })
  }
  session.close()
  const size = readdirSync(join(folder, 'study/journals'))
    .map((name) => statSync(join(folder, 'study/journals', name)).size)
    .reduce((sum, bytes) => sum + bytes, 0)

  const best = {}
  const least = (name, [seconds, processor]) => {
    const known = best[name] ?? [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    best[name] = [Math.min(known[0], seconds), Math.min(known[1], processor)]
  }
  let memory = 0
  for (let i = 0; i < Number(values.runs); i++) {
    const look = spawnSync(process.execPath, [process.argv[1], '--look', join(folder, 'study')], { encoding: 'utf8' })
    const found = JSON.parse(look.stdout)
    if (found.all !== trials || found.some === 0)
      throw new Error(`${found.all} trials were found, ${found.some} of the filter`)
    memory = found.memory
    const sum = (place) => Object.values(found.parts).reduce((total, part) => total + part[place], 0)
    for (const [name, part] of Object.entries(found.parts)) least(name, part)
    least('all three', [sum(0), sum(1)])
    const command = [
      'dist/cli/main.js',
      'status',
      join(folder, 'study'),
      '--where',
      'entropy=1e-3',
      '--where',
      'test.accuracy>0.99',
    ]
    const start = performance.now()
    const { status } = spawnSync(process.execPath, command, { encoding: 'utf8', maxBuffer: 1 << 28 })
    if (status !== 0) throw new Error(`meanfield status exited with ${status}`)
    least('meanfield status', [(performance.now() - start) / 1000, Number.NaN])
  }
  rmSync(folder, { recursive: true, force: true })
  const megabytes = { journal: size / 1e6, resident: memory / 1e6 }
  if (values.json) console.log(JSON.stringify({ trials, megabytes, seconds: best }))
  else {
    console.log(
      `${trials} trials, journal of ${megabytes.journal.toFixed(0)} MB, resident ${megabytes.resident.toFixed(0)} MB`,
    )
    for (const [name, [seconds, processor]] of Object.entries(best))
      console.log(`${name}: ${seconds.toFixed(2)} s${Number.isNaN(processor) ? '' : ` (${processor.toFixed(2)} s)`}`)
  }
}
