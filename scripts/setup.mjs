// Everything between a fresh clone and a working package, each stage only when its inputs changed:
// dependencies, vendored headers, native addon, TypeScript.
import { readFileSync } from 'node:fs'
import { filesUnder, hashFiles, main, once, quiet, run, stage } from './lib.mjs'
import { checkToolchain } from './toolchain.mjs'

const nativeInputs = () => [
  ...filesUnder('native').filter((file) => !file.startsWith('native/third_party/')),
  'native/third_party/vendor.lock.json',
  'CMakeLists.txt',
  'package-lock.json',
  'scripts/build-native.mjs',
]

export async function setup() {
  checkToolchain()
  stage('Dependencies', () =>
    once('dependencies', hashFiles(['package-lock.json', 'package.json']), ['node_modules/cmake-js'], () =>
      quiet('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']),
    ),
  )
  stage('Vendored headers', () =>
    once(
      'vendor',
      hashFiles(['native/third_party/vendor.lock.json']),
      ['native/third_party/eigen', 'native/third_party/doctest'],
      () => run(process.execPath, ['scripts/vendor.mjs']),
    ),
  )
  stage('Native addon', () =>
    once('native', hashFiles(nativeInputs()), ['build/Release/meanfield.node'], () =>
      quiet(process.execPath, ['scripts/build-native.mjs']),
    ),
  )
  stage('TypeScript', () =>
    once(
      'typescript',
      hashFiles([...filesUnder('lib'), 'tsconfig.json', 'tsconfig.build.json', 'scripts/build-ts.mjs']),
      ['dist/index.js'],
      () => quiet(process.execPath, ['scripts/build-ts.mjs']),
    ),
  )
  return JSON.parse(readFileSync('package.json', 'utf8')).version
}

if (process.argv[1] === import.meta.filename) main(setup)
