// Programs that tests need and Debian has: installed where that can be done, else the reason in one sentence.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What the tests of the package use besides npm's packages: the program, and Debian's package of it. */
export const programs = { chromium: 'chromium', 'redis-server': 'redis-server' }

const onPath = (program) => process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, program)))

/** Says for each program that is missing why, after an attempt to install it. */
export function provide(names = Object.keys(programs)) {
  const missing = names.filter((name) => !onPath(name))
  if (missing.length === 0) return []
  const reason = cannotInstall() ?? install(missing.map((name) => programs[name]))
  return missing
    .filter((name) => !onPath(name))
    .map((name) => `${name} is missing: ${reason ?? 'its package does not have it'}.`)
}

function cannotInstall() {
  if (!onPath('apt-get')) return 'there is no apt-get to install it with'
  if (process.getuid?.() !== 0) return 'only root can install it with apt-get'
  return undefined
}

function install(packages) {
  const run = (...args) =>
    spawnSync('apt-get', args, { encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
  run('update', '-qq')
  const { status, stderr } = run('install', '-y', '-qq', '--no-install-recommends', ...packages)
  return status === 0 ? undefined : `apt-get install failed (${(stderr ?? '').trim().split('\n').at(-1)})`
}
