// npm test: sets up everything, then the native suite, the checks of the house, the ways of building, and jest. Ends with one line of totals.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { provide } from './debian.mjs'
import { main, root } from './lib.mjs'
import { setup } from './setup.mjs'
import { runNativeTests } from './test-native.mjs'

main(async () => {
  await setup()
  const total = { passed: 0, failed: 0 }
  const add = ({ passed, failed }) => {
    total.passed += passed
    total.failed += failed
  }
  add(runNativeTests())

  const { checks } = await import('./check.mjs')
  const { doors } = await import('./test-doors.mjs')
  for (const [kind, all] of Object.entries({ check: checks, door: doors })) {
    for (const [name, look] of Object.entries(all)) {
      try {
        console.log(`${kind} ${name}: ${(await look()) ?? 'ok'}`)
        add({ passed: 1, failed: 0 })
      } catch (error) {
        console.error(`${kind} ${name}: ${error.message}`)
        add({ passed: 0, failed: 1 })
      }
    }
  }

  for (const words of provide()) console.log(`${words} Its tests are skipped.`)
  const report = join(root, 'build/jest.json')
  mkdirSync(join(root, 'build'), { recursive: true })
  spawnSync(
    process.execPath,
    ['node_modules/jest/bin/jest.js', '--json', `--outputFile=${report}`, ...process.argv.slice(2)],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  const jest = JSON.parse(readFileSync(report, 'utf8'))
  // A test file that cannot be loaded has no test of its own to fail.
  add({ passed: jest.numPassedTests, failed: jest.numFailedTests + jest.numRuntimeErrorTestSuites })

  console.log(`${total.passed} passed, ${total.failed} failed`)
  if (total.failed > 0 || total.passed === 0) process.exitCode = 1
})
