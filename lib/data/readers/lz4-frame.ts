/** LZ4 frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md), as Feather files hold them. */

/** Throws RangeError for a damaged frame; a length that is told wrong ends in one too. */
export function decodeLz4Frame(data: Uint8Array): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  if (view.getUint32(0, true) !== 0x184d2204) throw new RangeError('no LZ4 frame')
  const flags = view.getUint8(4)
  const [contentSize, blockChecksum, dictionary] = [flags & 8, flags & 16, flags & 1]
  let at = 6 + (contentSize ? 8 : 0) + (dictionary ? 4 : 0) + 1
  const out = new Output()
  for (;;) {
    const size = view.getUint32(at, true)
    at += 4
    if (size === 0) return out.finish()
    const length = size & 0x7fffffff
    if (at + length > data.length) throw new RangeError('the LZ4 frame is cut off')
    const block = data.subarray(at, at + length)
    if (size >>> 31) out.append(block)
    else decodeBlock(block, out)
    at += length + (blockChecksum ? 4 : 0)
  }
}

/** A block without a frame. Throws RangeError for a damaged one. */
export function decodeLz4Block(block: Uint8Array): Uint8Array {
  const out = new Output()
  decodeBlock(block, out)
  return out.finish()
}

/** Sequences of a token, literals, and a match further back; the last one has no match. */
function decodeBlock(block: Uint8Array, out: Output): void {
  let at = 0
  const byte = () => {
    const value = block[at++]
    if (value === undefined) throw new RangeError('the LZ4 block is cut off')
    return value
  }
  const long = (start: number) => {
    let length = start
    if (start === 15) for (let more = 255; more === 255; length += more) more = byte()
    return length
  }
  while (at < block.length) {
    const token = byte()
    const literals = long(token >> 4)
    if (at + literals > block.length) throw new RangeError('the LZ4 block is cut off')
    out.append(block.subarray(at, at + literals))
    at += literals
    if (at === block.length) return
    const offset = byte() | (byte() << 8)
    out.copy(offset, long(token & 15) + 4)
  }
}

class Output {
  #bytes = new Uint8Array(1 << 16)
  #length = 0

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** A match may reach into what it writes itself. */
  copy(offset: number, length: number): void {
    if (offset === 0 || offset > this.#length) throw new RangeError('a match of the LZ4 block points before its start')
    this.#reserve(length)
    for (let i = 0; i < length; i++, this.#length++)
      this.#bytes[this.#length] = this.#bytes[this.#length - offset] as number
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#length + more, 2 * this.#bytes.length))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}
