/** The data of trials, read once a process however many trials use them. */
import { type CategoricalKind, Dataset } from '../data'
import { readLike } from '../data/read-like'

/** Where the data are and how they are split. */
export interface DataSpec {
  /** CSV, TSV or JSON lines, plain or gzip; Parquet; Arrow. */
  file: string
  /** Column to learn: its name, or its number from 0. */
  target: string | number
  /** File that is scored and not trained on. */
  test?: string
  /** Part of the rows kept for the test, by class. */
  holdout?: number
  /** Seed of the holdout; absent: the seed of each trial. */
  seed?: number
  task?: 'regression' | 'classification'
  header?: boolean
  delimiter?: string
  /** What becomes of columns of texts; absent: they are refused. */
  categorical?: 'one-hot' | 'ordinal' | Readonly<Record<string, CategoricalKind>>
  /** What becomes of missing values; absent: they are refused. */
  missing?: 'drop' | 'mean' | 'median'
  /** Column whose equal values stay on one side of the holdout; no feature. */
  group?: string
  /** Column by which the last rows are the holdout; no feature. */
  time?: string
}

export interface Parts {
  train: Dataset
  test?: Dataset
}

interface Source {
  all: Dataset
  test?: Dataset
  splits: Map<number, Parts>
}

const sources = new Map<string, Promise<Source>>()
/** Splits that are kept; one is a copy of the data. */
const mostSplits = 16

/** The training and the test part for a trial of this seed. Paths must be absolute or relative to the working folder. */
export async function loadParts(spec: DataSpec, seed: number): Promise<Parts> {
  const source = await open(spec)
  if (spec.holdout === undefined) return { train: source.all, ...(source.test && { test: source.test }) }
  const drawn = spec.seed ?? seed
  const known = source.splits.get(drawn)
  if (known) return known
  const parts = source.all.split({ test: spec.holdout, seed: drawn })
  if (source.splits.size >= mostSplits) source.splits.delete(source.splits.keys().next().value as number)
  source.splits.set(drawn, parts)
  return parts
}

/** Content hashes of the files, and how they are split: what makes the data part of a trial's identity. */
export async function dataIdentity(
  spec: DataSpec,
): Promise<{ hash: string; test?: string; holdout?: number; seed?: number }> {
  const { all, test } = await open(spec)
  const { holdout, seed } = spec
  return {
    hash: all.hash,
    ...(test && { test: test.hash }),
    ...(holdout !== undefined && { holdout, ...(seed !== undefined && { seed }) }),
  }
}

function open(spec: DataSpec): Promise<Source> {
  const { holdout: _, seed: __, ...files } = spec
  const key = JSON.stringify([files, spec.holdout])
  let source = sources.get(key)
  if (!source) {
    source = read(spec)
    sources.set(key, source)
    source.catch(() => sources.delete(key))
  }
  return source
}

async function read({ file, target, test, holdout: _, seed: __, ...options }: DataSpec): Promise<Source> {
  const all = await Dataset.fromFile(file, { target, ...options })
  if (test === undefined) return { all, splits: new Map() }
  const { task, header, delimiter } = options
  const scored = await readLike(all, test, {
    target,
    ...(task && { task }),
    ...(header !== undefined && { header }),
    ...(delimiter !== undefined && { delimiter }),
  })
  return { all, test: scored, splits: new Map() }
}
