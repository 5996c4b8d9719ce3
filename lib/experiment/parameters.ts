/** The options of a definition, checked against those of the model. */
import type { Scalar } from '../store'
import { type Checker, isRecord, type Path, shown } from './checks'
import { checkValue, type ModelFields } from './option-fields'
import { type Condition, ordered, type Parameter, type Space } from './space'

/** The space of the options: each a parameter with the condition under which it exists. */
export function checkOptions(check: Checker, value: unknown, fields: ModelFields | undefined): Space {
  const map = check.map(['options'], value)
  const parameters = new Map<string, Parameter>()
  for (const [name, given] of Object.entries(map)) {
    const path = ['options', name]
    const field = fields?.fields.get(name)
    if (fields && !field) check.unknownKey(path, name, [...fields.fields.keys()])
    const scalar = (at: Path, item: unknown): Scalar => {
      if (field) return checkValue(check, at, field, item)
      if (typeof item === 'string' || typeof item === 'boolean' || (typeof item === 'number' && Number.isFinite(item)))
        return item
      check.fail(at, `is ${shown(item)}; expected a number, a text, or true or false.`)
    }
    const own = isRecord(given) ? checkCondition(check, [...path, 'when'], given.when, map) : undefined
    const of = field?.algorithms
    const when =
      of && fields && fields.algorithms.length > of.length ? { ...own, ...ofAlgorithms(fields, of, map, own) } : own
    parameters.set(name, { ...checkParameter(check, path, given, scalar, field?.field.type), ...(when && { when }) })
  }
  // Options of some algorithms depend on the algorithm even where it is not a parameter of the study.
  if (fields && !parameters.has('algorithm') && [...parameters.values()].some(({ when }) => when?.algorithm))
    parameters.set('algorithm', { kind: 'choice', values: [fields.defaultAlgorithm] })
  const space = ordered(parameters)
  if (!space) check.fail(['options'], 'have conditions that depend on each other in a circle; remove one of them.')
  for (const [name, { when }] of space) checkReachable(check, name, when, space, fields)
  return space
}

/** The algorithms among those of the study that have an option. */
function ofAlgorithms(fields: ModelFields, having: string[], map: Record<string, unknown>, own?: Condition): Condition {
  const asked = own?.algorithm ?? choicesOf(map.algorithm) ?? [fields.defaultAlgorithm]
  return { algorithm: asked.filter((name) => having.includes(String(name))) }
}

function choicesOf(value: unknown): readonly Scalar[] | undefined {
  if (Array.isArray(value)) return value
  if (isRecord(value)) return Array.isArray(value.values) ? value.values : undefined
  return value === undefined ? undefined : [value as Scalar]
}

/** An option that can never hold is a mistake, not something to pass over. */
function checkReachable(
  check: Checker,
  name: string,
  when: Condition | undefined,
  space: Space,
  fields?: ModelFields,
): void {
  for (const [parent, values] of Object.entries(when ?? {})) {
    const parameter = space.get(parent)
    if (!parameter) continue
    const possible = parameter.kind === 'choice' ? values.some((value) => parameter.values.includes(value)) : true
    if (possible && values.length > 0) continue
    const having = fields?.fields.get(name)?.algorithms
    check.fail(
      ['options', name],
      parent === 'algorithm' && having
        ? `is an option of ${having.join(', ')}, none of which is compared; leave it out, or add one of these.`
        : `has a condition on ${parent} that never holds; correct it, or leave the option out.`,
    )
  }
}

function checkCondition(
  check: Checker,
  path: Path,
  value: unknown,
  options: Record<string, unknown>,
): Condition | undefined {
  if (value === undefined) return undefined
  const condition: Record<string, readonly Scalar[]> = {}
  for (const [name, values] of Object.entries(check.map(path, value))) {
    if (!(name in options)) check.unknownKey([...path, name], name, Object.keys(options))
    condition[name] = Array.isArray(values) ? values : [values as Scalar]
  }
  return condition
}

function checkParameter(
  check: Checker,
  path: Path,
  given: unknown,
  scalar: (path: Path, value: unknown) => Scalar,
  type: string | undefined,
): Parameter {
  const list = (at: Path, values: unknown): Scalar[] => {
    if (!Array.isArray(values) || values.length === 0) check.fail(at, `is ${shown(values)}; expected a list of values.`)
    const checked = values.map((value, i) => scalar([...at, i], value))
    const twice = checked.findIndex((value, i) => checked.indexOf(value) !== i)
    if (twice >= 0) check.fail([...at, twice], `is ${shown(checked[twice])}, which is in the list before; remove one.`)
    return checked
  }
  if (Array.isArray(given)) return { kind: 'choice', values: list(path, given) }
  if (!isRecord(given)) return { kind: 'choice', values: [scalar(path, given)] }
  if ('values' in given) {
    check.map(path, given, ['values', 'when'])
    return { kind: 'choice', values: list([...path, 'values'], given.values) }
  }
  check.map(path, given, ['min', 'max', 'scale', 'integer', 'when'])
  if (type === 'boolean' || type === 'choice')
    check.fail(path, 'is a range, but the option does not take numbers; expected values.')
  const scale = given.scale === undefined ? 'linear' : check.choice([...path, 'scale'], given.scale, ['linear', 'log'])
  const min = check.number([...path, 'min'], scalar([...path, 'min'], given.min), scale === 'log' ? { above: 0 } : {})
  const max = check.number([...path, 'max'], scalar([...path, 'max'], given.max), { above: min })
  const integer = given.integer === undefined ? type === 'integer' : check.boolean([...path, 'integer'], given.integer)
  if (integer)
    for (const [key, value] of [
      ['min', min],
      ['max', max],
    ] as const)
      check.integer([...path, key], value, Number.MIN_SAFE_INTEGER)
  return { kind: 'range', min, max, scale, integer }
}
