import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  binding,
  chooseDevice,
  choosePrecision,
  DeviceError,
  InvalidOptionError,
  type NativeCudaReport,
} from '../../../lib/native'

const device = (trouble = '') => ({
  name: 'Some GPU',
  capability: '9.0',
  processors: 132,
  memoryBytes: 80e9,
  freeBytes: 70e9,
  image: trouble === '' ? 'sm_90' : '',
  trouble,
})
const report = (...devices: NativeCudaReport['devices']): (() => NativeCudaReport) => {
  const reason = devices.some(({ trouble }) => trouble === '') ? '' : (devices[0]?.trouble ?? 'there is no driver.')
  return () => ({ library: '', images: 'sm_90', runtime: 13000, driver: 13000, devices, reason })
}

test('cpu never looks for devices', () => {
  expect(
    chooseDevice('cpu', () => {
      throw new Error('looked')
    }),
  ).toEqual({ name: 'cpu' })
})

test('auto takes the first device that can be used, else the CPU with the reason', () => {
  expect(chooseDevice('auto', report(device('it is lost.'), device()))).toEqual({ name: 'cuda:1' })
  expect(chooseDevice('auto', report())).toEqual({ name: 'cpu', reason: 'there is no driver.' })
  expect(chooseDevice('auto', report(device('it is lost.')))).toEqual({ name: 'cpu', reason: 'it is lost.' })
})

test('cuda and cuda:N insist', () => {
  expect(chooseDevice('cuda', report(device()))).toEqual({ name: 'cuda:0' })
  expect(chooseDevice('cuda:1', report(device(), device()))).toEqual({ name: 'cuda:1' })
  expect(() => chooseDevice('cuda', report())).toThrow(DeviceError)
  expect(() => chooseDevice('cuda', report())).toThrow("device is 'cuda', but there is no driver. Use device 'cpu'")
  expect(() => chooseDevice('cuda:1', report(device()))).toThrow('there is 1 CUDA device, numbered from 0')
  expect(() => chooseDevice('cuda:0', report(device('it is lost.'), device()))).toThrow('it is lost.')
})

test('several devices are each insisted on', () => {
  expect(chooseDevice('cuda:0,1', report(device(), device()))).toEqual({ name: 'cuda:0,1' })
  expect(() => chooseDevice('cuda:0,2', report(device(), device()))).toThrow(
    'there are 2 CUDA devices, numbered from 0',
  )
  expect(() => chooseDevice('cuda:0,1', report(device(), device('it is lost.')))).toThrow('it is lost.')
  expect(() => chooseDevice('cuda:1,01', report(device(), device()))).toThrow('names a device twice')
})

test.each(['gpu', 'cuda:', 'cuda:-1', 'cuda:x', 'cuda:0,', 'cuda:0,,1', 'cudax:0', 'CUDA', ''])(
  '%p is no device',
  (name) => {
    expect(() => chooseDevice(name as 'auto', report(device()))).toThrow(InvalidOptionError)
  },
)

test('precision is float32 where auto took the CPU; unknown names are refused there too', () => {
  expect(choosePrecision({ name: 'cuda:0' })).toBe('float32')
  expect(choosePrecision({ name: 'cuda:0' }, 'bf16')).toBe('bf16')
  expect(choosePrecision({ name: 'cpu' }, 'bf16')).toBe('float32')
  expect(choosePrecision({ name: 'cpu' }, 'bf16', 'cpu')).toBe('bf16') // which the native side refuses
  expect(() => choosePrecision({ name: 'cpu' }, 'half' as 'bf16')).toThrow("precision is 'half'; expected 'float32'")
})

const request = {
  train: { values: new Float32Array(4), rows: 4, columns: 1, targets: new Float64Array(4) },
  model: { particles: 4 },
  algorithm: { name: 'langevin', options: {} },
  run: { steps: 1 },
}

test('tensor-core precision is refused on the CPU, and unknown names everywhere', () => {
  const starting = (change: object) => () => binding().fitMeanField({ ...request, ...change })
  expect(starting({ precision: 'tf32' })).toThrow(/'tf32', which only a CUDA device has/)
  expect(starting({ precision: 'half' })).toThrow(/precision is 'half'; expected 'float32', 'tf32' or 'bf16'/)
  expect(starting({ backend: 'opencl' })).toThrow(/backend is 'opencl'/)
})

const kernels = join(__dirname, '../../../build/Release/libmeanfield_cuda.so')
const withoutDevice = binding().cudaDevices().devices.length === 0

const inNewProcess = (code: string): string =>
  execFileSync(process.execPath, ['-e', code], {
    encoding: 'utf8',
    env: { ...process.env, MEANFIELD_CUDA_LIBRARY: kernels },
  })
const addon = JSON.stringify(join(__dirname, '../../../build/Release/meanfield.node'))

const testKernels = existsSync(kernels) && withoutDevice ? test : test.skip

testKernels('the kernels load without a driver and say what is missing', () => {
  const found = JSON.parse(
    inNewProcess(`console.log(JSON.stringify(require(${addon}).cudaDevices()))`),
  ) as NativeCudaReport
  expect(found.library).toBe(kernels)
  expect(found.images).toMatch(/sm_\d+/)
  expect(found.runtime).toBeGreaterThanOrEqual(11000)
  expect(found.devices).toEqual([])
  expect(found.reason).toMatch(/driver|no CUDA device/)
  const failure = inNewProcess(`
    try { require(${addon}).fitMeanField({ ...${JSON.stringify({ ...request, train: {} })},
      train: { values: new Float32Array(4), rows: 4, columns: 1, targets: new Float64Array(4) }, backend: 'cuda:0' }) }
    catch (error) { console.log(error.code, error.message) }`)
  expect(failure).toMatch(/^MEANFIELD_DEVICE device 'cuda:0' cannot be used: .*(driver|no CUDA device)/)
})
