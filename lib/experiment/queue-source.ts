/**
 * Trials from a queue. The journals are what counts; the queue only says who is to look at which trial next. It may hand out a
 * trial twice (when a lease ran out while Redis was away) or forget one (when Redis forgot); so a trial that has ended is not run
 * again, one that a living session is at is left to it, and what is neither ended nor queued is queued again.
 */
import { createHash } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { type Handled, type QueueOptions, TrialQueue } from '../executor/queue'
import { hasEnded, type TrialRecord } from '../store'
import { requireFixedDesign, type TrialSource } from './source'
import type { AskedTrial, Study } from './study'

export type StudyQueueOptions = Omit<QueueOptions, 'name'>

/** One queue a study, whatever path its folder has on each machine. */
function queueName({ store }: Study): string {
  const hash = createHash('sha256').update(JSON.stringify(store.study)).digest('hex').slice(0, 16)
  return `meanfield-${basename(resolve(store.folder)).replace(/[^\w.-]/g, '-')}-${hash}`
}

const unfinished = (study: Study): string[] => study.trials(({ state }) => !hasEnded(state)).map(({ id }) => id)

/** Writes down the trials of a study and queues those that have not ended. Returns how many those are. */
export async function enqueueStudy(study: Study, options: StudyQueueOptions): Promise<number> {
  requireFixedDesign(study)
  study.plan()
  const ids = unfinished(study)
  const queue = await TrialQueue.open({ ...options, name: queueName(study) })
  try {
    await queue.add(ids)
  } finally {
    await queue.close()
    study.close()
  }
  return ids.length
}

/** Milliseconds between looks at whether everything has ended. */
const lookEvery = 250

interface Offer {
  trial: TrialRecord
  settle: (handled: Handled) => void
}

export class QueueSource implements TrialSource {
  readonly #study: Study
  readonly #queue: TrialQueue
  readonly #offers: Offer[] = []
  readonly #takers: ((offer: Offer | undefined) => void)[] = []
  readonly #taken = new Map<string, (handled: Handled) => void>()
  #over = false
  #timer: NodeJS.Timeout | undefined
  #refilled = 0
  #refilling = false

  private constructor(study: Study, queue: TrialQueue) {
    this.#study = study
    this.#queue = queue
  }

  /** @param slots trials at once */
  static async open(
    study: Study,
    slots: number,
    signal: AbortSignal,
    options: StudyQueueOptions,
  ): Promise<QueueSource> {
    requireFixedDesign(study)
    const queue = await TrialQueue.open({ ...options, name: queueName(study) })
    const source = new QueueSource(study, queue)
    study.plan()
    const { retries = 2 } = study.resolved.definition.run ?? {}
    signal.addEventListener('abort', () => source.#end(), { once: true })
    if (signal.aborted) source.#end()
    queue.consume({ slots, retries, work: (id) => source.#offer(id), lost: (id) => source.#lost(id) })
    source.#timer = setInterval(() => source.#look(), lookEvery)
    source.#look(true)
    return source
  }

  get ready(): number {
    return this.#offers.length
  }

  async next(): Promise<AskedTrial | undefined> {
    if (this.#over) return undefined
    const offer = this.#offers.shift() ?? (await new Promise<Offer | undefined>((take) => this.#takers.push(take)))
    if (offer) this.#taken.set(offer.trial.id, offer.settle)
    return offer?.trial
  }

  async done({ id }: AskedTrial): Promise<void> {
    // On the disk before the queue forgets it.
    this.#study.session.beat()
    this.#study.store.refresh()
    this.#taken.get(id)?.(hasEnded(this.#study.store.get(id)?.state ?? 'waiting') ? 'done' : 'back')
    this.#taken.delete(id)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#end()
    for (const settle of this.#taken.values()) settle('back')
    await this.#queue.close()
  }

  async #offer(id: string): Promise<Handled> {
    this.#study.store.refresh()
    const trial = this.#study.store.get(id)
    if (!trial || hasEnded(trial.state)) return 'done'
    if (this.#over) return 'back'
    if (trial.state === 'running' || this.#taken.has(id)) return 'later'
    return new Promise((settle) => {
      const take = this.#takers.shift()
      if (take) take({ trial, settle })
      else this.#offers.push({ trial, settle })
    })
  }

  /** The queue gave a trial up, because worker after worker died of it; unless somebody is at it after all. */
  #lost(id: string): void {
    this.#study.store.refresh()
    const trial = this.#study.store.get(id)
    if (trial?.state !== 'stale') return
    const message = `the workers that ran it died, ${trial.attempts} of them; run.executor: process keeps a worker alive when a trial crashes.`
    this.#study.session.fail(id, { code: 'MEANFIELD_ENVIRONMENT', message })
    this.#study.session.beat()
  }

  #look(first = false): void {
    const news = this.#study.store.refresh() || first
    const due = Date.now() - this.#refilled > 1000 * this.#queue.lease
    if (this.#over || !(news || due)) return
    const ids = unfinished(this.#study)
    if (ids.length === 0) this.#end()
    else if (due) void this.#refill(ids)
  }

  /** Queues what is left. Those that are queued, or being worked on, stay as they are. */
  async #refill(ids: readonly string[]): Promise<void> {
    if (this.#refilling) return
    this.#refilling = true
    try {
      // While there are trials to hand out there is no hurry to look for forgotten ones.
      if ((await this.#queue.waiting()) === 0) await this.#queue.add(ids)
      this.#refilled = Date.now()
    } catch (error) {
      // Redis is away, or the queue is being closed: it is tried again.
      if (this.#over) return
      this.#queue.tell(`trials could not be queued: ${(error as Error).message}`)
    } finally {
      this.#refilling = false
    }
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    for (const take of this.#takers.splice(0)) take(undefined)
    for (const { settle } of this.#offers.splice(0)) settle('back')
  }
}
