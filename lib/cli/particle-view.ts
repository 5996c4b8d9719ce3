/** `--particle-view`: a page that shows what the particles of a fit did. */
import { writeFile } from 'node:fs/promises'
import type { MeanFieldFit, MeanFieldNetwork } from '../models'

/** 0, 1, 2, 4, … as far as any run goes; the last step is added when it is known. */
export const viewedSteps: readonly number[] = [0, ...Array.from({ length: 24 }, (_, k) => 2 ** k)]

export async function writeParticleView(path: string, net: MeanFieldNetwork, fit: MeanFieldFit): Promise<void> {
  const { formatNumber, particleFigures, renderParticlePage } = await import('../report')
  const { particles, featureNames } = net
  const { algorithm, certificate, objective, options, snapshots, steps, seed } = fit
  const clouds = [...snapshots.filter(({ step }) => step < steps), { step: steps, particles }]
  const count = Number(fit.chosen.particles?.value ?? options.particles)
  const parameters = particles.length / count
  const facts: [string, string][] = [
    ['algorithm', algorithm.name],
    ['particles', `${count} of ${parameters} numbers`],
    ['features', String(featureNames.length)],
    ['steps', String(steps)],
    ['objective', formatNumber(objective)],
    ...(certificate ? [['gap', formatNumber(certificate.gap)] as [string, string]] : []),
    ['seed', String(seed)],
  ]
  const figures = particleFigures(clouds, { parameters, columns: featureNames.length })
  await writeFile(path, renderParticlePage(`Particles of ${algorithm.name}`, facts, figures))
}
