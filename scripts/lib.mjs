// What the scripts share. Node built-ins only: these run before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const jobs = String(availableParallelism())

/** Runs a command in the root with its output shown; throws a sentence when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) throw new Error(`Cannot run ${command}: ${result.error.message}.`)
  if (result.status !== 0)
    throw new Error(`'${command} ${args.join(' ')}' failed with ${result.signal ?? `exit code ${result.status}`}.`)
  return result
}

/** Like `run`, but silent unless it fails; returns standard output. */
export function quiet(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options })
  if (result.error) throw new Error(`Cannot run ${command}: ${result.error.message}.`)
  if (result.status !== 0) {
    process.stderr.write(result.stdout + result.stderr)
    throw new Error(`'${command} ${args.join(' ')}' failed with ${result.signal ?? `exit code ${result.status}`}.`)
  }
  return result.stdout
}

/** All files under the given files and folders, relative to the root, sorted. */
export function filesUnder(...paths) {
  const found = []
  const visit = (path) => {
    if (!existsSync(join(root, path))) return
    let entries
    try {
      entries = readdirSync(join(root, path), { withFileTypes: true })
    } catch {
      found.push(path)
      return
    }
    for (const entry of entries) {
      if (entry.isDirectory()) visit(`${path}/${entry.name}`)
      else found.push(`${path}/${entry.name}`)
    }
  }
  for (const path of paths) visit(path)
  return found.sort()
}

export function hashFiles(files) {
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

/** Does `work` unless the stamp of that name already holds `key` and `outputs` exist. Returns whether it worked. */
export function once(name, key, outputs, work) {
  const stamp = join(root, 'build/stamps', name)
  const done =
    existsSync(stamp) && readFileSync(stamp, 'utf8') === key && outputs.every((file) => existsSync(join(root, file)))
  if (done) return false
  work()
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, key)
  return true
}

/** Runs a stage and says how long it took; silent when there was nothing to do. */
export function stage(title, work) {
  const start = Date.now()
  process.stdout.write(`${title} … `)
  try {
    const worked = work()
    console.log(worked ? `done in ${((Date.now() - start) / 1000).toFixed(1)} s` : 'up to date')
  } catch (error) {
    console.log('failed')
    throw error
  }
}

/** Ends a script with one sentence instead of a stack. */
export async function main(body) {
  try {
    await body()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
