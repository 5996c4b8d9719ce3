/** Trials handed out by BullMQ (https://docs.bullmq.io) on Redis. Both are optional peers, loaded here. */
import type * as BullMQ from 'bullmq'
import type * as IORedis from 'ioredis'
import { EnvironmentError } from '../native/errors'
import { requireOptional } from '../native/import-module'
import { pause } from './executor'

export interface QueueOptions {
  /** `redis://[user:password@]host:port[/database]`, or `rediss://` for TLS. */
  url: string
  name: string
  /** Seconds after which the trials of a worker that has gone silent are handed to others. Default 30. */
  lease?: number
  /** Told in words when Redis goes away and comes back. */
  tell?: (words: string) => void
}

/** `done`: off the queue; `back`: to the next worker at once; `later`: to be asked about again. */
export type Handled = 'done' | 'back' | 'later'

export interface Consumer {
  /** Trials at once. */
  slots: number
  /** How often a trial is handed out again after its worker died. */
  retries: number
  work: (id: string) => Promise<Handled>
  /** A trial is given up after that. */
  lost: (id: string) => void
}

/** Trials added in one call. */
const addedTogether = 1000
/** Milliseconds that Redis has for a good-bye. */
const patience = 5000
/** Milliseconds until a trial that somebody else is at is asked about again. */
const askAgain = 1000

export class TrialQueue {
  readonly lease: number
  readonly tell: (words: string) => void
  readonly #bull: typeof BullMQ
  readonly #redis: IORedis.Redis
  readonly #queue: BullMQ.Queue
  /** To reach Redis again, on every connection. */
  readonly #attempts: { over: boolean }
  #worker: BullMQ.Worker | undefined
  #closing = false

  private constructor(
    bull: typeof BullMQ,
    redis: IORedis.Redis,
    attempts: { over: boolean },
    { name, lease = 30, tell = () => {} }: QueueOptions,
  ) {
    this.#attempts = attempts
    this.lease = lease
    this.tell = tell
    this.#bull = bull
    this.#redis = redis
    this.#queue = new bull.Queue(name, { connection: redis })
    this.#queue.on('error', () => {})
    let away = false
    redis.on('close', () => {
      if (!away && !this.#closing) tell('Redis is gone; running trials go on, and it is tried again.')
      away = true
    })
    redis.on('ready', () => {
      if (away) tell('Redis is back.')
      away = false
    })
  }

  /** Throws EnvironmentError where a package is missing or Redis does not answer. */
  static async open(options: QueueOptions): Promise<TrialQueue> {
    const packages = 'bullmq@6 ioredis@5'
    const bull = requireOptional<typeof BullMQ>('bullmq', 'a queue of trials', packages)
    const { Redis } = requireOptional<typeof IORedis>('ioredis', 'a queue of trials', packages)
    await greet(
      new Redis(options.url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 }),
      options.url,
    )
    // From here on an absence of Redis is waited out, as BullMQ asks of workers.
    const attempts = { over: false }
    const retryStrategy = (times: number) => (attempts.over ? null : Math.min(100 * times, 1000))
    const redis = new Redis(options.url, { maxRetriesPerRequest: null, retryStrategy })
    redis.on('error', () => {})
    return new TrialQueue(bull, redis, attempts, options)
  }

  /** Those that are queued already, or being worked on, stay as they are. */
  async add(ids: readonly string[]): Promise<void> {
    for (let i = 0; i < ids.length; i += addedTogether) {
      const part = ids.slice(i, i + addedTogether)
      const opts = (jobId: string) => ({ jobId, removeOnComplete: true, removeOnFail: true })
      await this.#queue.addBulk(part.map((id) => ({ name: 'trial', data: {}, opts: opts(id) })))
    }
  }

  waiting(): Promise<number> {
    return this.#queue.getWaitingCount()
  }

  consume({ slots, retries, work, lost }: Consumer): void {
    const { DelayedError, WaitingError, Worker } = this.#bull
    const milliseconds = 1000 * this.lease
    const carryOut = async (job: BullMQ.Job, token?: string) => {
      const handled = await work(job.id as string)
      if (handled === 'back') {
        await job.moveToWait(token)
        throw new WaitingError()
      }
      if (handled === 'later') {
        await job.moveToDelayed(Date.now() + askAgain, token)
        throw new DelayedError()
      }
    }
    this.#worker = new Worker(this.#queue.name, carryOut, {
      connection: this.#redis,
      concurrency: slots,
      lockDuration: milliseconds,
      stalledInterval: milliseconds,
      maxStalledCount: retries,
      runRetryDelay: Math.min(milliseconds, 1000),
    })
    this.#worker.on('failed', (job) => {
      if (job?.id !== undefined) lost(job.id)
    })
    // A lease that ran out while Redis was away: the journal has the result, whoever is handed the trial next sees it there.
    this.#worker.on('error', () => {})
  }

  /** Ends within seconds, whether Redis is there or not; what could not be given back is handed out when its lease ends. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    // By force where Redis is away: else BullMQ would wait for it.
    const force = this.#redis.status !== 'ready'
    this.#attempts.over = force
    const controller = new AbortController()
    void (async () => {
      await this.#worker?.close(force)
      await (force ? this.#queue.disconnect() : this.#queue.close())
    })()
      .catch(() => {})
      .finally(() => controller.abort())
    await pause(patience, controller.signal)
    this.#attempts.over = true
    this.#redis.disconnect()
  }
}

async function greet(redis: IORedis.Redis, url: string): Promise<void> {
  let reason: Error | undefined
  redis.on('error', (error) => {
    reason = error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    const { message } = reason ?? (error as Error)
    throw new EnvironmentError(
      `Redis at ${withoutPassword(url)} does not answer: ${message || 'connection refused'}; start it with redis-server, or name another with --redis.`,
      {},
      { cause: error },
    )
  } finally {
    redis.disconnect()
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//…@')
}
