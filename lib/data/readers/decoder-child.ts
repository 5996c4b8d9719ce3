/** The process that decodes Parquet and Arrow files for its parent, one after the other, until the parent ends. */
import type { MeanfieldError } from '../../native/errors'
import { decodeFile } from './decode-file'
import type { DecoderAnswer, DecoderRequest } from './decoder'

const send = (answer: DecoderAnswer) => process.send?.(answer)

process.on('message', async (request: DecoderRequest) => {
  try {
    send(await decodeFile(request))
  } catch (error) {
    const { message, code } = error as MeanfieldError
    send({ error: { message, code } })
  }
})
