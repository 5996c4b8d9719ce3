/** The machine and the build, captured once a session without being asked. */
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cpus, hostname, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { nativeInfo } from '../native'

export interface EnvironmentRecord {
  time: number
  host: string
  process: number
  node: string
  platform: string
  processor: string
  processors: number
  memory: number
  meanfield: string
  /** `cuda`: version of the CUDA compiler that made the kernels, or `none`. Which device a trial ran on is among its details. */
  core: { version: string; compiler: string; isa: string; parallelism: number; cuda: string }
  /** SHA-256 of the native binary. */
  binary?: string
  /** Where the working folder is in a git repository: commit, and a hash of what differs from it. */
  commit?: string
  changes?: string
  /** SHA-256 of the nearest package-lock.json. */
  lock?: string
  /** Name and driver of each GPU, where the driver or nvidia-smi tells. The CUDA library is not opened for it. */
  gpus?: string[]
  command: string[]
}

const packageRoot = join(__dirname, '..', '..')

export function captureEnvironment(folder = process.cwd()): EnvironmentRecord {
  const { version, compiler, isa, parallelism, cudaCompiler } = nativeInfo()
  const record: EnvironmentRecord = {
    time: Date.now(),
    host: hostname(),
    process: process.pid,
    node: process.version,
    platform: `${process.platform} ${process.arch} ${release()}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: cpus().length,
    memory: totalmem(),
    meanfield: JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version,
    core: { version, compiler, isa, parallelism, cuda: cudaCompiler ?? 'none' },
    command: process.argv.slice(2),
  }
  const binary = hashOf(join(packageRoot, 'build', 'Release', 'meanfield.node'))
  const commit = tell('git', ['rev-parse', 'HEAD'], folder)
  const lock = nearest(folder, 'package-lock.json')
  const gpus = gpusOfDriver() ?? gpusOfTool(folder)
  if (binary) record.binary = binary
  if (commit) {
    record.commit = commit
    const changes = tell('git', ['diff', 'HEAD'], folder)
    if (changes) record.changes = createHash('sha256').update(changes).digest('hex')
  }
  if (lock) record.lock = hashOf(lock) as string
  if (gpus) record.gpus = gpus
  return record
}

/** @internal the folder is a parameter for tests */
export function gpusOfDriver(folder = '/proc/driver/nvidia'): string[] | undefined {
  try {
    const driver = /Kernel Module[^\n]*?(\d+(?:\.\d+)+)/.exec(readFileSync(join(folder, 'version'), 'utf8'))?.[1]
    const names = readdirSync(join(folder, 'gpus'))
      .sort()
      .map((gpu) => /^Model:\s*(.+)$/m.exec(readFileSync(join(folder, 'gpus', gpu, 'information'), 'utf8'))?.[1])
    if (!driver || names.length === 0 || names.includes(undefined)) return undefined
    return names.map((name) => `${name}, ${driver}`)
  } catch {
    return undefined
  }
}

const gpusOfTool = (folder: string) =>
  tell('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader'], folder)?.split('\n')

/** What a program prints, or undefined where it is missing or fails. */
function tell(program: string, args: string[], cwd: string): string | undefined {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 5000,
      maxBuffer: 1 << 28,
    }
    return execFileSync(program, args, options).trim() || undefined
  } catch {
    return undefined
  }
}

function hashOf(path: string): string | undefined {
  return existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('hex') : undefined
}

function nearest(folder: string, name: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, name))) return join(at, name)
    if (dirname(at) === at) return undefined
  }
}
