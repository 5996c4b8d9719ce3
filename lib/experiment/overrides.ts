/** Changes to a definition from the command line: `particles=512,1024`, `seed=0..9`, `run.parallel=2`. */
import { InvalidOptionError } from '../native/errors'
import { isRecord, type Path } from './checks'
import { definitionKeys, parseRange } from './definition'

type Place = { words: string; line: number }

/**
 * A name with dots is a path in the definition, `seed` and `seeds` are its seeds, a key of the definition is that key, and
 * any other name is an option. A list with commas becomes a list, `a..b` the integers from a to b.
 */
export function applyOverrides(
  definition: unknown,
  words: readonly string[],
): { changed: unknown; overridden: (path: Path) => Place | undefined } {
  const changed: unknown = structuredClone(definition)
  const places = new Map<string, Place>()
  for (const word of words) {
    const [, name = '', text = ''] = /^([A-Za-z]\w*(?:\.[A-Za-z]\w*)*)=(.+)$/s.exec(word) ?? []
    if (name === '')
      throw new InvalidOptionError(
        `the override is '${word}'; expected NAME=VALUE, such as particles=512,1024 or seed=0..9.`,
      )
    const path = pathOf(name)
    let at = changed
    for (const key of path.slice(0, -1)) {
      if (!isRecord(at)) break
      if (!Object.hasOwn(at, key)) at[key] = {}
      at = at[key]
    }
    if (!isRecord(at))
      throw new InvalidOptionError(`the override '${word}' has no place in the definition; expected a mapping there.`)
    at[path.at(-1) as string] = path[0] === 'seeds' ? seedsOf(text) : overrideValue(text)
    places.set(path.join('.'), { words: `the override ${word}`, line: 0 })
  }
  return {
    changed,
    overridden(path) {
      for (let length = path.length; length > 0; length--) {
        const place = places.get(path.slice(0, length).join('.'))
        if (place) return place
      }
      return undefined
    },
  }
}

function pathOf(name: string): string[] {
  if (name === 'seed' || name === 'seeds') return ['seeds']
  if (name.includes('.') || definitionKeys.includes(name)) return name.split('.')
  return ['options', name]
}

function seedsOf(text: string): unknown {
  if (parseRange(text)) return text
  return text.split(',').map(scalarOf)
}

function overrideValue(text: string): unknown {
  const range = parseRange(text)
  if (range) return range
  return text.includes(',') ? text.split(',').map(scalarOf) : scalarOf(text)
}

function scalarOf(text: string): unknown {
  const { parse } = require('yaml') as typeof import('yaml')
  try {
    return parse(text)
  } catch {
    return text
  }
}
