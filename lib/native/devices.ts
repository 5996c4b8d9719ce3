/** Which device a run is on, and why. */
import { DeviceError, InvalidOptionError } from './errors'
import { binding } from './load'

/** `auto` takes a GPU where there is one that can be used; `cuda` and `cuda:1` insist on it. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`

export interface ChosenDevice {
  name: 'cpu'
  /** Why `auto` did not take a GPU. */
  reason?: string
}

/** @throws InvalidOptionError for an unknown name, DeviceError when the device asked for cannot be used */
export function chooseDevice(device: Device = 'auto'): ChosenDevice {
  if (device === 'cpu') return { name: 'cpu' }
  if (device !== 'auto' && !/^cuda(:\d+)?$/.test(device))
    throw new InvalidOptionError(`device is '${device}'; expected 'auto', 'cpu', 'cuda' or 'cuda:N'.`)
  const { reason } = binding().info().cuda
  if (device === 'auto') return { name: 'cpu', reason }
  throw new DeviceError(`device is '${device}', but ${reason} Use device 'cpu' or 'auto', or see 'meanfield doctor'.`)
}
