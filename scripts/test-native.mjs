// The native test suite: configured and built without Node, then run. With an argument, under that sanitizer.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { jobs, main, quiet, root } from './lib.mjs'

/** Builds the suite (sanitize: '', 'address' or 'thread') and returns the path of the program. */
export function buildNativeTests(sanitize = '') {
  const folder = join('build', sanitize === '' ? 'native-tests' : `native-tests-${sanitize}`)
  quiet('cmake', [
    '-S',
    '.',
    '-B',
    folder,
    '-DMEANFIELD_ADDON=OFF',
    '-DMEANFIELD_TESTS=ON',
    '-DMEANFIELD_CUDA=OFF',
    `-DMEANFIELD_SANITIZE=${sanitize}`,
  ])
  quiet('cmake', ['--build', folder, '--parallel', jobs])
  return join(root, folder, 'meanfield_tests')
}

// Sanitizers end the process where memory is refused, instead of letting the refusal be handled; and the statistics,
// which repeat the same steps some million times on the slow backend, would take them hours and show nothing new.
const statistics = ['oracles', 'quadrature', 'measures', 'family', 'reference_run']

/** Runs it and returns { passed, failed } test cases. */
export function runNativeTests(sanitize = '') {
  const filter =
    sanitize === ''
      ? []
      : [
          '--test-case-exclude=*more particles than memory*',
          `--source-file-exclude=${statistics.map((name) => `*mean_field_${name}*`).join()}`,
        ]
  const result = spawnSync(buildNativeTests(sanitize), filter, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 })
  process.stdout.write(result.stdout + result.stderr)
  const summary = /test cases:\s+\d+\s+\|\s+(\d+) passed\s+\|\s+(\d+) failed/.exec(result.stdout)
  if (!summary)
    throw new Error(`The native tests ended without a summary (${result.signal ?? `exit code ${result.status}`}).`)
  const counts = { passed: Number(summary[1]), failed: Number(summary[2]) }
  if (result.status !== 0 && counts.failed === 0)
    throw new Error(`The native tests ended with exit code ${result.status}.`)
  return counts
}

if (process.argv[1] === import.meta.filename) {
  main(() => {
    const { failed } = runNativeTests(process.argv[2])
    if (failed > 0) process.exitCode = 1
  })
}
