import { existsSync } from 'node:fs'
import { type BoostingFit, type BoostingFitOptions, type BoostingModelOptions, ResidualBoosting } from '../../../lib'
import { rings, same, temporaryFolder, three } from './fixtures'

const { place } = temporaryFolder()
const small: BoostingModelOptions = {
  rounds: 4,
  width: 24,
  depth: 1,
  linearEpochs: 15,
  embeddingEpochs: 15,
  searchSteps: 40,
}
const fitted = async (options: BoostingModelOptions = {}, run: BoostingFitOptions = {}) => {
  const model = new ResidualBoosting({ ...small, ...options })
  return { model, fit: await model.fit(rings, { seed: 1, threads: 1, ...run }) }
}

describe.each(['residual-boosting', 'frank-wolfe'] as const)('%s', (algorithm) => {
  let model: ResidualBoosting
  let fit: BoostingFit
  beforeAll(async () => {
    ;({ model, fit } = await fitted({ algorithm, rounds: 6 }, { validation: rings }))
  })

  it('can be aborted while it predicts', async () => {
    const predicting = model.predict(rings, { signal: AbortSignal.abort('enough') })
    await expect(predicting).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
  })

  it('learns rings, which no linear model tells apart, and tells what it found after every layer', async () => {
    expect(fit).toMatchObject({
      model: 'boosting',
      algorithm: { name: algorithm },
      stop: 'budget',
      layers: 6,
      steps: 6,
      device: 'cpu',
      seed: 1,
      options: { outputs: 2, loss: 'logistic', rounds: 6, momentum: 0.9 },
      chosen: {
        l2: { value: 1 / 200, why: '1/n' },
        linearRate: { value: expect.any(Number) },
        embeddingRate: { value: expect.any(Number) },
      },
    })
    const { trace, certificate } = fit
    expect(Array.from(trace.step)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(trace.score[0]).toBeLessThan(0.7)
    expect(trace.score[6]).toBeGreaterThan(0.95)
    expect(fit.objective).toBe(trace.objective[6])
    expect(certificate.gradientL1).toBeLessThanOrEqual(certificate.gradientL2)
    expect(certificate.marginQuantiles).toEqual([...certificate.marginQuantiles].sort((a, b) => a - b))
    expect('frankWolfeGap' in certificate).toBe(algorithm === 'frank-wolfe')
  })

  it('truncates exactly: scores with fewer layers are those of the trace', async () => {
    for (const layers of [0, 1, 3, 6]) {
      expect((await model.score(rings, { layers })).accuracy).toBeCloseTo(fit.trace.score[layers], 12)
      expect((await model.score(rings, { layers })).loss).toBeCloseTo(fit.trace.loss[layers], 5)
    }
    await expect(model.predict(rings, { layers: 7 })).rejects.toThrow(
      'layers is 7; expected a whole number from 0 to 6',
    )
    const states = await model.represent(rings)
    expect(states.map(({ length }) => length)).toEqual(Array(7).fill(rings.features.length))
  })

  it('is the same after a file, classes and probabilities among it', async () => {
    const path = place(`${algorithm}.safetensors`)
    await model.save(path)
    const read = await ResidualBoosting.load(path)
    expect(read.layers).toBe(6)
    expect(read.classes).toEqual(model.classes)
    for (const layers of [2, 6])
      expect(same(await read.predict(rings, { layers }), await model.predict(rings, { layers }))).toBe(true)
    const probabilities = await read.predictProbabilities(rings.features)
    const labels = await read.predictClasses(rings.features)
    for (let i = 0; i < rings.rows; i++) {
      const [p, q] = probabilities.subarray(2 * i, 2 * i + 2)
      expect(p + q).toBeCloseTo(1, 5)
      expect(labels[i]).toBe(read.classes[q > p ? 1 : 0])
    }
  })

  it('is stopped by its signal and goes on from the checkpoint to the same bits', async () => {
    const checkpoint = place(`${algorithm}.checkpoint`)
    const abort = new AbortController()
    const part = new ResidualBoosting({ ...small, algorithm, rounds: 6 })
    const run = part.fit(rings, { seed: 1, validation: rings, checkpoint, signal: abort.signal })
    for await (const { step } of run) if (step >= 1) abort.abort()
    const stopped = await run
    expect(existsSync(checkpoint)).toBe(true)
    if (stopped.stop === 'aborted') expect((await part.score(rings)).accuracy).toBeGreaterThan(0)
    const rest = new ResidualBoosting({ ...small, algorithm, rounds: 6 })
    const whole = await rest.fit(rings, { seed: 1, validation: rings, resume: checkpoint })
    expect(same(await rest.predict(rings), await model.predict(rings))).toBe(true)
    expect(Array.from(whole.trace.objective)).toEqual(Array.from(fit.trace.objective))
  })
})

it('keeps the number of layers that is best on the validation data, the first among equals', async () => {
  const { train, test: validation } = rings.split({ test: 0.4, stratify: true, seed: 3 })
  const model = new ResidualBoosting({ ...small, rounds: 6 })
  const fit = await model.fit(train, { validation, useBestLayer: true, seed: 1 })
  const { validationScore, objective } = fit.trace
  expect(fit.bestLayer).toBe(validationScore.indexOf(Math.max(...validationScore)))
  expect([fit.layers, model.layers]).toEqual([fit.bestLayer, fit.bestLayer])
  expect(fit.objective).toBe(objective[fit.layers])
  expect((await model.score(validation)).accuracy).toBeCloseTo(Math.max(...validationScore), 12)
  await expect(new ResidualBoosting(small).fit(train, { useBestLayer: true })).rejects.toThrow('pass validation')
})

it('gives three classes and the smooth hinge their scores', async () => {
  const model = new ResidualBoosting({ ...small, loss: 'smooth-hinge' })
  const fit = await model.fit(three, { seed: 1 })
  const { accuracy, loss } = await model.score(three)
  expect(accuracy).toBeGreaterThan(0.9)
  expect(loss).toBeCloseTo(fit.loss, 5)
  expect((await model.predict(three)).length).toBe(3 * three.rows)
  await expect(model.predictProbabilities(three)).rejects.toThrow('gives no probabilities')
})

it('refuses what it cannot do, in words', async () => {
  const { numbers } = await import('./fixtures')
  expect(() => new ResidualBoosting({ wdith: 3 } as BoostingModelOptions)).toThrow("'width'")
  expect(() => new ResidualBoosting({ outputs: 3 } as BoostingModelOptions)).toThrow('follows from the data')
  await expect(new ResidualBoosting().predict(rings)).rejects.toThrow('has not been fitted')
  await expect(new ResidualBoosting().fit(numbers)).rejects.toThrow('boosting learns classes')
  await expect(fitted({}, { device: 'cuda' })).rejects.toMatchObject({ code: 'MEANFIELD_DEVICE' })
  await expect(fitted({ algorithm: { name: 'frank-wolfe', offset: 1 } })).rejects.toMatchObject({
    code: 'MEANFIELD_INVALID_OPTION',
    message: expect.stringContaining('no convex combination'),
  })
  await expect(ResidualBoosting.load(place('nothing'))).rejects.toThrow()
})
