/** Options of a fit as it tells them: those that were given, defaults, and what 'auto' became. */
import type { ChosenValue, OptionField, OptionValues } from '../native'

/** What 'auto' became, by the name of the option: the value and its reason. */
export type Choices = Record<string, Omit<ChosenValue, 'name'>>

export const choicesByName = (chosen: readonly ChosenValue[]): Choices =>
  Object.fromEntries(chosen.map(({ name, ...choice }) => [name, choice]))

export const withDefaults = (fields: readonly OptionField[], given: OptionValues): OptionValues =>
  Object.fromEntries(fields.map((field) => [field.name, given[field.name] ?? field.default]))

/** Options with what was chosen put in, so that predictions depend neither on defaults nor on 'auto'. */
export const resolvedModel = ({ options, chosen }: { options: OptionValues; chosen: Choices }): OptionValues =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [name, chosen[name]?.value ?? value]))
