/** `meanfield doctor`: is everything there, what will be used, and does a small fit give the right answer. */
import { Command } from 'commander'
import type { NativeBinding, NativeCudaReport, NativeFitRequest, NativeInfo } from '../native/binding'
import { packageVersion, platform } from './environment'
import { describeFailure, exitCodes } from './exit'
import { print, printJson } from './output'

interface Check {
  name: string
  passed: boolean
  /** What was seen. */
  seen: string
  /** What to do, where there is something to do. */
  remedy?: string
}

type CudaReport = NativeCudaReport & { nccl: number }

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Check the installation: versions, instruction sets, threads, devices, and a small fit that must come out right.',
    )
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Exits with 1 when a check fails.

Example:
  $ meanfield doctor --json`,
    )
    .action(async (options: { json?: boolean }) => {
      const { info, cuda, checks } = await examine()
      const healthy = checks.every(({ passed }) => passed)
      if (options.json) printJson({ ...report(info, checks, healthy), cuda: cuda ?? null })
      else tell(checks, healthy)
      process.exitCode = healthy ? exitCodes.done : exitCodes.wrongUse
    })
}

function report(info: NativeInfo | undefined, checks: Check[], healthy: boolean) {
  return {
    healthy,
    version: packageVersion(),
    node: process.versions.node,
    napi: Number(process.versions.napi),
    platform: process.platform,
    arch: process.arch,
    libc: platform().split(', ')[1] ?? null,
    native: info ?? null,
    checks,
  }
}

function tell(checks: Check[], healthy: boolean): void {
  const width = Math.max(...checks.map(({ name }) => name.length))
  for (const { name, passed, seen, remedy } of checks) {
    print(`${passed ? '✓' : '✗'} ${name.padEnd(width)}  ${seen}`)
    if (remedy) print(`  ${' '.repeat(width)}  → ${remedy}`)
  }
  print(healthy ? '\nEverything is in order.' : '\nSomething is wrong; see the arrows.')
}

async function examine(): Promise<{ info?: NativeInfo; cuda?: CudaReport; checks: Check[] }> {
  const checks: Check[] = [checkNode(), { name: 'platform', passed: true, seen: platform() }]
  let binding: NativeBinding
  try {
    binding = (await import('../native')).binding()
  } catch (error) {
    checks.push({ name: 'native core', passed: false, ...told(error) })
    return { checks }
  }
  const info = binding.info()
  const cuda = { ...binding.cudaDevices(), nccl: binding.ncclVersion() }
  checks.push(
    { name: 'native core', passed: true, seen: `${info.version}, ${info.compiler}, Node-API ${info.napi}` },
    checkInstructions(info),
    checkThreads(info),
    ...checkDevices(info, cuda),
  )
  try {
    checks.push(...(await selfTest(binding, cuda)))
  } catch (error) {
    checks.push({ name: 'small fit', passed: false, ...told(error) })
  }
  return { info, cuda, checks }
}

function told(error: unknown): { seen: string; remedy: string } {
  const { message } = describeFailure(error)
  return {
    seen: message,
    remedy: 'Install the package again, or build it from source with `npm run build` in its folder.',
  }
}

function checkNode(): Check {
  const [major = 0] = process.versions.node.split('.').map(Number)
  const passed = major >= 20
  const seen = `${process.versions.node}, Node-API ${process.versions.napi}`
  return { name: 'Node', passed, seen, ...(!passed && { remedy: 'Install Node 20 or newer.' }) }
}

function checkInstructions(info: NativeInfo): Check {
  const supported = info.isas.filter((isa) => isa.supported).map((isa) => isa.name)
  const missing = info.isas.filter((isa) => !isa.supported).map((isa) => isa.name)
  const seen = `${info.isa} (of ${supported.join(', ')}${missing.length > 0 ? `; not on this processor: ${missing.join(', ')}` : ''})`
  const forced = process.env.MEANFIELD_FORCE_ISA
  const slower = forced !== undefined && supported[0] !== info.isa
  return {
    name: 'instruction set',
    passed: supported.includes(info.isa),
    seen,
    ...(slower && { remedy: `MEANFIELD_FORCE_ISA is ${forced}; unset it to use the best one.` }),
  }
}

function checkThreads(info: NativeInfo): Check {
  const { availableParallelism, cpus } = require('node:os') as typeof import('node:os')
  const machine = cpus().length
  const seen = `${info.parallelism} of ${machine} processors (Node counts ${availableParallelism()})`
  const limited = info.parallelism < machine
  return {
    name: 'threads',
    passed: info.parallelism >= 1,
    seen,
    ...(limited && { remedy: 'Affinity or a container quota keeps the others away; raise it if that is not meant.' }),
  }
}

/** One line for the kernels, one for each device, and for several one on how numbers get from one to another. A machine without a GPU is in order; a GPU that cannot be used is not. */
export function checkDevices(info: Pick<NativeInfo, 'cudaCompiler'>, report: CudaReport): Check[] {
  const version = (number: number) => `${Math.floor(number / 1000)}.${Math.floor((number % 1000) / 10)}`
  const built = info.cudaCompiler ? `built with CUDA ${info.cudaCompiler}` : 'built without CUDA'
  if (report.devices.length === 0)
    return [{ name: 'CUDA', passed: true, seen: `not used: ${report.reason} (${built})` }]
  const gibibytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1)
  return [
    {
      name: 'CUDA',
      passed: true,
      seen: `kernels for ${report.images} (CUDA ${version(report.runtime)}), driver for CUDA ${version(report.driver)}`,
    },
    ...report.devices.map((device, number) => ({
      name: `cuda:${number}`,
      passed: device.trouble === '',
      seen:
        `${device.name}, capability ${device.capability}, ${device.processors} multiprocessors, ` +
        `${gibibytes(device.freeBytes)} of ${gibibytes(device.memoryBytes)} GiB free` +
        (device.image === '' ? '' : `, runs ${device.image}`),
      ...(device.trouble !== '' && { remedy: device.trouble }),
    })),
    ...(report.devices.length > 1 ? [{ name: 'NCCL', passed: true, seen: ncclWords(report.nccl) }] : []),
  ]
}

/** Versions from 2.9 on are written 10000 · major + 100 · minor + patch, older ones 1000 · major + …. */
function ncclWords(version: number): string {
  if (version === 0) return 'not found: numbers between devices are copied through the host'
  const major = version < 10000 ? 1000 : 10000
  return `${Math.floor(version / major)}.${Math.floor((version % major) / 100)}.${version % 100}, numbers between devices go by it`
}

/** A network learns a smooth curve: fast and slow kernels must agree, and the number of threads must not matter. */
async function selfTest(binding: NativeBinding, cuda: NativeCudaReport): Promise<Check[]> {
  const rows = 64
  const values = Float32Array.from({ length: rows }, (_, i) => (2 * i) / (rows - 1) - 1)
  const targets = Float64Array.from(values, (x) => Math.sin(3 * x))
  const request = (threads: number): NativeFitRequest => ({
    train: { values, rows, columns: 1, targets },
    model: { particles: 128, ridge: 1e-3, entropy: 1e-3, outputScale: 3 },
    algorithm: { name: 'langevin', options: { step: 0.1 } },
    run: { steps: 300, seed: 1, threads, certificate: false },
  })
  const train = (change: Partial<NativeFitRequest>, threads = 1) =>
    binding.fitMeanField({ ...request(threads), ...change }).promise
  const [one, two, slow] = await Promise.all([train({}, 1), train({}, 2), train({ backend: 'reference' })])
  const usable = cuda.devices.flatMap(({ trouble }, number) => (trouble === '' ? [number] : []))
  const onDevices = await Promise.all(usable.map((number) => train({ backend: `cuda:${number}` })))
  const mean = targets.reduce((sum, y) => sum + y, 0) / rows
  const start = targets.reduce((sum, y) => sum + (y - mean) ** 2, 0) / (2 * rows)
  const agrees = (objective: number) => Math.abs(objective - slow.objective) <= 1e-3 * Math.abs(slow.objective)
  const same = Buffer.compare(Buffer.from(one.particles.buffer), Buffer.from(two.particles.buffer)) === 0
  const remedy =
    'The binary does not fit this machine; build it from source with `npm run build` in the package folder, and report it.'
  const check = (name: string, passed: boolean, seen: string): Check => ({
    name,
    passed,
    seen,
    ...(!passed && { remedy }),
  })
  return [
    check(
      'small fit',
      one.loss < 0.2 * start,
      `loss ${one.loss.toPrecision(3)} after 300 steps, ${start.toPrecision(3)} for the mean`,
    ),
    check(
      'kernels agree',
      agrees(one.objective),
      `objective ${one.objective.toPrecision(8)} (${one.isa}), ${slow.objective.toPrecision(8)} (reference)`,
    ),
    ...onDevices.map(({ objective, isa }, i) =>
      check(
        `cuda:${usable[i]} agrees`,
        agrees(objective),
        `objective ${objective.toPrecision(8)} (${isa}), ${slow.objective.toPrecision(8)} (reference)`,
      ),
    ),
    check(
      'threads do not matter',
      same,
      same ? '1 and 2 threads give the same bits' : '1 and 2 threads give different particles',
    ),
  ]
}
