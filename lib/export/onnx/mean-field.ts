import type { Graph, Wire } from './graph'
import { type Predicting, restored } from './outputs'

/** z = (1/M) Σ_r c_r σ(w_rᵀx + b_r) + e_r (native/problem/neurons.h), the mean folded into the weights in float64. */
export const meanField: Predicting = (graph, x, { preparation, settings, tensors }) => {
  const model = settings.model as MeanFieldSettings
  const { data, shape } = tensors.get('particles') as { data: Float32Array; shape: [number, number] }
  const [count, width] = shape
  const d = preparation.featureNames.length
  const k = model.outputs
  const first = new Float32Array(d * count)
  const bias = new Float32Array(count)
  const second = new Float32Array(count * k)
  const constant = new Float64Array(k)
  const inputs = d + (model.bias ? 1 : 0)
  for (let r = 0; r < count; r++) {
    const theta = data.subarray(r * width, (r + 1) * width)
    for (let c = 0; c < d; c++) first[c * count + r] = theta[c] as number
    if (model.bias) bias[r] = theta[d] as number
    for (let j = 0; j < k; j++) {
      const [weight, offset] = outputWeight(model, r, theta.subarray(inputs), j)
      second[r * k + j] = weight / count
      constant[j] = (constant[j] as number) + offset / count
    }
  }
  const s = graph.node('Gemm', [x, graph.constant('first', [d, count], first), graph.constant('bias', [count], bias)])
  const parts = [activated(graph, s, model.activation), graph.constant('second', [count, k], second)]
  const z = graph.node('Gemm', [...parts, graph.constant('constant', [k], Float32Array.from(constant))])
  const { loss } = model
  return {
    z: restored(graph, z, preparation),
    k,
    probabilities: loss === 'softmax' || (loss === 'logistic' && k === 1),
  }
}

/** Options with what was chosen put in, as a saved network has them. */
interface MeanFieldSettings {
  outputs: number
  loss: string
  activation: 'tanh' | 'sigmoid' | 'relu' | 'softplus' | 'silu'
  secondLayer: 'fixed' | 'bounded' | 'parity'
  signs: 'same' | 'balanced'
  outputScale: number
  bias: boolean
}

/** c_j and e_j of particle r; the formulas are in native/problem/neurons.h. */
function outputWeight(model: MeanFieldSettings, r: number, tail: Float32Array, j: number): [number, number] {
  const { secondLayer, signs, outputs: k } = model
  const scale = Math.fround(model.outputScale)
  if (secondLayer === 'bounded') return [scale * Math.tanh(tail[j] as number), 0]
  const serves = k === 1 || r % k === j
  const sign = serves ? (signs === 'balanced' && Math.floor(r / k) % 2 === 1 ? -1 : 1) : 0
  if (secondLayer === 'fixed') return [scale * sign, 0]
  return [(scale / 3) * sign, ((2 * scale) / 3) * sign * Math.tanh(tail[0] as number)]
}

function activated(graph: Graph, s: Wire, activation: MeanFieldSettings['activation']): Wire {
  if (activation === 'silu') return graph.node('Mul', [s, graph.node('Sigmoid', [s])])
  return graph.node({ tanh: 'Tanh', sigmoid: 'Sigmoid', relu: 'Relu', softplus: 'Softplus' }[activation], [s])
}
