// Builds the addon with cmake-js and puts it where the loader looks: build/Release/meanfield.node, the only .node there, and
// beside it the CUDA kernels where there is a compiler for them. MEANFIELD_CUDA_ARCHITECTURES is CMake's option of that name.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { jobs, main, quiet, root } from './lib.mjs'

export function buildNative() {
  const cmakeJs = join(root, 'node_modules/cmake-js/bin/cmake-js')
  quiet(process.execPath, [cmakeJs, 'compile', '--out', 'build/cmake', '--parallel', jobs, cudaArchitectures()])
  const release = join(root, 'build/Release')
  mkdirSync(release, { recursive: true })
  for (const name of readdirSync(release)) if (name.endsWith('.node')) rmSync(join(release, name))
  cpSync(join(root, 'build/cmake/Release/meanfield.node'), join(release, 'meanfield.node'))
  for (const folder of ['build/cmake/Release', 'build/cmake']) {
    const library = join(root, folder, 'libmeanfield_cuda.so')
    if (existsSync(library)) cpSync(library, join(release, 'libmeanfield_cuda.so'))
  }
}

/** Said every time, so that a build for a release does not leave its list to the next build. */
function cudaArchitectures() {
  return `--CDMEANFIELD_CUDA_ARCHITECTURES=${process.env.MEANFIELD_CUDA_ARCHITECTURES || '80'}`
}

if (process.argv[1] === import.meta.filename) main(buildNative)
