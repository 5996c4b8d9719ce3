/**
 * Finds, checks and opens the native binary. Everything that can be known beforehand (Node-API version, platform,
 * architecture, libc, instruction set) is checked first, so that a machine that cannot run it gets a sentence instead of
 * a crash.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNativeError } from 'node:util/types'
import type { NativeBinding } from './binding'
import { LoadError } from './errors'

/** What the checks look at; a parameter so that every failure can be tested on any machine. */
export interface Environment {
  platform: string
  arch: string
  napi: number
  node: string
  libc: 'glibc' | 'musl' | 'none'
  /** Flags of the processor as Linux lists them; undefined where unknown. */
  cpuFlags: ReadonlySet<string> | undefined
  root: string
  exists(path: string): boolean
  open(path: string): unknown
}

const minimumNapi = 8
const supported: Record<string, readonly string[]> = { linux: ['x64', 'arm64'], darwin: ['x64', 'arm64'] }
/** x86-64-v2, the least that the baseline code needs, in Linux's names. */
const baselineFlags = ['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3']

function detectLibc(): 'glibc' | 'musl' | 'none' {
  if (process.platform !== 'linux') return 'none'
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return report?.header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}

function detectFlags(): ReadonlySet<string> | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  try {
    const line = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))
    return line?.[1] === undefined ? undefined : new Set(line[1].split(' '))
  } catch {
    return undefined
  }
}

export function currentEnvironment(): Environment {
  return {
    platform: process.platform,
    arch: process.arch,
    napi: Number(process.versions.napi),
    node: process.versions.node,
    libc: detectLibc(),
    cpuFlags: detectFlags(),
    root: join(__dirname, '..', '..'),
    exists: existsSync,
    open: (path) => require(path),
  }
}

/** Reasons why no binary of this package can run here; empty when there is none. */
export function incompatibilities(environment: Environment): string[] {
  const { platform, arch, napi, node, cpuFlags } = environment
  const reasons: string[] = []
  if (!(napi >= minimumNapi)) {
    reasons.push(
      `Node ${node} offers Node-API version ${napi}; version ${minimumNapi} is required. Use Node 20 or newer.`,
    )
  }
  if (!supported[platform]?.includes(arch)) {
    const known = Object.entries(supported).flatMap(([name, arches]) => arches.map((one) => `${name}-${one}`))
    reasons.push(
      `There is no binary for ${platform}-${arch}; there are ${known.join(', ')}. Run it there, or in a container.`,
    )
  }
  if (cpuFlags) {
    const missing = baselineFlags.filter((flag) => !cpuFlags.has(flag))
    if (missing.length > 0) {
      reasons.push(
        `The processor lacks ${missing.join(', ')}; x86-64-v2 (any server since 2009) is required. In a virtual machine, ` +
          'let it pass the host processor through.',
      )
    }
  }
  return reasons
}

/** Where the binary may lie, in the order of trying: a build of this checkout, then the one installed with the package. */
export function candidates(environment: Environment): string[] {
  const { root, platform, arch, libc } = environment
  const tag = libc === 'none' ? '' : `.${libc}`
  return [
    join(root, 'build', 'Release', 'meanfield.node'),
    join(root, 'prebuilds', `${platform}-${arch}`, `meanfield${tag}.node`),
  ]
}

function explain(path: string, error: unknown, environment: Environment): string {
  const message = isNativeError(error) ? error.message : String(error)
  const glibc = /version `(GLIBC_[\d.]+)' not found/.exec(message)
  if (glibc) return `${path} needs ${glibc[1]}, newer than this system's: build it here with 'npm run build:native'.`
  if (/invalid ELF header|wrong ELF class|not a valid Win32|incompatible architecture/.test(message)) {
    return `${path} was built for another machine than ${environment.platform}-${environment.arch}: remove node_modules and install again here.`
  }
  if (/libc\.musl|ld-linux/.test(message)) {
    return `${path} was built for another libc than ${environment.libc}: remove node_modules and install again here.`
  }
  return `${path}: ${message}`
}

/** Opens the binary for `environment`. Throws LoadError that lists every cause and what to do. */
export function loadFrom(environment: Environment): NativeBinding {
  const reasons = incompatibilities(environment)
  if (reasons.length === 0) {
    const paths = candidates(environment)
    for (const path of paths) {
      if (!environment.exists(path)) continue
      try {
        return environment.open(path) as NativeBinding
      } catch (error) {
        reasons.push(explain(path, error, environment))
      }
    }
    if (reasons.length === 0) {
      reasons.push(
        `No binary was found; looked for ${paths.join(' and ')}. Install the package again, without omitting files, or ` +
          "build it with 'npm run build:native' (needs a C++17 compiler and CMake).",
      )
    }
  }
  throw new LoadError(`meanfield's native binary cannot be loaded.\n- ${reasons.join('\n- ')}`, { reasons })
}

let loaded: NativeBinding | undefined

/** The binding, opened on first use. */
export function binding(): NativeBinding {
  loaded ??= loadFrom(currentEnvironment())
  return loaded
}
