/**
 * The addon with three emulated devices (test/native/emulated_library.cpp), which `npm test` builds before this runs: fits, streams and
 * predictions go all the way from TypeScript to the kernels and back.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fixture } from './child'
import { command, curve } from './command'

const library = join(__dirname, '..', '..', 'build', 'native-tests', 'libmeanfield_emulated.so')
const testEmulated = existsSync(library) ? test : test.skip

function onDevices(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, MEANFIELD_CUDA_LIBRARY: library },
  })
  // Races and the like in the kernels are told on standard error.
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

interface Found {
  refused: { code: string; message: string }
  auto: string
  streams: Record<string, Record<string, number | string>>
  networks: Record<string, { device: string; particles: number; outputs: number; primal: number }>
  linears: Record<string, { device: string; steps: number; weights: number }>
}

testEmulated('streams, networks and linear models on one and several devices are those of the CPU to rounding', () => {
  const { refused, auto, streams, networks, linears } = onDevices(fixture('devices.cjs')) as Found
  expect(auto).toBe('cuda:0')
  expect(refused).toMatchObject({
    code: 'MEANFIELD_DEVICE',
    message: expect.stringMatching(/there are 3 CUDA devices/),
  })
  for (const [device, found] of Object.entries(streams)) {
    expect(found).toMatchObject({
      device: device === 'cuda' ? 'cuda:0' : device,
      rows: 220,
      inOtherPieces: 0,
      fromMemory: 0,
    })
    // 14 steps in float32 on numbers of order 1, a few ulp of 6e-8 each.
    expect(found.fromCpu).toBeLessThan(1e-5)
  }
  for (const [name, found] of Object.entries(networks)) {
    expect(name.endsWith(found.device)).toBe(true)
    expect(found.particles).toBeLessThan(1e-5)
    expect(found.outputs).toBeLessThan(1e-5)
    expect(found.primal).toBeLessThan(1e-5)
  }
  for (const found of Object.values(linears)) {
    expect(found.steps).toBe(0)
    // In double, and contracting.
    expect(found.weights).toBeLessThan(1e-9)
  }
  expect(Object.keys({ ...streams, ...networks, ...linears })).toHaveLength(3 + 8 + 12)
})

testEmulated('the command takes them too, and doctor names them', () => {
  const doctor = JSON.stringify(onDevices(command, 'doctor', '--json'))
  for (const device of [0, 1, 2]) expect(doctor).toContain(`emulated device ${device}`)
  const asked = ['--data', curve, '--target', 'y', '--json', '--seed', '1']
  const there = onDevices(command, 'fit', 'linear', ...asked, '--device', 'cuda:0,1', '--algorithm', 'fista')
  expect(there).toMatchObject({ device: 'cuda:0,1', isa: 'several devices' })
})
