/** Generated rows of the finite-sum experiments, and how their fits are tuned. */
import type { LinearRows } from '../data'
import { Random } from '../data/random'
import { nativeInfo } from '../native'
import { DivergenceError } from '../native/errors'

/**
 * Dense: coordinate j of a row is N(0, 1/j), the row is then scaled to length 1, so that every L_i is 1/4 for the logistic loss;
 * P(y = 1) = 1/(1 + e^(−2⟨x, u⟩)) with u ~ N(0, 9 I).
 *
 * @returns rows × columns with targets ±1
 */
export function denseLogistic(rows: number, columns: number, seed: number): LinearRows {
  const [features, direction, labels] = [0x210, 0x211, 0x212].map((stream) => new Random(seed, stream)) as Three
  const u = Float64Array.from({ length: columns }, () => 3 * direction.normal())
  const values = new Float64Array(rows * columns)
  const targets = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    const row = values.subarray(i * columns, (i + 1) * columns)
    for (let j = 0; j < columns; j++) row[j] = features.normal() / Math.sqrt(j + 1)
    const length = Math.hypot(...row)
    let margin = 0
    for (let j = 0; j < columns; j++) {
      row[j] = (row[j] as number) / length
      margin += (row[j] as number) * (u[j] as number)
    }
    targets[i] = labels.uniform() < 1 / (1 + Math.exp(-2 * margin)) ? 1 : -1
  }
  return { values, rows, columns, targets }
}

/**
 * Sparse, as of texts: `draws` columns a row (repeated ones count once) with probability in proportion to j^−1.1, numbers
 * (1 + Exp(1)) log(1 + j^1.1), rows scaled to length 1; a tenth of the true weights is N(0, 64), P(y = 1) = 1/(1 + e^(−4⟨x, w⟩)).
 */
export function sparseLogistic(rows: number, columns: number, draws: number, seed: number): LinearRows {
  const [features, structure, labels] = [0x213, 0x214, 0x215].map((stream) => new Random(seed, stream)) as Three
  const cumulated = new Float64Array(columns)
  let total = 0
  for (let j = 0; j < columns; j++) {
    total += (j + 1) ** -1.1
    cumulated[j] = total
  }
  const weights = Float64Array.from({ length: columns }, () => (structure.uniform() < 0.1 ? 8 * structure.normal() : 0))
  const drawColumn = () => {
    const level = features.uniform() * total
    let [low, high] = [0, columns - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulated[middle] as number) < level) low = middle + 1
      else high = middle
    }
    return low
  }
  const values: number[] = []
  const columnIndices: number[] = []
  const rowStarts = new Int32Array(rows + 1)
  const targets = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    const drawn = [...new Set(Array.from({ length: draws }, drawColumn))].sort((a, b) => a - b)
    const raw = drawn.map((j) => (1 - Math.log(1 - features.uniform())) * Math.log(1 + (j + 1) ** 1.1))
    const length = Math.hypot(...raw)
    let margin = 0
    drawn.forEach((j, e) => {
      const value = (raw[e] as number) / length
      columnIndices.push(j)
      values.push(value)
      margin += value * (weights[j] as number)
    })
    rowStarts[i + 1] = values.length
    targets[i] = labels.uniform() < 1 / (1 + Math.exp(-4 * margin)) ? 1 : -1
  }
  return {
    values: Float64Array.from(values),
    columnIndices: Int32Array.from(columnIndices),
    rowStarts,
    rows,
    columns,
    targets,
  }
}

type Three = [Random, Random, Random]

/** What `run` gives, or nothing where the step was so long that the run diverged. */
export async function unlessDiverged<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof DivergenceError) return undefined
    throw error
  }
}

/**
 * Results of the tasks in their order; as many at a time as there are threads (absent: processors), for tasks that use one thread each.
 * After a task has failed no other is begun.
 */
export async function sideBySide<T>(tasks: (() => Promise<T>)[], threads = nativeInfo().parallelism): Promise<T[]> {
  const results = new Array<T>(tasks.length)
  const waiting = tasks.entries()
  let failed = false
  const serve = async () => {
    for (const [i, task] of waiting) {
      if (failed) return
      try {
        results[i] = await task()
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: threads }, serve))
  return results
}
