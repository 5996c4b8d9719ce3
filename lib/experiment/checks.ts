/** Checks of a definition, each telling the place, what was seen, what was expected and the nearest valid key. */
import { InvalidOptionError, suggest } from '../native/errors'

export type Path = readonly (string | number)[]

/** Says where a path stands in the file, for example `spam.yaml, line 7`; undefined where there is no file. */
export type Locate = (path: Path) => { words: string; line: number } | undefined

export class Checker {
  readonly #locate: Locate | undefined

  constructor(locate?: Locate) {
    this.#locate = locate
  }

  fail(path: Path, message: string): never {
    const place = this.#locate?.(path)
    const name = path.join('.')
    throw new InvalidOptionError(
      `${place ? `${place.words}: ` : ''}${name ? `${name} ` : 'the definition '}${message}`,
      {
        path: name,
        ...(place && { line: place.line }),
      },
    )
  }

  /** A mapping without keys besides `keys`. */
  map(path: Path, value: unknown, keys?: readonly string[]): Record<string, unknown> {
    if (!isRecord(value))
      this.fail(path, `is ${shown(value)}; expected ${keys ? `a mapping with ${keys.join(', ')}` : 'a mapping'}.`)
    for (const key of Object.keys(value)) if (keys && !keys.includes(key)) this.unknownKey([...path, key], key, keys)
    return value
  }

  unknownKey(path: Path, key: string, keys: readonly string[]): never {
    const near = suggest(key, keys)
    this.fail(path, `is not known${near ? `; did you mean ${near}?` : '.'} Expected one of ${keys.join(', ')}.`)
  }

  text(path: Path, value: unknown): string {
    if (typeof value === 'string' && value !== '') return value
    this.fail(path, `is ${shown(value)}; expected a text.`)
  }

  boolean(path: Path, value: unknown): boolean {
    if (typeof value === 'boolean') return value
    this.fail(path, `is ${shown(value)}; expected true or false.`)
  }

  choice<T extends string>(path: Path, value: unknown, choices: readonly T[]): T {
    if (choices.includes(value as T)) return value as T
    const near = typeof value === 'string' ? suggest(value, choices) : undefined
    this.fail(path, `is ${shown(value)}; ${near ? `did you mean ${near}? ` : ''}expected one of ${choices.join(', ')}.`)
  }

  number(path: Path, value: unknown, { above, min, max }: { above?: number; min?: number; max?: number } = {}): number {
    const fits =
      typeof value === 'number' &&
      Number.isFinite(value) &&
      value >= (min ?? Number.NEGATIVE_INFINITY) &&
      value > (above ?? Number.NEGATIVE_INFINITY) &&
      value <= (max ?? Number.POSITIVE_INFINITY)
    if (fits) return value
    const bounds = [
      above !== undefined && `above ${above}`,
      min !== undefined && `of at least ${min}`,
      max !== undefined && `of at most ${max}`,
    ]
    this.fail(
      path,
      `is ${shown(value)}; expected a number ${bounds.filter(Boolean).join(' and ')}`.trimEnd().concat('.'),
    )
  }

  integer(path: Path, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
    const most = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    this.fail(path, `is ${shown(value)}; expected an integer ${most}.`)
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (isRecord(value)) return 'a mapping'
  return typeof value === 'string' ? `'${value}'` : String(value)
}
