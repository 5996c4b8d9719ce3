/** Small data and small fits that the tests of the network share. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { circles, Dataset, singleIndex } from '../../../lib/data'
import { type MeanFieldFitOptions, MeanFieldNetwork, type MeanFieldNetworkOptions } from '../../../lib/models'

/** A folder for the files of one test file, removed at its end. */
export function temporaryFolder(): { folder: string; place: (name: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'meanfield-test-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  return { folder, place: (name) => join(folder, name) }
}

/** y = 1000 + 50 tanh⟨w, x⟩: far from mean 0 and deviation 1. */
export const { dataset: curve } = singleIndex({ rows: 300, columns: 4, link: 'tanh', noise: 0.05, seed: 3 })
export const numbers = Dataset.fromArrays(
  curve.features,
  curve.targets.map((y) => 1000 + 50 * y),
  { task: 'regression' },
)
export const { dataset: rings } = circles({ rows: 200, noise: 0.05, seed: 2 })
export const three = labelled(['c', 'a', 'b'])

/** Three classes by the angle of two features, named in the order of their sectors. */
export function labelled(names: string[], classes?: string[]): Dataset {
  const features = Float32Array.from({ length: 600 }, (_, i) => Math.sin(i * i * 0.7 + i))
  const targets = Array.from({ length: 300 }, (_, i) => {
    const angle = Math.atan2(features[2 * i + 1], features[2 * i])
    return names[Math.min(2, Math.floor(((angle + Math.PI) / (2 * Math.PI)) * 3))]
  })
  return Dataset.fromArrays(features, targets, { ...(classes && { classes }) })
}

export const small: MeanFieldNetworkOptions = { particles: 64, entropy: 1e-4 }
export const quick = { steps: 60, seed: 5, certificateDraws: 200 } satisfies MeanFieldFitOptions
export const bytes = (array: ArrayBufferView) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)
export const same = (a: ArrayBufferView, b: ArrayBufferView) => bytes(a).equals(bytes(b))

export async function fitted(data: Dataset, options: MeanFieldNetworkOptions = {}, run: MeanFieldFitOptions = {}) {
  const net = new MeanFieldNetwork({ ...small, ...options })
  const fit = await net.fit(data, { ...quick, ...run })
  return { net, fit }
}
