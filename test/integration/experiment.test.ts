import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '../../lib/data/random'
import { StudyStore, type TrialRecord } from '../../lib/store'

// The command as users have it; npm test builds it first.
const command = join(__dirname, '..', '..', 'dist', 'cli', 'main.js')
const folder = mkdtempSync(join(tmpdir(), 'meanfield-experiment-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = join(folder, 'small.yaml')
writeFileSync(
  file,
  `name: small
data: { file: '${join(__dirname, '..', '..', 'data', 'breast-cancer.csv')}', target: label, holdout: 0.25 }
model: mean-field
options:
  algorithm: [langevin, dual-averaging]
  entropy: [1e-3, 1e-5]
  particles: 32
  steps: 60
  certificateDraws: 100
seeds: 0..2
run: { checkpointSeconds: 1, parallel: 2, backoff: 0.01 }
`,
)

function meanfield(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' })
  return { status, stderr, json: args.includes('--json') ? JSON.parse(stdout) : undefined, stdout }
}

/** Everything that must not depend on interruptions. */
function results(out: string) {
  const { trials } = meanfield('status', out, '--list', '--json').json
  return (trials as TrialRecord[]).map(({ id, number, options, seed, state, metrics }) => {
    const { seconds: _, ...rest } = metrics
    return { id, number, options, seed, state, metrics: rest }
  })
}

const plain = join(folder, 'plain')
test('an experiment runs from its file, and its trials are not computed again', () => {
  const { status, json } = meanfield('run', file, '--out', plain, '--json')
  expect(status).toBe(0)
  expect(json).toMatchObject({ study: 'small', trials: 12, states: { complete: 12 }, damaged: 0 })
  expect(json.table.parameters).toEqual(['algorithm', 'entropy'])
  expect(json.table.rows).toHaveLength(4)
  expect(json.table.rows[0].cells['test.accuracy'].mean).toBeGreaterThan(0.85)
  const journals = () =>
    readdirSync(join(plain, 'journals')).map((name) => readFileSync(join(plain, 'journals', name), 'utf8'))
  const before = journals().join('')
  expect(meanfield('run', file, '--out', plain, '--json').json.states).toEqual({ complete: 12 })
  expect(journals().join('')).toBe(before)
  expect(readdirSync(join(plain, 'checkpoints'))).toEqual([])
  expect(meanfield('run', file, 'steps=7', '--out', plain).stderr).toMatch(
    /holds a study that is not what small.yaml says now/,
  )
})

test.each(['inline', 'process'])(
  'killed at random moments and resumed, %s: the same to the last bit',
  async (executor) => {
    const out = join(folder, `killed-${executor}`)
    const random = new Random(executor.length)
    const more = executor === 'process' ? ['run.executor=process'] : []
    for (let kill = 0; kill < 3; kill++) {
      const args = existsSync(join(out, 'study.json')) ? ['resume', out] : ['run', file, ...more, '--out', out]
      const child = spawn(process.execPath, [command, ...args], { stdio: 'ignore', detached: true })
      const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
      const wanted = 4 * kill + random.below(3)
      const complete = () =>
        StudyStore.isStudy(out) ? StudyStore.open(out).trials(({ state }) => state === 'complete').length : -1
      while (complete() < wanted && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
      await new Promise((resolve) => setTimeout(resolve, random.below(30)))
      if (child.exitCode === null) process.kill(child.pid as number, 'SIGKILL')
      // It was at work, and left something to do.
      expect(await ended).toBe('SIGKILL')
      expect(complete()).toBeLessThan(12)
    }
    const { status, json } = meanfield('resume', out, '--json')
    expect({ status, states: json.states }).toEqual({ status: 0, states: { complete: 12 } })
    expect(results(out)).toEqual(results(plain))
  },
)

test('Ctrl-C leaves a checkpoint, exits with 75, and the study goes on from there', async () => {
  const out = join(folder, 'interrupted')
  const args = [
    'run',
    file,
    'steps=20000',
    'algorithm=langevin',
    'entropy=1e-3',
    'seed=0',
    'particles=64',
    '--out',
    out,
  ]
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let words = ''
  child.stderr.on('data', (bytes) => {
    words += bytes
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  while (!existsSync(join(out, 'checkpoints')) || readdirSync(join(out, 'checkpoints')).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
  child.kill('SIGINT')
  expect(await ended).toBe(75)
  expect(words).toContain(`meanfield resume ${out}`)
  expect(readdirSync(join(out, 'checkpoints'))).toHaveLength(1)
  expect(meanfield('status', out, '--json').json.states).toEqual({ waiting: 1 })
  expect(meanfield('resume', out, '--no-unfinished', '--json').json.states).toEqual({ waiting: 1 })
})

test('a crash, a time limit and an impossible trial each end one trial; failed ones are begun anew on request', async () => {
  const out = join(folder, 'failing')
  const args = ['algorithm=langevin', 'entropy=1e-3', 'seed=0', 'steps=10', 'run.retries=1', '--out', out, '--json']
  const { status, json } = meanfield('run', file, 'step=auto,1e9', 'run.executor=process', ...args)
  expect({ status, states: json.states }).toEqual({ status: 2, states: { complete: 1, failed: 1 } })
  const [failed] = meanfield('status', out, '--state', 'failed', '--json').json.trials
  expect(failed).toMatchObject({ attempts: 1, failure: { code: 'MEANFIELD_DIVERGED' } })
  expect(meanfield('resume', out, '--json').json.states).toEqual({ complete: 1, failed: 1 })
  meanfield('resume', out, '--restart-failed', '--json')
  expect(meanfield('status', out, '--state', 'failed', '--json').json.trials[0].attempts).toBe(2)

  const limit = (name: string, ...more: string[]) => {
    meanfield(
      'run',
      file,
      ...args.slice(0, 3),
      'run.executor=process',
      'run.retries=1',
      ...more,
      '--out',
      join(folder, name),
      '--json',
    )
    return meanfield('status', join(folder, name), '--list', '--json').json.trials[0]
  }
  expect(limit('late', 'steps=1000000', 'run.timeout=0.3')).toMatchObject({
    state: 'failed',
    attempts: 2,
    failure: { message: expect.stringContaining('longer than its limit of 0.3 s') },
  })
  expect(limit('large', 'steps=1000000', 'run.memory=1', 'run.retries=0')).toMatchObject({
    state: 'failed',
    failure: { message: expect.stringContaining('more than its limit of 1 MB') },
  })
})

test('two processes share a study by parts', () => {
  const out = join(folder, 'parts')
  expect(meanfield('run', file, '--part', '0/2', '--out', out, '--json').json.states).toEqual({
    complete: 6,
    waiting: 6,
  })
  expect(meanfield('resume', out, '--part', '1/2', '--json').json.states).toEqual({ complete: 12 })
  expect(results(out)).toEqual(results(plain))
})

test('a study is exported, and Parquet read back by another reader has every number', () => {
  const file = join(folder, 'trials.parquet')
  expect(meanfield('export', plain, '--format', 'parquet', '--out', file, '--json').json.files).toEqual([file])
  const script = `import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
    console.log(JSON.stringify(await parquetReadObjects({ file: await asyncBufferFromFile(${JSON.stringify(file)}) })))`
  const cwd = join(__dirname, '..', '..')
  const rows = JSON.parse(
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd, encoding: 'utf8' }).stdout,
  )
  const expected = results(plain).map(({ number, options, metrics }) => ({
    number,
    algorithm: options.algorithm,
    gap: metrics.gap,
  }))
  expect(
    rows.map((row: Record<string, unknown>) => ({
      number: row.number,
      algorithm: row['option.algorithm'],
      gap: row.gap,
    })),
  ).toEqual(expected)
  for (const command of [['status'], ['export', '--format', 'csv']]) {
    const misspelt = meanfield(command[0] as string, plain, ...command.slice(1), '--where', 'test.acuracy>0.5')
    expect(misspelt.status).toBe(1)
    expect(misspelt.stderr).toMatch(/--where names 'test.acuracy', which no trial has; did you mean test.accuracy\?/)
  }
  const { json } = meanfield('export', plain, '--format', 'tensorboard', '--where', 'seed=0', '--json')
  expect(json.files).toHaveLength(4)
  const mlflow = meanfield('export', plain, '--format', 'mlflow', '--out', join(folder, 'mlruns'), '--json')
  expect(mlflow.json.files).toHaveLength(12)
  expect(meanfield('export', plain, '--format', 'excel').stderr).toContain('csv, parquet, tensorboard, mlflow, onnx')
})

test('figures are drawn as PNG too, and without resvg the error says how to get it', () => {
  const figures = join(folder, 'figures')
  const { files } = meanfield('report', plain, '--figures', figures, '--png', '--json').json
  const images = (files as string[]).filter((name) => name.endsWith('.png'))
  expect(images).toContain(join(figures, 'objective-passes.png'))
  for (const image of images) expect(readFileSync(image).toString('latin1', 1, 4)).toBe('PNG')
  const preload = join(__dirname, 'fixtures', 'without.cjs')
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--require', preload, command, 'report', plain, '--figures', figures, '--png'],
    { encoding: 'utf8', env: { ...process.env, WITHOUT: '@resvg/resvg-js' } },
  )
  expect(status).toBe(2)
  expect(stderr).toContain('drawing PNG needs the package @resvg/resvg-js, which is not installed; run: npm install')
  expect(meanfield('report', plain, '--png').stderr).toMatch(/--png is given without --figures/)
})

test('linear models are fitted by trials too, in child processes as others are', () => {
  const linear = join(folder, 'linear.yaml')
  writeFileSync(
    linear,
    `name: linear
data: { file: '${join(__dirname, '..', '..', 'data', 'breast-cancer.csv')}', target: label, holdout: 0.25 }
model: linear
options: { algorithm: [svrg, newton], l2: [1e-3, 1e-2], scale: standard }
run: { executor: process }
`,
  )
  const { status, json } = meanfield('run', linear, '--out', join(folder, 'linear'), '--json')
  expect({ status, states: json.states }).toEqual({ status: 0, states: { complete: 4 } })
  for (const { metrics, details } of meanfield('status', join(folder, 'linear'), '--list', '--json').json.trials) {
    // The default tolerance of a linear fit, relative to a loss of about 0.1, holds for every method.
    expect(metrics.gap).toBeLessThan(1e-4)
    expect(metrics['test.accuracy']).toBeGreaterThan(0.9)
    expect(details.stop).toBe('gap')
  }
})
