/** What a reader needs to know of the machine and the build to judge or repeat a result. */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { binding } from '../native'

export function packageVersion(): string {
  return JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')).version
}

/** `glibc 2.36`, or `musl`; undefined where the platform has neither. */
export function libc(): string | undefined {
  if (process.platform !== 'linux') return undefined
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  const version = report.header?.glibcVersionRuntime
  return version ? `glibc ${version}` : 'musl'
}

export function platform(): string {
  const library = libc()
  return `${process.platform} ${process.arch}${library ? `, ${library}` : ''}`
}

/** Name and value, for reports. */
export function environmentFacts(): [string, string][] {
  const info = binding().info()
  return [
    ['meanfield', packageVersion()],
    ['native core', `${info.version}, ${info.compiler}`],
    ['Node', process.version],
    ['platform', platform()],
    ['processor', cpus()[0]?.model.trim() ?? 'unknown'],
    ['instruction set', info.isa],
    ['processors available', String(info.parallelism)],
  ]
}
