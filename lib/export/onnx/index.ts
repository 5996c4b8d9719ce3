/**
 * Fitted models as ONNX (https://onnx.ai/onnx/repo-docs/IR.html): features in, what `predict` gives out, scaling and class
 * names included, so that any runtime of the format can serve them without this package.
 *
 *     features (n × d, float32) → outputs (n × k); for classes label (n, text), and probabilities (n × classes) where the loss has them
 */
import { KernelRegimeNetwork, LinearModel, MeanFieldNetwork, ResidualBoosting } from '../../models'
import { readModel, type SavedModel } from '../../models/saved-model'
import { InvalidDataError, nativeInfo } from '../../native'
import { writeWhole } from '../../store'
import { boosting } from './boosting'
import { attribute, Graph, type Wire } from './graph'
import { kernelRegime } from './kernel-regime'
import { linear } from './linear'
import { meanField } from './mean-field'
import type { Predicting } from './outputs'

const models = new Map<
  string,
  { model: { fromSaved(path: string, saved: SavedModel): unknown }; predicting: Predicting }
>([
  ['mean-field', { model: MeanFieldNetwork, predicting: meanField }],
  ['linear', { model: LinearModel, predicting: linear }],
  ['boosting', { model: ResidualBoosting, predicting: boosting }],
  ['kernel-regime', { model: KernelRegimeNetwork, predicting: kernelRegime }],
])

/**
 * Writes a fitted model, or the file of one, as ONNX.
 *
 * @throws InvalidDataError when the model has not been fitted, or the file holds none that can be written as ONNX
 */
export async function exportOnnx(
  model: MeanFieldNetwork | LinearModel | ResidualBoosting | KernelRegimeNetwork | string,
  path: string,
): Promise<void> {
  writeWhole(path, onnxModel(typeof model === 'string' ? await checked(model) : model.saved()))
}

async function checked(path: string): Promise<SavedModel> {
  const saved = await readModel(path)
  const known = models.get(saved.model)
  if (!known)
    throw new InvalidDataError(
      `'${path}' holds a model of the kind '${saved.model}'; ONNX is written for ${[...models.keys()].join(', ')}.`,
    )
  known.model.fromSaved(path, saved)
  return saved
}

/** The bytes of the ONNX file. */
function onnxModel(saved: SavedModel): Buffer {
  const { featureNames, classes } = saved.preparation
  const { predicting } = models.get(saved.model) as { predicting: Predicting }
  const graph = new Graph()
  const features = graph.input('features', 'float', ['n', featureNames.length])
  const { z, k, probabilities } = predicting(graph, scaled(graph, features, saved.preparation), saved)
  const outputs = graph.output('outputs', z.type, ['n', k], z)
  if (classes) {
    addLabels(graph, outputs, k, classes)
    if (probabilities) addProbabilities(graph, outputs, k)
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
