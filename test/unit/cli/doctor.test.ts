import { checkDevices } from '../../../lib/cli/doctor'
import type { NativeCudaDevice } from '../../../lib/native/binding'

const device: NativeCudaDevice = {
  name: 'Some GPU',
  capability: '9.0',
  processors: 132,
  memoryBytes: 80 * 2 ** 30,
  freeBytes: 70 * 2 ** 30,
  image: 'sm_90',
  trouble: '',
}
const lines = (devices: NativeCudaDevice[], nccl = 0) => {
  const report = {
    library: '',
    images: 'sm_90',
    runtime: 13000,
    driver: 12080,
    nccl,
    devices,
    reason: devices.length > 0 ? '' : 'there is no driver.',
  }
  return checkDevices({ cudaCompiler: '13.0' }, report).map(({ name, seen, remedy }) => [name, seen, remedy])
}

test('a machine without a device is in order, with the reason', () => {
  expect(lines([])).toEqual([['CUDA', 'not used: there is no driver. (built with CUDA 13.0)', undefined]])
})

test('each device has its line, and its remedy where it cannot be used', () => {
  expect(lines([device])).toEqual([
    ['CUDA', 'kernels for sm_90 (CUDA 13.0), driver for CUDA 12.8', undefined],
    ['cuda:0', 'Some GPU, capability 9.0, 132 multiprocessors, 70.0 of 80.0 GiB free, runs sm_90', undefined],
  ])
  expect(lines([{ ...device, image: '', trouble: 'it is lost.' }])[1]?.[2]).toBe('it is lost.')
})

test.each([
  [0, 'not found: numbers between devices are copied through the host'],
  [2708, '2.7.8, numbers between devices go by it'],
  [22304, '2.23.4, numbers between devices go by it'],
])('several devices: NCCL %i', (nccl, words) => {
  expect(lines([device, device], nccl).at(-1)).toEqual(['NCCL', words, undefined])
})
