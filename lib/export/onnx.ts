/**
 * Fitted models as ONNX (https://onnx.ai/onnx/repo-docs/IR.html): features in, what `predict` gives out, scaling and class
 * names included, so that any runtime of the format can serve them without this package.
 *
 *     features (n × d, float32) → outputs (n × k); for classes label (n, text), and probabilities (n × classes) where the loss has them
 */
import type { LinearModel, MeanFieldNetwork } from '../models'
import { readModel, type SavedModel } from '../models/saved-model'
import { InvalidDataError, nativeInfo } from '../native'
import { writeWhole } from '../store'
import { attribute, Graph, type Wire } from './onnx-graph'

/**
 * Writes a fitted model, or the file of one, as ONNX.
 *
 * @throws InvalidDataError when the model has not been fitted, or the file holds none that can be written as ONNX
 */
export async function exportOnnx(model: MeanFieldNetwork | LinearModel | string, path: string): Promise<void> {
  const saved = typeof model === 'string' ? await readModel(model) : model.saved()
  writeWhole(path, onnxModel(saved, typeof model === 'string' ? model : 'the model'))
}

/** The bytes of the ONNX file; `name` names the model in messages. */
export function onnxModel(saved: SavedModel, name: string): Buffer {
  const { featureNames, classes } = saved.preparation
  const graph = new Graph()
  const features = graph.input('features', 'float', ['n', featureNames.length])
  const { outputs, loss, k } =
    saved.model === 'mean-field' ? meanField(graph, features, saved) : linear(graph, features, saved, name)
  if (classes) {
    addLabels(graph, outputs, k, classes)
    if (loss === 'softmax' || (loss === 'logistic' && k === 1)) addProbabilities(graph, outputs, k)
  }
  return graph.model({
    producer: 'meanfield',
    version: nativeInfo().version,
    metadata: {
      model: saved.model,
      features: JSON.stringify(featureNames),
      ...(classes && { classes: JSON.stringify(classes) }),
    },
  })
}

interface Outputs {
  outputs: Wire
  loss: unknown
  k: number
}

/** z = (1/M) Σ_r c_r σ(w_rᵀx + b_r) + e_r (native/problem/neurons.h), the mean folded into the weights in float64. */
function meanField(graph: Graph, features: Wire, { preparation, settings, tensors }: SavedModel): Outputs {
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
  const x = scaled(graph, features, preparation)
  const s = graph.node('Gemm', [x, graph.constant('first', [d, count], first), graph.constant('bias', [count], bias)])
  const parts = [activated(graph, s, model.activation), graph.constant('second', [count, k], second)]
  const z = graph.node('Gemm', [...parts, graph.constant('constant', [k], Float32Array.from(constant))])
  const { targetScalers } = preparation
  if (!targetScalers) return { outputs: graph.output('outputs', 'float', ['n', k], z), loss: model.loss, k }
  const scale = graph.constant(
    'target scale',
    [k],
    Float64Array.from(targetScalers, ({ scale }) => scale),
  )
  const center = graph.constant(
    'target center',
    [k],
    Float64Array.from(targetScalers, ({ center }) => center),
  )
  const y = graph.node('Add', [graph.node('Mul', [graph.cast(z, 'double'), scale]), center])
  return { outputs: graph.output('outputs', 'float', ['n', k], graph.cast(y, 'float')), loss: model.loss, k }
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

/** X wᵀ + b in float64, as LinearModel computes it. */
function linear(
  graph: Graph,
  features: Wire,
  { model: kind, preparation, settings, tensors }: SavedModel,
  name: string,
): Outputs {
  const weights = tensors.get('weights')?.data
  const intercepts = tensors.get('intercepts')?.data
  if (kind !== 'linear' || !weights || !intercepts)
    throw new InvalidDataError(
      `'${name}' holds a model of the kind '${kind}'; ONNX is written for mean-field and linear ones.`,
    )
  const [d, k] = [preparation.featureNames.length, intercepts.length]
  const columns = Float64Array.from(weights, (_, i) => weights[(i % k) * d + Math.floor(i / k)] as number)
  const x = graph.cast(scaled(graph, features, preparation), 'double')
  const product = graph.node('MatMul', [x, graph.constant('weights', [d, k], columns)])
  const z = graph.node('Add', [product, graph.constant('intercepts', [k], Float64Array.from(intercepts))])
  return {
    outputs: graph.output('outputs', 'double', ['n', k], z),
    loss: (settings.model as { loss: unknown }).loss,
    k,
  }
}

/** The arithmetic of applyScaler: in float64, rounded once. A missing value is NaN. */
function scaled(graph: Graph, features: Wire, { scaler }: SavedModel['preparation']): Wire {
  const { kind, center, scale, rotation, fill } = scaler
  const d = center.length
  if (kind === 'none' && !fill) return features
  let x = graph.cast(features, 'double')
  if (fill) x = graph.node('Where', [graph.node('IsNaN', [x]), graph.constant('fill', [d], fill), x])
  x = graph.node('Sub', [x, graph.constant('center', [d], center)])
  x = graph.node('Div', [x, graph.constant('scale', [d], scale)])
  if (rotation) x = graph.node('MatMul', [x, graph.constant('rotation', [d, d], rotation)])
  return graph.cast(x, 'float')
}

function addLabels(graph: Graph, outputs: Wire, k: number, classes: readonly string[]): void {
  const places =
    k > 1
      ? graph.node('ArgMax', [outputs], attribute('axis', 1), attribute('keepdims', 0))
      : graph.cast(graph.node('Greater', [graph.flat(outputs), graph.zero(outputs)]), 'int64')
  graph.output('label', 'string', ['n'], graph.node('Gather', [graph.texts('classes', classes), places]))
}

function addProbabilities(graph: Graph, outputs: Wire, k: number): void {
  const probabilities =
    k > 1
      ? graph.node('Softmax', [outputs], attribute('axis', 1))
      : graph.node(
          'Concat',
          [graph.node('Sigmoid', [graph.node('Neg', [outputs])]), graph.node('Sigmoid', [outputs])],
          attribute('axis', 1),
        )
  graph.output('probabilities', 'float', ['n', Math.max(2, k)], graph.cast(probabilities, 'float'))
}
