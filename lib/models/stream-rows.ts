/** The rows of a stream of data sets, in blocks whose size is not that of the data sets. */
import { createHash, type Hash } from 'node:crypto'
import { Dataset } from '../data'
import { Random } from '../data/random'
import { InvalidOptionError } from '../native'
import { requireDataset } from './preparation'

/** Data sets with the same columns and classes, one after the other. */
export type DatasetChunks = AsyncIterable<Dataset> | Iterable<Dataset>

// Apart from the streams of samplers (lib/experiment) and the small numbers of splits and generators.
const shuffleStream = 0x70000000

/** One pass over a stream: its first rows can be looked at before they are taken. */
export class StreamPass {
  readonly #chunks: AsyncIterator<Dataset> | Iterator<Dataset>
  #first: Dataset[] = []

  /** @throws InvalidOptionError for what cannot be iterated over */
  constructor(chunks: DatasetChunks) {
    const open =
      (chunks as AsyncIterable<Dataset>)?.[Symbol.asyncIterator] ?? (chunks as Iterable<Dataset>)?.[Symbol.iterator]
    if (typeof open !== 'function' || chunks instanceof Dataset)
      throw new InvalidOptionError(
        'the rows are no iterable of data sets; pass DatasetStream.fromFile(…), an async generator of them, or use fit() for one.',
      )
    this.#chunks = open.call(chunks) as AsyncIterator<Dataset>
  }

  /** The first rows, at most so many; undefined where there are none. */
  async head(rows: number): Promise<Dataset | undefined> {
    let count = 0
    while (count < rows) {
      const { done, value } = await this.#chunks.next()
      if (done) break
      this.#first.push(requireDataset(value, 'data of the stream'))
      count += value.rows
    }
    if (count === 0) return undefined
    return rowsOf(Dataset.concat(this.#first), 0, Math.min(rows, count))
  }

  /** Blocks of `rows` rows, the last one of what is left. The next one is being read while one is in use. */
  async *blocks(rows: number, signal: AbortSignal): AsyncGenerator<Dataset, void, undefined> {
    const source = this.#blocks(rows)
    let next = source.next()
    try {
      for (;;) {
        const { done, value } = await unlessAborted(next, signal)
        if (done) return
        next = source.next()
        // It is awaited in the next round; when there is none, nobody asks.
        next.catch(() => {})
        yield value
      }
    } finally {
      source.return().catch(() => {})
      this.close()
    }
  }

  /** Ends the reading of what has not been read. Not waited for: a read under way may never end. */
  close(): void {
    Promise.resolve(this.#chunks.return?.()).catch(() => {})
  }

  async *#blocks(rows: number): AsyncGenerator<Dataset, void, undefined> {
    let [parts, count] = [[] as Dataset[], 0]
    try {
      for (;;) {
        const { done, value } = await this.#next()
        if (done) break
        parts.push(requireDataset(value, 'data of the stream'))
        count += value.rows
        if (count < rows) continue
        const all = Dataset.concat(parts)
        let at = 0
        for (; at + rows <= count; at += rows) yield rowsOf(all, at, at + rows)
        parts = at < count ? [rowsOf(all, at, count)] : []
        count -= at
      }
      if (count > 0) yield Dataset.concat(parts)
    } finally {
      this.close()
    }
  }

  async #next(): Promise<IteratorResult<Dataset, unknown>> {
    const value = this.#first.shift()
    return value ? { done: false, value } : await this.#chunks.next()
  }
}

/** The next block, or the end as soon as the signal is raised. A promise of the signal's own would keep every block that it was raced with. */
function unlessAborted(
  next: Promise<IteratorResult<Dataset, void>>,
  signal: AbortSignal,
): Promise<IteratorResult<Dataset, void>> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve({ done: true, value: undefined })
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    next.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** The rows from `start` to before `end`. */
export function rowsOf(data: Dataset, start: number, end: number): Dataset {
  if (start === 0 && end === data.rows) return data
  return data.subset(Int32Array.from({ length: end - start }, (_, i) => start + i))
}

/** The rows of a block in an order that is a function of the seed and the number of the block. */
export function shuffled(block: Dataset, seed: number, number: number): Dataset {
  return block.subset(new Random(seed, shuffleStream + (number % 2 ** 28)).permutation(block.rows))
}

/** What a run has read, in two numbers that do not depend on how it was divided. */
export class RowsHash {
  readonly #features: Hash = createHash('sha256')
  readonly #targets: Hash = createHash('sha256')

  add({ features, targets }: Dataset): void {
    for (const [hash, values] of [
      [this.#features, features],
      [this.#targets, targets],
    ] as const)
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }

  get value(): string {
    return `${this.#features.copy().digest('hex')} ${this.#targets.copy().digest('hex')}`
  }
}
