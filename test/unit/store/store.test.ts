import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StudyStore, type TrialRecord } from '../../../lib/store'
import { TrialTable } from '../../../lib/store/trial'

const root = mkdtempSync(join(tmpdir(), 'meanfield-store-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const create = () => StudyStore.create(join(root, String(folders++)), { name: 'test', definition: {} })
const declared = [0, 1, 2].map((number) => ({
  id: `t${number}`,
  number,
  options: { entropy: 10 ** -number },
  seed: number,
}))
const states = (trials: TrialRecord[]) => trials.map(({ state }) => state)

test('a study is what its sessions have written', () => {
  const store = create()
  const session = store.session()
  session.declare(declared)
  session.start('t0')
  session.complete('t0', {
    metrics: { gap: 0.5, 'test.loss': Number.NaN },
    trace: { step: [0, 1], objective: [1, Number.NaN] },
  })
  session.start('t1')
  session.flush()
  const other = StudyStore.open(store.folder)
  expect(states(other.trials())).toEqual(['complete', 'running', 'waiting'])
  const [first] = other.trials()
  expect(first).toMatchObject({
    id: 't0',
    options: { entropy: 1 },
    metrics: { gap: 0.5, 'test.loss': Number.NaN },
    attempts: 1,
  })
  expect(other.trace(first as TrialRecord)).toEqual({ step: [0, 1], objective: [1, Number.NaN] })
  expect(other.environments()).toHaveLength(1)
  session.fail('t1', { code: 'X', message: 'y' })
  session.flush()
  expect(other.refresh()).toBe(true)
  expect(other.refresh()).toBe(false)
  expect(other.get('t1')).toMatchObject({ state: 'failed', failure: { code: 'X', message: 'y' } })
  session.close()
})

test('what a dead session left running is stale', () => {
  const store = create()
  const session = store.session()
  session.declare(declared)
  session.start('t0')
  session.close()
  expect(states(store.trials())).toEqual(['running', 'waiting', 'waiting'])
  // As if by a process that is gone: no process has number 2^22 or above on Linux.
  const [name = ''] = readdirSync(join(store.folder, 'heartbeats'))
  const path = join(store.folder, 'heartbeats', name)
  writeFileSync(path, readFileSync(path, 'utf8').replace(/\n\d+\n/, '\n99999999\n'))
  expect(states(store.trials())).toEqual(['stale', 'waiting', 'waiting'])
})

test('a trial that two workers completed counts once, as what came first, in whatever order journals are read', () => {
  const declaration = { event: 'trials', time: 1, trials: [{ id: 'a', number: 0, options: {}, seed: 0 }] }
  const journals = {
    one: [
      declaration,
      { event: 'start', trial: 'a', time: 2 },
      { event: 'complete', trial: 'a', time: 9, metrics: { x: 1 } },
    ],
    two: [
      { event: 'start', trial: 'a', time: 3 },
      { event: 'complete', trial: 'a', time: 8, metrics: { x: 2 } },
    ],
    three: [
      { event: 'failed', trial: 'a', time: 10, failure: { code: 'X', message: '' } },
      { event: 'start', trial: 'a', time: 11 },
    ],
  }
  for (const order of [
    ['one', 'two', 'three'],
    ['three', 'two', 'one'],
    ['two', 'three', 'one'],
  ] as const) {
    const table = new TrialTable()
    for (const name of order) table.add(journals[name], name)
    expect(table.all()).toHaveLength(1)
    expect(table.get('a')).toMatchObject({ state: 'complete', metrics: { x: 2 }, ended: 8 })
  }
})

test('damage is skipped and told, and the trial runs again', () => {
  const store = create()
  const session = store.session()
  session.declare(declared)
  session.start('t0')
  session.complete('t0', { metrics: { gap: 0.125 } })
  session.close()
  const [name = ''] = readdirSync(join(store.folder, 'journals'))
  const path = join(store.folder, 'journals', name)
  writeFileSync(path, readFileSync(path, 'utf8').replace('0.125', '0.525'))
  appendFileSync(path, '{"event":"complete","trial":"t1","ti')
  const other = StudyStore.open(store.folder)
  expect(other.damaged).toEqual([{ file: path, line: 3, why: 'its checksum does not fit' }])
  expect(other.trials().map(({ metrics }) => metrics)).toEqual([{}, {}, {}])
})

test('folders that hold no study, or one already', () => {
  expect(() => StudyStore.open(root)).toThrow(/holds no study/)
  const store = create()
  expect(() => StudyStore.create(store.folder, { name: 'x', definition: {} })).toThrow(/holds a study already/)
  writeFileSync(join(store.folder, 'study.json'), '{"format":9}')
  expect(() => StudyStore.open(store.folder)).toThrow(/format 9; this version reads format 1/)
  writeFileSync(join(store.folder, 'study.json'), '{')
  expect(() => StudyStore.open(store.folder)).toThrow(/study.json' is damaged/)
})
