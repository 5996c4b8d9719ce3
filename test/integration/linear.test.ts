import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Dataset, LinearModel, splitLinearRows } from '../../lib'
import { clouds, command, curve, folder, json, meanfield, more, place, put } from './command'

const linear = ['fit', 'linear']

/** float64, C order, as NumPy writes it. */
function npy(name: string, values: number[], shape: number[]): string {
  const text = `{'descr': '<f8', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const head = Buffer.alloc(10)
  head.write('\x93NUMPY\x01\x00', 'latin1')
  head.writeUInt16LE(header.length, 8)
  writeFileSync(place(name), Buffer.concat([head, Buffer.from(header), Buffer.from(new Float64Array(values).buffer)]))
  return place(name)
}

const n = 160
const cell = (i: number, j: number) => Math.sin(1 + i * i * (j + 1) + j)
const side = (i: number) => (cell(i, 0) + 0.5 * cell(i, 1) + 0.2 * cell(i, 3) > 0.1 ? 1 : -1)
const rows = Array.from({ length: n }, (_, i) => i)
const x = npy(
  'x.npy',
  rows.flatMap((i) => [0, 1, 2].map((j) => cell(i, j))),
  [n, 3],
)
const y = npy('y.npy', rows.map(side), [n])
const lines = (from: number, to: number) =>
  rows
    .slice(from, to)
    .map((i) => `${side(i)} ${[0, 2].map((j) => `${j + 1 + (i % 2)}:${cell(i, j)}`).join(' ')}`)
    .join('\n')
const svm = put('all.svm', `${lines(0, n)}\n`)
const svmTest = put('test.svm', `${lines(0, 30)}\n`)

const logistic = ['--loss', 'logistic', '--l2', '1e-2', '--tolerance', '1e-8']

describe('fit linear', () => {
  it('prints every field of a run as JSON, and writes the trace', () => {
    const trace = place('trace.csv')
    const out = place('linear.safetensors')
    const { status, stderr, document } = json(
      ...linear,
      ...['--data', clouds, '--target', 'side', '--holdout', '0.25', '--seed', '3', '--trace', trace, '--out', out],
      ...logistic,
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(document).toMatchObject({
      model: 'linear',
      algorithm: { name: 'newton' },
      options: { loss: 'logistic', l2: 1e-2, outputs: 1 },
      chosen: { algorithm: { value: 'newton', why: expect.any(String) } },
      certificate: { primal: expect.any(Number), dual: expect.any(Number), gap: expect.any(Number), standardError: 0 },
      passes: expect.any(Number),
      queries: expect.any(Number),
      steps: expect.any(Number),
      stop: 'gap',
      device: 'cpu',
      isa: expect.any(String),
      threads: expect.any(Number),
      seed: 3,
      file: out,
    })
    expect(Object.keys(document.seconds)).toEqual(['load', 'setup', 'solve'])
    for (const part of ['train', 'test'])
      expect(document.scores[part]).toEqual({ accuracy: expect.any(Number), loss: expect.any(Number) })
    const [header, ...points] = readFileSync(trace, 'utf8').trim().split('\n')
    expect(header).toBe('seconds,passes,queries,primal,dual')
    const [, , , primal, dual] = (points.at(-1) as string).split(',').map(Number)
    expect([primal, dual]).toEqual([document.certificate.primal, document.certificate.dual])
  })

  it.each<[string, string[]]>([
    ['NPY', ['--data', x, '--targets', y]],
    ['LIBSVM', ['--data', svm]],
  ])('--holdout keeps the same share of the classes, drawn by the seed, from %s', (_, data) => {
    const seeded = (seed: string) => json(...linear, ...data, ...logistic, '--holdout', '0.25', '--seed', seed)
    const { status, document } = seeded('1')
    expect(status).toBe(0)
    expect(document.scores.test.accuracy).toBeGreaterThan(0.5)
    expect(document.objective).toBe(seeded('1').document.objective)
    expect(document.objective).not.toBe(seeded('2').document.objective)
    const whole = json(...linear, ...data, ...logistic).document
    expect(whole.scores).not.toHaveProperty('test')
    expect(whole.objective).not.toBe(document.objective)
  })

  it('--holdout is what Dataset.split gives', async () => {
    const { document } = json(...linear, '--data', x, '--targets', y, ...logistic, '--holdout', '0.25', '--seed', '5')
    const data = await Dataset.fromNpy(x, y, { task: 'classification' })
    const { train, test } = data.split({ test: 0.25, seed: 5 })
    const model = new LinearModel({ loss: 'logistic', l2: 1e-2 })
    expect((await model.fit(train, { tolerance: 1e-8, seed: 5 })).objective).toBe(document.objective)
    expect(await model.score(test)).toEqual(document.scores.test)
  })

  it('scores --test of every kind of file, and scales NPY', () => {
    expect(
      json(...linear, '--data', svm, '--test', svmTest, ...logistic).document.scores.test.accuracy,
    ).toBeGreaterThan(0.5)
    const npyTest = ['--data', x, '--targets', y, '--test', x, '--test-targets', y, '--scale', 'standard']
    const { scores } = json(...linear, ...npyTest, ...logistic).document
    expect(scores.test).toEqual(scores.train)
    const csv = json(...linear, '--data', curve, '--target', 'height', '--test', curve, '--l2', '1e-3').document
    expect(csv.scores.test).toEqual({ r2: expect.any(Number), mse: expect.any(Number) })
  })

  it('a regularization path', () => {
    const { status, document } = json(...linear, '--data', clouds, '--target', 'side', '--l1', '1', '--path', '5')
    expect(status).toBe(0)
    expect(document.path.map(({ nonZeros }: { nonZeros: number }) => nonZeros)[0]).toBe(0)
    expect(document.path).toHaveLength(5)
  })

  it('Ctrl-C ends with 75, a model and a checkpoint that the run goes on from', async () => {
    const checkpoint = place('linear checkpoint')
    const out = place('part.safetensors')
    const slow = [...linear, '--data', x, '--targets', y, '--loss', 'logistic', '--l2', '1e-3', '--algorithm', 'svrg']
    const endless = [...slow, '--tolerance', '0', '--passes', '1e9', '--threads', '1', '--step', '1e-6']
    const child = spawn(process.execPath, [command, ...endless, '--json', '--out', out, '--checkpoint', checkpoint], {
      cwd: folder,
    })
    let text = ''
    child.stdout.on('data', (part) => {
      text += part
    })
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    while (!existsSync(checkpoint) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGINT')
    expect(await ended).toBe(75)
    const { stop, steps } = JSON.parse(text)
    expect(stop).toBe('aborted')
    expect(existsSync(out)).toBe(true)
    const goOn = [
      ...endless.slice(0, endless.indexOf('--passes')),
      '--steps',
      String(steps + 2),
      '--threads',
      '1',
      '--step',
      '1e-6',
    ]
    const resumed = json(...goOn, '--resume', checkpoint)
    expect(resumed.status).toBe(0)
    expect(resumed.document).toMatchObject({ resumedFrom: steps, steps: steps + 2 })
  }, 60000)
})

describe('predict with a linear model', () => {
  it('gives classes and margins for CSV, NPY and LIBSVM', async () => {
    const fromCsv = place('csv.safetensors')
    json(...linear, '--data', clouds, '--target', 'side', '--scale', 'standard', '--out', fromCsv)
    const csv = json('predict', fromCsv, '--data', more).document
    const model = await LinearModel.load(fromCsv)
    const data = await Dataset.fromCsv(more, { target: 'side', dtype: 'float64' })
    expect(csv.predictions.map(({ outputs: [z] }: { outputs: number[] }) => z)).toEqual(
      Array.from(await model.predict(data)),
    )
    expect(csv.predictions.map((row: { class: string }) => row.class)).toEqual(await model.predictClasses(data))

    const fromNpy = place('npy.safetensors')
    json(...linear, '--data', x, '--targets', y, ...logistic, '--scale', 'standard', '--out', fromNpy)
    const scaled = json('predict', fromNpy, '--data', x).document
    const whole = await Dataset.fromNpy(x, y, { task: 'classification' })
    const expected = Array.from(await (await LinearModel.load(fromNpy)).predict(whole))
    expect(scaled.predictions.map(({ outputs: [z] }: { outputs: number[] }) => z)).toEqual(expected)

    const fromSvm = place('svm.safetensors')
    json(...linear, '--data', svm, ...logistic, '--out', fromSvm)
    const sparse = json('predict', fromSvm, '--data', svmTest).document
    expect(sparse.rows).toBe(30)
    expect(sparse.predictions[0]).toEqual({ class: expect.stringMatching(/^-?1$/), outputs: [expect.any(Number)] })
    const narrow = put('narrow.svm', '1 1:0.5 3:1\n')
    expect(meanfield('predict', fromNpy, '--data', narrow).stderr).toMatch(/fitted on scaled columns.*sparse/)
  })
})

describe('wrong use is refused before any work', () => {
  it.each<[number, string[], RegExp]>([
    [
      1,
      ['--data', x, '--targets', y, '--holdout', '0.2', '--test', x, '--test-targets', y],
      /both --test and --holdout/,
    ],
    [1, ['--data', svm, '--holdout', '0.2', '--test', svmTest], /both --test and --holdout/],
    [1, ['--data', clouds, '--target', 'side', '--holdout', '0.2', '--test', more], /both --test and --holdout/],
    [2, ['--data', svm, '--holdout', '1.5'], /--holdout is 1\.5; expected a fraction/],
    [1, ['--data', x], /an NPY file has no targets; say --targets/],
    [1, ['--data', x, '--targets', y, '--test', x], /say --test-targets/],
    [1, ['--data', x, '--targets', y, '--test-targets', y], /--test-targets was given without --test/],
    [1, ['--data', x, '--targets', y, '--target', 'a'], /--target is for tables .*, but --data is NPY/],
    [1, ['--data', svm, '--targets', y], /--targets is for NPY files, but --data is LIBSVM/],
    [1, ['--data', svm, '--scale', 'standard'], /--scale is for tables .* and NPY files, but --data is LIBSVM/],
    [1, ['--data', svm, '--no-header'], /--no-header is for tables/],
    [1, ['--data', svm, '--test', more], /--data is LIBSVM and --test is a table/],
    [1, ['--data', clouds], /no column to learn was named/],
    [2, ['--data', svm, '--out', 'no/such/model'], /--out is 'no\/such\/model'; there is no folder/],
    [2, ['--data', svm, '--trace', folder], /--trace is .* that is a folder/],
    [2, ['--data', svm, '--checkpoint', 'no/such/file'], /--checkpoint is 'no\/such\/file'/],
    [2, ['--data', svm, '--l2', '-1'], /--l2 is -1; expected/],
    [2, ['--data', svm, '--algorithm', 'svrg', '--minibatch', '1000'], /minibatch is 1000 but the data have 160 rows/],
  ])('%i %p', (status, args, message) => {
    const result = json(...linear, ...args)
    expect(result.status).toBe(status)
    expect(result.document.error.message).toMatch(message)
  })
})

describe('splitLinearRows', () => {
  it('divides dense and sparse rows without a loss', () => {
    const sparse = {
      values: Float32Array.of(1, 2, 3, 4, 5),
      columnIndices: Int32Array.of(0, 2, 1, 0, 1),
      rowStarts: Int32Array.of(0, 2, 2, 3, 5),
      rows: 4,
      columns: 3,
      targets: Float64Array.of(1, -1, 1, -1),
    }
    const { train, test } = splitLinearRows(sparse, { test: 2, seed: 1 }, Float64Array.of(1, 0, 1, 0))
    const listed = [train, test].flatMap((part) =>
      Array.from({ length: part.rows }, (_, i) => {
        const [from, to] = [Number(part.rowStarts?.[i]), Number(part.rowStarts?.[i + 1])]
        return [
          part.targets[i],
          ...part.values.subarray(from, to),
          ...(part.columnIndices?.subarray(from, to) ?? []),
        ].join(' ')
      }),
    )
    expect(listed.sort()).toEqual(['-1', '-1 4 5 0 1', '1 1 2 0 2', '1 3 1'])
    expect(train.values).toBeInstanceOf(Float32Array)
    // One of each class in the test part.
    expect(Array.from(test.targets).sort()).toEqual([-1, 1])
    const dense = { values: Float64Array.of(1, 2, 3, 4, 5, 6), rows: 3, columns: 2, targets: Float64Array.of(1, 2, 3) }
    const parts = splitLinearRows(dense, { test: 1, seed: 2 })
    expect([...parts.train.values, ...parts.test.values].sort()).toEqual([1, 2, 3, 4, 5, 6])
    expect([parts.train.rows, parts.test.rows]).toEqual([2, 1])
  })
})
