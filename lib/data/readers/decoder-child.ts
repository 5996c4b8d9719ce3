/** The process that decodes Parquet and Arrow files for its parent, one after the other, until the parent ends. */
import { readFile } from 'node:fs/promises'
import type { MeanfieldError } from '../../native/errors'
import { readError } from '../bytes'
import { arrowColumns } from './arrow'
import type { DecoderAnswer, DecoderRequest } from './decoder'
import { parquetColumns } from './parquet'

const send = (answer: DecoderAnswer) => process.send?.(answer)

process.on('message', async ({ format, path, wanted }: DecoderRequest) => {
  try {
    const bytes = await readFile(path).catch((error) => {
      throw readError(path, error, 'a damaged file')
    })
    send(await (format === 'parquet' ? parquetColumns : arrowColumns)(path, bytes, wanted))
  } catch (error) {
    const { message, code } = error as MeanfieldError
    send({ error: { message, code } })
  }
})
