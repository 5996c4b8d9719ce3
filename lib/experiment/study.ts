/** A study: an experiment with its folder. Ask and tell underneath, a loop over them on top. */
import { existsSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { type DataSpec, dataIdentity, type TrialSpec } from '../executor'
import { InvalidDataError, InvalidOptionError, nativeInfo } from '../native'
import { hasEnded, type Point, type Session, StudyStore, type TrialRecord } from '../store'
import type { ExperimentDefinition, ResolvedDefinition } from './definition'
import { resolveDefinition } from './definition'
import { identifier } from './identity'
import { completeOptions } from './option-fields'
import { gridSampler, type Observation, randomSampler, type Sampler, sobolSampler, tpeSampler } from './samplers'
import { derivedSeed } from './seeds'

export interface StudyOptions {
  /** Folder that relative paths in the definition start from. Default: the working folder. */
  base?: string
}

/** A trial to be carried out. */
export interface AskedTrial {
  id: string
  number: number
  options: Point
  seed: number
}

export interface ToldResult {
  metrics: Readonly<Record<string, number>>
  details?: Readonly<Record<string, unknown>>
}

/** What all trials of a study have in common. */
type CommonSpec = Omit<TrialSpec, 'threads' | 'id' | 'options' | 'seed'>

interface Facts {
  version: string
  data: unknown
}

/**
 * An experiment and what is known of its trials.
 *
 * @example
 * const study = await Study.create('out/branin', { name: 'branin', options: { x: { min: -5, max: 10 }, y: { min: 0, max: 15 } },
 *   search: { sampler: 'tpe', trials: 100 }, objective: { metric: 'value', direction: 'minimize' } })
 * for (let trial = study.ask(); trial; trial = study.ask()) study.tell(trial, { metrics: { value: branin(trial.options) } })
 * study.close()
 */
export class Study {
  readonly store: StudyStore
  readonly resolved: ResolvedDefinition
  readonly base: string
  readonly #facts: Facts
  readonly #sampler: Sampler
  readonly #seeds: readonly number[]
  #session: Session | undefined
  /** Points drawn by a sampler that learns. */
  #drawn = 0
  readonly #asked: AskedTrial[] = []
  #common: CommonSpec | undefined

  private constructor(store: StudyStore, resolved: ResolvedDefinition, base: string, facts: Facts) {
    this.store = store
    this.resolved = resolved
    this.base = base
    this.#facts = facts
    this.#sampler = samplerOf(resolved)
    const { seeds, seed } = resolved
    this.#seeds = Array.isArray(seeds) ? seeds : Array.from({ length: seeds.count }, (_, i) => derivedSeed(seed, i))
  }

  /** Reads the data once, for their hash. Throws InvalidOptionError for a bad definition or a folder that holds a study. */
  static async create(
    folder: string,
    definition: ExperimentDefinition,
    { base = process.cwd() }: StudyOptions = {},
  ): Promise<Study> {
    const resolved = resolveDefinition(definition)
    const facts = await factsOf(definition.data && locatedData(definition.data, base))
    const store = StudyStore.create(folder, { name: definition.name, definition, base: resolve(base), ...facts })
    return new Study(store, resolved, base, facts)
  }

  /** Throws InvalidDataError where the folder holds no study, or the data have changed since. */
  static async open(folder: string): Promise<Study> {
    const store = StudyStore.open(folder)
    const { definition, base, data, version } = store.study as unknown as {
      definition: ExperimentDefinition
      base: string
    } & Facts
    const resolved = resolveDefinition(definition)
    const facts = await factsOf(definition.data && locatedData(definition.data, base))
    if (JSON.stringify(facts.data) !== JSON.stringify(data))
      throw new InvalidDataError(
        `the data of the study in '${folder}' are not those that it was started with (their content has another hash); ` +
          'put the old files back, or start a new study in another folder.',
        { folder },
      )
    if (facts.version !== version)
      throw new InvalidOptionError(
        `the study in '${folder}' was started with the algorithms of version ${version}, this is ${facts.version}; results of the two ` +
          'are not mixed. Use that version, or start a new study in another folder.',
        { folder },
      )
    return new Study(store, resolved, base, facts)
  }

  get name(): string {
    return this.resolved.definition.name
  }

  /** Points × seeds; those that are the same trial count once for each time they are drawn. */
  get size(): number {
    return this.#sampler.count * this.#seeds.length
  }

  get learns(): boolean {
    return this.#sampler.learns
  }

  /** Everything that is known, by number. */
  trials(filter?: (trial: TrialRecord) => boolean): TrialRecord[] {
    this.store.refresh()
    return this.store.trials(filter)
  }

  get session(): Session {
    this.#session ??= this.store.session()
    return this.#session
  }

  /** Writes down the trials of a design that does not learn; does nothing when they have been. */
  plan(): void {
    if (this.#sampler.learns) return
    const missing: AskedTrial[] = []
    const seen = new Set<string>()
    for (let number = 0; number < this.#sampler.count; number++)
      for (const trial of this.#trialsOf(number, this.#sampler.sample(number, [])))
        if (!this.store.has(trial.id) && !seen.has(trial.id)) {
          seen.add(trial.id)
          missing.push(trial)
        }
    if (missing.length === 0) return
    this.session.declare(missing)
    this.store.refresh()
  }

  /** The next trial that nobody has begun, or undefined when there is none left. It counts as begun from now on. */
  ask(): AskedTrial | undefined {
    const trial = this.next()
    if (trial) {
      this.session.start(trial.id)
      this.session.flush()
    }
    return trial
  }

  /** As `ask`, without beginning it. */
  next(): AskedTrial | undefined {
    if (this.#asked.length === 0) this.#askFor()
    return this.#asked.shift()
  }

  tell(trial: Pick<AskedTrial, 'id'>, { metrics, details }: ToldResult): void {
    for (const { metric } of this.resolved.objectives)
      if (typeof metrics[metric] !== 'number')
        throw new InvalidOptionError(
          `the metrics of trial ${trial.id} lack the objective '${metric}'; expected a number. They have ${Object.keys(metrics).join(', ') || 'none'}.`,
        )
    this.session.complete(trial.id, { metrics, ...(details && { details }) })
    this.session.flush()
  }

  close(): void {
    this.#session?.close()
    this.#session = undefined
  }

  /** What an executor needs to carry out a trial. */
  spec(trial: AskedTrial): Omit<TrialSpec, 'threads'> {
    const { save } = this.resolved.definition
    this.#common ??= this.#commonSpec()
    return {
      ...this.#common,
      id: trial.id,
      options: trial.options,
      seed: trial.seed,
      ...(save?.models && { save: this.store.modelPath(trial.id) }),
    }
  }

  #commonSpec(): CommonSpec {
    const { definition, fields, objectives } = this.resolved
    if (!fields || !definition.data || !definition.model)
      throw new InvalidOptionError(
        `the study '${this.name}' names no model; ask() for its trials and tell() their results.`,
      )
    const named = (part: string) => [...fields.fields].filter(([, field]) => field.part === part).map(([name]) => name)
    return {
      model: definition.model,
      runOptions: named('run'),
      algorithmOptions: named('algorithm'),
      data: locatedData(definition.data, this.base),
      tracePoints: definition.save?.trace ?? 100,
      ...(definition.run?.timeout !== undefined && { timeout: definition.run.timeout }),
      ...(objectives[0] && { metric: objectives[0].metric }),
    }
  }

  /** Forgets how far a trial had come. */
  dropCheckpoint(id: string): void {
    const path = this.store.checkpointPath(id)
    if (existsSync(path)) rmSync(path, { force: true })
  }

  #askFor(): void {
    if (!this.#sampler.learns) {
      this.plan()
      this.#asked.push(...this.store.trials(({ state }) => state === 'waiting' || state === 'stale'))
      // They are handed out once; those of other sessions are not looked for again.
      this.#drawn = this.#sampler.count
      return
    }
    this.store.refresh()
    const known = this.store.trials()
    if (this.#drawn === 0) {
      const highest = known.reduce((top, { number }) => Math.max(top, number), -1)
      this.#drawn = Math.ceil((highest + 1) / this.#seeds.length)
      this.#asked.push(...known.filter(({ state }) => state === 'waiting' || state === 'stale'))
      if (this.#asked.length > 0) return
    }
    while (this.#asked.length === 0 && this.#drawn < this.#sampler.count) {
      const number = this.#drawn++
      const fresh = this.#trialsOf(number, this.#sampler.sample(number, this.#observations(known))).filter(
        ({ id }) => !this.store.has(id),
      )
      if (fresh.length === 0) continue
      this.session.declare(fresh)
      this.#asked.push(...fresh)
    }
  }

  #trialsOf(place: number, point: Point): AskedTrial[] {
    const { fields, definition } = this.resolved
    const options = fields ? completeOptions(fields, point) : point
    const { data, version } = this.#facts
    const idOf = identifier({ model: definition.model ?? '', options, data, version })
    return this.#seeds.map((seed, i) => ({
      id: idOf(seed),
      number: place * this.#seeds.length + i,
      options: point,
      seed,
    }))
  }

  /** One for each point, the mean over its seeds. */
  #observations(trials: readonly TrialRecord[]): Observation[] {
    const { objectives } = this.resolved
    const byPoint = new Map<string, { point: Point; sums: number[]; count: number }>()
    for (const { state, options, metrics } of trials) {
      if (!hasEnded(state) || state === 'cancelled') continue
      const key = JSON.stringify(options)
      const group = byPoint.get(key) ?? { point: options, sums: objectives.map(() => 0), count: 0 }
      objectives.forEach(({ metric, direction }, j) => {
        group.sums[j] =
          (group.sums[j] as number) + (direction === 'minimize' ? 1 : -1) * (metrics[metric] ?? Number.NaN)
      })
      group.count++
      byPoint.set(key, group)
    }
    return [...byPoint.values()].map(({ point, sums, count }) => ({ point, losses: sums.map((sum) => sum / count) }))
  }
}

function samplerOf({ sampler, space, trials, seed }: ResolvedDefinition): Sampler {
  if (sampler === 'grid') return gridSampler(space)
  if (sampler === 'random') return randomSampler(space, trials, seed)
  return sampler === 'sobol' ? sobolSampler(space, trials, seed) : tpeSampler(space, trials, seed)
}

async function factsOf(data: DataSpec | undefined): Promise<Facts> {
  return { version: nativeInfo().version, data: data ? await dataIdentity(data) : null }
}

function locatedData(data: DataSpec, base: string): DataSpec {
  return { ...data, file: resolve(base, data.file), ...(data.test !== undefined && { test: resolve(base, data.test) }) }
}
