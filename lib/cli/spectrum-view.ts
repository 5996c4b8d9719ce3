/** `--spectrum-view`: a page that shows what a network in the kernel regime can learn of its data, and what it has learnt. */
import { writeFile } from 'node:fs/promises'
import type { Dataset } from '../data'
import type { KernelRegimeFit, KernelRegimeNetwork } from '../models'
import { evenlySpaced } from './evenly-spaced'

/** Whose eigenvalues are all found, in about a second. */
const shownRows = 1000

export async function writeSpectrumView(
  path: string,
  net: KernelRegimeNetwork,
  { options, algorithm }: KernelRegimeFit,
  train: Dataset,
): Promise<void> {
  const { spectrumView } = await import('../report')
  const sample = evenlySpaced(train, shownRows)
  const { rows } = sample
  const ridge = Number(options.ridge)
  const ridges = [ridge, ...Array.from({ length: 25 }, (_, i) => ridge * 10 ** ((i - 12) / 4))]
  const { eigenvalues, trace, effectiveDimension, functions } = await net.learnt(sample, { components: rows, ridges })
  const [target, fitted] = functions.map(({ coefficients }) => Array.from(coefficients))
  await writeFile(
    path,
    spectrumView({
      title: `Tangent kernel of a fit by ${algorithm.name}`,
      layers: options.layers as 'both' | 'output' | 'input',
      width: Number(options.width),
      rows,
      features: train.columns,
      trace,
      eigenvalues: Array.from(eigenvalues),
      ridge,
      effectiveDimension: effectiveDimension.map(({ ridge, least, most }) => ({ ridge, value: (least + most) / 2 })),
      coefficients: { target: target ?? [], fitted: fitted ?? [] },
    }),
  )
}
