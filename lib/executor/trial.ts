/** One trial: fit, score, certificate, in whatever process this is. */
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Dataset } from '../data'
import { CancelledError, CheckpointError } from '../native/errors'
import type { Point, Scalar, TraceColumns } from '../store'
import { type DataSpec, loadParts } from './data-source'
import { createModel, type FitSummary, type TrialModel } from './models'

/** Everything that a trial needs, as plain data that can be sent to another process. */
export interface TrialSpec {
  id: string
  model: string
  /** Options of model, algorithm and run in one. */
  options: Point
  /** Which of them are the run's; the rest is the model's and, in `algorithmOptions`, the algorithm's. */
  runOptions: readonly string[]
  algorithmOptions: readonly string[]
  seed: number
  data: DataSpec
  threads: number
  /** File and interval; a file that is there is continued from. */
  checkpoint?: { path: string; seconds: number }
  /** Steps at which to ask whether to go on, increasing; those not above `rungDone` have been asked. */
  rungs?: readonly number[]
  rungDone?: number
  /** What to report there. */
  metric?: string
  /** Where to save the fitted model. */
  save?: string
  /** Most points kept of the trace; 0: none. */
  tracePoints: number
  /** Seconds that it may take. */
  timeout?: number
}

export interface TrialOutcome {
  kind: 'complete' | 'pruned' | 'interrupted'
  metrics: Record<string, number>
  details: Record<string, unknown>
  trace?: TraceColumns
}

/** What a fit of a trial is given beside the options of its run. */
export interface TrialFitOptions extends Record<string, unknown> {
  signal: AbortSignal
}

/** How the fits and scores of a trial are carried out: by its model alone, or together with those of other trials. */
export interface Fitting {
  fit(model: TrialModel, train: Dataset, options: TrialFitOptions): PromiseLike<FitSummary>
  score(model: TrialModel, data: Dataset): Promise<object>
}

const alone: Fitting = {
  fit: (model, train, options) => model.fit(train, options),
  score: (model, data) => model.score(data),
}

export interface TrialControls {
  signal: AbortSignal
  /** Whether to go on beyond a rung. */
  onRung?: (resource: number, value: number) => Promise<boolean>
}

/** Metrics that take a certificate. */
const certified = ['primal', 'dual', 'gap', 'standardError']

/**
 * Runs a trial to its end, or until the signal is raised: then it leaves a checkpoint (where one was asked for) and is
 * `interrupted`. Errors of options, data and divergence are thrown as they are.
 */
export async function runTrial(spec: TrialSpec, controls: TrialControls, fitting = alone): Promise<TrialOutcome> {
  try {
    return await carryOut(spec, controls, fitting)
  } catch (error) {
    // Raised before the fit began, or while scoring.
    if (controls.signal.aborted && error instanceof CancelledError) return interrupted
    throw error
  }
}

const interrupted: TrialOutcome = { kind: 'interrupted', metrics: {}, details: {} }

async function carryOut(spec: TrialSpec, { signal, onRung }: TrialControls, fitting: Fitting): Promise<TrialOutcome> {
  const { train, test } = await loadParts(spec.data, spec.seed)
  const model = createModel(spec.model, modelOptions(spec))
  const fitWith = async (run: Record<string, Scalar>) => {
    const { seed, threads } = spec
    const options = { ...run, seed, threads, signal, ...(test && { validation: test }) }
    return fitFrom(spec, (more) => fitting.fit(model, train, { ...options, ...more }))
  }
  const measure = async (summary: FitSummary) => {
    const scores = [train, ...(test ? [test] : [])].map((data) => fitting.score(model, data))
    const [onTrain, onTest] = await Promise.all(scores)
    return metricsOf(summary, onTrain as object, onTest)
  }
  const run = pick(spec.options, spec.runOptions)
  let trace: TraceColumns | undefined

  for (const rung of spec.rungs ?? []) {
    if (rung <= (spec.rungDone ?? 0)) continue
    const summary = await fitWith({
      ...run,
      steps: rung,
      ...(!certified.includes(spec.metric ?? '') && { certificate: false }),
    })
    if (summary.stop === 'aborted') return interrupted
    const metrics = await measure(summary)
    if (await onRung?.(rung, metrics[spec.metric as string] ?? Number.NaN)) continue
    trace = thin(summary, spec.tracePoints)
    return { kind: 'pruned', metrics, details: detailsOf(summary), ...(trace && { trace }) }
  }
  const summary = await fitWith(run)
  if (summary.stop === 'aborted') return interrupted
  if (spec.save) {
    await mkdir(dirname(spec.save), { recursive: true })
    await model.save(spec.save)
  }
  trace = thin(summary, spec.tracePoints)
  return { kind: 'complete', metrics: await measure(summary), details: detailsOf(summary), ...(trace && { trace }) }
}

async function fitFrom(
  { checkpoint }: TrialSpec,
  begin: (options: { checkpoint?: string; checkpointSeconds?: number; resume?: string }) => PromiseLike<FitSummary>,
): Promise<FitSummary> {
  if (!checkpoint) return begin({})
  const { path, seconds } = checkpoint
  const writing = { checkpoint: path, checkpointSeconds: seconds }
  if (!existsSync(path)) return begin(writing)
  try {
    return await begin({ ...writing, resume: path })
  } catch (error) {
    // One that is damaged, or of another version, is worth nothing: the trial starts anew, with the same result.
    if (!(error instanceof CheckpointError)) throw error
    await rm(path, { force: true })
    return begin(writing)
  }
}

function modelOptions({ options, runOptions, algorithmOptions }: TrialSpec): Record<string, unknown> {
  const { algorithm, ...own } = pick(options, algorithmOptions)
  const model = Object.fromEntries(
    Object.entries(options).filter(([name]) => !runOptions.includes(name) && !algorithmOptions.includes(name)),
  )
  return { ...model, ...(algorithm !== undefined && { algorithm: { name: algorithm, ...own } }) }
}

function pick(options: Point, names: readonly string[]): Record<string, Scalar> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)))
}

function metricsOf(fit: FitSummary, train: object, test: object | undefined): Record<string, number> {
  const metrics: Record<string, number> = {}
  const add = (prefix: string, values: object | null | undefined, names?: readonly string[]) => {
    for (const [name, value] of Object.entries(values ?? {}))
      if (typeof value === 'number' && (!names || names.includes(name))) metrics[`${prefix}${name}`] = value
  }
  add('', fit, ['objective', 'loss', 'steps', 'passes'])
  add('', fit.certificate, certified)
  add('train.', train)
  add('test.', test)
  metrics.seconds = Object.values(fit.seconds).reduce((sum, value) => sum + value, 0)
  return metrics
}

function detailsOf({
  stop,
  device,
  isa,
  threads,
  chosen,
  certificate,
  resumedFrom,
}: FitSummary): Record<string, unknown> {
  const values = Object.fromEntries(Object.entries(chosen ?? {}).map(([name, { value }]) => [name, value]))
  const words = certificate && !certificate.trusted ? certificate.words : undefined
  return {
    stop,
    device,
    isa,
    threads,
    chosen: values,
    ...(words !== undefined && { certificate: words }),
    ...(resumedFrom !== undefined && { resumedFrom }),
  }
}

/** At most `most` points, evenly, first and last among them. Columns that hold no number are left out. */
function thin({ trace }: FitSummary, most: number): TraceColumns | undefined {
  const rows = Object.values(trace)[0]?.length ?? 0
  if (most === 0 || rows === 0) return undefined
  const count = Math.min(most, rows)
  const place = (i: number) => (count === 1 ? rows - 1 : Math.round((i * (rows - 1)) / (count - 1)))
  const kept: TraceColumns = {}
  for (const name in trace) {
    const values = trace[name] as ArrayLike<number>
    const column = new Array<number>(count)
    let numbers = false
    for (let i = 0; i < count; i++) {
      const value = values[place(i)] as number
      column[i] = value
      numbers ||= Number.isFinite(value)
    }
    if (numbers) kept[name] = column
  }
  return kept
}
