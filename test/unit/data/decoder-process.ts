/** For `jest.mock` of node:child_process: the decoder of files without a process. */
import { EventEmitter } from 'node:events'
import { decodeFile } from '../../../lib/data/readers/decode-file'
import type { DecoderRequest } from '../../../lib/data/readers/decoder'

class Decoder extends EventEmitter {
  exitCode = null
  signalCode = null
  ref() {}
  unref() {}
  async send(request: DecoderRequest) {
    this.emit('message', await decodeFile(request).catch((error) => ({ error })))
  }
}

export const fork = () => new Decoder()
