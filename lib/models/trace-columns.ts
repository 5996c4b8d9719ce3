/** Rows of trace points, as the addon gives them, by the names of their columns. */

/** The latest of a batch of rows. */
export function lastRow<C extends string>(columns: readonly C[], rows: Float64Array): Record<C, number> {
  const start = rows.length - columns.length
  return Object.fromEntries(columns.map((name, j) => [name, rows[start + j]])) as Record<C, number>
}

/** One typed array a column. */
export function columnArrays<C extends string>(columns: readonly C[], rows: Float64Array): Record<C, Float64Array> {
  const width = columns.length
  const column = (j: number) =>
    Float64Array.from({ length: rows.length / width }, (_, i) => rows[i * width + j] as number)
  return Object.fromEntries(columns.map((name, j) => [name, column(j)])) as Record<C, Float64Array>
}
