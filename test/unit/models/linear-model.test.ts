import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Dataset, gaussian, LinearModel, type LinearRows, readLibsvm } from '../../../lib'
import { binding, catalogue } from '../../../lib/native'

const folder = mkdtempSync(join(tmpdir(), 'linear-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const real = (name: string, target: string) => Dataset.fromCsv(`data/${name}`, { target, dtype: 'float64' })
const linear = catalogue().models.find(({ name }) => name === 'linear')

describe('real data: a duality gap of 1e-8, or a refusal with a reason', () => {
  // Incremental methods on problems without strong convexity need passes in proportion to their condition; these are standardised.
  const problems = [
    { data: 'breast-cancer.csv', target: 'label', options: { loss: 'logistic', l2: 1e-2 } },
    { data: 'spam.csv.gz', target: 'label', options: { loss: 'logistic', l1: 1e-3, l2: 1e-2 } },
    { data: 'diabetes.csv', target: 'progression', options: { loss: 'squared', l1: 5, l2: 0 } },
    { data: 'diabetes.csv', target: 'progression', options: { loss: 'squared', l2: 0.1 } },
    // One-vs-rest of ten classes.
    { data: 'digits.csv.gz', target: 'label', options: { loss: 'logistic', l2: 0.1, intercept: false } },
  ] as const
  test.each(problems)('$data $options', async ({ data, target, options }) => {
    const train = await real(data, target)
    const objectives: number[] = []
    for (const { name } of linear?.algorithms ?? []) {
      const model = new LinearModel({ ...options, scale: 'standard', algorithm: name as 'svrg' })
      try {
        const fit = await model.fit(train, { gap: 1e-8, tolerance: 0, seconds: 10, threads: 1 })
        expect([name, fit.stop]).toEqual([name, 'gap'])
        expect(fit.certificate.gap).toBeLessThanOrEqual(1e-8)
        objectives.push(fit.objective)
      } catch (error) {
        expect((error as Error).message).toContain('cannot solve this problem: ')
      }
    }
    expect(objectives.length).toBeGreaterThanOrEqual(9)
    // All within their gaps of one optimum.
    expect(Math.max(...objectives) - Math.min(...objectives)).toBeLessThanOrEqual(1.1e-8)
  })
})

describe('LinearModel', () => {
  test('device: auto says why it took no GPU, cpu looks for none, one that is not there is an error', async () => {
    const rows: LinearRows = {
      values: Float64Array.of(-1, 2, -3, 4),
      rows: 4,
      columns: 1,
      targets: Float64Array.of(0, 2, 0, 3),
    }
    const model = new LinearModel({ l2: 0.1 })
    expect(await model.fit(rows)).toMatchObject({
      device: 'cpu',
      deviceReason: expect.stringMatching(/CUDA|NVIDIA driver|the data are small|stays on the CPU/),
    })
    expect(await model.fit(rows, { device: 'cpu' })).not.toHaveProperty('deviceReason')
    await expect(model.fit(rows, { device: 'gpu' as 'cuda' })).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_OPTION',
      message: expect.stringMatching(/device is 'gpu'; expected 'auto', 'cpu', 'cuda'/),
    })
    await expect(model.fit(rows, { device: 'cuda:7' })).rejects.toMatchObject({
      code: 'MEANFIELD_DEVICE',
      message: expect.stringMatching(/device is 'cuda:7'.*Use device 'cpu' or 'auto'/),
    })
  })

  test('fits, predicts, scores, saves and loads; weights per class, probabilities', async () => {
    const { train, test } = (await real('digits.csv.gz', 'label')).split({ test: 0.25, stratify: true, seed: 1 })
    const model = new LinearModel({ loss: 'softmax', l2: 1e-2, scale: 'standard' })
    const run = model.fit(train, { tolerance: 1e-6 })
    const fit = await run
    expect(fit.stop).toBe('gap')
    expect(fit.certificate.gap).toBeLessThanOrEqual(1e-6 * fit.objective)
    expect(fit.trace.gap.at(-1)).toBe(fit.certificate.gap)
    const score = await model.score(test)
    expect('accuracy' in score && score.accuracy).toBeGreaterThan(0.93)
    const path = join(folder, 'digits.safetensors')
    await model.save(path)
    const same = await LinearModel.load(path)
    expect(await same.predict(test)).toEqual(await model.predict(test))
    expect((await same.predictProbabilities(test)).slice(0, 10).reduce((a, b) => a + b)).toBeCloseTo(1, 5)
    expect((await same.predictClasses(test)).length).toBe(test.rows)
  })

  test('LIBSVM: read in place, exact numbers, same optimum as the arrays; errors name the line', async () => {
    const path = join(folder, 'a.svm')
    const lines = Array.from({ length: 300 }, (_, i) => {
      const entries = [1, 2, 3, 5, 8].filter((j) => (i * 7 + j * 3) % 4 > 0).map((j) => `${j}:${Math.sin(i * j + j)}`)
      return `${Math.sin(i * 3) > 0 ? '+1' : '-1'} ${entries.join(' ')}${i % 5 === 0 ? ' # note' : ''}`
    })
    writeFileSync(path, `${lines.join('\n')}\n`)
    const rows = await readLibsvm(path, { threads: 2 })
    expect([rows.rows, rows.columns]).toEqual([300, 8])
    const arrays = binding().libsvmArrays(rows.handle)
    const first = (lines[0] as string).match(/:(\S+)/)?.[1]
    expect(arrays.values[0]).toBe(Number(first))
    const fromFile = await new LinearModel({ l2: 0.01 }).fit(rows, { tolerance: 1e-9 })
    const sparse: LinearRows = { ...arrays, targets: rows.targets }
    const fromArrays = await new LinearModel({ l2: 0.01 }).fit(sparse, { tolerance: 1e-9 })
    const narrow: LinearRows = { ...sparse, rowStarts: Int32Array.from(arrays.rowStarts, Number) }
    const from32 = await new LinearModel({ l2: 0.01 }).fit(narrow, { tolerance: 1e-9 })
    expect(fromArrays.objective).toBe(fromFile.objective)
    expect(from32.objective).toBe(fromFile.objective)
    for (const [text, words] of [
      ['1 1:2\n1 0:3', 'line 2: index 0 is below 1'],
      ['1 1:2\n\n-1 4:1 3:1', 'line 3: index 3 comes after 4'],
      ['1 1:2\n1 2:x', "line 2: the value at index 2 is 'x', not a number"],
      ['1 1:2\n1 2', "line 2: '2' is not an index from 1 and a value"],
      ['x 1:2', "line 1: the label is 'x', not a number"],
      ['1 1:inf', 'line 1: the value at index 1 is not finite'],
      ['1 1:1e999', "line 1: the value at index 1, '1e999', is out of the range of doubles"],
      ['1 1:0.5x', "line 1: 'x' follows a number without a space"],
      ['', 'has no rows'],
    ] as const) {
      writeFileSync(path, text)
      await expect(readLibsvm(path)).rejects.toThrow(words)
    }
  })

  test('LIBSVM: every spelling of a number is read to the nearest double, or float', async () => {
    const texts = ['1', '1.', '.5', '-0.25', '1e3', '2.5E-3', '0.000123', '123456789012345678', '1e22', '1e23', '3e-22']
    texts.push('9007199254740993', '0.1234567890123456789', '1.7976931348623157e308', '4.9e-320', '-1e-30', '00.125')
    for (let i = 1; i <= 400; i++) {
      const number = Math.sin(i) * 10 ** ((i % 31) - 15)
      texts.push(String(number), number.toFixed(6), number.toPrecision(9), number.toExponential(3))
    }
    const path = join(folder, 'numbers.svm')
    writeFileSync(path, texts.map((text, i) => `${i % 2 ? 1 : -1} 1:${text} 7:+${i}.5`).join('\r\n'))
    const { handle } = await readLibsvm(path)
    const { values } = binding().libsvmArrays(handle)
    expect(Array.from(values)).toEqual(texts.flatMap((text, i) => [Number(text), i + 0.5]))

    // The nearest double of this one lies half-way between two floats, the number itself above it.
    const between = '1.00000005960464477539062500000001'
    writeFileSync(path, ['0.1', '-7.25e-5', '1e-40', '3.4e38', between].map((text) => `1 1:${text}`).join('\n'))
    const single = binding().libsvmArrays((await readLibsvm(path, { single: true })).handle).values
    expect(Array.from(single)).toEqual([0.1, -7.25e-5, 1e-40, 3.4e38, 1 + 2 ** -23].map(Math.fround))
    writeFileSync(path, '1 1:1e39')
    await expect(readLibsvm(path, { single: true })).rejects.toThrow('out of the range of float32; read the file in')
  })

  test('LIBSVM: pieces of a large file meet at any line', async () => {
    const path = join(folder, 'large.svm')
    // About 10 MB, read in pieces of 4 MiB; comments, empty lines and rows without numbers among them.
    const line = (i: number) =>
      `${i % 2 ? 1 : -1}${Array.from({ length: i % 40 }, (_, j) => ` ${3 * j + 1 + (i % 3)}:${(i % 1000) / 1000}`).join('')}`
    const lines = Array.from({ length: 60000 }, (_, i) => `${line(i)}${i % 7 ? '' : ' # 1:2'}${i % 11 ? '' : '\n'}`)
    writeFileSync(path, lines.join('\n'))
    const [one, two] = [await readLibsvm(path, { threads: 1 }), await readLibsvm(path, { threads: 2 })]
    expect([one.rows, one.nonZeros]).toEqual([60000, 60000 * 19.5])
    const arrays = binding().libsvmArrays(one.handle)
    expect(binding().libsvmArrays(two.handle)).toEqual(arrays)
    for (const i of [0, 7, 8, 20001, 59999]) {
      const [from, to] = [Number(arrays.rowStarts[i]), Number(arrays.rowStarts[i + 1])]
      const own = Array.from(
        { length: to - from },
        (_, j) => `${(arrays.columnIndices[from + j] ?? 0) + 1}:${arrays.values[from + j]}`,
      )
      expect([one.targets[i], ...own].join(' ')).toBe(line(i))
    }
  })

  test('rows are scaled as the training data were, whatever they come in', async () => {
    const features = Array.from({ length: 40 }, (_, i) => [100 + (i % 7), 0.01 * (i % 5)])
    const data = Dataset.fromArrays(
      features,
      features.map(([a = 0, b = 0]) => a + 300 * b),
    )
    const model = new LinearModel({ scale: 'standard' })
    await model.fit(data)
    const expected = Array.from(await model.predict(data))
    const { rows, columns, featureNames } = data
    expect(Array.from(await model.predict({ features: data.features, rows, columns, featureNames }))).toEqual(expected)
    const dense = { values: data.features, rows, columns, targets: new Float64Array(rows) }
    expect(Array.from(await model.predict(dense))).toEqual(expected)
    const sparse = { ...dense, columnIndices: Int32Array.of(0), rowStarts: new Int32Array(rows + 1) }
    await expect(model.predict(sparse)).rejects.toThrow(
      /fitted on scaled columns \(standard\), and sparse rows are not scaled/,
    )
  })

  test('class weights, warm start, path, abort', async () => {
    const train = await real('breast-cancer.csv', 'label')
    const model = new LinearModel({ l1: 1e-2, scale: 'standard' })
    const fit = await model.fit(train, { path: 8, tolerance: 1e-8, classWeights: 'balanced' })
    expect(fit.path.length).toBe(8)
    expect(fit.path.map(({ nonZeros }) => nonZeros)[0]).toBe(0)
    for (const point of fit.path) expect(point.gap).toBeLessThanOrEqual(1e-8 * point.objective)
    const last = fit.path[7]
    const warm = await new LinearModel({ l1: last?.l1 as number, l2: 0, scale: 'standard' }).fit(train, {
      initial: last?.weights as Float64Array,
      classWeights: 'balanced',
      tolerance: 1.1e-8,
    })
    expect(warm.steps).toBe(0)
    const signal = AbortSignal.timeout(100)
    const wide = gaussian({ rows: 20000, spectrum: new Float64Array(50).fill(1), seed: 1 } as never)
    const dataset = wide instanceof Dataset ? wide : (wide as { dataset: Dataset }).dataset
    const stopped = await new LinearModel({ algorithm: 'svrg', l2: 0, loss: 'auto' }).fit(dataset, {
      tolerance: 0,
      passes: 1e9,
      signal,
    })
    expect(stopped.stop).toBe('aborted')
    await expect(model.predict(train, { signal: AbortSignal.abort('enough') })).rejects.toMatchObject({
      name: 'AbortError',
      code: 'MEANFIELD_CANCELLED',
      cause: 'enough',
    })
  })

  test('bad requests are refused with a typed error', async () => {
    const train = await real('diabetes.csv', 'progression')
    const refused = (options: object, run: object, words: string) =>
      expect(new LinearModel(options).fit(train, run)).rejects.toThrow(words)
    await refused({ loss: 'logistic' }, {}, 'takes classes, but the targets are numbers')
    await refused({ l1: -1 }, {}, "option 'l1' is -1")
    await refused({ algorithm: 'sdca' }, {}, 'unpenalised intercept')
    await refused({ algorithm: { name: 'auto', step: 1 } }, {}, "algorithm 'auto' has no options")
    await refused({ algorithm: { name: 'svrg', minibatch: 5000 } }, {}, 'minibatch is 5000 but the data have 442 rows')
    await refused({}, { path: 5 }, 'l1 is 0')
    await refused({ l1: 0.1 }, { path: 0 }, 'path is 0; expected a whole number of at least 1')
    await refused({ l1: 0.1 }, { pathRatio: 0.1 }, 'pathRatio is 0.1, but there is no path')
    await refused({}, { sampleWeights: new Float64Array(3) }, 'sample weights hold 3 numbers')
  })

  test('bad data are refused with a code and a remedy, zeros are data', async () => {
    const sparse = (change: object = {}): LinearRows => ({
      values: Float64Array.of(1, 2, 3, 4),
      columnIndices: Int32Array.of(0, 2, 1, 2),
      rowStarts: Int32Array.of(0, 2, 3, 3, 4),
      rows: 4,
      columns: 4,
      targets: Float64Array.of(1, -1, 1, -1),
      ...change,
    })
    const data = 'MEANFIELD_INVALID_DATA'
    const option = 'MEANFIELD_INVALID_OPTION'
    const table: [LinearRows, object, string, RegExp][] = [
      [sparse({ targets: Float64Array.of(1, 1, 1, 1) }), {}, data, /one class only; expected at least two/],
      [sparse(), { loss: 'poisson' }, data, /target of row 1 is -1.*expected/],
      [sparse({ targets: Float64Array.of(1, NaN, 1, -1) }), {}, data, /target of row 1 .*expected/],
      [sparse({ values: Float64Array.of(1, NaN, 3, 4) }), {}, data, /row 0, column 2 is not finite; .* Drop or impute/],
      [sparse({ columnIndices: Int32Array.of(2, 0, 1, 2) }), {}, data, /column 0 after 2; .* Sort each row/],
      [sparse({ columnIndices: Int32Array.of(2, 2, 1, 2) }), {}, data, /column 2 after 2; .* add up what is repeated/],
      [sparse({ columnIndices: Int32Array.of(0, 4, 1, 2) }), {}, data, /column 4; expected 0 to 3/],
      [sparse(), { l1: -1 }, option, /'l1' is -1; expected/],
      [sparse(), { l2: -1 }, option, /'l2' is -1; expected/],
      [
        sparse(),
        { lossWidth: 2 },
        option,
        /lossWidth is given but the loss has no width; choose 'smooth-hinge' or 'huber'/,
      ],
      [sparse(), { algorithm: { name: 'svrg', minibatch: 5 } }, option, /minibatch is 5 .* 4 rows; use at most that/],
    ]
    for (const [rows, options, code, words] of table)
      await expect(new LinearModel({ loss: 'logistic', ...options }).fit(rows)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(words),
      })
    // Row 2 and column 3 hold nothing.
    for (const options of [{}, { l1: 0.01 }]) {
      const model = new LinearModel({ loss: 'logistic', l2: 0.1, ...options })
      const fit = await model.fit(sparse(), { tolerance: 1e-9 })
      expect(fit.stop).toBe('gap')
      expect(model.weights[3]).toBe(0)
    }
  })

  test('a gap that rounding holds up ends the run and says so, with float32 data too', async () => {
    const { features, targets, rows, columns } = await real('breast-cancer.csv', 'label')
    const sizes = { rows, columns, targets: Float64Array.from(targets, (y) => (y > 0 ? 1 : -1)) }
    for (const values of [Float64Array.from(features, (x) => x / 100), Float32Array.from(features, (x) => x / 100)]) {
      const fit = await new LinearModel({ loss: 'logistic', l2: 0.01 }).fit({ ...sizes, values }, { tolerance: 1e-30 })
      expect(['precision', 'gap']).toContain(fit.stop)
      // float32 data are read as they are and computed with in float64: their gap falls as far.
      expect(fit.certificate.gap).toBeLessThanOrEqual(1e-12 * fit.objective)
    }
  })
})
