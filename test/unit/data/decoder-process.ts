/** For `jest.mock` of node:child_process: the decoder of files without a process. */
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { arrowColumns } from '../../../lib/data/readers/arrow'
import type { DecoderRequest } from '../../../lib/data/readers/decoder'
import { parquetColumns } from '../../../lib/data/readers/parquet'

class Decoder extends EventEmitter {
  exitCode = null
  signalCode = null
  ref() {}
  unref() {}
  async send({ format, path, wanted }: DecoderRequest) {
    const answer = await (format === 'parquet' ? parquetColumns : arrowColumns)(path, readFileSync(path), wanted).catch(
      (error) => ({ error }),
    )
    this.emit('message', answer)
  }
}

export const fork = () => new Decoder()
