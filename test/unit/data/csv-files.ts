/** CSV files for the tests, and what reading them gives. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Dataset, type TableOptions } from '../../../lib/data'
import { InvalidDataError } from '../../../lib/native/errors'

export const folder = mkdtempSync(join(tmpdir(), 'meanfield-csv-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
export function write(content: string | Uint8Array, extension = 'csv'): string {
  const path = join(folder, `${files++}.${extension}`)
  writeFileSync(path, content)
  return path
}

export const parse = (content: string | Uint8Array, options: Partial<TableOptions> = {}) =>
  Dataset.fromCsv(write(content), { target: 'y', ...options } as TableOptions)

export async function failure(
  content: string | Uint8Array,
  options: Partial<TableOptions> = {},
): Promise<InvalidDataError> {
  const error = await parse(content, options).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(InvalidDataError)
  return error
}
