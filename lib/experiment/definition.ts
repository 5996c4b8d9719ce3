/** What an experiment is: data × model × options × seeds, and how it is searched and run. */
import type { DataSpec } from '../executor'
import type { Scalar } from '../store'
import { Checker, isRecord, type Locate, shown } from './checks'
import { type ModelFields, modelFields, modelNames } from './option-fields'
import { checkOptions } from './parameters'
import type { Space } from './space'

/** One value, a list of values to compare, values with a condition, or a range to search. */
export type OptionDefinition =
  | Scalar
  | readonly Scalar[]
  | { values: readonly Scalar[]; when?: Record<string, Scalar | readonly Scalar[]> }
  | {
      min: number
      max: number
      /** Default `linear`. */
      scale?: 'linear' | 'log'
      /** Default: where the option is an integer. */
      integer?: boolean
      when?: Record<string, Scalar | readonly Scalar[]>
    }

export type SamplerName = 'grid' | 'random' | 'sobol' | 'tpe'

export interface Objective {
  /** `test.accuracy`, `objective`, `gap`, … */
  metric: string
  direction: 'minimize' | 'maximize'
}

export interface PruneDefinition {
  /** `median`: worse than the median at the same resource; `asha`: not among the best 1/factor of its rung. */
  method: 'median' | 'asha'
  /** Steps of the first rung; the next ones are `factor` times as far. */
  from: number
  /** Default 3. */
  factor?: number
  /** Trials that must have reached a rung before anybody is pruned there. Default 4. */
  atLeast?: number
}

export interface RunDefinition {
  /** `inline`: in this process, short trials in batches; `process`: each trial in a child process. Default `inline`. */
  executor?: 'inline' | 'process'
  /** Trials at once; default: the processors available. */
  parallel?: number
  /** Threads of each trial; default: its share of the processors. */
  threads?: number
  /** How often a crashed or timed-out trial is tried again. Default 2. */
  retries?: number
  /** Seconds before the first new attempt, doubled for each further one. Default 1. */
  backoff?: number
  /** Seconds a trial may take; default: no limit. */
  timeout?: number
  /** Megabytes of memory a child process may take (executor `process`); default: no limit. */
  memory?: number
  /** Ids of GPUs; each is given to one child process at a time (executor `process`). */
  gpus?: number[]
  /** Seconds between checkpoints of a trial; 0: none. Default 30. */
  checkpointSeconds?: number
}

export interface ExperimentDefinition {
  name: string
  data?: DataSpec
  /** Absent: trials are asked and told by the caller. */
  model?: string
  options: Record<string, OptionDefinition>
  /** A list, a range such as `0..9`, or how many, drawn from `seed`. Default `[0]`. */
  seeds?: number | string | readonly number[]
  /** Seed of samplers and of `seeds` when that is a number. Default 0. */
  seed?: number
  search?: { sampler?: SamplerName /** Points, each with every seed. */; trials?: number }
  objective?: string | Objective | readonly (string | Objective)[]
  prune?: PruneDefinition
  run?: RunDefinition
  save?: {
    /** Write every fitted model. Default false. */ models?: boolean /** Most points kept of a trace; 0: none. Default 100. */
    trace?: number
  }
}

/** A definition that has been checked, with everything that follows from it. */
export interface ResolvedDefinition {
  definition: ExperimentDefinition
  fields: ModelFields | undefined
  space: Space
  seeds: number[] | { count: number }
  seed: number
  sampler: SamplerName
  /** Points to draw; for a grid all. */
  trials: number
  objectives: Objective[]
}

const keys = [
  'name',
  'data',
  'model',
  'options',
  'seeds',
  'seed',
  'search',
  'objective',
  'prune',
  'run',
  'save',
] as const
const dataKeys = [
  'file',
  'target',
  'test',
  'holdout',
  'seed',
  'task',
  'header',
  'delimiter',
  'categorical',
  'missing',
  'group',
  'time',
] as const
const runKeys = [
  'executor',
  'parallel',
  'threads',
  'retries',
  'backoff',
  'timeout',
  'memory',
  'gpus',
  'checkpointSeconds',
] as const
export const definitionKeys: readonly string[] = keys
export const metricDirections: Readonly<Record<string, Objective['direction']>> = {
  objective: 'minimize',
  loss: 'minimize',
  primal: 'minimize',
  dual: 'maximize',
  gap: 'minimize',
  seconds: 'minimize',
  passes: 'minimize',
  'train.loss': 'minimize',
  'test.loss': 'minimize',
  'train.mse': 'minimize',
  'test.mse': 'minimize',
  'train.accuracy': 'maximize',
  'test.accuracy': 'maximize',
  'train.r2': 'maximize',
  'test.r2': 'maximize',
}

/** For TypeScript: the definition as given, with its type checked by the compiler and its content by this. */
export function defineExperiment(definition: ExperimentDefinition): ExperimentDefinition {
  resolveDefinition(definition)
  return definition
}

/** Throws InvalidOptionError that names the place (with its line where `locate` knows it) and the nearest valid key. */
export function resolveDefinition(given: unknown, locate?: Locate): ResolvedDefinition {
  const check = new Checker(locate)
  const map = check.map([], given, keys)
  const name = check.text(['name'], map.name)
  const model = map.model === undefined ? undefined : check.choice(['model'], map.model, modelNames())
  if (model !== undefined) checkData(check, map.data)
  else if (map.data !== undefined)
    check.fail(['data'], 'is given without a model; name a model, or leave the data out.')
  const fields = model === undefined ? undefined : modelFields(model)
  const space = checkOptions(check, map.options ?? {}, fields)
  const seed = map.seed === undefined ? 0 : check.integer(['seed'], map.seed, 0)
  const { sampler, trials } = checkSearch(check, map.search, space)
  const objectives = checkObjectives(check, map.objective, sampler === 'tpe' || map.prune !== undefined)
  checkPrune(check, map.prune, fields, space, objectives)
  checkRun(check, map.run)
  checkSave(check, map.save)
  const definition = { ...map, name } as unknown as ExperimentDefinition
  return { definition, fields, space, seeds: checkSeeds(check, map.seeds), seed, sampler, trials, objectives }
}

function checkData(check: Checker, value: unknown): void {
  const data = check.map(['data'], value, dataKeys)
  for (const key of ['file', 'target'] as const)
    if (!(key === 'target' && typeof data.target === 'number')) check.text(['data', key], data[key])
  for (const key of ['test', 'delimiter', 'group', 'time'] as const)
    if (data[key] !== undefined) check.text(['data', key], data[key])
  if (data.holdout !== undefined) {
    check.number(['data', 'holdout'], data.holdout, { above: 0 })
    if (data.test !== undefined) check.fail(['data', 'holdout'], 'is given beside test; expected one of the two.')
  }
  if (data.seed !== undefined) {
    check.integer(['data', 'seed'], data.seed, 0)
    if (data.holdout === undefined)
      check.fail(['data', 'seed'], 'draws the rows of holdout, which is missing; give holdout, or leave the seed out.')
  }
  if (data.task !== undefined) check.choice(['data', 'task'], data.task, ['regression', 'classification'])
  if (data.header !== undefined) check.boolean(['data', 'header'], data.header)
  if (data.missing !== undefined) check.choice(['data', 'missing'], data.missing, ['drop', 'mean', 'median'])
  // Which columns there are, the reader of the data knows.
  if (data.categorical !== undefined && !isRecord(data.categorical))
    check.choice(['data', 'categorical'], data.categorical, ['one-hot', 'ordinal'])
}

/** `0..9` as a list; undefined for anything else. */
export function parseRange(text: string): number[] | undefined {
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(text) ?? []
  if (from === undefined || to === undefined) return undefined
  const count = Number(to) - Number(from) + 1
  return count >= 1 && count <= 1e6 ? Array.from({ length: count }, (_, i) => Number(from) + i) : undefined
}

function checkSeeds(check: Checker, value: unknown): number[] | { count: number } {
  if (value === undefined) return [0]
  if (typeof value === 'number') return { count: check.integer(['seeds'], value, 1, 1e6) }
  const list = typeof value === 'string' ? parseRange(value) : value
  if (!Array.isArray(list) || list.length === 0)
    check.fail(['seeds'], `is ${shown(value)}; expected how many, a range such as 0..9, or a list of integers.`)
  list.forEach((seed, i) => {
    check.integer(['seeds', i], seed, 0)
  })
  if (new Set(list).size !== list.length) check.fail(['seeds'], 'has an integer twice; expected different ones.')
  return list
}

function checkSearch(check: Checker, value: unknown, space: Space): { sampler: SamplerName; trials: number } {
  const map = value === undefined ? {} : check.map(['search'], value, ['sampler', 'trials'])
  const sampler =
    map.sampler === undefined
      ? 'grid'
      : check.choice(['search', 'sampler'], map.sampler, ['grid', 'random', 'sobol', 'tpe'])
  if (sampler !== 'grid') return { sampler, trials: check.integer(['search', 'trials'], map.trials, 1, 1e7) }
  if (map.trials !== undefined)
    check.fail(['search', 'trials'], 'is given for a grid, which has all its points; leave it out.')
  for (const [name, parameter] of space)
    if (parameter.kind === 'range')
      check.fail(
        ['options', name],
        'is a range, but a grid takes values; list them, or set search.sampler to random, sobol or tpe.',
      )
  return { sampler, trials: 0 }
}

function checkObjectives(check: Checker, value: unknown, needed: boolean): Objective[] {
  if (value === undefined) {
    if (needed)
      check.fail(['objective'], 'is missing; a search that learns, or prunes, needs one, such as test.accuracy.')
    return []
  }
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0) check.fail(['objective'], 'is an empty list; name a metric, or leave it out.')
  return list.map((item, i) => {
    const path = Array.isArray(value) ? ['objective', i] : ['objective']
    if (typeof item === 'string') {
      const direction = metricDirections[item]
      if (!direction)
        check.fail(path, `is '${item}', of which it is not known whether more is better; give { metric, direction }.`)
      return { metric: item, direction }
    }
    const { metric, direction } = check.map(path, item, ['metric', 'direction'])
    return {
      metric: check.text([...path, 'metric'], metric),
      direction: check.choice([...path, 'direction'], direction, ['minimize', 'maximize']),
    }
  })
}

function checkPrune(
  check: Checker,
  value: unknown,
  fields: ModelFields | undefined,
  space: Space,
  objectives: Objective[],
): void {
  if (value === undefined) return
  const map = check.map(['prune'], value, ['method', 'from', 'factor', 'atLeast'])
  check.choice(['prune', 'method'], map.method, ['median', 'asha'])
  check.integer(['prune', 'from'], map.from, 1)
  if (map.factor !== undefined) check.number(['prune', 'factor'], map.factor, { above: 1 })
  if (map.atLeast !== undefined) check.integer(['prune', 'atLeast'], map.atLeast, 1)
  if (objectives.length !== 1) check.fail(['prune'], `needs one objective, but there are ${objectives.length}.`)
  if (fields && !space.has('steps'))
    check.fail(['prune'], 'goes by steps, but options.steps is missing; give the steps of a whole trial.')
}

function checkRun(check: Checker, value: unknown): void {
  if (value === undefined) return
  const map = check.map(['run'], value, runKeys)
  if (map.executor !== undefined) check.choice(['run', 'executor'], map.executor, ['inline', 'process'])
  for (const key of ['parallel', 'threads'] as const)
    if (map[key] !== undefined) check.integer(['run', key], map[key], 1, 4096)
  if (map.retries !== undefined) check.integer(['run', 'retries'], map.retries, 0, 100)
  for (const key of ['backoff', 'checkpointSeconds'] as const)
    if (map[key] !== undefined) check.number(['run', key], map[key], { min: 0 })
  for (const key of ['timeout', 'memory'] as const)
    if (map[key] !== undefined) check.number(['run', key], map[key], { above: 0 })
  if (map.gpus !== undefined) {
    if (!Array.isArray(map.gpus) || map.gpus.length === 0)
      check.fail(['run', 'gpus'], 'is no list; expected ids of GPUs, such as [0, 1].')
    map.gpus.forEach((id, i) => {
      check.integer(['run', 'gpus', i], id, 0)
    })
  }
  for (const key of ['memory', 'gpus'] as const)
    if (map[key] !== undefined && map.executor !== 'process')
      check.fail(['run', key], 'works on child processes; set run.executor to process, or leave it out.')
}

function checkSave(check: Checker, value: unknown): void {
  if (value === undefined) return
  const map = check.map(['save'], value, ['models', 'trace'])
  if (map.models !== undefined) check.boolean(['save', 'models'], map.models)
  if (map.trace !== undefined) check.integer(['save', 'trace'], map.trace, 0, 1e6)
}
