/** A stream of bytes taken in pieces of known length. */

import { InvalidDataError, OutOfMemoryError } from '../../native/errors'

const firstCapacity = 2 ** 20

export class ByteReader {
  readonly #file: string
  readonly #chunks: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)

  /** @param file a name for messages */
  constructor(file: string, chunks: AsyncIterable<Uint8Array>) {
    this.#file = file
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /**
   * The next `length` bytes, at the start of a buffer of their own. Memory grows with the bytes that come, so that a
   * wrong length in a damaged file costs none.
   *
   * @throws InvalidDataError when fewer are left
   */
  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    let taken = this.#allocate(Math.min(length, firstCapacity))
    let filled = 0
    while (filled < length) {
      if (!(await this.#advance())) {
        throw new InvalidDataError(
          `${this.#file} is cut off: ${filled} bytes where ${length} were expected; fetch or write it again`,
          { file: this.#file, bytes: filled, expected: length },
        )
      }
      if (filled === taken.length) {
        const larger = this.#allocate(Math.min(length, 2 * filled))
        larger.set(taken)
        taken = larger
      }
      const piece = this.#chunk.subarray(0, taken.length - filled)
      taken.set(piece, filled)
      filled += piece.length
      this.#chunk = this.#chunk.subarray(piece.length)
    }
    return taken
  }

  /** @throws InvalidDataError when bytes are left */
  async end(): Promise<void> {
    if (!(await this.#advance())) return
    throw new InvalidDataError(
      `${this.#file} goes on after the end that its header tells; keep one array in a file, or write it again`,
      { file: this.#file },
    )
  }

  /** Close the source; no bytes can be taken afterwards. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  // To a chunk that is not empty; false when there is none.
  async #advance(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) return false
      this.#chunk = next.value
    }
    return true
  }

  #allocate(length: number): Uint8Array<ArrayBuffer> {
    try {
      return new Uint8Array(length)
    } catch (cause) {
      throw new OutOfMemoryError(
        `there is no room for the ${length} bytes of ${this.#file}; use a smaller file`,
        { file: this.#file, bytes: length },
        { cause },
      )
    }
  }
}
