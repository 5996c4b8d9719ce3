import { attribute, type Graph, type Wire } from './graph'
import { type Predicting, restored } from './outputs'

/**
 * M^{-1/2} Σ_r a_r σ(b_r·x + γ c_r) in float64, parameters at their start plus their displacement (native/kernel_regime/tangent_network.h):
 * the two halves of the network share directions and have ±R as output weights.
 */
export const kernelRegime: Predicting = (graph, x, { preparation, settings, tensors }) => {
  const { model, outputs: k } = settings as unknown as KernelRegimeSettings
  const { width, layers, outputScale } = model
  const half = width / 2
  const d = preparation.featureNames.length
  const directions = tensors.get('directions')?.data as Float64Array
  const displacement = tensors.get('displacement')?.data as Float64Array
  const trained = { output: layers !== 'input', input: layers !== 'output' }
  const moved = displacement.subarray(trained.output ? k * width : 0)

  /** σ of all neurons, n × M. */
  const neurons = (copy: number): Wire => {
    const weights = Float64Array.from({ length: d * width }, (_, i) => {
      const start = directions[Math.floor(i / width) * half + (i % half)] as number
      return start + (trained.input ? (moved[copy * (d + 1) * width + i] as number) : 0)
    })
    const u = graph.node('MatMul', [graph.cast(x, 'double'), graph.constant(`weights ${copy}`, [d, width], weights)])
    if (!trained.input) return activated(graph, u, model)
    const last = moved.subarray((copy * (d + 1) + d) * width, (copy + 1) * (d + 1) * width)
    const bias = last.map((c) => model.biasScale * c)
    return activated(graph, graph.node('Add', [u, graph.constant(`bias ${copy}`, [width], bias)]), model)
  }
  const outputWeights = (output: number) =>
    Float64Array.from({ length: width }, (_, r) => {
      const start = r < half ? outputScale : -outputScale
      return (start + (trained.output ? (displacement[output * width + r] as number) : 0)) / Math.sqrt(width)
    })

  const shared = trained.input ? undefined : neurons(0)
  const columns = Array.from({ length: k }, (_, output) =>
    graph.node('MatMul', [
      shared ?? neurons(output),
      graph.constant(`output weights ${output}`, [width, 1], outputWeights(output)),
    ]),
  )
  const z = k > 1 ? graph.node('Concat', columns, attribute('axis', 1)) : (columns[0] as Wire)
  return { z: restored(graph, graph.cast(z, 'float'), preparation), k, probabilities: false }
}

interface KernelRegimeSettings {
  /** With what was chosen put in; ReLU has no sharpness. */
  model: {
    width: number
    activation: 'swish' | 'relu' | 'softplus' | 'tanh'
    sharpness?: number
    outputScale: number
    biasScale: number
    layers: 'both' | 'output' | 'input'
  }
  outputs: number
}

/** σ(u), as in native/kernel_regime/smooth_activation.h; of operators that runtimes have in float64. */
function activated(graph: Graph, u: Wire, { activation, sharpness = 1 }: KernelRegimeSettings['model']): Wire {
  if (activation === 'relu') return graph.node('Relu', [u])
  const number = (name: string, value: number) => graph.constant(`${name} of ${u.name}`, [], Float64Array.of(value))
  const [s, one] = [number('sharpness', sharpness), number('one', 1)]
  const t = graph.node('Mul', [u, s])
  if (activation === 'tanh') return graph.node('Div', [graph.node('Tanh', [t]), s])
  const onePlusExp = (x: Wire) => graph.node('Add', [one, graph.node('Exp', [graph.node('Neg', [x])])])
  if (activation === 'swish') return graph.node('Div', [u, onePlusExp(t)])
  const tail = graph.node('Log', [onePlusExp(graph.node('Abs', [t]))])
  return graph.node('Div', [graph.node('Add', [graph.node('Relu', [t]), tail]), s])
}
