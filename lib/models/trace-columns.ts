/** Rows of trace points, as the addon gives them, by the names of their columns. */

/** The latest of a batch of rows. */
export function lastRow<C extends string>(columns: readonly C[], rows: Float64Array): Record<C, number> {
  const start = rows.length - columns.length
  return Object.fromEntries(columns.map((name, j) => [name, rows[start + j]])) as Record<C, number>
}

/** One typed array a column. */
export function columnArrays<C extends string>(columns: readonly C[], rows: Float64Array): Record<C, Float64Array> {
  const width = columns.length
  const arrays = {} as Record<C, Float64Array>
  columns.forEach((name, j) => {
    const column = new Float64Array(rows.length / width)
    for (let i = 0; i < column.length; i++) column[i] = rows[i * width + j] as number
    arrays[name] = column
  })
  return arrays
}
