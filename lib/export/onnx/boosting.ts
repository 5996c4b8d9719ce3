import type { OptionValues } from '../../native'
import type { Graph, Wire } from './graph'
import type { Predicting } from './outputs'

/** Z ← keep Z + scale Σ_b e_b M_b for every layer (native/boosting/layers.h), then the linear model of the last one. */
export const boosting: Predicting = (graph, x, { preparation, settings, tensors }) => {
  const { layers, summary } = settings as unknown as BoostingSettings
  const { algorithm, options } = summary
  const d = preparation.featureNames.length
  const width = Array.from({ length: Number(options.depth) }, () => Number(options.width))
  const sizes = [d, ...width, d]
  const weights = sizes.slice(1).reduce((sum, units, l) => sum + units * (sizes[l] as number), 0)
  const biases = sizes.slice(1).reduce((sum, units) => sum + units, 0)
  // The embedding of Z, and in the form of Frank and Wolfe that of X.
  const [branches, ending] =
    algorithm.name === 'frank-wolfe' ? [2, 'Tanh'] : [1, algorithm.embeddingOutput === 'relu' ? 'Relu' : undefined]
  const numbers = (name: string) => tensors.get(name)?.data as Float32Array

  let z = x
  for (let t = 0; t < layers; t++) {
    const parameters = reader(numbers('parameters'), t * branches * (weights + biases))
    const matrices = reader(numbers('matrices'), t * branches * d * d)
    const [keep, scale] = numbers('mixes').subarray(2 * t)
    // All weights come before all biases.
    const ofBranches = (count: number) => Array.from({ length: branches }, () => reader(parameters(count), 0))
    const [weightsOf, biasesOf] = [ofBranches(weights), ofBranches(biases)]
    let direction: Wire | undefined
    for (let b = 0; b < branches; b++) {
      let e = b === 0 ? z : x
      for (let l = 0; l + 1 < sizes.length; l++) {
        const [from, to] = sizes.slice(l) as [number, number]
        const name = (what: string) => `${what} ${t} ${b} ${l}`
        const inner = graph.constant(name('weights'), [from, to], (weightsOf[b] as Reader)(from * to))
        e = graph.node('Gemm', [e, inner, graph.constant(name('bias'), [to], (biasesOf[b] as Reader)(to))])
        const activation = l + 2 < sizes.length ? 'Relu' : ending
        if (activation) e = graph.node(activation, [e])
      }
      const part = graph.node('MatMul', [e, graph.constant(`matrix ${t} ${b}`, [d, d], matrices(d * d))])
      direction = direction ? graph.node('Add', [direction, part]) : part
    }
    const step = times(graph, `scale ${t}`, direction as Wire, scale as number)
    z = keep === 0 ? step : graph.node('Add', [times(graph, `keep ${t}`, z, keep as number), step])
  }

  const k = Number(options.outputs)
  const linear = reader(numbers('linears'), layers * (d + 1) * k)
  z = graph.node('Gemm', [
    z,
    graph.constant('linear', [d, k], linear(d * k)),
    graph.constant('intercepts', [k], linear(k)),
  ])
  return { z, k, probabilities: options.loss === 'logistic' }
}

interface BoostingSettings {
  /** Of predictions. */
  layers: number
  summary: { algorithm: OptionValues & { name: string }; options: OptionValues }
}

type Reader = (count: number) => Float32Array

/** Gives the next numbers, one call after another. */
function reader(numbers: Float32Array, from: number): Reader {
  let at = from
  return (count) => {
    at += count
    return numbers.slice(at - count, at)
  }
}

function times(graph: Graph, name: string, z: Wire, by: number): Wire {
  return by === 1 ? z : graph.node('Mul', [z, graph.constant(name, [], Float32Array.of(by))])
}
