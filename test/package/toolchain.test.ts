import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// npm start and npm test on a machine where something is missing: one sentence, and nothing has been begun.
const root = join(__dirname, '..', '..')
let bin: string
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'meanfield-bin-'))
  symlinkSync(process.execPath, join(bin, 'node'))
})
afterEach(() => rmSync(bin, { recursive: true }))

const tool = (name: string) => writeFileSync(join(bin, name), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
function refused(script: string) {
  const { CXX: _, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, [`scripts/${script}.mjs`], {
    cwd: root,
    env: { ...env, PATH: bin },
    encoding: 'utf8',
  })
  expect(stdout).toBe('')
  expect(status).toBe(1)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  return stderr
}

describe.each(['start', 'test', 'setup'])('%s', (script) => {
  it('names a missing compiler', () => {
    tool('cmake')
    expect(refused(script)).toMatch(/^Building meanfield needs a C\+\+17 compiler: install with '.*'\.$/m)
  })

  it('names a missing CMake', () => {
    tool('g++')
    expect(refused(script)).toMatch(/^Building meanfield needs CMake: install with '.*'\.$/m)
  })

  it('names both', () => {
    expect(refused(script)).toMatch(/^Building meanfield needs a C\+\+17 compiler and CMake: install with '.*'\.$/m)
  })
})
