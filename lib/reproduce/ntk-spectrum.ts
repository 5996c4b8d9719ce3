/**
 * The spectrum of the tangent kernel: exact on the circle, and slower to fall on spheres of more dimensions.
 *
 * Nitanda, Suzuki, ICLR 2021 (arXiv 2006.12297), Figure 1 and Section 4. R and γ of Figure 1 are not published; those of Figure 2 are taken.
 */
import { Dataset } from '../data'
import { Random } from '../data/random'
import { KernelRegimeNetwork, type KernelSpectrum } from '../models'
import { atLeast, atMost } from './claim'
import { type Context, type Experiment, type Findings, listSettings } from './experiment'
import { circleEigenvalue, evenAngles, figureKernel, onCircle } from './tangent-kernel'

export const ntkSpectrumSettings = {
  circleRows: 400,
  /** Frequencies whose eigenvalues are compared. */
  frequencies: 8,
  features: [5, 10, 100],
  rows: 1000,
  components: 1000,
  /** Of the kernel on the spheres; M where it is finite. */
  width: 'infinite' as 'infinite' | 'finite',
  neurons: 20_000,
}

const published = { ...ntkSpectrumSettings, rows: 10_000, components: 200, width: 'finite' as const }

export const ntkSpectrum: Experiment = {
  id: 'ntk-spectrum',
  title: 'The spectrum of the tangent kernel',
  source: 'Nitanda, Suzuki, ICLR 2021, arXiv 2006.12297, Figure 1; R and γ are those of Figure 2',
  summary:
    'On the circle the eigenvalues of a wide ReLU network’s tangent kernel are known in closed form; those found on evenly spaced points are ' +
    'held against them, and the effective dimension against their sum. On spheres of 5, 10 and 100 dimensions eigenvalues fall to 0, the more ' +
    'slowly the larger the dimension. --full has 10,000 points and 20,000 neurons as published, and takes eight minutes.',
  measure: (context) => measureNtkSpectrum(context.full ? published : ntkSpectrumSettings, context),
}

type Settings = Omit<typeof ntkSpectrumSettings, 'width'> & { width: 'infinite' | 'finite' }

export async function measureNtkSpectrum(settings: Settings, context: Context): Promise<Findings> {
  const { circleRows, frequencies, features, rows, components, width, neurons } = settings
  const { seed, signal, onProgress } = context
  const how = { ...(signal && { signal }), seed }
  const net = new KernelRegimeNetwork({ ...figureKernel, width: neurons })
  const points = onCircle(evenAngles(circleRows), [])
  const ridges = [1e-2, 1e-3]
  const circle = await net.spectrum(points, { ...how, width: 'infinite', components: circleRows, ridges })
  const exact = Array.from({ length: 2000 }, (_, k) => circleEigenvalue('both', k)).flatMap((value, k) =>
    k === 0 ? [value] : [value, value],
  )
  const sorted = [...exact].sort((a, b) => b - a)
  const count = 2 * frequencies - 1
  const error = Math.max(
    ...sorted.slice(0, count).map((value, i) => Math.abs((circle.eigenvalues[i] as number) / value - 1)),
  )
  const dimension = (ridge: number) => exact.reduce((sum, value) => sum + value / (value + ridge), 0)
  const spheres: KernelSpectrum[] = []
  for (const [i, d] of features.entries()) {
    onProgress?.((i + 0.5) / (features.length + 0.5), `${rows} points in ${d} dimensions`)
    spheres.push(await net.spectrum(onSphere(rows, d, seed), { ...how, width, components }))
  }
  const relative = (index: number) =>
    spheres.map(({ eigenvalues }) => (eigenvalues[index - 1] as number) / (eigenvalues[0] as number))
  const index = Math.floor(Math.min(rows, components) / 2)
  const ratios = relative(index)
  const rises = ratios.slice(1).map((value, i) => value / (ratios[i] as number))
  const { outputScale: R = 0, biasScale: gamma = 0 } = figureKernel
  const trace = (d: number) => 1 / (2 * d) + (R ** 2 * (1 + gamma ** 2)) / 2
  const traceErrors = spheres.map(({ trace: found }, i) => Math.abs(found / trace(features[i] as number) - 1))
  return {
    claims: [
      atMost(`circle: relative error of the first ${count} eigenvalues`, error, 0.01),
      ...ridges.map((ridge, i) =>
        atMost(
          `circle: relative error of the effective dimension at ${ridge}`,
          Math.abs((circle.effectiveDimension[i]?.least ?? 0) / dimension(ridge) - 1),
          0.01,
        ),
      ),
      // The first term of a kernel of M/2 directions has relative errors of about √(8/M), 2 % at 20,000.
      atMost(
        'spheres: relative error of the trace, 1/(2d) + R²(1 + γ²)/2',
        Math.max(...traceErrors),
        width === 'finite' ? 0.06 : 1e-4,
      ),
      atMost(`spheres: eigenvalue ${index} over the first, the largest`, Math.max(...ratios), 0.01),
      atLeast(`spheres: factor by which that rises from one dimension to the next`, Math.min(...rises), 1.2),
    ],
    figures: [
      {
        id: 'ntk-spectrum',
        title: 'Eigenvalues fall more slowly in more dimensions',
        description: `Eigenvalues of K/n by their index, ${rows} points uniform on the sphere.`,
        xLabel: 'index',
        yLabel: 'eigenvalue over the first',
        xScale: 'log',
        yScale: 'log',
        series: spheres.map(({ eigenvalues }, color) => {
          const shown = eigenvalues.filter((value) => value > 1e-9 * (eigenvalues[0] as number))
          return {
            name: `d = ${features[color]}`,
            x: Float64Array.from(shown, (_, i) => i + 1),
            y: shown.map((value) => value / (eigenvalues[0] as number)),
            color,
          }
        }),
      },
      {
        id: 'ntk-spectrum-circle',
        title: 'The circle, found and exact',
        description: `Eigenvalues of the kernel of ${circleRows} evenly spaced points on the circle, and those in closed form.`,
        xLabel: 'index',
        yLabel: 'eigenvalue',
        yScale: 'log',
        series: [
          {
            name: 'found',
            x: Float64Array.from({ length: 40 }, (_, i) => i + 1),
            y: circle.eigenvalues.slice(0, 40),
            color: 0,
          },
          {
            name: 'exact',
            x: Float64Array.from({ length: 40 }, (_, i) => i + 1),
            y: Float64Array.from(sorted.slice(0, 40)),
            color: 1,
            dash: 1,
          },
        ],
      },
    ],
    settings: listSettings(settings, seed),
  }
}

function onSphere(rows: number, d: number, seed: number): Dataset {
  const random = new Random(seed)
  const points = Array.from({ length: rows }, () => {
    const direction = Array.from({ length: d }, () => random.normal())
    const norm = Math.hypot(...direction)
    return direction.map((value) => value / norm)
  })
  return Dataset.fromArrays(points, new Array(rows).fill(0), { task: 'regression' })
}
