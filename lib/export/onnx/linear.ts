import type { Predicting } from './outputs'

/** X wᵀ + b in float64, as LinearModel computes it. */
export const linear: Predicting = (graph, x, { preparation, settings, tensors }) => {
  const weights = tensors.get('weights')?.data as Float64Array
  const intercepts = tensors.get('intercepts')?.data as Float64Array
  const [d, k] = [preparation.featureNames.length, intercepts.length]
  const columns = Float64Array.from(weights, (_, i) => weights[(i % k) * d + Math.floor(i / k)] as number)
  const product = graph.node('MatMul', [graph.cast(x, 'double'), graph.constant('weights', [d, k], columns)])
  const { loss } = settings.model as { loss: unknown }
  return {
    z: graph.node('Add', [product, graph.constant('intercepts', [k], Float64Array.from(intercepts))]),
    k,
    probabilities: loss === 'softmax' || (loss === 'logistic' && k === 1),
  }
}
