/** Which device a run is on, and why. */
import type { NativeCudaReport, Precision } from './binding'
import { DeviceError, InvalidOptionError } from './errors'
import { binding } from './load'

/**
 * `auto` takes a GPU where there is one that can be used; `cuda` (the first) and `cuda:1` insist on it, `cuda:0,1` on several,
 * which share the particles, or for linear models the rows.
 */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${string}`

export interface ChosenDevice {
  name: 'cpu' | `cuda:${string}`
  /** Why `auto` did not take a GPU. */
  reason?: string
}

/** What is known of the CUDA devices. Opens the kernels where there is a driver; costs nothing where there is none. */
export const cudaDevices = (): NativeCudaReport => binding().cudaDevices()

/**
 * @param look a parameter so that every machine can be tested on any
 * @throws InvalidOptionError for an unknown name, DeviceError when the device asked for cannot be used
 */
export function chooseDevice(device: Device = 'auto', look: () => NativeCudaReport = cudaDevices): ChosenDevice {
  if (device === 'cpu') return { name: 'cpu' }
  const text = String(device)
  const numbers = text.startsWith('cuda:') ? text.slice(5).split(',') : ['0']
  if (device !== 'auto' && !(/^cuda(:|$)/.test(text) && numbers.every((number) => /^\d{1,2}$/.test(number))))
    throw new InvalidOptionError(`device is '${device}'; expected 'auto', 'cpu', 'cuda', 'cuda:N' or 'cuda:N,N'.`)
  const { devices, reason } = look()
  if (device === 'auto') {
    const first = devices.findIndex(({ trouble }) => trouble === '')
    return first < 0 ? { name: 'cpu', reason } : { name: `cuda:${first}` }
  }
  const wanted = numbers.map(Number)
  if (new Set(wanted).size < wanted.length)
    throw new InvalidOptionError(`device is '${device}', which names a device twice; name each once.`)
  const remedy = "Use device 'cpu' or 'auto', or see 'meanfield doctor'."
  for (const number of wanted) {
    const chosen = devices[number]
    if (chosen?.trouble === '') continue
    if (devices.length === 0 || chosen)
      throw new DeviceError(`device is '${device}', but ${chosen?.trouble ?? reason} ${remedy}`)
    const count = devices.length === 1 ? 'there is 1 CUDA device' : `there are ${devices.length} CUDA devices`
    throw new DeviceError(`device is '${device}', but ${count}, numbered from 0. ${remedy}`)
  }
  return { name: `cuda:${wanted.join(',')}` }
}

/**
 * The precision that a run computes in: what is asked for, but float32 where `auto` took the CPU.
 *
 * @throws InvalidOptionError for an unknown name, wherever it runs
 */
export function choosePrecision(
  chosen: ChosenDevice,
  precision: Precision = 'float32',
  device: Device = 'auto',
): Precision {
  if (!['float32', 'tf32', 'bf16'].includes(precision))
    throw new InvalidOptionError(`precision is '${precision}'; expected 'float32', 'tf32' or 'bf16'.`)
  return chosen.name === 'cpu' && device === 'auto' ? 'float32' : precision
}
