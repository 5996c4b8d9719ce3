/** Packages that are ES modules only, and packages that need not be there. */
import { pathToFileURL } from 'node:url'
import { EnvironmentError } from './errors'

// Node before 20.19 cannot require ES modules, and TypeScript would turn a plain import() of CommonJS output into that.
const load = new Function('url', 'return import(url)') as (url: string) => Promise<unknown>

export async function importModule<T>(name: string): Promise<T> {
  return (await load(pathToFileURL(require.resolve(name)).href)) as T
}

/**
 * An optional peer. Throws EnvironmentError that says how to install it; `purpose` is what it is needed for, `packages` what
 * npm must be given where that is more than the name.
 */
export function requireOptional<T>(name: string, purpose: string, packages = name): T {
  try {
    return require(name) as T
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause
    throw new EnvironmentError(
      `${purpose} needs the package ${name}, which is not installed; run: npm install ${packages}`,
      { package: name },
      { cause },
    )
  }
}
