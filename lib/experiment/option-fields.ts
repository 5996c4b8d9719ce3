/** The options that a trial may set: those of the native catalogue, and those that TypeScript adds to a model. */
import { trialModelNames } from '../executor'
import { catalogue, type OptionField } from '../native'
import type { Point, Scalar } from '../store'
import type { Checker, Path } from './checks'

export interface TrialField {
  field: OptionField
  part: 'model' | 'algorithm' | 'run'
  /** Algorithms that have it; absent: all. */
  algorithms?: string[]
}

export interface ModelFields {
  model: string
  algorithms: readonly string[]
  defaultAlgorithm: string
  fields: ReadonlyMap<string, TrialField>
}

const choice = (name: string, choices: string[], value: string, doc: string): OptionField => ({
  name,
  symbol: '',
  type: 'choice',
  auto: false,
  default: value,
  choices,
  doc,
})

interface TypeScriptFields {
  /** Default of `scale`. */
  scale: 'standard' | 'none'
  scaleTargets: boolean
}

/** What TypeScript adds to the models of the catalogue. */
const typeScriptFields: Readonly<Record<string, TypeScriptFields>> = {
  'mean-field': { scale: 'standard', scaleTargets: true },
  linear: { scale: 'none', scaleTargets: false },
  boosting: { scale: 'standard', scaleTargets: false },
  'kernel-regime': { scale: 'standard', scaleTargets: true },
}

/** Follow from the data, or are set for every trial by the study itself. */
const notOptions = ['outputs', 'seed', 'threads', 'checkpointSeconds']

export function modelNames(): string[] {
  return [...trialModelNames]
}

/** `model` must be one of `modelNames()`. */
export function modelFields(model: string): ModelFields {
  const { models, run } = catalogue()
  const entry = models.find(({ name }) => name === model)
  if (!entry) throw new RangeError(`no model '${model}'`)
  const fields = new Map<string, TrialField>()
  const algorithms = entry.algorithms.map(({ name }) => name)
  fields.set('algorithm', {
    field: choice('algorithm', algorithms, entry.defaultAlgorithm, 'The method.'),
    part: 'algorithm',
  })
  for (const field of entry.options) {
    if (notOptions.includes(field.name)) continue
    const auto = field.name === 'loss' ? { auto: true, default: 'auto' } : {}
    fields.set(field.name, { field: { ...field, ...auto }, part: 'model' })
  }
  const own = typeScriptFields[model] as TypeScriptFields
  fields.set('scale', {
    field: choice('scale', ['standard', 'minmax', 'whiten', 'none'], own.scale, 'Scaling of the features.'),
    part: 'model',
  })
  if (own.scaleTargets)
    fields.set('scaleTargets', {
      field: {
        ...choice('scaleTargets', [], '', 'Bring regression targets to mean 0 and deviation 1.'),
        type: 'boolean',
        default: true,
      },
      part: 'model',
    })
  for (const { name, options } of entry.algorithms)
    for (const field of options) {
      const known = fields.get(field.name)
      if (known?.part === 'algorithm') known.algorithms?.push(name)
      else fields.set(field.name, { field, part: 'algorithm', algorithms: [name] })
    }
  fields.set('device', {
    field: choice('device', ['auto', 'cpu', 'cuda'], 'auto', 'Where to run.'),
    part: 'run',
  })
  for (const field of entry.run ?? run)
    if (!notOptions.includes(field.name)) fields.set(field.name, { field, part: 'run' })
  for (const entry of fields.values()) if (entry.algorithms?.length === algorithms.length) delete entry.algorithms
  return { model, algorithms, defaultAlgorithm: entry.defaultAlgorithm, fields }
}

/** A value that the field takes, or an error at `path`. */
export function checkValue(check: Checker, path: Path, { field }: TrialField, value: unknown): Scalar {
  if (field.auto && value === 'auto') return value
  if (field.type === 'choice')
    return check.choice(path, value, [...(field.choices ?? []), ...(field.auto ? ['auto'] : [])])
  if (field.type === 'boolean') return check.boolean(path, value)
  const { min, max, minOpen } = field
  if (field.type === 'integer') return check.integer(path, value, min ?? Number.MIN_SAFE_INTEGER, max)
  return check.number(path, value, {
    ...(min !== undefined && (minOpen ? { above: min } : { min })),
    ...(max !== undefined && { max }),
  })
}

/** Does the option exist for the algorithm of `point`? */
export function applies(fields: ModelFields, name: string, point: Point): boolean {
  const algorithms = fields.fields.get(name)?.algorithms
  return !algorithms || algorithms.includes(String(point.algorithm ?? fields.defaultAlgorithm))
}

/** Everything that the result depends on, with the defaults filled in. */
export function completeOptions(fields: ModelFields, point: Point): Record<string, Scalar> {
  const options: Record<string, Scalar> = {}
  for (const [name, { field }] of fields.fields) {
    if (name === 'algorithm') options[name] = point[name] ?? fields.defaultAlgorithm
    else if (applies(fields, name, point)) options[name] = point[name] ?? (field.default as Scalar)
  }
  return options
}
