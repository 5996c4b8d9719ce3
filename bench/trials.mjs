// Many tiny trials of a study in this process, the store included: trials a second, processor time a trial, memory.
//
//   node bench/trials.mjs [--trials 10000] [--parallel 2] [--certificate] [--json]
//
// n = 75 rows (and 25 for the test), d = 4, M = 16 particles, 20 steps; with --certificate also primal, dual and gap from 200 draws. Start-up, the
// reading of the data and the plan of the study are in the time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '10000' },
    parallel: { type: 'string' },
    certificate: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const { Study, runStudy, StudyStore } = createRequire(import.meta.url)('../dist/index.js')

const trials = Number(values.trials)
const folder = mkdtempSync(join(tmpdir(), 'meanfield-trials-'))
const cells = (i) => [0, 1, 2, 3].map((j) => Math.sin(12.9898 * (4 * i + j)).toFixed(4))
const rows = Array.from({ length: 100 }, (_, i) => [...cells(i), Math.cos(i).toFixed(4)].join(','))
writeFileSync(join(folder, 'tiny.csv'), `a,b,c,d,y\n${rows.join('\n')}\n`)
const study = await Study.create(
  join(folder, 'study'),
  {
    name: 'tiny',
    data: { file: 'tiny.csv', target: 'y', task: 'regression', holdout: 0.25, seed: 1 },
    model: 'mean-field',
    options: {
      entropy: Array.from({ length: Math.ceil(trials / 100) }, (_, i) => 10 ** (-5 + (3 * i * 100) / trials)),
      particles: 16,
      steps: 20,
      ...(values.certificate ? { certificateDraws: 200 } : { certificate: false }),
    },
    seeds: Math.min(100, trials),
    objective: 'test.r2',
    ...(values.parallel && { run: { parallel: Number(values.parallel) } }),
  },
  { base: folder },
)

const resident = []
const start = performance.now()
const before = process.cpuUsage()
const summary = await runStudy(study, {
  onProgress: ({ ended }) => {
    if (ended % Math.ceil(trials / 10) === 0) resident.push(Math.round(process.memoryUsage.rss() / 1e6))
  },
})
const seconds = (performance.now() - start) / 1000
const { user, system } = process.cpuUsage(before)
const complete = StudyStore.open(study.store.folder).trials(({ state }) => state === 'complete').length
rmSync(folder, { recursive: true, force: true })
if (complete !== study.size)
  throw new Error(`${complete} of ${study.size} trials are complete: ${JSON.stringify(summary)}`)

const result = {
  trials: complete,
  seconds,
  rate: complete / seconds,
  processorMicroseconds: (user + system) / complete,
  residentMegabytes: resident,
}
if (values.json) console.log(JSON.stringify(result))
else
  console.log(
    `${complete} trials in ${seconds.toFixed(1)} s: ${result.rate.toFixed(0)} a second, ${result.processorMicroseconds.toFixed(0)} us of ` +
      `processor each; resident ${resident.join(', ')} MB`,
  )
