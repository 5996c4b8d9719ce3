import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type QueryValue, queryStudy, StudyStore, type TraceColumns } from '../../../lib/store'
import { testWith } from '../../installed'

const root = mkdtempSync(join(tmpdir(), 'meanfield-query-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const withDuckDB = testWith('@duckdb/node-api')

const store = StudyStore.create(join(root, 'study'), { name: 'test', definition: {} })
// More rows than a chunk of DuckDB (2048), with options that collide with fixed columns and in upper and lower case.
const count = 5000
const declared = Array.from({ length: count }, (_, number) => ({
  id: `t${number}`,
  number,
  options: { algorithm: number % 2 ? 'langevin' : 'it, "too"', l1: 0.5, L1: number % 2 === 0, state: number, rare: 7 },
  seed: 2 ** 53 - 1 - number,
}))
const value = (number: number) => Math.sin(number)
beforeAll(() => {
  const session = store.session()
  session.declare(declared)
  for (const { id, number } of declared.slice(0, 3000)) {
    session.start(id)
    const metrics = { gap: value(number), 'test.accuracy': number % 3 ? 0.5 : Number.NaN, state: 1 }
    // Two kinds of curves, so that the table of them is widened.
    const trace: TraceColumns[] = [
      { step: [0, 1], objective: [1, Number.NaN] },
      { step: [5], id: [9], loss: [3] },
    ]
    const curve = number < 3 ? trace[Math.floor(number / 2)] : undefined
    session.complete(id, { metrics, details: { stop: 'steps', chosen: { step: 0.1 } }, ...(curve && { trace: curve }) })
  }
  session.start('t3000')
  session.report('t3000', 10, 0.25)
  session.fail('t3000', { code: 'MEANFIELD_DIVERGED', message: 'it exploded' })
  session.close()
})

const rows = async (sql: string): Promise<QueryValue[][]> => (await queryStudy(store, sql)).rows

withDuckDB('trials are rows, options and metrics their columns', async () => {
  expect(await rows('SELECT state, count(*) FROM trials GROUP BY state ORDER BY state')).toEqual([
    ['complete', 3000],
    ['failed', 1],
    ['waiting', 1999],
  ])
  const { columns, rows: first } = await queryStudy(store, 'SELECT * FROM trials ORDER BY number LIMIT 1')
  expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
    'number INTEGER',
    'id VARCHAR',
    'state VARCHAR',
    'seed BIGINT',
    'attempts INTEGER',
    'session VARCHAR',
    'started TIMESTAMP_MS',
    'ended TIMESTAMP_MS',
    'code VARCHAR',
    'failure VARCHAR',
    'details VARCHAR',
    'algorithm VARCHAR',
    'l1 DOUBLE',
    'option_L1 BOOLEAN',
    'option_state BIGINT',
    'rare BIGINT',
    'gap DOUBLE',
    'test_accuracy DOUBLE',
    'metric_state DOUBLE',
  ])
  const [trial] = store.trials()
  expect(first[0]).toEqual([
    0,
    't0',
    'complete',
    2 ** 53 - 1,
    1,
    trial.worker,
    new Date(trial.started as number).toISOString(),
    new Date(trial.ended as number).toISOString(),
    null,
    null,
    '{"stop":"steps","chosen":{"step":0.1}}',
    'it, "too"',
    0.5,
    true,
    0,
    7,
    0,
    null,
    1,
  ])
  expect(await rows("SELECT code, failure FROM trials WHERE state = 'failed'")).toEqual([
    ['MEANFIELD_DIVERGED', 'it exploded'],
  ])
  expect(await rows("SELECT DISTINCT details->>'stop' FROM trials WHERE details IS NOT NULL")).toEqual([['steps']])
})

withDuckDB('every number arrives with every digit', async () => {
  const found = await rows('SELECT number, gap FROM trials WHERE gap IS NOT NULL ORDER BY number')
  expect(found).toEqual(Array.from({ length: 3000 }, (_, number) => [number, value(number)]))
  expect(await rows('SELECT sum(seed)::HUGEINT, max(seed) FROM trials')).toEqual([
    [String(declared.reduce((sum, { seed }) => sum + BigInt(seed), 0n)), 2 ** 53 - 1],
  ])
})

withDuckDB('results, reports and curves are tables of their own', async () => {
  expect(await rows("SELECT count(*), count(value) FROM results WHERE metric = 'test.accuracy'")).toEqual([
    [3000, 2000],
  ])
  expect(await rows('SELECT * FROM reports')).toEqual([['t3000', 3000, 10, 0.25]])
  expect(await rows('SELECT * FROM traces ORDER BY number, point')).toEqual([
    ['t0', 0, 0, 0, 1, null, null],
    ['t0', 0, 1, 1, null, null, null],
    ['t1', 1, 0, 0, 1, null, null],
    ['t1', 1, 1, 1, null, null, null],
    ['t2', 2, 0, 5, null, 9, 3],
  ])
  expect(
    await rows('SELECT max(step), column_id FROM traces JOIN trials USING (id) GROUP BY column_id ORDER BY 1'),
  ).toEqual([
    [1, null],
    [5, 9],
  ])
  expect(await rows("PIVOT results ON metric IN ('gap') USING count(value)")).toHaveLength(3000)
})

withDuckDB('a study is only read, and nothing else can be reached', async () => {
  const before = readdirSync(store.folder, { recursive: true })
  const out = join(root, 'out.csv')
  const refused: [string, RegExp][] = [
    ['UPDATE trials SET seed = 1', /kind UPDATE; expected a SELECT/],
    ['DROP TABLE trials; SELECT 1', /kind DROP; expected a SELECT/],
    ['SELECT 1; CREATE TABLE x (y INTEGER)', /kind CREATE; expected a SELECT/],
    [`COPY trials TO '${out}'`, /expected a SELECT|disabled by configuration/],
    ["SELECT * FROM read_text('/etc/hostname')", /disabled by configuration/],
    [`ATTACH '${out}'`, /expected a SELECT|disabled by configuration/],
    ['SET enable_external_access = true', /expected a SELECT|locked/],
    ['SELECT gapp FROM trials', /"gapp" not found[\s\S]*"gap"[\s\S]*DESCRIBE trials/],
    ['SELEC', /refused by DuckDB: Parser Error/],
    ['SELECT $1', /refused by DuckDB/],
    [' -- nothing', /is empty; expected a SELECT/],
  ]
  for (const [sql, words] of refused)
    await expect(queryStudy(store, sql)).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_OPTION',
      message: expect.stringMatching(words),
    })
  expect(existsSync(out)).toBe(false)
  expect(readdirSync(store.folder, { recursive: true })).toEqual(before)
})

withDuckDB('a study of nothing has the tables too', async () => {
  const empty = StudyStore.create(join(root, 'empty'), { name: 'empty', definition: {} })
  const { rows: none } = await queryStudy(
    empty,
    'SELECT * FROM trials FULL JOIN results USING (id) FULL JOIN traces USING (id)',
  )
  expect(none).toEqual([])
})
