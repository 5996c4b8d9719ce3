import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Dataset } from '../../../lib/data'
import { type MeanFieldFitOptions, MeanFieldNetwork, type MeanFieldNetworkOptions } from '../../../lib/models'
import { bytes, fitted, labelled, numbers, quick, rings, small, temporaryFolder, three } from './fixtures'

const { folder, place } = temporaryFolder()

describe('bad input is refused before any work', () => {
  it.each<[unknown, RegExp]>([
    [null, /options of MeanFieldNetwork are null, expected an object/],
    [42, /options of MeanFieldNetwork are 42/],
    [[], /expected an object/],
    [{ partciles: 10 }, /no option 'partciles'.*did you mean 'particles'/],
    [{ steps: 10 }, /no option 'steps'/],
    [{ outputs: 3 }, /number of outputs follows from the data/],
  ])('by the constructor: %p', (options, message) => {
    const make = () => new MeanFieldNetwork(options as MeanFieldNetworkOptions)
    expect(make).toThrow(
      expect.objectContaining({ code: 'MEANFIELD_INVALID_OPTION', message: expect.stringMatching(message) }),
    )
  })

  it.each<[object, RegExp]>([
    [{ particles: 0 }, /'particles' is 0; expected a whole number of at least 1/],
    [{ particles: 1.5 }, /'particles' is 1\.5; expected a whole number/],
    [{ particles: '10' }, /'particles' is 10; expected a whole number/],
    [{ particles: Number.NaN }, /'particles' is nan/],
    [{ particles: null }, /'particles' is null/],
    [{ particles: [10] }, /'particles' is an array/],
    [{ entropy: 0 }, /'entropy' is 0; expected a finite number above 0/],
    [{ entropy: -1 }, /'entropy' is -1/],
    [{ entropy: 'auto' }, /'entropy' is auto/],
    [{ ridge: 0 }, /ridge is 0, so that the prior/],
    [{ activation: 'tahn' }, /'activation' is tahn; expected one of 'tanh'.*Did you mean 'tanh'/],
    [{ bias: 'yes' }, /'bias' is yes; expected true or false/],
    [{ scale: 'robust' }, /scaler is "robust", expected one of standard, minmax, whiten, none/],
    [{ scale: null }, /scaler is null/],
    [{ scaleTargets: 1 }, /scaleTargets is 1, expected true or false/],
    [{ algorithm: 'langvin' }, /algorithm is 'langvin'; expected one of 'langevin'.*Did you mean 'langevin'/],
    [{ algorithm: { step: 1 } }, /algorithm\.name is missing/],
    [{ algorithm: { name: 'langevin', setp: 1 } }, /langevin: unknown option 'setp'.*Did you mean 'step'/],
    [{ algorithm: { name: 'langevin', innerSteps: 1 } }, /unknown option 'innerSteps'/],
    [{ algorithm: { name: 'langevin', step: 0 } }, /'step' is 0; expected a finite number above 0/],
    [{ algorithm: 5 }, /algorithm/],
    [{ algorithm: null }, /algorithm/],
  ])('as an option of the network: %p', async (options, message) => {
    await expect(fitted(three, options)).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_OPTION',
      message: expect.stringMatching(message),
    })
  })

  it.each<[unknown, RegExp]>([
    [null, /options of fit are null/],
    [7, /options of fit are 7/],
    [{ validaton: three }, /fit has no option 'validaton'.*did you mean 'validation'/],
    [{ sed: 3 }, /fit has no option 'sed'.*did you mean 'seed'/],
    [{ steps: -1 }, /'steps' is -1; expected a whole number of at least 0/],
    [{ steps: 2.5 }, /'steps' is 2\.5/],
    [{ seconds: 0 }, /'seconds' is 0/],
    [{ threads: 0 }, /'threads' is 0; expected a whole number of at least 1 and at most 1024/],
    [{ seed: -1 }, /'seed' is -1/],
    [{ seed: 'x' }, /'seed' is x/],
    [{ device: 'gpu' }, /device is 'gpu'; expected 'auto', 'cpu', 'cuda', 'cuda:N' or 'cuda:N,N'/],
    [{ device: null }, /device is/],
    [{ signal: {} }, /not an AbortSignal/],
    [{ snapshots: 5 }, /snapshots is 5; expected an array of steps/],
    [{ snapshots: [1.5] }, /snapshots\[0\] is 1\.5/],
    [{ snapshots: [5, 1] }, /snapshots must be increasing/],
    [{ checkpoint: '' }, /checkpoint is ''/],
    [{ checkpoint: 5 }, /checkpoint is 5; expected text/],
    [{ resume: true }, /resume is true; expected text/],
  ])('as an option of the fit: %p', async (options, message) => {
    const net = new MeanFieldNetwork(small)
    await expect(net.fit(three, options as MeanFieldFitOptions)).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_OPTION',
      message: expect.stringMatching(message),
    })
  })

  it.each<[object, RegExp]>([
    [{ initial: new Float32Array(3) }, /initial particles hold 3 numbers; expected 64 x/],
    [{ initial: [1, 2, 3] }, /initial is an array; expected a Float32Array/],
    [{ validation: rings.features }, /validation data are a Float32Array, expected a Dataset/],
    [{ validation: numbers }, /targets are numbers|features have 4 columns/],
  ])('as data of the fit: %p', async (options, message) => {
    await expect(fitted(three, {}, options)).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_DATA',
      message: expect.stringMatching(message),
    })
  })

  it.each<[string, string, () => Promise<unknown>, RegExp]>([
    [
      'an entropy of 0',
      'INVALID_OPTION',
      () => fitted(numbers, { entropy: 0 }),
      /'entropy' is 0; expected a finite number above 0\. .*use a small one, or noise: false of langevin or sgd-langevin/,
    ],
    [
      'a negative entropy',
      'INVALID_OPTION',
      () => fitted(numbers, { entropy: -1e-3 }),
      /'entropy' is -0\.001; expected a finite number above 0\. .*use a small one, or noise: false/,
    ],
    ...(['sgd-langevin', 'svrg-langevin', 'dual-averaging'] as const).map(
      (name): [string, string, () => Promise<unknown>, RegExp] => [
        `a larger minibatch of ${name} than rows`,
        'INVALID_OPTION',
        () => fitted(numbers, { algorithm: { name, minibatch: numbers.rows + 1 } }),
        new RegExp(
          `minibatch is ${numbers.rows + 1} .* have ${numbers.rows} rows; expected at most as many\\. Use 'auto' or a smaller`,
        ),
      ],
    ),
    [
      'a ridge that makes the prior improper',
      'INVALID_OPTION',
      () => fitted(numbers, { ridge: 0 }),
      /ridge is 0, so that the prior .* is improper .*; use a ridge above 0 or 'auto'\./,
    ],
    [
      'a negative ridge',
      'INVALID_OPTION',
      () => fitted(numbers, { ridge: -1 }),
      /'ridge' is -1; expected a finite number of at least 0, or 'auto'/,
    ],
    [
      'NaN among the features',
      'INVALID_DATA',
      async () => Dataset.fromArrays([[1, Number.NaN]], [1]),
      /row 0, column 1 is NaN, expected a finite number; remove the row or fill in a value/,
    ],
    [
      'NaN among the targets',
      'INVALID_DATA',
      async () => Dataset.fromArrays([[1, 2]], [Number.NaN]),
      /target of row 0 is NaN, expected a finite number; correct it or remove the row/,
    ],
    [
      'NaN among the starting particles',
      'INVALID_DATA',
      () => fitted(numbers, { particles: 2, bias: false }, { initial: new Float32Array(10).fill(Number.NaN, 7) }),
      /particle 1, number 2 is nan; expected finite numbers\. Leave initial out/,
    ],
    [
      'three labels for a loss of two',
      'INVALID_OPTION',
      () => fitted(three, { loss: 'logistic' }),
      /loss is 'logistic', which takes two classes, but there are 3: .*\. Use softmax\./,
    ],
    [
      'labels for a loss of numbers',
      'INVALID_OPTION',
      () => fitted(three, { loss: 'squared' }),
      /loss is 'squared', which takes numbers, but the targets are the classes .*\. Use logistic or softmax, or read/,
    ],
    [
      'numbers for a loss of labels',
      'INVALID_OPTION',
      () => fitted(numbers, { loss: 'softmax' }),
      /loss is 'softmax', which takes classes, but the targets are numbers\. Use squared or huber, or read/,
    ],
    [
      'the checkpoint of another problem',
      'CHECKPOINT',
      async () => {
        await fitted(numbers, {}, { checkpoint: place('other problem') })
        return fitted(three, {}, { resume: place('other problem') })
      },
      /belongs to another run: it has outputs=1 where this run has outputs=3\. Resume with the same data, .*, or start anew/,
    ],
    [
      'certificates along a run that has none',
      'INVALID_OPTION',
      () => fitted(numbers, { algorithm: { name: 'langevin', noise: false } }, { certificateEvery: 1 }),
      /certificateEvery is given but there is no certificate, .*; leave certificateEvery out/,
    ],
  ])('and the remedy is named: %s', async (_, code, work, message) => {
    await expect(work()).rejects.toMatchObject({
      code: `MEANFIELD_${code}`,
      message: expect.stringMatching(message),
    })
  })

  it('as data', async () => {
    const net = new MeanFieldNetwork(small)
    const refused = (message: RegExp) => ({
      code: 'MEANFIELD_INVALID_DATA',
      message: expect.stringMatching(message),
    })
    for (const data of [undefined, null, [[1, 2]], 'digits.csv'])
      await expect(net.fit(data as unknown as Dataset)).rejects.toMatchObject(refused(/training data are .*a Dataset/))
    // Changed behind the back of the data set, which keeps typed arrays as they are.
    const features = Float32Array.from(three.features)
    const broken = Dataset.fromArrays(
      features,
      Array.from(three.targets, (index) => `class ${index}`),
    )
    features[5] = Number.NaN
    await expect(new MeanFieldNetwork({ ...small, scale: 'none' }).fit(broken, quick)).rejects.toMatchObject(
      refused(/training features: row 2, column 1 is nan/),
    )
    await expect(net.fit(broken, quick)).rejects.toMatchObject(refused(/column 1 has a value that is not finite/))
    await net.fit(three, quick)
    await expect(net.predict(features)).rejects.toMatchObject(refused(/row 2, column 1 is nan/))
    await expect(net.predict([[1, 2, 3]])).rejects.toMatchObject(refused(/3 numbers, expected 2/))
    await expect(net.score(numbers)).rejects.toMatchObject(refused(/targets are numbers/))
    await expect(net.score([[1, 2]] as unknown as Dataset)).rejects.toMatchObject(refused(/data to score/))
    await expect(net.score(labelled(['a', 'b', 'z']))).rejects.toMatchObject(refused(/of class 'z'/))
  })

  it('before there is a model', async () => {
    const net = new MeanFieldNetwork(small)
    const message = /has not been fitted; call fit\(\)/
    for (const use of [() => net.predict(three), () => net.score(three), () => net.save(place('never'))])
      await expect(use()).rejects.toMatchObject({
        code: 'MEANFIELD_INVALID_DATA',
        message: expect.stringMatching(message),
      })
    for (const use of [() => net.particles, () => net.classes, () => net.featureNames, () => net.summary])
      expect(use).toThrow(message)
    expect(existsSync(place('never'))).toBe(false)
  })

  it('for a model of another kind', async () => {
    const { net } = await fitted(numbers)
    await expect(net.predictClasses(numbers)).rejects.toMatchObject({ code: 'MEANFIELD_INVALID_DATA' })
    await expect(net.predictProbabilities(numbers)).rejects.toMatchObject({ code: 'MEANFIELD_INVALID_DATA' })
    const hinge = await fitted(rings, { loss: 'smooth-hinge' })
    await expect(hinge.net.predictProbabilities(rings)).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_OPTION',
      message: expect.stringContaining("loss 'smooth-hinge', which has no probabilities"),
    })
  })

  it('of a second fit while the first is on its way', async () => {
    const net = new MeanFieldNetwork(small)
    const first = net.fit(three, { ...quick, steps: 1e9 })
    await expect(net.fit(three, quick)).rejects.toMatchObject({
      code: 'MEANFIELD_INVALID_OPTION',
      message: expect.stringContaining('is being fitted'),
    })
    first.abort()
    await first.catch(() => {}) // without a result when the abort came first
    await net.fit(three, quick)
  })

  it('on a device that is not there', async () => {
    for (const device of ['cuda', 'cuda:3'] as const)
      await expect(fitted(three, {}, { device })).rejects.toMatchObject({
        code: 'MEANFIELD_DEVICE',
        message: expect.stringMatching(/device is 'cuda.*Use device 'cpu' or 'auto'/),
      })
    const { fit } = await fitted(three, {}, { device: 'cpu' })
    expect(fit.device).toBe('cpu')
    expect(fit).not.toHaveProperty('deviceReason')
  })

  it('from a checkpoint that does not fit', async () => {
    const checkpoint = place('fit.checkpoint')
    await fitted(three, {}, { checkpoint })
    const refused = (message: RegExp) => ({ code: 'MEANFIELD_CHECKPOINT', message: expect.stringMatching(message) })
    await expect(fitted(three, {}, { resume: checkpoint, seed: 6 })).rejects.toMatchObject(
      refused(/belongs to another run: it has seed=5 where this run has seed=6/),
    )
    await expect(fitted(three, { entropy: 1e-3 }, { resume: checkpoint })).rejects.toMatchObject(refused(/entropy/))
    await expect(fitted(labelled(['a', 'b', 'c']), {}, { resume: checkpoint })).rejects.toMatchObject(
      refused(/training data/),
    )
    await expect(fitted(three, {}, { resume: place('none') })).rejects.toMatchObject(refused(/No such file/))
    writeFileSync(place('torn'), readFileSync(checkpoint).subarray(0, 500))
    await expect(fitted(three, {}, { resume: place('torn') })).rejects.toMatchObject(refused(/is torn/))
    await expect(fitted(three, {}, { checkpoint: join(folder, 'no', 'where'), steps: 1e9 })).rejects.toMatchObject(
      refused(/could not be created/),
    )
  })

  it('when the iterate explodes, with the step and a remedy', async () => {
    const exploding = fitted(numbers, {
      secondLayer: 'fixed',
      activation: 'relu',
      algorithm: { name: 'langevin', step: 1e9 },
    })
    await expect(exploding).rejects.toMatchObject({
      code: 'MEANFIELD_DIVERGED',
      message: expect.stringMatching(/diverged at step \d+.*the step is .*use a smaller one/),
    })
  })

  it('and keeps the model that there was', async () => {
    const { net } = await fitted(numbers)
    const before = Buffer.from(bytes(net.particles))
    await expect(net.fit(numbers, { ...quick, threads: -1 })).rejects.toThrow()
    expect(bytes(net.particles).equals(before)).toBe(true)
  })
})
