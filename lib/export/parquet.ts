/** Trials as Parquet, by hyparquet-writer. */
import { pathToFileURL } from 'node:url'
import type { TrialRecord } from '../store'
import { type Column, trialColumns } from './rows'

type Writer = typeof import('hyparquet-writer')

// It is an ES module only, which CommonJS code cannot require before Node 20.19; TypeScript would turn a plain import() into that.
const load = new Function('url', 'return import(url)') as (url: string) => Promise<Writer>

export async function writeParquet(path: string, trials: readonly TrialRecord[]): Promise<void> {
  const { parquetWriteFile } = await load(pathToFileURL(require.resolve('hyparquet-writer')).href)
  await parquetWriteFile({ filename: path, columnData: trialColumns(trials).map(typed) })
}

/** Numbers are doubles, truth values booleans, anything else is text; what a trial lacks is null. */
function typed({ name, values }: Column) {
  const known = values.filter((value) => value !== undefined)
  const all = (type: string) => known.every((value) => typeof value === type)
  if (known.length > 0 && all('number'))
    return { name, data: values.map((value) => value ?? null), type: 'DOUBLE' as const, nullable: true }
  if (known.length > 0 && all('boolean'))
    return { name, data: values.map((value) => value ?? null), type: 'BOOLEAN' as const, nullable: true }
  return {
    name,
    data: values.map((value) => (value === undefined ? null : String(value))),
    type: 'STRING' as const,
    nullable: true,
  }
}
