// Builds the addon with cmake-js and puts it where the loader looks: build/Release/meanfield.node, the only .node there.
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { jobs, main, quiet, root } from './lib.mjs'

export function buildNative() {
  const cmakeJs = join(root, 'node_modules/cmake-js/bin/cmake-js')
  quiet(process.execPath, [cmakeJs, 'compile', '--out', 'build/cmake', '--parallel', jobs])
  const release = join(root, 'build/Release')
  mkdirSync(release, { recursive: true })
  for (const name of readdirSync(release)) if (name.endsWith('.node')) rmSync(join(release, name))
  cpSync(join(root, 'build/cmake/Release/meanfield.node'), join(release, 'meanfield.node'))
}

if (process.argv[1] === import.meta.filename) main(buildNative)
