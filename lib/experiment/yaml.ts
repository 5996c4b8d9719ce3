/** Experiments as YAML, with the line of whatever is wrong. */
import { readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { InvalidOptionError } from '../native/errors'
import type { Locate } from './checks'
import { type ResolvedDefinition, resolveDefinition } from './definition'
import { applyOverrides } from './overrides'

export interface LoadedDefinition extends ResolvedDefinition {
  /** Folder that the paths in the definition start from. */
  base: string
}

/**
 * Reads an experiment. `overrides` are words of the command line such as `particles=512,1024` and `seed=0..9`.
 *
 * Throws InvalidOptionError with file, line, what was seen, what was expected and the nearest valid key.
 */
export function loadDefinition(path: string, overrides: readonly string[] = []): LoadedDefinition {
  const { value, locate } = parseYaml(readFileSync(path, 'utf8'), basename(path))
  const { changed, overridden } = applyOverrides(value, overrides)
  const place: Locate = (at) => overridden(at) ?? locate(at)
  return { ...resolveDefinition(changed, place), base: dirname(resolve(path)) }
}

export function parseYaml(text: string, name: string): { value: unknown; locate: Locate } {
  const { LineCounter, parseDocument } = require('yaml') as typeof import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) {
    const { line, col } = lines.linePos(problem.pos[0])
    throw new InvalidOptionError(`${name}, line ${line}, column ${col}: ${problem.message} Correct the YAML there.`, {
      line,
      column: col,
    })
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new InvalidOptionError(
      `${name}: ${(error as Error).message}; write the values out.`,
      { file: name },
      { cause: error },
    )
  }
  const locate: Locate = (path) => {
    // The place itself, its key where the value is missing, or the nearest thing around it.
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined
      if (!node?.range) continue
      const { line } = lines.linePos(node.range[0])
      return { words: `${name}, line ${line}`, line }
    }
    return { words: name, line: 1 }
  }
  return { value, locate }
}
