/** `meanfield query`: SQL over a study. */
import { Command } from 'commander'
import type { QueryResult, QueryValue } from '../store'
import { UsageError } from './exit'
import { print, printJson } from './output'

export function queryCommand(): Command {
  return new Command('query')
    .description('Ask a study in SQL, by DuckDB (npm install @duckdb/node-api). The study is only read.')
    .argument('<folder>', 'folder of the study')
    .argument('<sql>', 'a SELECT over the tables trials, results, reports and traces')
    .option('--csv', 'Print CSV.')
    .option('--json', 'Print one JSON document and nothing else.')
    .addHelpText(
      'after',
      `
Tables: trials has one row a trial (number, id, state, seed, attempts, session, started, ended, code, failure, details, then
its options and its metrics, test.accuracy as test_accuracy); results one row a metric; reports one row a rung; traces one row
a point of a curve. 'DESCRIBE trials' lists the columns.

Example:
  $ meanfield query out/spam "SELECT algorithm, avg(test_accuracy) FROM trials GROUP BY algorithm"`,
    )
    .action(async (folder: string, sql: string, { csv, json }: { csv?: boolean; json?: boolean }) => {
      if (csv && json) throw new UsageError('both --csv and --json were given; expected one of the two.')
      const { queryStudy, StudyStore } = await import('../store')
      const result = await queryStudy(StudyStore.open(folder), sql)
      if (json) return printJson(document(result))
      print(csv ? csvText(result) : table(result))
    })
}

/** Rows as objects, for the sake of those who read it with jq. */
function document({ columns, rows }: QueryResult) {
  const named = (row: readonly QueryValue[]) => Object.fromEntries(columns.map(({ name }, j) => [name, row[j]]))
  return { columns, rows: rows.map(named) }
}

const cellText = (value: QueryValue | undefined): string =>
  value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)

function csvText({ columns, rows }: QueryResult): string {
  const { csvField } = require('../report') as typeof import('../report')
  const cell = (value: QueryValue) => (typeof value === 'number' ? String(value) : csvField(cellText(value)))
  return [columns.map(({ name }) => csvField(name)), ...rows.map((row) => row.map(cell))]
    .map((line) => line.join(','))
    .join('\n')
}

function table({ columns, rows }: QueryResult): string {
  const { tableText } = require('../report') as typeof import('../report')
  const names = columns.map(({ name }) => name)
  return tableText(
    names,
    rows.map((row) => row.map(cellText)),
    'text',
    names.length,
  )
}
