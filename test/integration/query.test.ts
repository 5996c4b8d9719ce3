import { spawnSync } from 'node:child_process'
import { StudyStore } from '../../lib/store'
import { testWith } from '../installed'
import { fixture } from './child'
import { command, json, meanfield, place } from './command'

const out = place('study')
beforeAll(() => {
  const session = StudyStore.create(out, { name: 'small', definition: {} }).session()
  const trials = [0, 1, 2].map((number) => ({
    id: `t${number}`,
    number,
    options: { algorithm: 'a,"b"' },
    seed: number,
  }))
  session.declare(trials)
  session.start('t0')
  session.complete('t0', { metrics: { 'test.accuracy': 0.1 + 0.2 } })
  session.close()
})

const withDuckDB = testWith('@duckdb/node-api')

withDuckDB('query prints a table, CSV, or one JSON document', () => {
  const sql = 'SELECT number, algorithm, test_accuracy AS accuracy FROM trials ORDER BY number LIMIT 2'
  expect(meanfield('query', out, sql)).toEqual({
    status: 0,
    stderr: '',
    stdout: 'number  algorithm  accuracy\n0       a,"b"      0.30000000000000004\n1       a,"b"\n',
  })
  expect(meanfield('query', out, sql, '--csv').stdout).toBe(
    'number,algorithm,accuracy\n0,"a,""b""",0.30000000000000004\n1,"a,""b""",\n',
  )
  expect(json('query', out, sql).document).toEqual({
    columns: [
      { name: 'number', type: 'INTEGER' },
      { name: 'algorithm', type: 'VARCHAR' },
      { name: 'accuracy', type: 'DOUBLE' },
    ],
    rows: [
      { number: 0, algorithm: 'a,"b"', accuracy: 0.1 + 0.2 },
      { number: 1, algorithm: 'a,"b"', accuracy: null },
    ],
  })
  const { status, document } = json('query', out, 'DELETE FROM trials')
  expect({ status, document }).toMatchObject({ status: 2, document: { error: { code: 'MEANFIELD_INVALID_OPTION' } } })
  expect(meanfield('query', out, sql, '--csv', '--json').status).toBe(1)
})

test('without DuckDB a query says how to install it', () => {
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--require', fixture('without.cjs'), command, 'query', out, 'SELECT 1', '--json'],
    { encoding: 'utf8', env: { ...process.env, WITHOUT: '@duckdb/node-api' } },
  )
  expect({ status, document: JSON.parse(stdout) }).toEqual({
    status: 2,
    document: {
      error: {
        code: 'MEANFIELD_ENVIRONMENT',
        message:
          'a query in SQL needs the package @duckdb/node-api, which is not installed; run: npm install @duckdb/node-api',
      },
    },
  })
})
