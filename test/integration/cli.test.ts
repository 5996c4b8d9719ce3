import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Dataset, MeanFieldNetwork, readFeatures } from '../../lib'
import { clouds, command, curve, fit, fitClouds, folder, json, meanfield, more, place, put, small } from './command'

describe('fit', () => {
  it('prints every field of a run as JSON', () => {
    const out = place('clouds.safetensors')
    const { status, stderr, document } = json(...fitClouds, '--holdout', '0.25', '--seed', '3', '--out', out)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(document).toMatchObject({
      model: 'mean-field',
      algorithm: { name: 'langevin', step: 'auto' },
      options: { particles: 32, entropy: 1e-4, loss: 'logistic', outputs: 1 },
      chosen: { step: { value: expect.any(Number), why: expect.any(String) } },
      objective: expect.any(Number),
      certificate: {
        primal: expect.any(Number),
        dual: expect.any(Number),
        gap: expect.any(Number),
        standardError: expect.any(Number),
      },
      passes: 40,
      queries: 40,
      steps: 40,
      stop: 'budget',
      device: 'cpu',
      isa: expect.any(String),
      threads: expect.any(Number),
      seed: 3,
      file: out,
    })
    expect(Object.keys(document.seconds)).toEqual(expect.arrayContaining(['load', 'setup', 'solve', 'certificate']))
    for (const seconds of Object.values(document.seconds)) expect(seconds).toBeGreaterThan(0)
    for (const part of ['train', 'test'])
      expect(document.scores[part]).toEqual({ accuracy: expect.any(Number), loss: expect.any(Number) })
    expect(document).not.toHaveProperty('trace')
  })

  it('is what the library gives', async () => {
    const { document } = json(...fitClouds, '--holdout', '0.25', '--seed', '3', '--algorithm', 'dual-averaging')
    const { train, test } = (await Dataset.fromCsv(clouds, { target: 'side' })).split({ test: 0.25, seed: 3 })
    const net = new MeanFieldNetwork({ particles: 32, entropy: 1e-4, algorithm: 'dual-averaging' })
    const same = await net.fit(train, { steps: 40, certificateDraws: 200, seed: 3 })
    expect(document.objective).toBe(same.objective)
    expect(document.certificate.gap).toBe(same.certificate?.gap)
    expect(document.scores).toEqual({ train: await net.score(train), test: await net.score(test) })
  })

  it('scores numbers by r2 and mse, in the units of the data', () => {
    const { status, document } = json(...fit, '--data', curve, '--target', 'height', ...small, '--steps', '400')
    expect(status).toBe(0)
    expect(document.options.loss).toBe('squared')
    expect(document.scores).toEqual({ train: { r2: expect.any(Number), mse: expect.any(Number) } })
    const { r2, mse } = document.scores.train
    expect(r2).toBeGreaterThan(0.8)
    const heights = readFileSync(curve, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[2]))
    const mean = heights.reduce((sum, y) => sum + y, 0) / heights.length
    const variance = heights.reduce((sum, y) => sum + (y - mean) ** 2, 0) / heights.length
    expect(r2).toBeCloseTo(1 - mse / variance, 10)
  })

  it('takes test data from a file, and a file without a header', () => {
    const { document } = json(...fitClouds, '--test', more)
    expect(document.scores.test.accuracy).toBeGreaterThan(0.8)
    const [, ...bare] = readFileSync(clouds, 'utf8').split('\n')
    const file = put('bare.csv', bare.join('\n'))
    const flags = ['--data', file, '--no-header', ...small]
    const by = [['2'], ['x2']].map(([target]) => json(...fit, ...flags, '--target', target as string))
    for (const { status, document: one } of by) {
      expect(status).toBe(0)
      expect(one.options.loss).toBe('logistic')
      expect(one.objective).toBe(by[0]?.document.objective)
    }
    const out = place('bare.safetensors')
    expect(meanfield(...fit, ...flags, '--target', '0', '--task', 'regression', '--out', out).status).toBe(2)
    const numbers = put('numbers.csv', bare.map((line) => line.replace(/left|right/, '1.5')).join('\n'))
    expect(meanfield(...fit, '--data', numbers, '--no-header', '--target', '0', ...small, '--out', out).status).toBe(0)
    expect(meanfield('predict', out, '--data', numbers, '--no-header').stdout.split('\n')[0]).toBe('output')
  })

  it('tells a person the same', () => {
    const { status, stdout, stderr } = meanfield(...fitClouds, '--holdout', '0.25')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const words of [
      /^algorithm +langevin, 40 steps/m,
      /^certificate +primal/m,
      /^test +accuracy/m,
      /^step \(auto\)/m,
    ])
      expect(stdout).toMatch(words)
  })

  it('takes every option of the model, the algorithm and the run as a flag', () => {
    const { status, document } = json(
      ...fitClouds,
      ...'--activation relu --second-layer fixed --signs balanced --output-scale 2 --no-bias --ridge 0.01 --loss softmax'.split(
        ' ',
      ),
      ...'--initial-variance 0.5 --algorithm dual-averaging --step 0.01 --inner-steps 3 --start restart'.split(' '),
      ...'--no-certificate --threads 1 --trace-every 10 --scale minmax --device cpu'.split(' '),
    )
    expect(status).toBe(0)
    expect(document).toMatchObject({
      options: {
        activation: 'relu',
        secondLayer: 'fixed',
        signs: 'balanced',
        outputScale: 2,
        bias: false,
        ridge: 0.01,
      },
      algorithm: { name: 'dual-averaging', step: 0.01, innerSteps: 3, start: 'restart' },
      certificate: null,
      chosen: {},
      threads: 1,
    })
  })
})

describe('predict', () => {
  const model = place('predict.safetensors')
  beforeAll(() => {
    expect(meanfield(...fitClouds, '--out', model).status).toBe(0)
  })

  it('gives what the library gives, as CSV or JSON', async () => {
    const net = await MeanFieldNetwork.load(model)
    const rows = await readFeatures(more, { features: ['x', 'y'] })
    const outputs = Array.from(await net.predict(rows))
    const classes = await net.predictClasses(rows)
    const { status, document } = json('predict', model, '--data', more)
    expect(status).toBe(0)
    expect(document).toEqual({
      model,
      rows: 120,
      outputs: ['output'],
      predictions: outputs.map((output, i) => ({ class: classes[i], outputs: [output] })),
    })
    const csv = `class,output\n${outputs.map((output, i) => `${classes[i]},${output}`).join('\n')}\n`
    expect(meanfield('predict', model, '--data', more)).toEqual({ status: 0, stdout: csv, stderr: '' })
    const out = place('predictions.csv')
    const told = json('predict', model, '--data', more, '--out', out)
    expect(told.document).toEqual({ model, rows: 120, outputs: ['output'], file: out })
    expect(readFileSync(out, 'utf8')).toBe(csv)
  })

  it('needs the columns of the model and no others', () => {
    const [header, ...rest] = readFileSync(more, 'utf8').trim().split('\n')
    const swapped = [header, ...rest].map((line) => line.split(',').reverse().join(','))
    expect(meanfield('predict', model, '--data', put('swapped.csv', swapped.join('\n'))).stdout).toBe(
      meanfield('predict', model, '--data', more).stdout,
    )
    const { status, document } = json('predict', model, '--data', put('other.csv', 'x,z\n1,2\n'))
    expect(status).toBe(2)
    expect(document.error.message).toMatch(/no column 'y'.*'x', 'z'/)
  })

  it.each<[string, string[], RegExp]>([
    ['a model that is missing', ['no-such-model', '--data', more], /'no-such-model' could not be opened: ENOENT/],
    ['a model that is none', [more, '--data', more], /more\.csv' is not a model/],
    ['data that are missing', [model, '--data', 'no-such-file'], /no-such-file/],
    ['a folder to write to', [model, '--data', more, '--out', folder], /--out is '.*'; that is a folder/],
  ])('refuses %s', (_, args, message) => {
    const { status, document } = json('predict', ...args)
    expect(status).toBe(2)
    expect(document.error.message).toMatch(message)
  })
})

/** Sends SIGINT as soon as the checkpoint is there, which is before the first step. */
async function interrupted(args: string[], checkpoint: string) {
  const child = spawn(process.execPath, [command, ...args, '--checkpoint', checkpoint], { cwd: folder })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (part) => (text.stdout += part))
  child.stderr.on('data', (part) => (text.stderr += part))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  while (!existsSync(checkpoint) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2))
  child.kill('SIGINT')
  return { status: await ended, ...text }
}

describe('interrupted', () => {
  it.each(['langevin', 'dual-averaging'])('a fit ends with 75 and goes on bit for bit (%s)', async (algorithm) => {
    const flags = ['--seed', '4', '--algorithm', algorithm, '--steps', '3000', '--threads', '1']
    const whole = place(`${algorithm} whole`)
    const checkpoint = place(`${algorithm} checkpoint`)
    const resumed = place(`${algorithm} resumed`)
    const expected = json(...fitClouds, ...flags, '--out', whole)
    const part = await interrupted([...fitClouds, ...flags, '--json', '--out', place('part')], checkpoint)
    expect(part.status).toBe(75)
    const { stop, steps, certificate, scores } = JSON.parse(part.stdout)
    expect({ stop, certificate }).toEqual({ stop: 'aborted', certificate: null })
    expect(steps).toBeLessThan(3000)
    expect(scores.train.accuracy).toBeGreaterThan(0)
    expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([])

    const { status, document } = json(...fitClouds, ...flags, '--resume', checkpoint, '--out', resumed)
    expect(status).toBe(0)
    expect(document.resumedFrom).toBe(steps)
    const comparable = ({ seconds: _, file: __, resumedFrom: ___, ...rest }: Record<string, unknown>) => rest
    expect(comparable(document)).toEqual(comparable(expected.document))
    const tensors = (path: string) => {
      const bytes = readFileSync(path)
      return bytes.subarray(8 + Number(bytes.readBigUInt64LE()))
    }
    expect(tensors(resumed).equals(tensors(whole))).toBe(true)
  })

  it('tells a person how to go on', async () => {
    const checkpoint = place('person checkpoint')
    const { status, stderr } = await interrupted([...fitClouds, '--steps', '1000000000'], checkpoint)
    expect(status).toBe(75)
    expect(stderr).toContain(`go on with --resume ${checkpoint}`)
  })
})

describe('reproduce', () => {
  it('lists the experiments', () => {
    const { status, document } = json('reproduce', '--list')
    expect(status).toBe(0)
    expect(document.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining(['digits', 'alignment']))
    expect(meanfield('reproduce', '--list').stdout).toMatch(/^alignment +\S/m)
  })

  it('runs one, writes its figures and one page, and prints its claims', () => {
    const out = place('reproduced')
    const { status, stderr, document } = json('reproduce', 'alignment', '--out', out, '--report')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(document).toHaveLength(1)
    const [{ id, claims, files, report }] = document
    expect(id).toBe('alignment')
    expect(claims.length).toBeGreaterThan(0)
    for (const claim of claims)
      expect(claim).toEqual({
        claim: expect.any(String),
        measured: expect.any(Number),
        expected: expect.stringMatching(/^at (least|most) /),
        holds: true,
      })
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) expect(existsSync(file)).toBe(true)
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>/i)
  })

  it.each<[string[], RegExp]>([
    [['reproduce', 'algnment'], /no experiment 'algnment'; did you mean alignment\?/],
    [['reproduce'], /no experiment was named; expected --all or one of/],
    [['reproduce', '--all', 'alignment'], /both --all and names/],
  ])('refuses %p', (args, message) => {
    const { status, document } = json(...args)
    expect(status).toBe(1)
    expect(document.error).toEqual({ code: 'MEANFIELD_USAGE', message: expect.stringMatching(message) })
  })

  it('refuses a file where a folder should be, before any work', () => {
    const { status, document } = json('reproduce', 'alignment', '--out', clouds)
    expect(status).toBe(2)
    expect(document.error.message).toContain(clouds)
  })
})

describe('doctor', () => {
  it('finds everything in order', () => {
    const { status, document } = json('doctor')
    expect(status).toBe(0)
    expect(document).toMatchObject({ healthy: true, node: process.versions.node, native: { napi: 8 } })
    expect(document.checks.length).toBeGreaterThan(5)
    for (const { name, passed, seen } of document.checks) {
      expect(name.length).toBeGreaterThan(2)
      expect(passed).toBe(true)
      expect(seen.length).toBeGreaterThan(2)
    }
    const { stdout } = meanfield('doctor')
    expect(stdout).toMatch(/^✓ small fit/m)
    expect(stdout).toContain('Everything is in order.')
  })
})

describe('help', () => {
  const commands = /^ {2}([a-z-]+) /gm
  const all = (args: string[]): string[][] => {
    const { stdout } = meanfield(...args, '--help')
    const list = /\nCommands:\n([\s\S]*?)(\n\n|$)/.exec(stdout)?.[1] ?? ''
    return [args, ...[...list.matchAll(commands)].flatMap(([, name]) => all([...args, name as string]))]
  }

  it('of every command has an example and ends with 0', () => {
    const found = all([])
    expect(found.map((args) => args.join(' '))).toEqual(
      expect.arrayContaining(['', 'fit', 'fit mean-field', 'predict', 'reproduce', 'doctor']),
    )
    for (const args of found) {
      const { status, stdout, stderr } = meanfield(...args, '--help')
      expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' })
      expect(stdout).toMatch(/Examples?:\n {2}\$ meanfield /)
    }
  })

  it('shows options with their symbols, ranges and defaults', () => {
    const { stdout } = meanfield(...fit, '--help')
    const flat = stdout.replace(/\s+/g, ' ')
    expect(flat).toMatch(/--particles <integer> M: Number of particles.*default: 1000/)
    expect(flat).toMatch(/--loss <[^>]*> Loss.*default: auto/)
    expect(flat).toMatch(/--no-bias Not: Give every neuron a bias/)
    expect(flat).not.toContain('--outputs')
  })

  it('tells the version', () => {
    const { version } = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8'))
    expect(meanfield('--version').stdout.trim()).toBe(version)
  })
})

it('a reader that has seen enough is no failure', async () => {
  const child = spawn(process.execPath, [command, 'fit', 'mean-field', '--help'])
  child.stdout.destroy()
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0)
})
