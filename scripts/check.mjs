// The checks of the house: layers, source list, generated files, types, lint.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unformatted } from './clang-format.mjs'
import { filesUnder, main, quiet, root } from './lib.mjs'

const read = (file) => readFileSync(join(root, file), 'utf8')

/** Which rooms a room may look into, besides itself. Arrows point one way. */
const nativeLayers = [
  'core',
  'problem',
  'kernels',
  'driver',
  'finite_sum',
  'mean_field',
  'boosting',
  'kernel_regime',
  'catalogue',
  'napi',
]
const libLayers = [
  'native',
  'data',
  'models',
  'store',
  'executor',
  'report',
  'export',
  'experiment',
  'reproduce',
  'cli',
]

function checkLayers() {
  const wrong = []
  for (const file of filesUnder('native')) {
    if (!/\.(h|cpp)$/.test(file) || file.startsWith('native/third_party/')) continue
    const room = file.split('/')[1].replace(/\.(h|cpp)$/, '')
    for (const [, include] of read(file).matchAll(/#include\s+[<"]([^>"]+)[>"]/g)) {
      if (include === 'napi.h' && room !== 'napi') wrong.push(`${file} includes napi.h`)
      const other = /^native\/([^/.]+)/.exec(include)?.[1]
      if (other && nativeLayers.indexOf(other) > nativeLayers.indexOf(room)) wrong.push(`${file} includes ${include}`)
    }
  }
  for (const file of filesUnder('lib')) {
    const room = file.split('/')[1]
    const depth = libLayers.indexOf(room)
    if (depth < 0) continue
    for (const [, path] of read(file).matchAll(/(?:from|import\(|require\()\s*'(\.[^']*)'/g)) {
      const target = join(file, '..', path).split('/')[1]
      if (libLayers.indexOf(target) > depth) wrong.push(`${file} imports ${path}`)
    }
  }
  if (wrong.length > 0) throw new Error(`these arrows point the wrong way:\n  ${wrong.join('\n  ')}`)
}

function checkSources() {
  const list = read('CMakeLists.txt')
  const missing = filesUnder('native', 'test/native', 'bench/native').filter(
    (file) => file.endsWith('.cpp') && !file.startsWith('native/third_party/') && !list.includes(file),
  )
  if (missing.length > 0) throw new Error(`not in CMakeLists.txt: ${missing.join(', ')}`)
}

export const checks = {
  layers: checkLayers,
  sources: checkSources,
  generated: () => {
    quiet(process.execPath, ['scripts/generate.mjs', '--check'])
  },
  types: () => {
    for (const config of ['tsconfig.json', 'test/tsconfig.json'])
      quiet(process.execPath, ['node_modules/typescript/bin/tsc', '-p', config])
  },
  docs: () => {
    quiet(process.execPath, ['node_modules/typedoc/bin/typedoc', '--emit', 'none'])
  },
  lint: () => {
    quiet(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'])
  },
  format: async () => {
    const files = await unformatted()
    if (files.length > 0) throw new Error(`not formatted, 'npm run format' does it:\n  ${files.join('\n  ')}`)
  },
}

if (process.argv[1] === import.meta.filename) {
  main(async () => {
    for (const [name, check] of Object.entries(checks)) {
      await check()
      console.log(`${name}: ok`)
    }
  })
}
