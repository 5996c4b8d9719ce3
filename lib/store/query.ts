/**
 * SQL over a study, by DuckDB (https://duckdb.org), which is an optional peer. The study is copied into tables in memory and
 * the database is then cut off from files and network, so that no query can change anything.
 *
 *     trials    number, id, state, seed, attempts, session, started, ended, code, failure, details; then one column an option
 *               and one a metric, under its name with `_` for dots: entropy, test_accuracy
 *     results   id, number, metric, value: one row a metric, under its name with dots
 *     reports   id, number, resource, value: values at the rungs, for pruning
 *     traces    id, number, point from 0; then the columns of the curves: step, passes, seconds, objective, …
 *
 * What a trial lacks, and what is not a number, is NULL. `started` and `ended` are in UTC; `details` is JSON.
 */
import type * as DuckDB from '@duckdb/node-api'
import { InvalidOptionError } from '../native/errors'
import { requireOptional } from '../native/import-module'
import type { StudyStore } from './store'
import { metricNames, optionNames, type Scalar, type TrialRecord } from './trial'

/** A value as JSON has it. Integers beyond 2^53 are text, times ISO 8601. */
export type QueryValue = null | boolean | number | string | QueryValue[] | { [name: string]: QueryValue }

export interface QueryResult {
  /** Name and SQL type; a name that comes twice has a number added. */
  columns: { name: string; type: string }[]
  rows: QueryValue[][]
}

type Type = 'INTEGER' | 'BIGINT' | 'DOUBLE' | 'BOOLEAN' | 'VARCHAR' | 'TIMESTAMP_MS'
type Cell = Scalar | undefined

interface Column {
  name: string
  type: Type
  value: (trial: TrialRecord) => Cell
}

/**
 * Answers one query. Throws EnvironmentError where DuckDB is not installed, and InvalidOptionError for SQL that is wrong or is
 * no query.
 *
 * @example
 * const { rows } = await queryStudy(StudyStore.open('out/spam'), 'SELECT algorithm, avg(test_accuracy) FROM trials GROUP BY ALL')
 */
export async function queryStudy(store: StudyStore, sql: string): Promise<QueryResult> {
  const duckdb = requireOptional<typeof DuckDB>('@duckdb/node-api', 'a query in SQL')
  const instance = await duckdb.DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await fill(new Database(duckdb, connection), store, (name) => sql.toLowerCase().includes(name))
    await connection.run('SET enable_external_access = false; SET lock_configuration = true')
    return await answer(connection, duckdb, sql)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** All tables; the large ones without their rows where the query does not name them. */
async function fill(database: Database, store: StudyStore, named: (table: string) => boolean): Promise<void> {
  store.refresh()
  const trials = store.trials()
  const columns = trialColumns(trials)
  const table = await database.table('trials', columns)
  for (const trial of trials) table.add(columns.map(({ value }) => value(trial)))
  table.close()

  const results = await database.table('results', [...keys, column('metric', 'VARCHAR'), column('value', 'DOUBLE')])
  for (const { id, number, metrics } of named('results') ? trials : [])
    for (const [metric, value] of Object.entries(metrics)) results.add([id, number, metric, value])
  results.close()

  const reports = await database.table('reports', [...keys, column('resource', 'DOUBLE'), column('value', 'DOUBLE')])
  for (const { id, number, reports: values } of trials)
    for (const [resource, value] of values) reports.add([id, number, resource, value])
  reports.close()
  await fillTraces(database, store, named('traces') ? trials : [])
}

/** Read one trial after the other, since the curves of a large study need not fit into memory twice. */
async function fillTraces(database: Database, store: StudyStore, trials: readonly TrialRecord[]): Promise<void> {
  const names: string[] = []
  const fixed = [...keys, column('point', 'INTEGER')]
  let table = await database.table('traces', fixed)
  for (const trial of trials) {
    const curves = store.trace(trial)
    if (!curves) continue
    const fresh = Object.keys(curves).filter((name) => !names.includes(name))
    if (fresh.length > 0) {
      table.close()
      names.push(...fresh)
      const free = uniqueNames(fixed.map(({ name }) => name))
      table = await database.widen('traces', [...fixed, ...names.map((name) => column(free(name), 'DOUBLE'))])
    }
    const points = Math.max(...Object.values(curves).map(({ length }) => length))
    for (let i = 0; i < points; i++) table.add([trial.id, trial.number, i, ...names.map((name) => curves[name]?.[i])])
  }
  table.close()
}

const column = (name: string, type: Type) => ({ name, type })
const keys = [column('id', 'VARCHAR'), column('number', 'INTEGER')]

function trialColumns(trials: readonly TrialRecord[]): Column[] {
  const fixed: Column[] = [
    { name: 'number', type: 'INTEGER', value: ({ number }) => number },
    { name: 'id', type: 'VARCHAR', value: ({ id }) => id },
    { name: 'state', type: 'VARCHAR', value: ({ state }) => state },
    { name: 'seed', type: 'BIGINT', value: ({ seed }) => seed },
    { name: 'attempts', type: 'INTEGER', value: ({ attempts }) => attempts },
    { name: 'session', type: 'VARCHAR', value: ({ worker }) => worker },
    { name: 'started', type: 'TIMESTAMP_MS', value: ({ started }) => started },
    { name: 'ended', type: 'TIMESTAMP_MS', value: ({ ended }) => ended },
    { name: 'code', type: 'VARCHAR', value: ({ failure }) => failure?.code },
    { name: 'failure', type: 'VARCHAR', value: ({ failure }) => failure?.message },
    { name: 'details', type: 'VARCHAR', value: ({ details }) => details && JSON.stringify(details) },
  ]
  const free = uniqueNames(fixed.map(({ name }) => name))
  const options = optionNames(trials).map((name): Column => {
    const value = ({ options }: TrialRecord) => options[name]
    return { name: free(name, 'option'), type: typeOf(trials.map(value)), value }
  })
  const metrics = metricNames(trials).map(
    (name): Column => ({ name: free(name, 'metric'), type: 'DOUBLE', value: ({ metrics }) => metrics[name] }),
  )
  return [...fixed, ...options, ...metrics]
}

/** Names that SQL takes without quotes, and that differ though it does not tell upper from lower case. */
function uniqueNames(taken: readonly string[]): (name: string, kind?: string) => string {
  const known = new Set(taken.map((name) => name.toLowerCase()))
  return (name, kind = 'column') => {
    const plain = name.replace(/\W/g, '_')
    let free = plain
    for (let i = 1; known.has(free.toLowerCase()); i++) free = `${kind}_${plain}${i > 1 ? `_${i}` : ''}`
    known.add(free.toLowerCase())
    return free
  }
}

function typeOf(values: readonly Cell[]): Type {
  const known = values.filter((value) => value !== undefined)
  if (known.every((value) => Number.isSafeInteger(value))) return 'BIGINT'
  if (known.every((value) => typeof value === 'number')) return 'DOUBLE'
  return known.every((value) => typeof value === 'boolean') ? 'BOOLEAN' : 'VARCHAR'
}

class Database {
  readonly duckdb: typeof DuckDB
  readonly #connection: DuckDB.DuckDBConnection

  constructor(duckdb: typeof DuckDB, connection: DuckDB.DuckDBConnection) {
    this.duckdb = duckdb
    this.#connection = connection
  }

  async table(name: string, columns: readonly Pick<Column, 'name' | 'type'>[]): Promise<Table> {
    await this.#connection.run(`CREATE TABLE ${name} (${columns.map((c) => `"${c.name}" ${c.type}`).join(', ')})`)
    return this.#writer(name, columns)
  }

  /** To all of `columns`, of which the table has the first. */
  async widen(name: string, columns: readonly Pick<Column, 'name' | 'type'>[]): Promise<Table> {
    for (const c of columns)
      await this.#connection.run(`ALTER TABLE ${name} ADD COLUMN IF NOT EXISTS "${c.name}" ${c.type}`)
    return this.#writer(name, columns)
  }

  async #writer(name: string, columns: readonly Pick<Column, 'type'>[]): Promise<Table> {
    return new Table(
      this.duckdb,
      await this.#connection.createAppender(name),
      columns.map(({ type }) => type),
    )
  }
}

/** Rows of a chunk of DuckDB. */
const chunkRows = 2048

class Table {
  readonly #duckdb: typeof DuckDB
  readonly #appender: DuckDB.DuckDBAppender
  readonly #types: readonly Type[]
  #columns: DuckDB.DuckDBValue[][]

  constructor(duckdb: typeof DuckDB, appender: DuckDB.DuckDBAppender, types: readonly Type[]) {
    this.#duckdb = duckdb
    this.#appender = appender
    this.#types = types
    this.#columns = types.map(() => [])
  }

  add(row: readonly Cell[]): void {
    for (const [j, cell] of row.entries()) this.#columns[j]?.push(this.#value(cell, this.#types[j] as Type))
    if (this.#columns[0]?.length === chunkRows) this.#flush()
  }

  close(): void {
    this.#flush()
    this.#appender.closeSync()
  }

  #value(cell: Cell, type: Type): DuckDB.DuckDBValue {
    if (cell === undefined || Number.isNaN(cell)) return null
    if (type === 'BIGINT') return BigInt(cell)
    if (type === 'TIMESTAMP_MS') return new this.#duckdb.DuckDBTimestampMillisecondsValue(BigInt(cell))
    return type === 'VARCHAR' ? String(cell) : cell
  }

  #flush(): void {
    const rows = this.#columns[0]?.length ?? 0
    if (rows === 0) return
    const chunk = this.#duckdb.DuckDBDataChunk.create(
      this.#types.map((type) => this.#duckdb[type]),
      rows,
    )
    chunk.setColumns(this.#columns)
    this.#appender.appendDataChunk(chunk)
    this.#columns = this.#types.map(() => [])
  }
}

async function answer(connection: DuckDB.DuckDBConnection, duckdb: typeof DuckDB, sql: string): Promise<QueryResult> {
  const { SELECT, EXPLAIN, CREATE } = duckdb.StatementType
  const refuse = (words: string, cause?: unknown) =>
    new InvalidOptionError(`the query ${words}`, { sql }, cause === undefined ? undefined : { cause })
  if (sql.replace(/--.*$/gm, '').trim() === '')
    throw refuse('is empty; expected a SELECT, such as SELECT state, count(*) FROM trials GROUP BY state.')
  let result: DuckDB.DuckDBMaterializedResult | undefined
  try {
    const statements = await connection.extractStatements(sql)
    // Several, since PIVOT is made of a CREATE and a SELECT, and since scratch tables hurt nobody.
    for (let i = 0; i < statements.count; i++) {
      const statement = await statements.prepare(i)
      const type = statement.statementType
      if (type !== SELECT && type !== EXPLAIN && (i === statements.count - 1 || type !== CREATE))
        throw refuse(`is of the kind ${duckdb.StatementType[type]}; expected a SELECT: a study is only read.`)
      result = await statement.run()
    }
  } catch (error) {
    if (error instanceof InvalidOptionError) throw error
    const words = (error as Error).message.replace(/^Failed to extract statements: /, '')
    throw refuse(
      `was refused by DuckDB: ${words}\nThe tables are trials, results, reports and traces; DESCRIBE trials lists the columns.`,
      error,
    )
  }
  return collect(result as DuckDB.DuckDBMaterializedResult)
}

async function collect(result: DuckDB.DuckDBMaterializedResult): Promise<QueryResult> {
  const names = result.deduplicatedColumnNames()
  const types = result.columnTypes()
  const rows = await result.getRowsJS()
  return {
    columns: names.map((name, j) => ({ name, type: String(types[j]) })),
    rows: rows.map((row) => row.map(plain)),
  }
}

function plain(value: unknown): QueryValue {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
  return (value ?? null) as QueryValue
}
