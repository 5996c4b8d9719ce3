import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { Study } from '../../lib/experiment'
import { command, json, meanfield, place } from './command'
import { completions, hasCheckpoint, launch, long, meanfieldProcess, results, small, states, until } from './studies'

const plain = place('plain')
beforeAll(() => {
  expect(json('run', small, '--out', plain).status).toBe(0)
})

// What the jobs find on the machines of a cluster: the command, and for Slurm scontrol, which here takes notes.
const bin = place('bin')
const notes = place('scontrol.txt')
mkdirSync(bin)
const put = (name: string, words: string) => writeFileSync(join(bin, name), `#!/bin/sh\n${words}\n`, { mode: 0o755 })
put('meanfield', `exec '${process.execPath}' '${command}' "$@"`)
put('scontrol', `echo "$@" >> '${notes}'`)
const PATH = `${bin}:${process.env.PATH}`

const task = (script: string, index: number) =>
  launch('bash', [script], { PATH, SLURM_ARRAY_JOB_ID: '7', SLURM_ARRAY_TASK_ID: String(index) })

test('the tasks of a Slurm array, at once, make the study that one process makes', async () => {
  const [out, script] = [place("slurm's study"), place('job.sh')]
  const flags = ['--slurm', '--parts', '3', '--cpus', '2', '--memory', '8G', '--time', '04:00:00']
  expect(meanfield('submit', small, '--out', out, ...flags, '--to', script).status).toBe(0)
  expect(spawnSync('bash', ['-n', script]).status).toBe(0)
  const text = readFileSync(script, 'utf8')
  for (const option of ['--array=0-2', '--requeue', '--cpus-per-task=2', '--mem=8G', '--time=04:00:00'])
    expect(text).toContain(`\n#SBATCH ${option}\n`)
  expect(states(out)).toEqual(Array(12).fill('waiting'))
  expect(await Promise.all([0, 1, 2].map((index) => task(script, index).ended))).toEqual([0, 0, 0])
  expect(results(out)).toEqual(results(plain))
  expect(Object.values(completions(out))).toEqual(Array(12).fill(1))
  expect(existsSync(notes)).toBe(false)
})

test('the indices of a Kubernetes job, at once, make the study that one process makes', async () => {
  const out = place('kubernetes')
  const flags = [
    '--kubernetes',
    '--parts',
    '4',
    '--memory',
    '8Gi',
    '--image',
    'registry/meanfield:1',
    '--claim',
    'studies',
  ]
  const { status, stdout } = meanfield('submit', small, '--out', out, ...flags, '--mount', place(''))
  expect(status).toBe(0)
  const { apiVersion, kind, metadata, spec } = parse(stdout)
  expect({ apiVersion, kind, metadata }).toEqual({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'meanfield-small' },
  })
  expect(spec).toMatchObject({ completionMode: 'Indexed', completions: 4, parallelism: 4 })
  const pod = spec.template.spec
  const [container] = pod.containers
  expect(pod.restartPolicy).toBe('Never')
  expect(container.volumeMounts[0].mountPath).toBe(place(''))
  expect(container.resources).toEqual({ requests: { memory: '8Gi' }, limits: { memory: '8Gi' } })
  // 42 fails the index at once, 75 does not count as a failure.
  const actions = Object.fromEntries(
    spec.podFailurePolicy.rules.flatMap(
      (rule: { action: string; onExitCodes?: { containerName: string; values: number[] } }) =>
        (rule.onExitCodes?.values ?? []).map((code) => [code, `${rule.action} ${rule.onExitCodes?.containerName}`]),
    ),
  )
  expect(actions).toEqual({ 42: `FailIndex ${container.name}`, 75: `Ignore ${container.name}` })
  const codes = [0, 1, 2, 3].map((index) => {
    const [program, ...args] = container.command.map((word: string) =>
      word.replace('$(JOB_COMPLETION_INDEX)', String(index)),
    )
    return launch(program, args, { PATH }).ended
  })
  expect(await Promise.all(codes)).toEqual([0, 0, 0, 0])
  expect(results(out)).toEqual(results(plain))
  expect(Object.values(completions(out))).toEqual(Array(12).fill(1))
})

test('a task that is told to stop leaves checkpoints, ends with 75 and is queued again', async () => {
  const [out, script] = [place('stopped'), place('stopped.sh')]
  expect(meanfield('submit', small, ...long, '--out', out, '--slurm', '--parts', '1', '--to', script).status).toBe(0)
  const { child, ended } = task(script, 0)
  await until('a checkpoint', () => hasCheckpoint(out))
  child.kill('SIGTERM')
  expect(await ended).toBe(75)
  expect(readFileSync(notes, 'utf8')).toBe('requeue 7_0\n')
  expect(states(out)).toEqual(['waiting'])
  expect(hasCheckpoint(out)).toBe(true)
})

test('what would only fail again ends with 42: a trial that fails, a study that is not there, one that cannot be shared out', async () => {
  const [out, script] = [place('failing'), place('failing.sh')]
  const options = ['algorithm=langevin', 'entropy=1e-3', 'seed=0', 'step=auto,1e9']
  expect(meanfield('submit', small, ...options, '--out', out, '--slurm', '--parts', '2', '--to', script).status).toBe(0)
  expect(await Promise.all([0, 1].map((index) => task(script, index).ended))).toEqual([0, 42])
  expect(states(out)).toEqual(['complete', 'failed'])
  expect(meanfield('worker', place('nowhere'), '--part', '0/2').status).toBe(42)
  const learns = ['search.sampler=tpe', 'search.trials=3', 'objective=test.loss', '--out', place('learns')]
  const { status, document } = json('submit', small, ...learns, '--slurm', '--parts', '2')
  expect({ status, document }).toMatchObject({
    status: 2,
    document: { error: { message: expect.stringContaining('tpe, which learns from every result') } },
  })
  expect(meanfield('worker', place('learns'), '--part', '0/2').status).toBe(42)
})

test('a worker waits for the trials of its part that somebody alive is at', async () => {
  const out = place('shared')
  const study = await Study.create(out, { ...(await definition()), seeds: [0] }, { base: place('') })
  study.plan()
  const [first, ...others] = study.trials()
  study.session.start(first.id)
  study.session.flush()
  const worker = meanfieldProcess('worker', out, '--part', '0/1', '--json')
  await until(
    'all others are complete',
    () => states(out).filter((state) => state === 'complete').length === others.length,
  )
  expect(worker.child.exitCode).toBe(null)
  study.session.complete(first.id, { metrics: { gap: 1 } })
  study.close()
  expect(await worker.ended).toBe(0)
  expect(JSON.parse(worker.words())).toMatchObject({
    carriedOut: others.length,
    states: { complete: others.length + 1 },
  })
})

async function definition() {
  const { loadDefinition } = await import('../../lib/experiment')
  return loadDefinition(small).definition
}

test.each([
  [['--slurm'], /--slurm needs --parts/],
  [['--slurm', '--kubernetes', '--parts', '2'], /expected one of --slurm, --kubernetes and --redis/],
  [['--kubernetes', '--parts', '2', '--image', 'x'], /--kubernetes needs --claim/],
  [['--slurm', '--parts', '2', '--image', 'x'], /--image has no meaning for --slurm/],
  [['--slurm', '--parts', '2', '--time', '1\n#SBATCH --wrap=x'], /--time is '1\n.*expected letters/],
  [['--redis', 'http://localhost'], /expected redis:\/\/host:port/],
])('submit %j is refused', (flags, words) => {
  const { status, stderr } = meanfield('submit', plain, ...flags)
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(words) })
})
