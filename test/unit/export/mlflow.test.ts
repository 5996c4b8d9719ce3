import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { exportStudy } from '../../../lib/export'
import { StudyStore } from '../../../lib/store'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-mlflow-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Three trials: complete with a curve, failed, and one that was never started. */
const store = StudyStore.create(join(folder, 'study'), { name: 'a study', definition: {} })
const ids = ['a', 'b', 'c'].map((letter) => letter.repeat(32)) as [string, string, string]
const session = store.session()
session.declare(
  ids.map((id, number) => ({ id, number, options: { algorithm: 'langevin', entropy: 1e-3 }, seed: number })),
)
session.start(ids[0])
session.complete(ids[0], {
  metrics: { objective: 0.1 + 0.2, gap: Number.NaN },
  trace: { step: [0, 10], seconds: [0, 0.5], loss: [1, 0.5] },
})
session.start(ids[1])
session.fail(ids[1], { code: 'MEANFIELD_DIVERGED', message: 'it exploded' })
session.close()

test('a file store has every run as MLflow reads it; exported again it is the same', async () => {
  const out = join(folder, 'mlruns')
  const runs = await exportStudy(store, 'mlflow', out)
  expect(await exportStudy(store, 'mlflow', out)).toEqual(runs)
  // What follows are the rules of mlflow/store/tracking/file_store.py.
  const [experiment = '', ...others] = readdirSync(out)
  expect(others).toEqual([])
  expect(experiment).toMatch(/^\d+$/)
  const meta = parse(readFileSync(join(out, experiment, 'meta.yaml'), 'utf8'))
  expect(meta).toMatchObject({ experiment_id: experiment, name: 'a study', lifecycle_stage: 'active' })
  const read = (...path: string[]) => readFileSync(join(out, experiment, ...path), 'utf8')
  expect(readdirSync(join(out, experiment)).sort()).toEqual([ids[0], ids[1], 'meta.yaml'])
  expect(parse(read(ids[0], 'meta.yaml'))).toMatchObject({
    run_id: ids[0],
    run_uuid: ids[0],
    experiment_id: experiment,
    status: 3,
    source_type: 4,
    run_name: 'trial-0',
    end_time: store.get(ids[0])?.ended,
  })
  expect(parse(read(ids[1], 'meta.yaml')).status).toBe(4)
  expect(read(ids[1], 'tags', 'meanfield.failure')).toBe('MEANFIELD_DIVERGED: it exploded')
  expect(read(ids[0], 'params', 'entropy')).toBe('0.001')
  const start = store.get(ids[0])?.started as number
  expect(read(ids[0], 'metrics', 'trace', 'loss')).toBe(`${start} 1 0\n${start + 500} 0.5 10\n`)
  expect(readdirSync(join(out, experiment, ids[0], 'metrics', 'result'))).toEqual(['objective'])
  expect(Number(read(ids[0], 'metrics', 'result', 'objective').split(' ')[1])).toBe(0.1 + 0.2)
})

describe('a tracking server', () => {
  const experiments = new Map<string, string>()
  const runs = new Map<string, Record<string, unknown> & { status: string }>()
  let server: Server
  let address = ''

  // The requests that the export makes, with the rules that the REST documentation of MLflow states for them.
  const answers: Record<string, (body: Record<string, never>) => object> = {
    'experiments/create': ({ name }) => {
      experiments.set(name, '7')
      return { experiment_id: '7' }
    },
    'runs/search': ({ experiment_ids }) => {
      expect(experiment_ids).toEqual(['7'])
      return { runs: [...runs].map(([run_id, { status, tags }]) => ({ info: { run_id, status }, data: { tags } })) }
    },
    'runs/create': (body) => {
      const { experiment_id, tags, start_time } = body
      expect([experiment_id, typeof start_time]).toEqual(['7', 'number'])
      const id = `run${runs.size}`
      runs.set(id, { status: 'RUNNING', tags, params: [], metrics: [] })
      return { run: { info: { run_id: id } } }
    },
    'runs/delete': ({ run_id }) => {
      expect(runs.delete(run_id)).toBe(true)
      return {}
    },
    'runs/log-batch': ({ run_id, params = [] as object[], metrics = [] as object[] }) => {
      expect(params.length).toBeLessThanOrEqual(100)
      expect(metrics.length).toBeLessThanOrEqual(1000)
      const run = runs.get(run_id) as { params: object[]; metrics: object[]; status: string }
      expect(run.status).toBe('RUNNING')
      run.params.push(...params)
      run.metrics.push(...metrics)
      return {}
    },
    'runs/update': ({ run_id, status, end_time }) => {
      expect(typeof end_time).toBe('number')
      Object.assign(runs.get(run_id) as object, { status })
      return { run_info: {} }
    },
  }

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const url = new URL(request.url as string, 'http://localhost')
      const name = url.pathname.replace('/api/2.0/mlflow/', '')
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const send = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body))
      if (name === 'experiments/get-by-name') {
        const id = experiments.get(url.searchParams.get('experiment_name') as string)
        return id
          ? send(200, { experiment: { experiment_id: id } })
          : send(404, { error_code: 'RESOURCE_DOES_NOT_EXIST' })
      }
      try {
        send(200, (answers[name] as (body: object) => object)(JSON.parse(Buffer.concat(chunks).toString())))
      } catch (error) {
        send(400, { error_code: 'INVALID_PARAMETER_VALUE', message: (error as Error).message })
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => server.close())

  test('gets every run once; what an interrupted export left is written anew', async () => {
    expect(await exportStudy(store, 'mlflow', address)).toEqual(['run0', 'run1'])
    expect(runs.get('run0')).toMatchObject({
      status: 'FINISHED',
      params: expect.arrayContaining([{ key: 'seed', value: '0' }]),
    })
    const { metrics } = runs.get('run0') as unknown as { metrics: { key: string; value: number; step: number }[] }
    expect(metrics.filter(({ key }) => key === 'trace/loss').map(({ value, step }) => [step, value])).toEqual([
      [0, 1],
      [10, 0.5],
    ])
    expect(await exportStudy(store, 'mlflow', address)).toEqual([])
    Object.assign(runs.get('run1') as object, { status: 'RUNNING' })
    expect(await exportStudy(store, 'mlflow', address)).toHaveLength(1)
    expect([...runs.values()].map(({ status }) => status)).toEqual(['FINISHED', 'FAILED'])
  })

  test('that refuses, or is not there, is named', async () => {
    await expect(exportStudy(store, 'mlflow', `${address}/elsewhere`)).rejects.toThrow(
      /answered 400 to .*elsewhere.*is it an MLflow/,
    )
    await expect(exportStudy(store, 'mlflow', 'http://127.0.0.1:9')).rejects.toMatchObject({
      code: 'MEANFIELD_ENVIRONMENT',
      message: expect.stringContaining('cannot be reached'),
    })
  })
})
