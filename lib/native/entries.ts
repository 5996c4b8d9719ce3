/** What the catalogue of the addon tells of models, algorithms and options: declared in C++, read here. */

/** One option of the catalogue, as declared in C++. A missing `min` or `max` means unbounded. */
export interface OptionField {
  name: string
  symbol: string
  type: 'number' | 'integer' | 'boolean' | 'choice'
  /** True when `'auto'` is accepted. */
  auto: boolean
  default: number | boolean | string
  min?: number
  max?: number
  /** True when `min` itself is excluded. */
  minOpen?: boolean
  choices?: string[]
  doc: string
}

export interface AlgorithmEntry {
  name: string
  title: string
  /** Paper and equation. */
  source: string
  options: OptionField[]
}

export interface ModelEntry {
  /** Run options and trace columns where they are the model's own. */
  run?: OptionField[]
  traceColumns?: { name: string; doc: string }[]
  /** Command-line name, for example `mean-field`. */
  name: string
  title: string
  options: OptionField[]
  algorithms: AlgorithmEntry[]
  defaultAlgorithm: string
}

/** `JSON.parse(binding.catalogue())`. */
export interface Catalogue {
  models: ModelEntry[]
  /** Measures that are no networks. */
  measures: AlgorithmEntry[]
  /** Options of a run of theirs. */
  measureRun: OptionField[]
  /** Options of a run that do not change what is computed at a step: budget, stop rules, trace, seed, threads. */
  run: OptionField[]
  /** Columns of the trace, in order, with their meaning. */
  traceColumns: { name: string; doc: string }[]
}
