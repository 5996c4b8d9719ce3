import { Dataset } from '../../../lib/data'
import type {
  ClassScores,
  MeanFieldFit,
  MeanFieldNetwork,
  MeanFieldNetworkOptions,
  RegressionScores,
} from '../../../lib/models'
import { bytes, curve, fitted, labelled, numbers, rings, same, three } from './fixtures'

describe('what a fit gives', () => {
  it('has every field, and arrays of one length', async () => {
    const { fit } = await fitted(numbers, { algorithm: 'dual-averaging' }, { validation: numbers })
    expect(fit).toMatchObject({
      model: 'mean-field',
      algorithm: { name: 'dual-averaging', step: 'auto', innerSteps: 10, output: 'last' },
      options: { particles: 64, entropy: 1e-4, loss: 'squared', outputs: 1, activation: 'tanh', ridge: 'auto' },
      steps: 60,
      stop: 'budget',
      device: 'cpu',
      deviceReason: expect.stringMatching(/CUDA|NVIDIA driver/),
      isa: expect.any(String),
      seed: 5,
    })
    expect(Object.keys(fit.chosen).sort()).toEqual(['initialVariance', 'outputScale', 'ridge', 'step'])
    for (const { value, why } of Object.values(fit.chosen)) {
      expect(value).toBeGreaterThan(0)
      expect(why.length).toBeGreaterThan(5)
    }
    expect(fit.certificate).toMatchObject({ trusted: expect.any(Boolean), words: expect.any(String) })
    const { primal, dual, gap, standardError } = fit.certificate as NonNullable<MeanFieldFit['certificate']>
    expect(gap).toBeCloseTo(primal - dual, 10)
    expect(standardError).toBeGreaterThan(0)
    expect(fit.threads).toBeGreaterThanOrEqual(1)
    for (const seconds of Object.values(fit.seconds)) expect(seconds).toBeGreaterThan(0)
    const lengths = new Set(Object.values(fit.trace).map((column) => column.length))
    expect(lengths.size).toBe(1)
    expect(fit.trace.step[0]).toBe(0)
    expect(fit.trace.step.at(-1)).toBe(60)
    expect(fit.trace.objective.at(-1)).toBe(fit.objective)
    expect(fit.trace.loss.at(-1)).toBe(fit.loss)
    expect(fit.trace.objective.at(-1)).toBeLessThan(fit.trace.objective[0])
  })

  it('queries are passes where every step takes all rows', async () => {
    const { fit } = await fitted(rings)
    expect(fit.passes).toBe(60)
    expect(fit.queries).toBe(60)
  })

  it('has no certificate without noise, or when it is switched off', async () => {
    const still = await fitted(rings, { algorithm: { name: 'langevin', noise: false } })
    expect(still.fit.certificate).toBeNull()
    expect(still.fit.algorithm).toEqual({ name: 'langevin', noise: false, step: 'auto' })
    const off = await fitted(rings, {}, { certificate: false })
    expect(off.fit.certificate).toBeNull()
    expect(off.net.summary.certificate).toBeNull()
  })

  it('has the particles at the steps asked for', async () => {
    const { net, fit } = await fitted(rings, {}, { snapshots: [0, 10, 60] })
    expect(fit.snapshots.map(({ step }) => step)).toEqual([0, 10, 60])
    expect(same(fit.snapshots[2].particles, net.particles)).toBe(true)
    const again = await fitted(rings, {}, { steps: 0, initial: fit.snapshots[1].particles })
    expect(same(again.net.particles, fit.snapshots[1].particles)).toBe(true)
  })
})

describe('the loss follows the data', () => {
  it.each([
    ['numbers', numbers, 'squared', 1],
    ['two classes', rings, 'logistic', 1],
    ['three classes', three, 'softmax', 3],
  ] as const)('%s', async (_, data, loss, outputs) => {
    const { net, fit } = await fitted(data)
    expect(fit.options).toMatchObject({ loss, outputs })
    expect(await net.predict(data)).toHaveLength(data.rows * outputs)
  })

  it.each([
    ['huber', numbers, 1],
    ['smooth-hinge', rings, 1],
    ['softmax', rings, 2],
  ] as const)('%s can be asked for', async (loss, data, outputs) => {
    const { fit } = await fitted(data, { loss })
    expect(fit.options).toMatchObject({ loss, outputs })
    expect(fit.loss).toBeLessThan(fit.trace.loss[0])
  })

  it.each<[MeanFieldNetworkOptions['loss'], Dataset, RegExp]>([
    ['squared', rings, /takes numbers, but the targets are the classes '.+', '.+'\. Use logistic or softmax/],
    ['huber', three, /takes numbers/],
    ['softmax', numbers, /takes classes, but the targets are numbers\. Use squared or huber/],
    ['logistic', numbers, /takes classes/],
    ['logistic', three, /takes two classes, but there are 3: 'a', 'b', 'c'\. Use softmax/],
    ['smooth-hinge', three, /takes two classes/],
    ['hinge' as 'huber', three, /'loss' is hinge; expected one of 'squared'/],
  ])('%s is refused where it does not fit', async (loss, data, message) => {
    await expect(fitted(data, { loss })).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_OPTION',
      message: expect.stringMatching(message),
    })
  })
})

describe('predictions and scores', () => {
  it('of numbers are in the units of the data, whatever these are', async () => {
    const run = { steps: 400 }
    const { net } = await fitted(numbers, {}, run)
    const scores = (await net.score(numbers)) as RegressionScores
    expect(scores.r2).toBeGreaterThan(0.9)
    const plain = await fitted(curve, {}, run)
    const outputs = await net.predict(numbers)
    const expected = await plain.net.predict(curve)
    // Scaled targets differ by rounding only: the same training but for float32 steps of outputs near 1000, 6e-5.
    expected.forEach((z, i) => {
      expect(outputs[i]).toBeCloseTo(1000 + 50 * z, 1)
    })
    const mse = numbers.targets.reduce((sum, y, i) => sum + (y - outputs[i]) ** 2, 0) / numbers.rows
    expect(scores.mse).toBeCloseTo(mse, 8)
    const { center, spread } = spreadOf(numbers.targets)
    expect(outputs.reduce((sum, z) => sum + z, 0) / numbers.rows).toBeCloseTo(center, -1)
    expect(spread).toBeGreaterThan(10)
  })

  it('of several outputs are those of each', async () => {
    const targets = Array.from(curve.targets, (y) => [1000 + 50 * y, -3 * y])
    const data = Dataset.fromArrays(curve.features, targets)
    const { net, fit } = await fitted(data, {}, { steps: 400 })
    expect(fit.options.outputs).toBe(2)
    const outputs = await net.predict(data)
    expect(outputs).toHaveLength(2 * data.rows)
    const scores = (await net.score(data)) as RegressionScores
    expect(scores.r2).toBeGreaterThan(0.9)
    const errors = targets.flatMap(([a, b], i) => [(a - outputs[2 * i]) ** 2, (b - outputs[2 * i + 1]) ** 2])
    expect(scores.mse).toBeCloseTo(errors.reduce((sum, e) => sum + e, 0) / errors.length, 6)
  })

  it.each([
    ['logistic', rings],
    ['smooth-hinge', rings],
    ['softmax', three],
  ] as const)('the loss of score() is that of the trace (%s)', async (loss, data) => {
    const { train, test } = data.split({ test: 0.3, seed: 1 })
    const { net, fit } = await fitted(train, { loss }, { validation: test })
    const { accuracy, loss: mean } = (await net.score(test)) as ClassScores
    // The outputs are rounded to float32 on their way; ten outputs of size 10 have errors of 1e-6.
    expect(mean).toBeCloseTo(fit.trace.validationLoss.at(-1) as number, 5)
    expect(accuracy).toBe(fit.trace.validationScore.at(-1))
    const own = (await net.score(train)) as ClassScores
    expect(own.loss).toBeCloseTo(fit.loss, 5)
    expect(own.accuracy).toBe(fit.trace.score.at(-1))
  })

  it('R² of score() is that of the trace', async () => {
    const { net, fit } = await fitted(numbers)
    expect(((await net.score(numbers)) as RegressionScores).r2).toBeCloseTo(fit.trace.score.at(-1) as number, 5)
  })

  it('labels and probabilities agree with the outputs', async () => {
    for (const data of [rings, three]) {
      const { net } = await fitted(data, {}, { steps: 300 })
      const classes = net.classes as readonly string[]
      const labels = await net.predictClasses(data)
      const probabilities = await net.predictProbabilities(data)
      const { accuracy } = (await net.score(data)) as ClassScores
      const right = labels.filter((label, i) => label === classes[data.targets[i]])
      expect(right.length / data.rows).toBe(accuracy)
      const k = classes.length
      labels.forEach((label, i) => {
        const row = Array.from(probabilities.subarray(i * k, (i + 1) * k))
        expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5)
        expect(label).toBe(classes[row.indexOf(Math.max(...row))])
      })
    }
  })

  it('do not depend on the order in which the classes are numbered', async () => {
    const reordered = labelled(['c', 'a', 'b'], ['b', 'c', 'a'])
    expect(reordered.classes).not.toEqual(three.classes)
    const { net } = await fitted(three, {}, { steps: 200 })
    expect(await net.score(reordered)).toEqual(await net.score(three))
    const validated = await fitted(three, {}, { validation: reordered })
    expect(Array.from(validated.fit.trace.validationLoss)).toEqual(Array.from(validated.fit.trace.loss))
    const relabelled = await fitted(reordered, {}, { steps: 200 })
    expect(relabelled.net.classes).toEqual(['b', 'c', 'a'])
    const accuracy = async (net: MeanFieldNetwork) => ((await net.score(three)) as ClassScores).accuracy
    // Another initial draw for each class, so only about the same.
    expect(await accuracy(relabelled.net)).toBeCloseTo(await accuracy(net), 1)
  })

  it('leave the network and the data as they were, and can run at once', async () => {
    const { net } = await fitted(three)
    const before = Buffer.from(bytes(net.particles))
    const results = await Promise.all(Array.from({ length: 4 }, () => net.predict(three)))
    for (const outputs of results) expect(same(outputs, results[0])).toBe(true)
    expect(bytes(net.particles).equals(before)).toBe(true)
    expect(await net.predict([])).toHaveLength(0)
  })

  it('can be aborted', async () => {
    const { net } = await fitted(three)
    const abort = { name: 'AbortError', code: 'MEANFIELD_CANCELLED', cause: 'enough' }
    await expect(net.predict(three, { signal: AbortSignal.abort('enough') })).rejects.toMatchObject(abort)
    await expect(net.score(three, { signal: AbortSignal.abort('enough') })).rejects.toMatchObject(abort)
    const controller = new AbortController()
    const large = new Float32Array(2 * 500_000).fill(0.5)
    const predicting = net.predict(large, { signal: controller.signal })
    controller.abort('enough')
    await expect(predicting).rejects.toMatchObject(abort)
  })
})

function spreadOf(values: Float64Array) {
  const center = values.reduce((sum, y) => sum + y, 0) / values.length
  return { center, spread: Math.sqrt(values.reduce((sum, y) => sum + (y - center) ** 2, 0) / values.length) }
}
