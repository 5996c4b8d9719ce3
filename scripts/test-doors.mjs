// Each way of building gives an addon that loads, and what would be published installs and works without a compiler.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { filesUnder, main, quiet, root } from './lib.mjs'

const addon = join(root, 'build/Release/meanfield.node')

/** Opens the binary in a process of its own, as the loader does, and asks it who it is. */
function checkLoads(file) {
  const program = `const { napi, version } = require(process.argv[1]).info(); console.log(napi + ' ' + version)`
  const seen = quiet(process.execPath, ['-e', program, file]).trim()
  if (!/^8 \d+\.\d+\.\d+$/.test(seen))
    throw new Error(`${file} says '${seen}'; expected its Node-API version 8 and ours.`)
}

function checkBuilds(command, args, options) {
  rmSync(addon, { force: true })
  quiet(command, args, options)
  checkLoads(addon)
}

function cmakeJs() {
  checkBuilds(process.execPath, ['scripts/build-native.mjs'])
}

function nodeGyp() {
  const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js')
  if (spawnSync('python3', ['--version'], { stdio: 'ignore' }).status !== 0) return 'skipped: node-gyp needs Python 3'
  // With Node's headers beside Node, node-gyp has nothing to download.
  const prefix = dirname(dirname(process.execPath))
  const headers = existsSync(join(prefix, 'include/node/common.gypi')) ? ['--nodedir', prefix] : []
  checkBuilds(process.execPath, [gyp, 'configure', 'build', ...headers])
}

function prebuildify() {
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true })
  // One architecture: compiling the CUDA kernels for all of a release takes minutes.
  quiet(process.execPath, ['scripts/prebuild.mjs'], { env: { MEANFIELD_CUDA_ARCHITECTURES: '80', ...process.env } })
  const addons = filesUnder(`prebuilds/${process.platform}-${process.arch}`).filter((file) => file.endsWith('.node'))
  if (addons.length !== 1) throw new Error(`prebuildify left ${addons.length} addons; expected one.`)
  checkLoads(join(root, addons[0]))
  const kernels = 'libmeanfield_cuda.so'
  if (existsSync(join(root, 'build/Release', kernels)) && !existsSync(join(root, dirname(addons[0]), kernels)))
    throw new Error(`the CUDA kernels were built, but ${kernels} is not beside the prebuilt addon.`)
}

/** The tarball, installed where nothing else is, with no compiler in sight and no install script allowed. */
function tarball() {
  const folder = mkdtempSync(join(tmpdir(), 'meanfield-install-'))
  try {
    const [{ filename, files }] = JSON.parse(quiet('npm', ['pack', '--json', '--pack-destination', folder]))
    const needed = [
      'dist/index.js',
      'dist/index.d.ts',
      'native/third_party/eigen/Eigen/Core',
      'CMakeLists.txt',
      'LICENSE',
    ]
    const missing = needed.filter((name) => !files.some(({ path }) => path === name))
    if (missing.length > 0) throw new Error(`the tarball lacks ${missing.join(', ')}.`)
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    // Only Node and npm can be found: no compiler, no CMake, no Python.
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    symlinkSync(process.execPath, join(bin, 'node'))
    symlinkSync(realpathSync(quiet('which', ['npm']).trim()), join(bin, 'npm'))
    const bare = { cwd: folder, env: { ...process.env, PATH: bin } }
    const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
    quiet('npm', ['install', ...options, join(folder, filename)], bare)
    const use = `
      const { Dataset, MeanFieldNetwork } = require('meanfield')
      const data = Dataset.fromArrays([[1], [2], [3]], [1, 2, 4])
      new MeanFieldNetwork({ particles: 8 }).fit(data, { steps: 5, certificate: false }).then(({ steps }) => console.log(steps))`
    const steps = quiet(process.execPath, ['-e', use], bare).trim()
    if (steps !== '5') throw new Error(`a fit of 5 steps in the installed package says '${steps}'.`)
    quiet(process.execPath, [join(folder, 'node_modules/meanfield/dist/cli/main.js'), 'doctor', '--json'], bare)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** In this order: the tarball carries the prebuilt binary, and the last build leaves the one that the tests go on with. */
export const doors = { 'node-gyp': nodeGyp, prebuildify, tarball, 'cmake-js': cmakeJs }

if (process.argv[1] === import.meta.filename) {
  main(() => {
    for (const [name, door] of Object.entries(doors)) console.log(`door ${name}: ${door() ?? 'ok'}`)
  })
}
