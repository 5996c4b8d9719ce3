/** Queries of DuckDB as tables: over files on disk, globs, HTTP and S3 where its extensions are there, or a database file. */
import { InvalidDataError } from '../../native/errors'
import { requireOptional } from '../../native/import-module'
import { ColumnBuilder, type Frame } from '../frame'

type DuckDB = typeof import('@duckdb/node-api')

export interface SqlOptions {
  /** A DuckDB file to query, opened for reading; default: none, and what the query itself names. */
  database?: string
}

/**
 * @param query one SELECT, in the dialect of DuckDB; needs the package @duckdb/node-api
 * @throws InvalidDataError with DuckDB's words for a query that fails
 * @example const frame = await readSql("SELECT * FROM 'logs/*.parquet' WHERE year >= 2024")
 */
export async function readSql(query: string, { database }: SqlOptions = {}): Promise<Frame> {
  const { DuckDBInstance } = requireOptional<DuckDB>('@duckdb/node-api', 'SQL')
  try {
    const instance = await DuckDBInstance.create(database ?? ':memory:', database ? { access_mode: 'READ_ONLY' } : {})
    const connection = await instance.connect()
    try {
      const result = await connection.stream(query)
      const builders = result.columnNames().map((name) => new ColumnBuilder(name))
      const place = () => `the query, row ${(builders[0] as ColumnBuilder).rows - 1}`
      for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
        for (const [j, builder] of builders.entries())
          for (const value of chunk.getColumnValues(j)) builder.add(plain(value), place)
      const rows = builders[0]?.rows ?? 0
      if (rows === 0) throw new InvalidDataError('the query gives no rows, expected at least one; change it')
      return {
        source: 'the query',
        rows,
        columns: builders.map((builder) => builder.finish()),
        place: (row) => `the query, row ${row}`,
      }
    } finally {
      connection.disconnectSync()
      instance.closeSync()
    }
  } catch (cause) {
    if (cause instanceof InvalidDataError) throw cause
    throw new InvalidDataError(`the query failed: ${(cause as Error).message}; correct it`, { query }, { cause })
  }
}

/** DuckDB's own classes for what JavaScript lacks: decimals, and moments in different units since 1970. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value === '' ? undefined : value
  if ('toDouble' in value) return (value as { toDouble(): number }).toDouble()
  if ('days' in value && !('months' in value)) return (value as { days: number }).days * 86_400_000
  for (const [unit, each] of [
    ['seconds', 1000],
    ['millis', 1],
    ['micros', 1e-3],
    ['nanos', 1e-6],
  ] as const)
    if (unit in value && !('months' in value)) return Number((value as Record<string, bigint>)[unit]) * each
  return value
}
