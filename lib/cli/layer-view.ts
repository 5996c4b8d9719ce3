/** `--layer-view`: a page that shows what the layers of a boosted classifier did. */
import { writeFile } from 'node:fs/promises'
import type { Dataset } from '../data'
import type { BoostingFit, ResidualBoosting } from '../models'
import { rightSingularVectors } from '../native'
import { evenlySpaced } from './evenly-spaced'

const shownPoints = 1000

export async function writeLayerView(
  path: string,
  model: ResidualBoosting,
  fit: BoostingFit,
  train: Dataset,
): Promise<void> {
  const { trace } = fit
  // An interrupted run may have a layer that nothing is recorded of.
  const layers = Math.min(fit.steps, trace.step.length - 1)
  if (layers < 0) return
  const { layerView } = await import('../report')
  const { preparedClasses } = await import('../models/preparation')
  const sample = evenlySpaced(train, shownPoints)
  const states = await model.represent(sample, { layers })
  const points = projected(states, train.columns)
  await writeFile(
    path,
    layerView({
      title: `Layers of ${fit.algorithm.name}`,
      method: fit.algorithm.name as 'residual-boosting' | 'frank-wolfe',
      classes: [...model.classes],
      labels: Array.from(preparedClasses(model.classes, sample)),
      layers: states.map((_, t) => {
        const at = (column: keyof typeof trace) => trace[column][t] as number
        return {
          layer: t,
          objective: at('objective'),
          trainScore: at('score'),
          ...(!Number.isNaN(at('validationScore')) && { validationScore: at('validationScore') }),
          gradientL1: at('gradientL1'),
          gradientL2: at('gradientL2'),
          ...(!Number.isNaN(at('frankWolfeGap')) && { frankWolfeGap: at('frankWolfeGap') }),
          step: t === 0 ? 0 : at('layerStep'),
          marginQuantiles: [at('margin05'), at('margin25'), at('margin50'), at('margin75'), at('margin95')],
          points: points[t] as number[],
        }
      }),
      ...(fit.bestLayer !== undefined && { bestLayer: fit.bestLayer }),
    }),
  )
}

/** Coordinates on the two principal directions of the points of all layers together: x and y of each in turn. */
function projected(states: Float32Array[], columns: number): number[][] {
  const size = (states[0] as Float32Array).length
  const rows = (states.length * size) / columns
  const means = new Float64Array(columns)
  for (const state of states)
    state.forEach((value, i) => {
      means[i % columns] = (means[i % columns] as number) + value / rows
    })
  const centred = states.map((state) => state.map((value, i) => value - (means[i % columns] as number)))
  const values = new Float32Array(rows * columns)
  centred.forEach((state, t) => {
    values.set(state, t * size)
  })
  const { vectors } = rightSingularVectors({ values, rows, columns }, Math.min(2, columns))
  const along = (state: Float32Array, i: number, direction: number) => {
    let sum = 0
    if (direction * columns < vectors.length)
      for (let j = 0; j < columns; j++)
        sum += (state[i * columns + j] as number) * (vectors[direction * columns + j] as number)
    return sum
  }
  return centred.map((state) =>
    Array.from({ length: state.length / columns }, (_, i) => [along(state, i, 0), along(state, i, 1)]).flat(),
  )
}
