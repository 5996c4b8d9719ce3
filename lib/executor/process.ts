/** Trials in child processes: a crash ends one trial and not the study, memory and time have limits. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { type ErrorCode, fromNative } from '../native/errors'
import { type Executor, limited, TrialCrash, TrialLimit } from './executor'
import type { TrialControls, TrialOutcome, TrialSpec } from './trial'

export type ToChild = { run: TrialSpec } | { goOn: boolean } | { abort: true }
export type FromChild =
  | { ready: true }
  | { rung: { resource: number; value: number } }
  | { outcome: TrialOutcome }
  | { error: { code?: ErrorCode; name: string; message: string } }
  | { memory: number }

export interface ProcessOptions {
  slots: number
  /** Most megabytes of a child. */
  memory?: number
  /** One child at a time on each; there are as many slots then. */
  gpus?: readonly number[]
}

/** Milliseconds that a child has to stop after it was asked. */
const patience = 10_000

export class ProcessExecutor implements Executor {
  readonly slots: number
  readonly #options: ProcessOptions
  readonly #idle: Child[] = []
  readonly #all = new Set<Child>()
  readonly #freeGpus: number[]

  constructor(options: ProcessOptions) {
    this.#options = options
    this.slots = options.gpus ? Math.min(options.slots, options.gpus.length) : options.slots
    this.#freeGpus = [...(options.gpus ?? [])]
  }

  async run(spec: TrialSpec, controls: TrialControls): Promise<TrialOutcome> {
    const child = this.#idle.pop() ?? this.#start()
    try {
      const outcome = await limited(spec, controls.signal, (signal) =>
        child.run(spec, { ...controls, signal }, this.#options.memory),
      )
      return outcome
    } finally {
      if (child.alive) this.#idle.push(child)
      else this.#forget(child)
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((child) => child.end()))
    this.#all.clear()
  }

  #start(): Child {
    const gpu = this.#freeGpus.pop()
    const child = new Child(gpu)
    this.#all.add(child)
    return child
  }

  #forget(child: Child): void {
    this.#all.delete(child)
    if (child.gpu !== undefined) this.#freeGpus.push(child.gpu)
  }
}

class Child {
  readonly gpu: number | undefined
  readonly #process: ChildProcess
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined
  readonly #ended: Promise<void>

  constructor(gpu: number | undefined) {
    this.gpu = gpu
    const env = { ...process.env, ...(gpu !== undefined && { CUDA_VISIBLE_DEVICES: String(gpu) }) }
    this.#process = fork(join(__dirname, 'child.js'), {
      serialization: 'advanced',
      env,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        this.#exit = { code, signal }
        resolve()
      })
      this.#process.once('error', () => {
        this.#exit ??= { code: null, signal: null }
        resolve()
      })
    })
  }

  get alive(): boolean {
    return this.#exit === undefined && this.#process.connected
  }

  run(spec: TrialSpec, { signal, onRung }: TrialControls, memory?: number): Promise<TrialOutcome> {
    return new Promise((resolve, reject) => {
      let killed: Error | undefined
      let timer: NodeJS.Timeout | undefined
      const abort = () => {
        this.#send({ abort: true })
        timer = setTimeout(() => {
          killed = new TrialLimit(`trial ${spec.id} did not stop within ${patience / 1000} s after it was asked to.`)
          this.#process.kill('SIGKILL')
        }, patience)
      }
      const finish = (settle: () => void) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        this.#process.off('message', hear)
        this.#process.off('exit', died)
        settle()
      }
      const died = (code: number | null, name: NodeJS.Signals | null) =>
        finish(() =>
          reject(killed ?? new TrialCrash(`the process of trial ${spec.id} died with ${name ?? `exit code ${code}`}.`)),
        )
      const hear = (message: FromChild) => {
        if ('outcome' in message) finish(() => resolve(message.outcome))
        else if ('error' in message) finish(() => reject(revived(message.error)))
        else if ('rung' in message) {
          const { resource, value } = message.rung
          Promise.resolve(onRung?.(resource, value) ?? true).then(
            (goOn) => this.#send({ goOn }),
            (error) => {
              abort()
              finish(() => reject(error))
            },
          )
        } else if ('memory' in message && memory !== undefined && message.memory > memory * 1e6) {
          killed = new TrialLimit(
            `trial ${spec.id} took ${Math.round(message.memory / 1e6)} MB of memory, more than its limit of ${memory} MB; ` +
              'raise run.memory, or give it less to do.',
          )
          this.#process.kill('SIGKILL')
        }
      }
      if (this.#exit) return died(this.#exit.code, this.#exit.signal)
      this.#process.on('message', hear)
      this.#process.once('exit', died)
      signal.addEventListener('abort', abort, { once: true })
      this.#send({ run: spec })
      if (signal.aborted) abort()
    })
  }

  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), patience)
    await this.#ended
    clearTimeout(timer)
  }

  #send(message: ToChild): void {
    // A child that has just died is told of by 'exit'.
    if (this.#process.connected) this.#process.send(message, () => {})
  }
}

function revived({ code, name, message }: { code?: ErrorCode; name: string; message: string }): Error {
  const error = Object.assign(new Error(message), code && { code })
  const typed = fromNative(error)
  if (typed === error) error.name = name
  return typed
}
