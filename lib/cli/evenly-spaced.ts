import type { Dataset } from '../data'

/** At most `most` rows, evenly spaced: the same ones whenever the data are. */
export function evenlySpaced(data: Dataset, most: number): Dataset {
  const count = Math.min(most, data.rows)
  return data.subset(Array.from({ length: count }, (_, i) => Math.floor((i * data.rows) / count)))
}
