/** Missing values, which are NaN among features. */
import { InvalidDataError } from '../native/errors'

type Numbers = Float32Array | Float64Array

/** The mean or median of what is known of each column. Throws InvalidDataError for a column of which nothing is known. */
export function columnFill(features: Numbers, columns: number, by: 'mean' | 'median'): Float64Array {
  const rows = features.length / columns
  return Float64Array.from({ length: columns }, (_, j) => {
    const known = new Float64Array(rows)
    let count = 0
    for (let row = 0; row < rows; row++) {
      const value = features[row * columns + j] as number
      if (!Number.isNaN(value)) known[count++] = value
    }
    if (count === 0)
      throw new InvalidDataError(
        `every value of column ${j} is missing, expected at least one to impute from; leave the column out with features`,
        { column: j },
      )
    const values = known.subarray(0, count)
    if (by === 'mean') return values.reduce((sum, value) => sum + value, 0) / count
    values.sort()
    return ((values[(count - 1) >> 1] as number) + (values[count >> 1] as number)) / 2
  })
}
