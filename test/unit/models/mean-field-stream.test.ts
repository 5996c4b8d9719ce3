// Fits to streams: bit for bit what a fit in memory with the rows in order gives, whatever the pieces, interrupted or not.
import { writeFileSync } from 'node:fs'
import { Dataset } from '../../../lib/data'
import { permutation } from '../../../lib/data/random'
import { MeanFieldNetwork, type MeanFieldNetworkOptions, type MeanFieldStreamOptions } from '../../../lib/models'
import { rowsOf } from '../../../lib/models/stream-rows'
import { numbers, same, small, temporaryFolder, three } from './fixtures'

const { place } = temporaryFolder()
const minibatch = 16

/** The rows of a data set in pieces of these sizes, the last one of what is left; it can be gone through again. */
function pieces(data: Dataset, ...sizes: number[]): AsyncIterable<Dataset> {
  return {
    async *[Symbol.asyncIterator]() {
      for (let at = 0, i = 0; at < data.rows; i++) {
        const end = Math.min(data.rows, at + (sizes[i % sizes.length] as number))
        yield rowsOf(data, at, end)
        at = end
      }
    },
  }
}

const network = (options: MeanFieldNetworkOptions = {}) =>
  new MeanFieldNetwork({ ...small, algorithm: { name: 'sgd-langevin', minibatch }, ...options })

async function streamed(
  data: AsyncIterable<Dataset>,
  run: MeanFieldStreamOptions = {},
  options: MeanFieldNetworkOptions = {},
) {
  const net = network(options)
  const fit = await net.fitStream(data, { seed: 5, certificate: false, ...run })
  return { net, fit }
}

async function inMemory(data: Dataset, passes: number, options: MeanFieldNetworkOptions = {}) {
  const net = network({ algorithm: { name: 'sgd-langevin', minibatch, order: 'rows' }, ...options })
  const fit = await net.fit(data, { seed: 5, passes, certificate: false })
  return { net, fit }
}

it.each([
  ['classes', three, {}],
  ['numbers', numbers, { loss: 'huber' }],
  ['annealed, on the sphere', three, { annealing: 'harmonic', annealingSteps: 10, geometry: 'sphere', ridge: 0.01 }],
] as const)('%s: what a fit in memory gives, in pieces of any size', async (_, data, options) => {
  for (const passes of [1, 3]) {
    const whole = await inMemory(data, passes, options)
    expect(whole.fit.steps).toBe(passes * Math.ceil(data.rows / minibatch))
    for (const sizes of [[1000], [1], [7, 100, 16]]) {
      const { net, fit } = await streamed(pieces(data, ...sizes), { passes, sample: data }, options)
      expect(same(net.particles, whole.net.particles)).toBe(true)
      expect(fit).toMatchObject({ steps: whole.fit.steps, rows: passes * data.rows, passes, stop: 'budget' })
      // The sample is all of the data here. On the sphere its evaluation brings the weights to length 1 once more.
      if ('geometry' in options) expect(fit.objective).toBeCloseTo(whole.fit.objective, 7)
      else expect(fit.objective).toBe(whole.fit.objective)
      expect(fit.chosen).toEqual(whole.fit.chosen)
    }
  }
})

it.each([
  ['long', 21_000, 2],
  ['wide', 4000, 600],
])('%s data, which the addon is given in several blocks', async (_, rows, columns) => {
  const features = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 1.7 + (i % 1013)))
  const targets = Float64Array.from({ length: rows }, (_, i) => features[i * columns] + features[i * columns + 1] ** 2)
  const data = Dataset.fromArrays(features, targets, { task: 'regression' })
  const options = { algorithm: { name: 'sgd-langevin', minibatch: 300 } } as const
  const whole = await inMemory(data, 1, { algorithm: { ...options.algorithm, order: 'rows' } })
  const { net, fit } = await streamed(pieces(data, 999), { sample: data }, options)
  expect(same(net.particles, whole.net.particles)).toBe(true)
  expect(fit.trace.rows.length).toBeGreaterThan(2)
})

it('its progressive loss is that of each row before it was learned from', async () => {
  const { fit } = await streamed(pieces(three, 50), { sample: three })
  // Slowly: in memory, the loss on the next minibatch before each step.
  let sum = 0
  for (let step = 0; step * minibatch < three.rows; step++) {
    const net = network({ algorithm: { name: 'sgd-langevin', minibatch, order: 'rows' } })
    await net.fit(three, { seed: 5, steps: step, certificate: false })
    const next = rowsOf(three, step * minibatch, Math.min(three.rows, (step + 1) * minibatch))
    const scores = await net.score(next)
    sum += (scores as { loss: number }).loss * next.rows
  }
  // Predictions are rounded to float32.
  expect(fit.progressiveLoss).toBeCloseTo(sum / three.rows, 6)
})

it('the first rows stand for all where no sample is given, whatever the pieces', async () => {
  const runs = await Promise.all(
    [[300], [13], [100, 1]].map((sizes) => streamed(pieces(three, ...sizes), { sampleRows: 120 })),
  )
  const given = await streamed(pieces(three, 50), { sample: rowsOf(three, 0, 120) })
  for (const { net, fit } of runs) {
    expect(same(net.particles, given.net.particles)).toBe(true)
    expect(fit.objective).toBe(given.fit.objective)
  }
  const { fit } = await streamed(pieces(three, 50), { certificate: true, certificateDraws: 200 })
  expect(fit.certificate?.primal).toBeGreaterThan(fit.certificate?.dual as number)
})

it('shuffled: windows of rows in an order that follows from the seed', async () => {
  // 100 rows round up to 7 minibatches of 16.
  const window = 112
  const order = Array.from({ length: Math.ceil(three.rows / window) }, (_, i) =>
    Array.from(permutation(Math.min(window, three.rows - i * window), 5, 0x70000000 + i), (row) => i * window + row),
  ).flat()
  const whole = await inMemory(three.subset(order), 1)
  // Sums over the rows of the sample are in another order, so that the 'auto' values are those of the rows in theirs.
  const options = { scale: 'none', ridge: 0.01, algorithm: { name: 'sgd-langevin', minibatch, step: 0.1 } } as const
  const expected = await inMemory(three.subset(order), 1, {
    ...options,
    algorithm: { ...options.algorithm, order: 'rows' },
  })
  for (const sizes of [[300], [17]]) {
    const { net } = await streamed(pieces(three, ...sizes), { shuffle: 100, sample: three }, options)
    expect(same(net.particles, expected.net.particles)).toBe(true)
  }
  expect(same(whole.net.particles, expected.net.particles)).toBe(false)
})

it('interrupted and resumed or not', async () => {
  const data = Dataset.concat(Array.from({ length: 200 }, () => three))
  const run = { passes: 2, sample: three, shuffle: 2000 }
  const whole = await streamed(pieces(data, 999), run)
  for (const after of [1, 20, 45]) {
    const checkpoint = place(`${after}.safetensors`)
    const controller = new AbortController()
    const first = network()
    const running = first.fitStream(pieces(data, 640), {
      ...run,
      seed: 5,
      certificate: false,
      checkpoint,
      signal: controller.signal,
    })
    let points = 0
    for await (const _ of running) if (++points >= after) controller.abort()
    const part = await running
    expect(part.stop).toBe('aborted')
    expect(part.rows).toBeLessThan(whole.fit.rows)
    // The checkpoint is a network, and so is what was fitted.
    expect(same((await MeanFieldNetwork.load(checkpoint)).particles, first.particles)).toBe(true)
    const { net, fit } = await streamed(pieces(data, 5000), { ...run, resume: checkpoint, checkpoint })
    expect(same(net.particles, whole.net.particles)).toBe(true)
    expect(fit).toMatchObject({ resumedFrom: part.steps, rows: whole.fit.rows, steps: whole.fit.steps })
    expect(fit.progressiveLoss).toBeCloseTo(whole.fit.progressiveLoss, 12)
    const again = await streamed(pieces(data, 5000), { ...run, resume: checkpoint })
    expect(same(again.net.particles, whole.net.particles)).toBe(true)
  }
})

describe('refused', () => {
  const checkpoint = place('refused.safetensors')
  beforeAll(() => streamed(pieces(three, 50), { checkpoint, sample: three }))

  it('a checkpoint of another run, of other rows, of no stream', async () => {
    const resume = { resume: checkpoint, sample: three }
    await expect(streamed(pieces(three, 50), { ...resume, seed: 6 })).rejects.toThrow(/is of another run: seed differ/)
    await expect(streamed(pieces(three, 50), resume, { entropy: 1e-3 })).rejects.toThrow(/is of another run: options/)
    const other = three.subset(Array.from({ length: 300 }, (_, i) => 299 - i))
    await expect(streamed(pieces(other, 50), resume)).rejects.toThrow(/has seen other rows than the stream gives/)
    await expect(streamed(pieces(rowsOf(three, 0, 200), 50), resume)).rejects.toThrow(/has seen other rows/)
    const { net } = await inMemory(three, 1)
    const model = place('model.safetensors')
    await net.save(model)
    await expect(streamed(pieces(three, 50), { ...resume, resume: model })).rejects.toThrow(/is no checkpoint/)
    writeFileSync(model, 'torn')
    await expect(streamed(pieces(three, 50), { ...resume, resume: model })).rejects.toMatchObject({
      code: 'MEANFIELD_CHECKPOINT',
    })
    await expect(streamed(pieces(three, 50), { passes: 1, checkpoint: '/nowhere/at/all' })).rejects.toThrow(/nowhere/)
  })

  it('what is no stream, or gives other data later', async () => {
    await expect(streamed(three as never)).rejects.toThrow(/use fit\(\) for one/)
    await expect(streamed({} as never)).rejects.toThrow(/no iterable of data sets/)
    await expect(streamed(pieces(three.subset([0]), 1))).rejects.toThrow(
      /minibatch is 16 but the training data have 1 rows/,
    )
    await expect(streamed((async function* () {})())).rejects.toThrow(/the stream has no rows/)
    const later = (second: Dataset) =>
      (async function* () {
        yield three
        yield second
      })()
    const wide = Dataset.fromArrays([[1, 2, 3]], ['a'], { classes: [...(three.classes as string[])] })
    await expect(streamed(later(wide))).rejects.toThrow(/data set 1 has other columns/)
    await expect(streamed(later(7 as never))).rejects.toThrow(/data of the stream are 7/)
    await expect(streamed(later(three), { passes: 2 })).rejects.toThrow(
      /pass 2 of the stream has no rows; pass an object/,
    )
  })

  it('algorithms and options that need all rows', async () => {
    await expect(streamed(pieces(three, 9), {}, { algorithm: 'langevin' })).rejects.toThrow(
      /algorithm is 'langevin', which looks at rows more than once; use 'sgd-langevin'/,
    )
    const random = { name: 'sgd-langevin', order: 'random' } as const
    await expect(streamed(pieces(three, 9), {}, { algorithm: random })).rejects.toThrow(/use shuffle of fitStream/)
    await expect(streamed(pieces(three, 9), {}, { preconditioner: 'inputs' })).rejects.toThrow(
      /use 'none' for a stream/,
    )
    await expect(streamed(pieces(three, 9), { steps: 9 } as never)).rejects.toThrow(/fitStream has no option 'steps'/)
    await expect(streamed(pieces(three, 9), { passes: 0 })).rejects.toThrow(/passes is 0/)
  })

  it('an iterate that explodes, with a step', async () => {
    const algorithm = { name: 'sgd-langevin', minibatch, step: 1e6 } as const
    await expect(streamed(pieces(numbers, 50), { passes: 5 }, { algorithm })).rejects.toMatchObject({
      code: 'MEANFIELD_DIVERGED',
    })
  })
})

it('an abort before the first step rejects, one while a stream keeps it waiting resolves', async () => {
  await expect(streamed(pieces(three, 50), { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  })
  const controller = new AbortController()
  const stalled = (async function* () {
    yield three
    controller.abort()
    await new Promise(() => {})
  })()
  const { fit } = await streamed(stalled, { sample: three, signal: controller.signal })
  expect(fit).toMatchObject({ stop: 'aborted', certificate: null })
})
