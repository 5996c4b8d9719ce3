import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeanFieldNetwork, runStudy, Study, StudyStore } from '../../../lib'
import { type Executor, InlineExecutor, runTrial } from '../../../lib/executor'
import type { ExperimentDefinition } from '../../../lib/experiment/definition'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-together-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const rows = Array.from({ length: 60 }, (_, i) => [Math.sin(i), Math.cos(3 * i), i % 2 ? 'odd' : 'even'].join(','))
writeFileSync(join(folder, 'tiny.csv'), `a,b,kind\n${rows.join('\n')}\n`)

const tiny: ExperimentDefinition = {
  name: 'tiny',
  data: { file: 'tiny.csv', target: 'kind', holdout: 0.25 },
  model: 'mean-field',
  options: { algorithm: ['langevin', 'dual-averaging'], particles: 16, steps: 12, certificate: false },
  seeds: 40,
  run: { parallel: 2, threads: 1 },
}

/** One trial after the other, each by its model alone. */
const alone: Executor = { slots: 1, run: (spec, controls) => runTrial(spec, controls), close: async () => {} }

let studies = 0
async function run(definition: ExperimentDefinition, options: Parameters<typeof runStudy>[1] = {}) {
  const study = await Study.create(join(folder, `study-${studies++}`), definition, { base: folder })
  return { study, summary: await runStudy(study, options) }
}

function results({ store }: Study) {
  return StudyStore.open(store.folder)
    .trials()
    .map(({ id, state, metrics: { seconds: _, ...metrics }, failure, ...trial }) => {
      const trace = store.trace({ id, ...trial } as never)
      return { id, state, metrics, code: failure?.code, objective: trace?.objective }
    })
}

const fitMany = jest.spyOn(MeanFieldNetwork, 'fitMany')
beforeEach(() => fitMany.mockClear())
const batches = () => fitMany.mock.calls.map(([runs]) => runs.length)

test('short trials are fitted in batches, each as it would be alone', async () => {
  const definition = { ...tiny, options: { ...tiny.options, step: ['auto', 1e9] } }
  const { study, summary } = await run(definition)
  expect(summary).toMatchObject({ complete: 80, failed: 80 })
  expect(Math.max(...batches())).toBeGreaterThan(1) // how many fit one depends on the machine
  fitMany.mockClear()
  const { study: apart } = await run(definition, { executor: alone })
  expect(batches()).toEqual([])
  expect(results(study)).toEqual(results(apart))
  expect(results(study)[0]?.objective?.length).toBeGreaterThan(2)
})

test('with certificates, models, checkpoints and rungs', async () => {
  const definition: ExperimentDefinition = {
    ...tiny,
    options: { ...tiny.options, certificate: true, certificateDraws: 100, steps: 6, particles: 8 },
    seeds: 15,
    objective: 'loss',
    // Everybody goes on: who is pruned depends on who comes first.
    prune: { method: 'median', from: 2, atLeast: 1000 },
    save: { models: true },
  }
  const { study, summary } = await run(definition)
  expect(summary).toMatchObject({ complete: 30 })
  expect(batches().length).toBeGreaterThan(0)
  const { study: apart } = await run(definition, { executor: alone })
  expect(results(study)).toEqual(results(apart))
  const [first] = study.trials()
  const net = await MeanFieldNetwork.load(study.store.modelPath(first?.id as string))
  expect(net.particles).toEqual((await MeanFieldNetwork.load(apart.store.modelPath(first?.id as string))).particles)
})

test('a batch that takes much longer than expected is stopped, and done one by one', async () => {
  const definition = {
    ...tiny,
    // The design has the short ones first.
    options: { algorithm: 'langevin', particles: 16, certificate: false, steps: [10, 60_000] },
    seeds: 8,
  }
  const { study, summary } = await run(definition)
  expect(summary).toMatchObject({ complete: 16 })
  const outcomes = (await Promise.all(fitMany.mock.results.map(({ value }) => value))).flat()
  expect(outcomes.some(({ status, value }) => status === 'rejected' || value.stop === 'aborted')).toBe(true)
  const steps = study.trials().map(({ metrics }) => metrics.steps)
  expect(new Set(steps)).toEqual(new Set([10, 60_000]))
  const { study: apart } = await run(definition, { executor: alone })
  expect(results(study)).toEqual(results(apart))
})

test('stopped in mid-batch, the study goes on later and ends the same', async () => {
  const definition = { ...tiny, seeds: 100, options: { ...tiny.options, steps: 50 } }
  const controller = new AbortController()
  const { study, summary } = await run(definition, {
    signal: controller.signal,
    onProgress: ({ ended }) => ended === 60 && controller.abort(),
  })
  expect(summary.interrupted).toBe(true)
  expect(summary.complete).toBeLessThan(200)
  const states = new Set(
    StudyStore.open(study.store.folder)
      .trials()
      .map(({ state }) => state),
  )
  expect(states).toEqual(new Set(['complete', 'waiting']))
  const again = await Study.open(study.store.folder)
  expect(await runStudy(again)).toMatchObject({ complete: 200, interrupted: false })
  const { study: apart } = await run(definition, { executor: alone })
  expect(results(again)).toEqual(results(apart))
})

test('it is as wide as its slots until fits are known to be short', async () => {
  const executor = new InlineExecutor(2)
  expect(executor.width).toBe(2)
  await run({ ...tiny, seeds: 5 }, { executor })
  expect(executor.width).toBeGreaterThan(2)
})
