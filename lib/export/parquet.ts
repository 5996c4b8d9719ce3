/** Trials as Parquet, by hyparquet-writer. */
import { importModule } from '../native/import-module'
import type { TrialRecord } from '../store'
import { type Column, trialColumns } from './rows'

type Writer = typeof import('hyparquet-writer')

export const writeParquet = (path: string, trials: readonly TrialRecord[]): Promise<void> =>
  writeColumns(path, trialColumns(trials))

export async function writeColumns(path: string, columns: readonly Column[]): Promise<void> {
  const { parquetWriteFile } = await importModule<Writer>('hyparquet-writer')
  await parquetWriteFile({ filename: path, columnData: columns.map(typed) })
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
