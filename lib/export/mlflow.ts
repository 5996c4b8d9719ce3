/**
 * Trials as runs of MLflow: options as parameters, results and curves as metrics. Into a file store (the folder that
 * `mlflow ui --backend-store-uri` opens), or to a tracking server over its REST interface, version 2.0.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EnvironmentError, InvalidOptionError } from '../native/errors'
import type { StudyStore, TrialRecord, TrialState } from '../store'
import { scalarEvents } from './tensorboard'

interface MlflowRun {
  trial: TrialRecord
  name: string
  /** MLflow's words. */
  status: 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED'
  start: number
  end?: number
  params: [key: string, value: string][]
  tags: [key: string, value: string][]
  metrics: { key: string; value: number; timestamp: number; step: number }[]
}

const statuses: Record<Exclude<TrialState, 'waiting'>, MlflowRun['status']> = {
  running: 'RUNNING',
  stale: 'KILLED',
  complete: 'FINISHED',
  pruned: 'KILLED',
  failed: 'FAILED',
  cancelled: 'KILLED',
}

/** Trials that have not been started are no runs. */
function runOf(store: StudyStore, trial: TrialRecord): MlflowRun[] {
  if (trial.state === 'waiting') return []
  const { options, seed, failure } = trial
  return [
    {
      trial,
      name: `trial-${trial.number}`,
      status: statuses[trial.state],
      start: trial.started ?? 0,
      ...(trial.ended !== undefined && { end: trial.ended }),
      params: Object.entries({ ...options, seed }).map(([key, value]) => [key, String(value)]),
      tags: [
        ['mlflow.runName', `trial-${trial.number}`],
        [trialTag, trial.id],
        ['meanfield.state', trial.state],
        ...(failure ? [['meanfield.failure', `${failure.code}: ${failure.message}`] as [string, string]] : []),
      ],
      metrics: scalarEvents(store, trial).flatMap(({ step, time, values }) =>
        Object.entries(values)
          .filter(([, value]) => Number.isFinite(value))
          .map(([key, value]) => ({ key, value, timestamp: Math.round(1000 * time), step })),
      ),
    },
  ]
}

const trialTag = 'meanfield.trial'

/** Writes to the file store at `folder`; a trial that is there already is written anew. Returns the folders of the runs. */
export function writeMlflow(store: StudyStore, trials: readonly TrialRecord[], folder: string): string[] {
  const { name, created } = store.study
  // File stores name experiments by numbers; that of a study is always the same one.
  const id = BigInt(`0x${createHash('sha256').update(`${name} ${created}`).digest('hex').slice(0, 14)}`).toString()
  const experiment = join(folder, id)
  const location = pathToFileURL(resolve(experiment)).href
  writeYaml(join(experiment, 'meta.yaml'), {
    artifact_location: location,
    creation_time: created,
    experiment_id: id,
    last_update_time: Date.now(),
    lifecycle_stage: 'active',
    name,
  })
  return trials.flatMap((trial) =>
    runOf(store, trial).map((run) => {
      const at = join(experiment, trial.id)
      rmSync(at, { recursive: true, force: true })
      for (const part of ['artifacts', 'metrics', 'params', 'tags']) mkdirSync(join(at, part), { recursive: true })
      for (const [key, value] of run.params) writeFile(join(at, 'params', key), value)
      for (const [key, value] of run.tags) writeFile(join(at, 'tags', key), value)
      const lines = new Map<string, string>()
      for (const { key, value, timestamp, step } of run.metrics)
        lines.set(key, `${lines.get(key) ?? ''}${timestamp} ${value} ${step}\n`)
      for (const [key, text] of lines) writeFile(join(at, 'metrics', key), text)
      // Last, so that what has a meta.yaml is whole.
      writeYaml(join(at, 'meta.yaml'), {
        artifact_uri: `${location}/${trial.id}/artifacts`,
        end_time: run.end ?? null,
        entry_point_name: '',
        experiment_id: id,
        lifecycle_stage: 'active',
        run_id: trial.id,
        run_name: run.name,
        run_uuid: trial.id,
        source_name: '',
        source_type: 4, // SourceType.LOCAL
        source_version: '',
        start_time: run.start,
        status: { RUNNING: 1, FINISHED: 3, FAILED: 4, KILLED: 5 }[run.status], // RunStatus
        tags: [],
        user_id: 'meanfield',
      })
      return at
    }),
  )
}

function writeFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** JSON scalars are YAML; numbers that stand for names have to be quoted, which JSON does. */
function writeYaml(path: string, members: Record<string, string | number | null | []>): void {
  const lines = Object.entries(members).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
  writeFile(path, lines.join(''))
}

/** Most entries that a server takes in one request (MLflow's REST API, "Log Batch"). */
const most = { metrics: 1000, params: 100 }

/**
 * Sends trials to a tracking server; those that it has, whole, are left alone. `MLFLOW_TRACKING_TOKEN`, or
 * `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, are used as by MLflow's own client. Returns the ids of new runs.
 *
 * @throws EnvironmentError when the server cannot be reached or refuses
 */
export async function sendToMlflow(
  store: StudyStore,
  trials: readonly TrialRecord[],
  address: string,
): Promise<string[]> {
  const server = new Server(address)
  const experiment = await server.experiment(store.study.name)
  const known = await server.runs(experiment)
  const sent: string[] = []
  for (const run of trials.flatMap((trial) => runOf(store, trial))) {
    const before = known.get(run.trial.id)
    if (before && before.status !== 'RUNNING') continue
    // Half written by an export that was interrupted, or of a trial that was running then.
    if (before) await server.call('runs/delete', { run_id: before.id })
    const pairs = (list: [string, string][]) => list.map(([key, value]) => ({ key, value }))
    const created = await server.call('runs/create', {
      experiment_id: experiment,
      run_name: run.name,
      start_time: run.start,
      tags: pairs(run.tags),
    })
    const id = (created as { run: { info: { run_id: string } } }).run.info.run_id
    for (let i = 0; i < run.params.length; i += most.params)
      await server.call('runs/log-batch', { run_id: id, params: pairs(run.params.slice(i, i + most.params)) })
    for (let i = 0; i < run.metrics.length; i += most.metrics)
      await server.call('runs/log-batch', { run_id: id, metrics: run.metrics.slice(i, i + most.metrics) })
    if (run.status !== 'RUNNING')
      await server.call('runs/update', { run_id: id, status: run.status, end_time: run.end ?? run.start })
    sent.push(id)
  }
  return sent
}

class Server {
  readonly #address: string
  readonly #headers: Record<string, string>

  constructor(address: string) {
    if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
      throw new InvalidOptionError(
        `'${address}' is no address of a server; expected one such as http://127.0.0.1:5000.`,
      )
    this.#address = address.replace(/\/+$/, '')
    const {
      MLFLOW_TRACKING_TOKEN: token,
      MLFLOW_TRACKING_USERNAME: user,
      MLFLOW_TRACKING_PASSWORD: password,
    } = process.env
    const basic = user && `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`
    const authorization = token ? `Bearer ${token}` : basic
    this.#headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
  }

  async experiment(name: string): Promise<string> {
    const found = await this.#request('GET', `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`)
    if (found.status !== 404)
      return ((await this.#json(found)) as { experiment: { experiment_id: string } }).experiment.experiment_id
    return ((await this.call('experiments/create', { name })) as { experiment_id: string }).experiment_id
  }

  /** Runs of an earlier export, by trial. */
  async runs(experiment: string): Promise<Map<string, { id: string; status: string }>> {
    const found = new Map<string, { id: string; status: string }>()
    let page: string | undefined
    do {
      const answer = (await this.call('runs/search', {
        experiment_ids: [experiment],
        max_results: 1000,
        ...(page && { page_token: page }),
      })) as { runs?: SearchedRun[]; next_page_token?: string }
      for (const { info, data } of answer.runs ?? []) {
        const trial = data.tags?.find(({ key }) => key === trialTag)?.value
        if (trial) found.set(trial, { id: info.run_id, status: info.status })
      }
      page = answer.next_page_token
    } while (page)
    return found
  }

  async call(path: string, body: object): Promise<unknown> {
    return this.#json(await this.#request('POST', path, body))
  }

  async #request(method: string, path: string, body?: object): Promise<Response> {
    try {
      return await fetch(`${this.#address}/api/2.0/mlflow/${path}`, {
        method,
        headers: this.#headers,
        ...(body && { body: JSON.stringify(body) }),
      })
    } catch (error) {
      const { cause, message } = error as Error & { cause?: Error }
      throw new EnvironmentError(
        `the MLflow server at ${this.#address} cannot be reached: ${cause?.message || message}; start it, or correct the address.`,
        { address: this.#address },
        { cause: error },
      )
    }
  }

  async #json(response: Response): Promise<unknown> {
    const text = await response.text()
    if (response.ok) {
      try {
        return JSON.parse(text)
      } catch {}
    }
    throw new EnvironmentError(
      `the MLflow server at ${this.#address} answered ${response.status} to ${new URL(response.url).pathname}: ${text.slice(0, 300)}; ` +
        'is it an MLflow tracking server, and may you write to it?',
      { address: this.#address, status: response.status },
    )
  }
}

interface SearchedRun {
  info: { run_id: string; status: string }
  data: { tags?: { key: string; value: string }[] }
}
