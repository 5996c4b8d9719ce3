/** Principal components of standardized features, each brought to variance 1 (PCA whitening; Kessy, Lewin, Strimmer 2018). */
import { symmetricEigen } from './eigen'

/**
 * The components of the correlation matrix R = XᵀX/n = V Λ Vᵀ as V Λ^(−1/2), columns × columns, largest variance first; those
 * whose variance is rounding error (below columns · ε of the largest) are 0. Signs: the largest weight of each is positive.
 *
 * @param features rows × columns, finite; @param center and @param scale are those of standardization
 */
export function fitWhitening(
  features: Float32Array | Float64Array,
  columns: number,
  center: Float64Array,
  scale: Float64Array,
): Float64Array {
  const rows = features.length / columns
  const correlation = new Float64Array(columns * columns)
  const x = new Float64Array(columns)
  for (let row = 0; row < features.length; row += columns) {
    for (let j = 0; j < columns; j++)
      x[j] = ((features[row + j] as number) - (center[j] as number)) / (scale[j] as number)
    for (let i = 0; i < columns; i++) {
      const xi = x[i] as number
      if (xi === 0) continue
      for (let j = 0; j <= i; j++)
        correlation[i * columns + j] = (correlation[i * columns + j] as number) + xi * (x[j] as number)
    }
  }
  for (let i = 0; i < columns; i++)
    for (let j = 0; j <= i; j++) {
      const value = (correlation[i * columns + j] as number) / rows
      correlation[i * columns + j] = value
      correlation[j * columns + i] = value
    }
  const { values, vectors } = symmetricEigen(correlation, columns)
  const least = columns * Number.EPSILON * (values[columns - 1] as number)
  const rotation = new Float64Array(columns * columns)
  for (let j = 0; j < columns; j++) {
    const from = columns - 1 - j
    const variance = values[from] as number
    if (!(variance > least)) continue
    let largest = 0
    for (let i = 0; i < columns; i++) {
      const weight = vectors[i * columns + from] as number
      if (Math.abs(weight) > Math.abs(largest)) largest = weight
    }
    const factor = Math.sign(largest) / Math.sqrt(variance)
    for (let i = 0; i < columns; i++) rotation[i * columns + j] = factor * (vectors[i * columns + from] as number)
  }
  return rotation
}
