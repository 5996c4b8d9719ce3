import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binding } from '../../../lib/native'
import { captureEnvironment, gpusOfDriver } from '../../../lib/store/environment'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-environment-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the CUDA library is not opened to describe the machine', () => {
  const look = jest.spyOn(binding(), 'cudaDevices')
  const { core, processors, node } = captureEnvironment(folder)
  expect(look).not.toHaveBeenCalled()
  expect(core.cuda).toMatch(/^(none|\d+\.\d+.*)$/)
  expect([processors > 0, node]).toEqual([true, process.version])
})

test('GPUs and their driver are read where the driver tells of them', () => {
  expect(gpusOfDriver(folder)).toBeUndefined()
  // The two forms of the line in use.
  const lines = [
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n',
    'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\n',
  ]
  for (const bus of ['0000:3b:00.0', '0000:86:00.0']) {
    mkdirSync(join(folder, 'gpus', bus), { recursive: true })
    writeFileSync(join(folder, 'gpus', bus, 'information'), `Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 12\n`)
  }
  const found = lines.map((line) => {
    writeFileSync(join(folder, 'version'), line)
    return gpusOfDriver(folder)
  })
  const named = (driver: string) => Array(2).fill(`NVIDIA H100 80GB HBM3, ${driver}`)
  expect(found).toEqual([named('535.104.05'), named('550.54.15')])
})
