import type { Preparation } from '../../models/preparation'
import type { SavedModel } from '../../models/saved-model'
import type { Graph, Wire } from './graph'

/** Adds what a model makes of scaled features (n × d, float32): k outputs a row, in the units of the targets. */
export type Predicting = (graph: Graph, x: Wire, saved: SavedModel) => { z: Wire; k: number; probabilities: boolean }

/** Outputs as float32 in the units of the targets; the arithmetic of restoredOutputs. */
export function restored(graph: Graph, z: Wire, { targetScalers }: Preparation): Wire {
  if (!targetScalers) return graph.cast(z, 'float')
  const constant = (name: 'scale' | 'center') =>
    graph.constant(
      `target ${name}`,
      [targetScalers.length],
      Float64Array.from(targetScalers, (scaler) => scaler[name]),
    )
  const y = graph.node('Mul', [graph.cast(z, 'double'), constant('scale')])
  return graph.cast(graph.node('Add', [y, constant('center')]), 'float')
}
