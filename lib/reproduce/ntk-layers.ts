/**
 * Training the layer whose kernel the target belongs to converges fast, and so does training both; the other layer alone does not.
 *
 * Nitanda, Suzuki, ICLR 2021 (arXiv 2006.12297), Figure 2: points uniform on the circle, targets of eigenfunctions #3 … #10 of the kernel of
 * the output weights, of the input weights, and of both. Steps, step size, ridge and width of its lower half are not published.
 */
import { Random } from '../data/random'
import { KernelRegimeNetwork } from '../models'
import type { Figure } from '../report'
import { atMost, type Claim } from './claim'
import { type Context, completed, type Experiment, type Findings, listSettings } from './experiment'
import { mean } from './numbers'
import { evenAngles, figureKernel, onCircle, type Trained, target } from './tangent-kernel'

export const ntkLayersSettings = {
  circleRows: 400,
  powers: [0.5, 0.625, 0.75, 0.875, 1],
  neurons: 20_000,
  steps: 5000,
  points: 4,
  runs: 1,
  ridge: 1e-4,
  step: 1,
}

export const ntkLayers: Experiment = {
  id: 'ntk-layers',
  title: 'Which layer a target belongs to',
  source: 'Nitanda, Suzuki, ICLR 2021, arXiv 2006.12297, Figure 2; steps, step size, ridge and width are ours',
  summary:
    'Functions on the circle are made of eigenfunctions of the tangent kernel of the output weights, of the input weights, or of both layers. ' +
    'Their source norms say which kernel finds them simple, and averaged SGD of a wide network that trains one layer or both agrees: ' +
    'the layer that fits and both together learn, the other layer alone hardly does. --full has ten runs of 50,000 steps.',
  measure: (context) =>
    measureNtkLayers(
      context.full ? { ...ntkLayersSettings, steps: 50_000, points: 10, runs: 10 } : ntkLayersSettings,
      context,
    ),
}

const kinds = ['output', 'input', 'both'] as const
/** Norms ‖Σ^-r g‖ at r = 1 of the target of its own kernel, from the closed form. */
const ownNorm: Record<Trained, number> = { output: 5.4e3, input: 558, both: 305 }
/** Over these the kernel of ReLU output weights has no eigenfunctions of odd frequency above 1: the norm is infinite, and found very large. */
const missing = (targetOf: Trained, kernel: Trained) => kernel === 'output' && targetOf !== 'output'

export async function measureNtkLayers(settings: typeof ntkLayersSettings, context: Context): Promise<Findings> {
  const { circleRows, powers, neurons, steps, points, runs, ridge, step } = settings
  const { seed, threads, signal, onProgress } = context
  const claims: Claim[] = []
  const figures: Figure[] = []
  const grid = evenAngles(512)
  let done = 0
  for (const own of kinds) {
    const harmonics = target(own)
    const { norms, captured } = await sourceNorms(harmonics, circleRows, powers, signal)
    const reachable = kinds.filter((kernel) => !missing(own, kernel))
    claims.push(
      atMost(
        `target of ${own}: norm at r = 1 under its own kernel, from ${ownNorm[own]}`,
        Math.abs((norms[own].at(-1) as number) / ownNorm[own] - 1),
        0.03,
      ),
      atMost(
        `target of ${own}: that norm over the smallest of those that are finite`,
        (norms[own].at(-1) as number) / Math.min(...reachable.map((kernel) => norms[kernel].at(-1) as number)),
        own === 'both' ? 1 : 1.1,
      ),
    )
    if (own !== 'output')
      claims.push(
        atMost(`target of ${own}: part that the kernel of output weights can represent`, captured.output, 0.6),
      )
    const curves = Object.fromEntries(kinds.map((kind) => [kind, [] as Float64Array[]])) as Record<
      Trained,
      Float64Array[]
    >
    let at = new Float64Array()
    for (let run = 0; run < runs; run++) {
      const random = new Random(seed + run)
      const train = onCircle(
        Array.from({ length: steps }, () => 2 * Math.PI * random.uniform()),
        harmonics,
      )
      for (const layers of kinds) {
        const net = new KernelRegimeNetwork({
          ...figureKernel,
          activation: 'swish',
          sharpness: 10,
          width: neurons,
          ridge,
          layers,
          algorithm: { name: 'averaged-sgd', step },
        })
        const fit = await net.fit(train, {
          validation: onCircle(grid, harmonics),
          steps,
          traceEvery: Math.max(1, Math.floor(steps / points)),
          certificate: false,
          seed: seed + run,
          ...(threads && { threads }),
          ...(signal && { signal }),
        })
        const { trace } = completed(fit)
        at = trace.step as Float64Array<ArrayBuffer>
        curves[layers].push(trace.validationLoss.map((loss) => 2 * loss))
        onProgress?.(++done / (9 * runs), `target of ${own}, training ${layers}`)
      }
    }
    const end = Object.fromEntries(
      kinds.map((kind) => [kind, mean(curves[kind].map((curve) => curve.at(-1) as number))]),
    ) as Record<Trained, number>
    const single = Math.min(end.output, end.input)
    claims.push(
      atMost(`target of ${own}: error of training both over that of the better layer alone`, end.both / single, 1.1),
    )
    if (own !== 'both')
      claims.push(
        atMost(
          `target of ${own}: error of training ${own} over that of the other layer alone`,
          end[own] / Math.max(end.output, end.input),
          0.75,
        ),
      )
    figures.push(normFigure(own, powers, norms), errorFigure(own, at, curves))
  }
  return { claims, figures, settings: listSettings(settings, seed) }
}

/** Under each of the kernels of infinite width, over all its eigenvalues above rounding. */
async function sourceNorms(
  harmonics: ReturnType<typeof target>,
  rows: number,
  powers: number[],
  signal: AbortSignal | undefined,
): Promise<{ norms: Record<Trained, Float64Array>; captured: Record<Trained, number> }> {
  const data = onCircle(evenAngles(rows), harmonics)
  const net = new KernelRegimeNetwork(figureKernel)
  const norms = {} as Record<Trained, Float64Array>
  const captured = {} as Record<Trained, number>
  for (const layers of kinds) {
    const ask = { layers, width: 'infinite', powers, functions: [data.targets], ...(signal && { signal }) } as const
    const { functions } = await net.spectrum(data, { ...ask, components: 40 })
    norms[layers] = functions[0]?.norms ?? new Float64Array()
    captured[layers] = functions[0]?.captured ?? 0
  }
  return { norms, captured }
}

const normFigure = (own: Trained, powers: number[], norms: Record<Trained, Float64Array>): Figure => ({
  id: `ntk-layers-${own}-norms`,
  title: `How simple the target of ${own} is for each kernel`,
  description: `‖Σ^-r g‖ by r for the kernels of output weights, input weights and both, g of the eigenfunctions #3 to #10 of ${own}.`,
  xLabel: 'r',
  yLabel: '‖Σ^-r g‖',
  yScale: 'log',
  series: kinds
    .filter((kernel) => !missing(own, kernel))
    .map((kernel) => ({
      name: kernel,
      x: Float64Array.from(powers),
      y: norms[kernel],
      color: kinds.indexOf(kernel),
      dash: kinds.indexOf(kernel),
    })),
})

const errorFigure = (own: Trained, at: Float64Array, curves: Record<Trained, Float64Array[]>): Figure => ({
  id: `ntk-layers-${own}-error`,
  title: `Learning the target of ${own}`,
  description: `Mean squared error of the averaged network over the circle by steps, training output weights, input weights or both; g of ${own}.`,
  xLabel: 'steps',
  yLabel: 'test error',
  yScale: 'log',
  series: kinds.map((kind, color) => ({
    name: kind,
    x: at,
    y: at.map((_, i) => mean(curves[kind].map((curve) => curve[i] as number))),
    color,
    dash: color,
  })),
})
