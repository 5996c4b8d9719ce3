/**
 * Flags from option fields. Names, types, ranges, defaults and words come from the native catalogue; nothing is listed here.
 */
import { type Command, Option } from 'commander'
import type { OptionValues } from '../native/binding'
import type { AlgorithmEntry, Catalogue, ModelEntry, OptionField } from '../native/entries'
import { InvalidOptionError } from '../native/errors'
import { UsageError } from './exit'

/** `innerSteps` → `inner-steps` */
export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** An option that must be there. Commander's own kind is missed before a misspelling of it is noticed; this one, after. */
export function addRequired(command: Command, flags: string, description: string): Command {
  const option = new Option(flags, description)
  return command.addOption(option).hook('preAction', () => {
    if (command.getOptionValue(option.attributeName()) === undefined)
      throw new UsageError(`required option '${flags}' not specified. See --help.`)
  })
}

/** A decimal number and nothing else: no blanks, no units, no hexadecimal, nothing infinite. */
export function parseNumber(text: string, flag: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(value))
    throw new InvalidOptionError(`${flag} is '${text}'; expected a number such as 0.01 or 1e-2.`)
  return value
}

/** An integer from `min` to `max`, digits only. */
export function parseInteger(text: string, flag: string, min: number, max = Number.POSITIVE_INFINITY): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new InvalidOptionError(
      `${flag} is '${text}'; expected an integer ${max < Number.POSITIVE_INFINITY ? `from ${min} to ${max}` : `of at least ${min}`}.`,
    )
  return value
}

/** What a field accepts, in words: `a number above 0`, `an integer from 1 to 1024`, `one of a, b`. */
export function expectation(field: OptionField): string {
  if (field.type === 'choice') return `one of ${field.choices?.join(', ')}`
  const { min, max, minOpen } = field
  const noun = field.type === 'integer' ? 'an integer' : 'a number'
  const low =
    min === undefined ? '' : minOpen ? ` above ${min}` : max === undefined ? ` of at least ${min}` : ` from ${min}`
  const high =
    max === undefined ? '' : min === undefined || minOpen ? `${low && ' and'} of at most ${max}` : ` to ${max}`
  return `${field.auto ? "'auto' or " : ''}${noun}${low}${high}`
}

export function parseField(field: OptionField, text: string): number | string {
  const flag = `--${kebabCase(field.name)}`
  if (field.auto && text === 'auto') return text
  if (field.type === 'choice') {
    if (!field.choices?.includes(text))
      throw new InvalidOptionError(`${flag} is '${text}'; expected ${expectation(field)}.`)
    return text
  }
  const value = parseNumber(text, flag)
  const low = field.min ?? Number.NEGATIVE_INFINITY
  const fits = (field.minOpen ? value > low : value >= low) && value <= (field.max ?? Number.POSITIVE_INFINITY)
  if (!fits || (field.type === 'integer' && !Number.isSafeInteger(value)))
    throw new InvalidOptionError(`${flag} is ${text}; expected ${expectation(field)}.`)
  return value
}

/** One flag and the algorithms that have it; empty for options of the model and of the run. */
interface Flag {
  field: OptionField
  algorithms: string[]
}

/** A field that two algorithms share is one flag; its words are joined where they differ. */
function algorithmFlags(algorithms: AlgorithmEntry[]): Flag[] {
  const flags = new Map<string, Flag>()
  for (const algorithm of algorithms)
    for (const field of algorithm.options) {
      const known = flags.get(field.name)
      if (!known) flags.set(field.name, { field: { ...field }, algorithms: [algorithm.name] })
      else {
        known.algorithms.push(algorithm.name)
        if (!known.field.doc.includes(field.doc)) known.field.doc += ` ${algorithm.name}: ${field.doc}`
      }
    }
  return [...flags.values()]
}

function toOption({ field, algorithms }: Flag, everywhere: number): Option {
  const name = kebabCase(field.name)
  const only = algorithms.length > 0 && algorithms.length < everywhere ? ` [${algorithms.join(', ')}]` : ''
  const symbol = field.symbol ? `${field.symbol}: ` : ''
  if (field.type === 'boolean')
    return field.default === true
      ? new Option(`--no-${name}`, `Not: ${field.doc}${only}`)
      : new Option(`--${name}`, `${field.doc}${only}`)
  const shape =
    field.type === 'choice' ? (field.choices ?? []).join('|') : field.type === 'integer' ? 'integer' : 'number'
  const range =
    field.type === 'choice' || (field.min === undefined && field.max === undefined) ? '' : ` ${expectation(field)};`
  return new Option(
    `--${name} <${shape}>`,
    `${symbol}${field.doc}${only} (${`${range} default: ${field.default}`.trim()})`,
  ).argParser((text: string) => parseField(field, text))
}

export interface CatalogueFlags {
  /** The options given on the command line, sorted into their groups; nothing that was not given. */
  collect(command: Command): {
    model: OptionValues
    algorithm: { name: string; options: OptionValues }
    run: OptionValues
  }
}

/** Options of model, algorithm and run as they were said. */
export type Collected = ReturnType<CatalogueFlags['collect']>

/** Adds the flags of a model, its algorithms and of the run, in three groups. */
export function addCatalogueFlags(command: Command, model: ModelEntry, catalogue: Catalogue): CatalogueFlags {
  const names = model.algorithms.map((algorithm) => algorithm.name)
  const modelFlags = model.options.map((field) => ({ field, algorithms: [] }))
  const methodFlags = algorithmFlags(model.algorithms)
  const runFlags = catalogue.run.map((field) => ({ field, algorithms: [] }))
  const add = (heading: string, flags: Flag[]) => {
    for (const flag of flags) command.addOption(toOption(flag, names.length).helpGroup(heading))
  }
  add('Options of the model:', modelFlags)
  command.addOption(
    new Option(
      '--algorithm <name>',
      `${model.algorithms.map((a) => `${a.name}: ${a.title}`).join('; ')} (default: ${model.defaultAlgorithm})`,
    )
      .argParser((text: string) => parseField(algorithmField(model), text))
      .helpGroup('Options of the algorithm:'),
  )
  add('Options of the algorithm:', methodFlags)
  add('Options of the run:', runFlags)

  const given = (flags: Flag[]): OptionValues => {
    const values: OptionValues = {}
    for (const { field } of flags)
      if (command.getOptionValueSource(field.name) === 'cli') values[field.name] = command.getOptionValue(field.name)
    return values
  }
  return {
    collect() {
      const name: string = command.getOptionValue('algorithm') ?? model.defaultAlgorithm
      const options = given(methodFlags)
      for (const { field, algorithms } of methodFlags)
        if (field.name in options && !algorithms.includes(name))
          throw new UsageError(
            `--${kebabCase(field.name)} is an option of ${algorithms.join(', ')}, not of ${name}; ` +
              `leave it out or say --algorithm ${algorithms[0]}.`,
          )
      return { model: given(modelFlags), algorithm: { name, options }, run: given(runFlags) }
    },
  }
}

function algorithmField(model: ModelEntry): OptionField {
  const choices = model.algorithms.map((algorithm) => algorithm.name)
  return {
    name: 'algorithm',
    symbol: '',
    type: 'choice',
    auto: false,
    default: model.defaultAlgorithm,
    choices,
    doc: '',
  }
}
