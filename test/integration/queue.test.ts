import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { fixture } from './child'
import { command, json, meanfield, place } from './command'
import { completions, hasCheckpoint, launch, long, meanfieldProcess, results, small, states, until } from './studies'

const missing = spawnSync('redis-server', ['--version']).status !== 0
for (const name of ['bullmq', 'ioredis'])
  try {
    require.resolve(name)
  } catch {
    throw new Error(`the queue cannot be tested: ${name} is a development dependency and not installed; run npm ci.`)
  }
if (missing)
  console.warn(
    'tests of the queue are skipped: there is no redis-server; on Debian, apt-get install redis-server brings it.',
  )
const withRedis = missing ? test.skip : test

/** Keeps what it was told on disk at once, as a queue should be kept. */
class RedisServer {
  readonly #folder = place('redis')
  #port = 0
  #process: ChildProcess | undefined

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true })
    this.#port ||= await freePort()
    const settings = {
      port: this.#port,
      bind: '127.0.0.1',
      dir: this.#folder,
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
    }
    const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    this.#process = spawn('redis-server', words, { stdio: 'ignore' })
    for (;;) {
      const socket = connect(this.#port, '127.0.0.1')
      const answers = await Promise.race([
        once(socket, 'connect').then(() => true),
        once(socket, 'close').then(() => false),
      ]).catch(() => false)
      socket.destroy()
      if (answers) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async kill(): Promise<void> {
    if (!this.#process) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    this.#process = undefined
    await ended
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const redis = new RedisServer()
const plain = place('plain')
beforeAll(async () => {
  if (missing) return
  await redis.start()
  expect(meanfield('run', small, '--out', plain).status).toBe(0)
})
afterAll(() => redis.kill())

const worker = (out: string) => meanfieldProcess('worker', out, '--redis', redis.url, '--lease', '1', '--json')
const carriedOut = (words: string) => JSON.parse(words.slice(words.indexOf('{\n'))).carriedOut as number
const once12 = Array(12).fill(1)

withRedis('two workers share a study: every trial once, and the results of one process', async () => {
  const out = place('two')
  const { document } = json('submit', small, '--out', out, '--redis', redis.url)
  expect(document).toMatchObject({ target: 'redis', queued: 12 })
  const workers = [worker(out), worker(out)]
  expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual([0, 0])
  expect(workers.map(({ words }) => carriedOut(words())).reduce((a, b) => a + b)).toBe(12)
  expect(results(out)).toEqual(results(plain))
  expect(Object.values(completions(out))).toEqual(once12)
  expect(json('submit', out, '--redis', redis.url).document).toMatchObject({ queued: 0 })
})

withRedis('a worker killed in mid-trial: another one carries on, from the checkpoint', async () => {
  const out = place('killed')
  expect(meanfield('submit', small, ...long, 'steps=20000', '--out', out, '--redis', redis.url).status).toBe(0)
  const first = worker(out)
  await until('a checkpoint', () => hasCheckpoint(out))
  first.child.kill('SIGKILL')
  expect(await first.ended).toBe('SIGKILL')
  expect(states(out)).toEqual(['stale'])
  const second = worker(out)
  expect(await second.ended).toBe(0)
  const { trials } = json('status', out, '--list').document
  expect(trials).toMatchObject([{ state: 'complete', attempts: 2, details: { resumedFrom: expect.any(Number) } }])
  expect(Object.values(completions(out))).toEqual([1])
})

withRedis('a trial whose workers die more often than it is retried counts as failed', async () => {
  const out = place('deadly')
  expect(meanfield('submit', small, ...long, 'run.retries=0', '--out', out, '--redis', redis.url).status).toBe(0)
  const first = worker(out)
  await until('the trial runs', () => states(out)[0] === 'running')
  first.child.kill('SIGKILL')
  await first.ended
  expect(await worker(out).ended).toBe(42)
  const { trials } = json('status', out, '--list').document
  expect(trials).toMatchObject([
    { state: 'failed', attempts: 1, failure: { message: expect.stringContaining('the workers that ran it died') } },
  ])
})

withRedis('Redis killed and brought back, two workers on it: no trial is lost, and none counts twice', async () => {
  const out = place('outage')
  expect(meanfield('submit', small, 'steps=3000', '--out', out, '--redis', redis.url).status).toBe(0)
  const workers = [worker(out), worker(out)]
  await until('a trial is complete', () => states(out).includes('complete'))
  await redis.kill()
  // Longer than the lease, so that trials that go on meanwhile are handed out again.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  await redis.start()
  expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual([0, 0])
  expect(states(out)).toEqual(Array(12).fill('complete'))
  expect(Object.values(completions(out))).toEqual(once12)
  expect(workers.map(({ words }) => words()).join('')).toMatch(/Redis is gone[\s\S]*Redis is back/)
})

withRedis('a queue that has forgotten everything is filled again by the workers', async () => {
  const out = place('forgotten')
  expect(meanfield('submit', small, 'seed=0', '--out', out, '--redis', redis.url).status).toBe(0)
  expect(spawnSync('redis-cli', ['-u', redis.url, 'flushall']).status).toBe(0)
  expect(await worker(out).ended).toBe(0)
  expect(states(out)).toEqual(Array(4).fill('complete'))
})

withRedis('Ctrl-C stops a worker with a checkpoint and 75, with Redis there or not', async () => {
  const out = place('stopped')
  expect(meanfield('submit', small, ...long, '--out', out, '--redis', redis.url).status).toBe(0)
  const first = worker(out)
  await until('a checkpoint', () => hasCheckpoint(out))
  first.child.kill('SIGINT')
  expect(await first.ended).toBe(75)
  expect(states(out)).toEqual(['waiting'])
  // It is back in the queue and not left to its lease.
  const second = launch(process.execPath, [command, 'worker', out, '--redis', redis.url, '--lease', '600'])
  await until('the trial runs again', () => states(out)[0] === 'running')
  await redis.kill()
  second.child.kill('SIGINT')
  expect(await second.ended).toBe(75)
  expect(states(out)).toEqual(['waiting'])
  expect(hasCheckpoint(out)).toBe(true)
  await redis.start()
})

withRedis('a trial that fails is not tried again, and says so with 42', async () => {
  const out = place('failing')
  const options = ['algorithm=langevin', 'entropy=1e-3', 'seed=0', 'step=auto,1e9']
  expect(meanfield('submit', small, ...options, '--out', out, '--redis', redis.url).status).toBe(0)
  expect(await worker(out).ended).toBe(42)
  expect(states(out)).toEqual(['complete', 'failed'])
})

test('without Redis, or without the packages, a worker says what to do', () => {
  const out = place('alone')
  expect(meanfield('submit', small, '--out', out, '--slurm', '--parts', '1', '--to', place('job.sh')).status).toBe(0)
  const nowhere = meanfield('worker', out, '--redis', 'redis://user:secret@127.0.0.1:1')
  expect(nowhere.status).toBe(2)
  expect(nowhere.stderr).toMatch(
    /Redis at redis:\/\/….*127\.0\.0\.1:1 does not answer: .*ECONNREFUSED.*; start it with redis-server/,
  )
  expect(nowhere.stderr).not.toContain('secret')
  for (const WITHOUT of ['bullmq', 'ioredis']) {
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--require', fixture('without.cjs'), command, 'worker', out, '--redis', 'redis://127.0.0.1:1'],
      { encoding: 'utf8', env: { ...process.env, WITHOUT } },
    )
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining(
        `needs the package ${WITHOUT}, which is not installed; run: npm install bullmq@6 ioredis@5`,
      ),
    })
  }
})
