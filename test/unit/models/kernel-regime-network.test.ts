import {
  Dataset,
  DeviceError,
  InvalidDataError,
  InvalidOptionError,
  type KernelRegimeFitOptions,
  type KernelRegimeModelOptions,
  KernelRegimeNetwork,
} from '../../../lib'
import { rings, same, temporaryFolder, three } from './fixtures'

const { place } = temporaryFolder()
const fitted = async (data: Dataset, options: KernelRegimeModelOptions = {}, run: KernelRegimeFitOptions = {}) => {
  const net = new KernelRegimeNetwork({ width: 200, ridge: 1e-3, ...options })
  return { net, fit: await net.fit(data, { steps: 4000, seed: 1, ...run }) }
}

/** n points on the circle, and cos 2t + 3. */
const circle = (n: number) => {
  const angles = Array.from({ length: n }, (_, i) => (2 * Math.PI * i) / n)
  return Dataset.fromArrays(
    angles.map((t) => [Math.cos(t), Math.sin(t)]),
    angles.map((t) => Math.cos(2 * t) + 3),
  )
}

it('learns rings, which no linear model tells apart', async () => {
  const { net, fit } = await fitted(rings, {}, { validation: rings })
  expect(fit).toMatchObject({
    model: 'kernel-regime',
    algorithm: { name: 'averaged-sgd', minibatch: 1, step: expect.any(Number) },
    options: { width: 200, activation: 'swish', sharpness: 10, layers: 'both', ridge: 1e-3 },
    chosen: { step: { value: expect.any(Number), why: expect.stringContaining('Theorem 1') } },
    stop: 'budget',
    steps: 4000,
    passes: 20,
    device: 'cpu',
    seed: 1,
  })
  expect(fit.trace.loss[0]).toBeCloseTo(0.5, 12) // the network is 0 at its start, the targets are ±1
  expect(fit.trace.validationLoss.at(-1)).toBe(fit.loss)
  const scores = await net.score(rings)
  expect(scores).toEqual({ accuracy: expect.any(Number), loss: expect.closeTo(fit.loss, 6) })
  expect((scores as { accuracy: number }).accuracy).toBeGreaterThan(0.95)
  const classes = await net.predictClasses(rings)
  expect(new Set(classes)).toEqual(new Set(net.classes))
})

it.each(['both', 'output', 'input'] as const)(
  '%s: the certificate holds the minimum between its bounds',
  async (layers) => {
    const { fit } = await fitted(three, { layers })
    const { primal, dual, gap, slack, departure } = fit.certificate as NonNullable<typeof fit.certificate>
    expect(gap).toBe(primal - dual)
    expect(gap).toBeGreaterThanOrEqual(0)
    expect(slack).toBeLessThan(0.1 * gap + 1e-9)
    if (layers !== 'output') return expect(departure).toBeGreaterThan(0)
    // The network is its own linearization.
    expect(departure).toBeLessThan(1e-6)
    expect(primal).toBeCloseTo(fit.objective, 9)
  },
)

it('predicts numbers in their units', async () => {
  const data = circle(64)
  const { net } = await fitted(data, { scale: 'none' }, { steps: 20000 })
  const outputs = await net.predict(data)
  expect(outputs.reduce((sum, value) => sum + value, 0) / 64).toBeCloseTo(3, 1)
  expect(await net.score(data)).toMatchObject({ r2: expect.any(Number), mse: expect.any(Number) })
  expect(((await net.score(data)) as { r2: number }).r2).toBeGreaterThan(0.9)
  await expect(net.predictClasses(data)).rejects.toThrow(InvalidDataError)
})

it('gives the same bits again: after saving, with other threads, from a checkpoint', async () => {
  const { net, fit } = await fitted(three, {}, { threads: 1 })
  const outputs = await net.predict(three)
  await net.save(place('kernel.safetensors'))
  const loaded = await KernelRegimeNetwork.load(place('kernel.safetensors'))
  expect(same(await loaded.predict(three), outputs)).toBe(true)
  expect(loaded.summary).toEqual(JSON.parse(JSON.stringify(net.summary)))
  const checkpoint = place('kernel.checkpoint')
  await fitted(three, {}, { threads: 2, steps: 1500, checkpoint })
  const resumed = await fitted(three, {}, { threads: 2, resume: checkpoint })
  expect(resumed.fit.resumedFrom).toBe(1500)
  expect(resumed.fit.certificate).toEqual(fit.certificate)
  expect(same(await resumed.net.predict(three), outputs)).toBe(true)
})

it('is stopped by a signal and keeps what it has', async () => {
  const net = new KernelRegimeNetwork({ width: 2000 })
  const run = net.fit(three, { seconds: 60 })
  for await (const point of run) if (point.step > 10) run.abort()
  const fit = await run
  expect(fit.stop).toBe('aborted')
  expect(fit.certificate).toBeUndefined()
  expect((await net.predict(three)).length).toBe(three.rows * 3)
})

describe('the spectrum', () => {
  const figure = {
    activation: 'relu',
    outputScale: 1 / (20 * Math.SQRT2),
    biasScale: 10 * Math.SQRT2,
    scale: 'none',
  } as const

  it('is that of the circle in the limit of width, before any fit', async () => {
    const net = new KernelRegimeNetwork(figure)
    const data = circle(400)
    const cosine = Array.from({ length: 400 }, (_, i) => Math.cos((2 * Math.PI * i) / 400))
    const { eigenvalues, eigenfunctions, trace, complete, effectiveDimension, functions } = await net.spectrum(data, {
      width: 'infinite',
      components: 400,
      ridges: [1e-2, 1e-3],
      functions: [cosine],
      powers: [0.5],
    })
    // Nitanda, Suzuki, ICLR 2021, Figure 2's setting: λ of frequencies 0, 1, 1, 2, 2; 400 points add at most 1/(12 n²).
    const expected = [1.63947835e-1, 8.79865459e-2, 8.79865459e-2, 1.13282712e-2, 1.13282712e-2]
    expected.forEach((value, i) => {
      expect(Math.abs((eigenvalues[i] as number) - value)).toBeLessThan(1 / (12 * 400 ** 2) + 1e-7)
    })
    expect(trace).toBeCloseTo(0.25 + 0.125625, 6)
    expect(complete).toBe(true)
    expect(effectiveDimension[0]?.least).toBeCloseTo(4.95, 1)
    expect(effectiveDimension[1]?.most).toBeCloseTo(11.68, 1)
    const [first] = eigenfunctions
    expect(first?.every((value) => Math.abs(value - 1) < 1e-5)).toBe(true)
    const [own] = functions
    // cos t = φ/√2 in the plane of the two eigenfunctions of frequency 1.
    expect(own?.norms[0]).toBeCloseTo(Math.SQRT1_2 / Math.sqrt(8.79865459e-2), 3)
    expect(own?.captured).toBeCloseTo(1, 6)
  })

  it('of a fit tells what has been learnt', async () => {
    const data = circle(64)
    const { net, fit } = await fitted(data, { scale: 'none' }, { steps: 20000 })
    const { eigenvalues, functions } = await net.learnt(data, { components: 64 })
    const [target, learnt] = functions.map(({ coefficients }) => coefficients)
    const ridge = Number(fit.options.ridge)
    // Along the largest eigenvalues the fit is near to kernel ridge regression, λ/(λ + ridge) of the target.
    const [top] = Array.from(target ?? [], (value, i) => [Math.abs(value), i]).sort(([a = 0], [b = 0]) => b - a)
    const i = top?.[1] as number
    const kept = (learnt?.[i] as number) / (target?.[i] as number)
    const expected = (eigenvalues[i] as number) / ((eigenvalues[i] as number) + ridge)
    expect(Math.abs(kept - expected)).toBeLessThan(0.1)
  })

  it.each([
    ['an infinite width of swish', { activation: 'swish' }, { width: 'infinite' }, /relu/],
    ['a function of another length', {}, { functions: [[1, 2]] }, /function 0 has 2 values/],
    ['a ridge of 0', {}, { ridges: [0] }, /ridge/],
    ['no component', {}, { components: 0 }, /components/],
    ['an unknown option', {}, { component: 9 }, /component/],
  ])('%s is refused', async (_, options, asked, message) => {
    const net = new KernelRegimeNetwork({ ...figure, ...options } as KernelRegimeModelOptions)
    await expect(net.spectrum(circle(8), asked as never)).rejects.toThrow(message)
  })
})

it('refuses what does not go together, before any work', async () => {
  expect(() => new KernelRegimeNetwork({ particles: 3 } as never)).toThrow(InvalidOptionError)
  const refused = (options: object, run: object = {}) => fitted(three, options, run as KernelRegimeFitOptions)
  await expect(refused({ width: 3 })).rejects.toThrow(/even number/)
  await expect(refused({ activation: 'relu', sharpness: 2 })).rejects.toThrow(/sharpness/)
  await expect(refused({ algorithm: { name: 'averaged-sgd', minibatch: 1000 } })).rejects.toThrow(/minibatch is 1000/)
  await expect(refused({}, { device: 'cuda' })).rejects.toThrow(DeviceError)
  await expect(refused({}, { step: 1 })).rejects.toThrow(InvalidOptionError)
  await expect(refused({ algorithm: { name: 'averaged-sgd', step: 1e4 } })).rejects.toThrow(/diverged/)
  await expect(new KernelRegimeNetwork().predict(three)).rejects.toThrow(/has not been fitted/)
})
