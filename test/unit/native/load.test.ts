import { LoadError } from '../../../lib/native/errors'
import { candidates, currentEnvironment, type Environment, incompatibilities, loadFrom } from '../../../lib/native/load'

const v2 = new Set(['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3'])
const binding = { info: () => 'it' }
/** A Linux machine with everything in order; each test spoils one thing. */
const machine = (change: Partial<Environment> = {}): Environment => ({
  platform: 'linux',
  arch: 'x64',
  napi: 9,
  node: '20.20.2',
  libc: 'glibc',
  cpuFlags: v2,
  root: '/package',
  exists: () => true,
  open: () => binding,
  ...change,
})
const built = '/package/build/Release/meanfield.node'
const installed = '/package/prebuilds/linux-x64/meanfield.glibc.node'

function refusal(environment: Environment): LoadError {
  try {
    loadFrom(environment)
  } catch (error) {
    if (error instanceof LoadError) return error
    throw error
  }
  throw new Error('it was loaded')
}

describe('on a machine in order', () => {
  it('the build of this checkout comes first, then the binary installed with the package', () => {
    expect(candidates(machine())).toEqual([built, installed])
    const opened: string[] = []
    const open = (path: string) => {
      opened.push(path)
      return binding
    }
    expect(loadFrom(machine({ open }))).toBe(binding)
    expect(loadFrom(machine({ open, exists: (path) => path === installed }))).toBe(binding)
    expect(opened).toEqual([built, installed])
  })

  it('a build that cannot be opened does not hide the installed binary', () => {
    const open = (path: string) => {
      if (path === built) throw new Error('invalid ELF header')
      return binding
    }
    expect(loadFrom(machine({ open }))).toBe(binding)
  })

  it.each([
    [{ libc: 'musl' as const }, '/package/prebuilds/linux-x64/meanfield.musl.node'],
    [{ arch: 'arm64' }, '/package/prebuilds/linux-arm64/meanfield.glibc.node'],
    [{ platform: 'darwin', arch: 'arm64', libc: 'none' as const }, '/package/prebuilds/darwin-arm64/meanfield.node'],
  ])('%j takes %s', (change, path) => {
    expect(candidates(machine(change))[1]).toBe(path)
  })

  it('this one is', () => {
    expect(incompatibilities(currentEnvironment())).toEqual([])
  })

  it('a processor that tells no flags is tried', () => {
    expect(incompatibilities(machine({ cpuFlags: undefined }))).toEqual([])
  })
})

describe('before anything is opened', () => {
  const untouched = { open: () => fail('opened'), exists: () => fail('looked for') }
  it.each<[string, Partial<Environment>, RegExp]>([
    ['an old Node', { napi: 7, node: '12.0.0' }, /Node 12\.0\.0 offers Node-API version 7; version 8.*Use Node 20/],
    ['no Node-API at all', { napi: Number.NaN }, /version NaN; version 8 is required/],
    ['another platform', { platform: 'win32' }, /no binary for win32-x64; there are linux-x64, .*Run it there/],
    ['another architecture', { arch: 'ppc64' }, /no binary for linux-ppc64/],
    ['an old processor', { cpuFlags: new Set([...v2].slice(2)) }, /lacks cx16, lahf_lm; x86-64-v2.*pass the host/],
  ])('%s is told with its remedy', (_, change, words) => {
    const error = refusal(machine({ ...untouched, ...change }))
    expect(error.code).toBe('MEANFIELD_LOAD')
    expect(error.message).toMatch(words)
    expect(error.details.reasons).toHaveLength(1)
  })

  it('all causes are told at once', () => {
    const { details } = refusal(machine({ napi: 6, arch: 'ia32', cpuFlags: new Set() }))
    expect(details.reasons).toHaveLength(3)
  })
})

describe('what the system says when it opens the binary', () => {
  const only = (message: string) => ({
    exists: (path: string) => path === installed,
    open: () => {
      throw new Error(message)
    },
  })
  it.each([
    [
      "/lib/libm.so.6: version `GLIBC_2.38' not found (required by it)",
      /needs GLIBC_2\.38, newer.*npm run build:native/,
    ],
    [`${installed}: invalid ELF header`, /built for another machine than linux-x64: remove node_modules/],
    [`${installed}: wrong ELF class: ELFCLASS32`, /built for another machine/],
    ['mach-o file, but is an incompatible architecture', /built for another machine/],
    ['Error loading shared library ld-linux-x86-64.so.2: No such file', /another libc than glibc/],
    ['libc.musl-x86_64.so.1: cannot open shared object file', /another libc than glibc/],
    ['a reason that nobody has thought of', /meanfield\.glibc\.node: a reason that nobody has thought of/],
  ])('%s', (message, words) => {
    expect(refusal(machine(only(message))).message).toMatch(words)
  })

  it('something thrown that is no error', () => {
    const open = () => {
      throw 'plain words'
    }
    expect(refusal(machine({ open })).message).toMatch(/plain words/)
  })

  it('no file anywhere: where was looked, and how to get one', () => {
    const { message } = refusal(machine({ exists: () => false }))
    expect(message).toContain(built)
    expect(message).toContain(installed)
    expect(message).toMatch(/Install the package again.*npm run build:native/)
  })
})

function fail(what: string): never {
  throw new Error(`${what} although it cannot run`)
}
