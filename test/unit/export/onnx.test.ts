import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Dataset, KernelRegimeNetwork, LinearModel, MeanFieldNetwork, ResidualBoosting } from '../../../lib'
import { Random } from '../../../lib/data/random'
import { exportOnnx } from '../../../lib/export'
import type { KernelRegimeOptions } from '../../../lib/generated/catalogue'
import { writeModel } from '../../../lib/models/saved-model'

// ONNX Runtime in a process of its own: in Jest's realm typed arrays are not those that it knows.
const runtime = fork(join(__dirname, 'onnx-runtime.mjs'), { serialization: 'advanced' })
afterAll(() => runtime.disconnect())

const folder = mkdtempSync(join(tmpdir(), 'meanfield-onnx-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const random = new Random(1)
const rows = 150
// Columns far from 0 and of different scales: scaling in float32 would lose their digits.
const features = Array.from({ length: rows }, () => [random.normal(), 1e4 + random.normal(), 1e-3 * random.normal()])
const noise = () => 0.1 * random.normal()
const numbers = features.map(([a = 0, b = 0]) => [3 + 2 * a + noise(), b - 1e4 + noise()])
const three = features.map(([a = 0, b = 0]) => (a > 0.5 ? 'tall' : b > 1e4 ? 'wide' : 'short'))
const two = features.map(([a = 0]) => (a > 0 ? 'yes' : 'no'))

async function outputsOf(model: Parameters<typeof exportOnnx>[0], rows = features) {
  const path = join(folder, 'model.onnx')
  await exportOnnx(model, path)
  const answer = once(runtime, 'message')
  runtime.send({ path, features: rows })
  const [found] = await answer
  expect(found.error).toBeUndefined()
  return found as { outputs: number[]; label?: string[]; probabilities?: number[] }
}

/** Largest difference, in parts of the largest value. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  const largest = Math.max(...Array.from(b, Math.abs))
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number)))) / largest
}

test.each([
  { secondLayer: 'bounded', signs: 'same' },
  { secondLayer: 'fixed', signs: 'same' },
  { secondLayer: 'fixed', signs: 'balanced' },
  { secondLayer: 'parity', signs: 'same' },
  { secondLayer: 'parity', signs: 'balanced' },
] as const)('ONNX Runtime predicts what the network predicts: $secondLayer, $signs', async ({ secondLayer, signs }) => {
  for (const [i, activation] of (['tanh', 'sigmoid', 'relu', 'softplus', 'silu'] as const).entries()) {
    const data = Dataset.fromArrays(features, i % 2 ? numbers : numbers.map(([y]) => y as number))
    const net = new MeanFieldNetwork({
      particles: 50,
      activation,
      secondLayer,
      signs,
      bias: i % 2 === 0,
      scale: (['standard', 'minmax'] as const)[i % 2],
    })
    await net.fit(data, { steps: 20, certificate: false, seed: i })
    const { outputs } = await outputsOf(net)
    expect(difference(outputs, await net.predict(features))).toBeLessThan(1e-5)
  }
})

test('whitening, and missing values in the median of the training rows, are part of the graph', async () => {
  const gaps = features.map((row, i) => row.map((x, j) => ((i + j) % 7 === 0 ? Number.NaN : x)))
  const frame = {
    source: 'here',
    rows,
    place: String,
    columns: [0, 1, 2]
      .map((j) => ({
        name: `x${j}`,
        type: 'number' as const,
        values: Float64Array.from(gaps, (row) => row[j] as number),
      }))
      .concat({ name: 'y', type: 'number', values: Float64Array.from(numbers, ([y]) => y as number) }),
  }
  const data = Dataset.fromFrame(frame, { target: 'y', missing: 'median' })
  for (const model of [
    new MeanFieldNetwork({ particles: 40, scale: 'whiten' }),
    new LinearModel({ scale: 'whiten' }),
    new KernelRegimeNetwork({ width: 40, scale: 'whiten' }),
  ]) {
    await model.fit(data, { steps: 30 })
    const { outputs } = await outputsOf(model, gaps)
    expect(difference(outputs, await model.predict(data))).toBeLessThan(1e-5)
  }
})

test.each([
  ['logistic', two],
  ['smooth-hinge', two],
  ['softmax', three],
] as const)('classes: labels, and probabilities where the loss has them: %s', async (loss, labels) => {
  const data = Dataset.fromArrays(features, labels)
  const net = new MeanFieldNetwork({ particles: 60, loss })
  await net.fit(data, { steps: 60, certificate: false })
  const found = await outputsOf(net)
  expect(difference(found.outputs, await net.predict(features))).toBeLessThan(1e-5)
  expect(found.label).toEqual(await net.predictClasses(features))
  if (loss === 'smooth-hinge') expect(found.probabilities).toBeUndefined()
  else expect(difference(found.probabilities as number[], await net.predictProbabilities(features))).toBeLessThan(1e-5)
})

test.each([
  ['squared', numbers],
  ['softmax', three],
  ['logistic', three],
  ['logistic', two],
] as const)('linear models, in float64: %s', async (loss, targets) => {
  const data = Dataset.fromArrays(features, targets as number[][] | string[])
  const model = new LinearModel({ loss, l2: 1e-3, scale: 'standard' })
  await model.fit(data)
  const found = await outputsOf(model)
  expect(difference(found.outputs, await model.predict(data))).toBeLessThan(1e-12)
  if (data.classes) expect(found.label).toEqual(await model.predictClasses(data))
})

const embedding = { rounds: 3, width: 7, depth: 2, linearEpochs: 5, embeddingEpochs: 3, searchSteps: 20 }
test.each([
  { algorithm: { name: 'residual-boosting', embeddingOutput: 'identity' }, loss: 'logistic', labels: three },
  { algorithm: { name: 'residual-boosting', embeddingOutput: 'relu' }, loss: 'smooth-hinge', labels: three, depth: 0 },
  { algorithm: 'frank-wolfe', loss: 'logistic', labels: two },
  { algorithm: { name: 'frank-wolfe', offset: 3 }, loss: 'smooth-hinge', labels: three },
] as const)('boosted layers: $algorithm, $loss', async ({ labels, ...options }) => {
  const model = new ResidualBoosting({ ...embedding, embeddingRate: 0.01, ...options })
  await model.fit(Dataset.fromArrays(features, labels), { seed: 1 })
  const found = await outputsOf(model)
  expect(difference(found.outputs, await model.predict(features))).toBeLessThan(1e-5)
  expect(found.label).toEqual(await model.predictClasses(features))
  if (options.loss === 'smooth-hinge') expect(found.probabilities).toBeUndefined()
  else
    expect(difference(found.probabilities as number[], await model.predictProbabilities(features))).toBeLessThan(1e-5)
})

test('of boosted layers those that predictions use are written', async () => {
  const data = Dataset.fromArrays(features, three)
  const model = new ResidualBoosting({ ...embedding, scale: 'none' })
  await model.fit(data, { seed: 1, validation: data, useBestLayer: true })
  const path = join(folder, 'boosted.safetensors')
  const saved = model.saved()
  for (const layers of [0, 2]) {
    await writeModel(path, { ...saved, settings: { ...saved.settings, layers } })
    const { outputs } = await outputsOf(path)
    expect(difference(outputs, await model.predict(features, { layers }))).toBeLessThan(1e-5)
  }
})

test.each([
  { layers: 'both', activation: 'swish', targets: three },
  { layers: 'input', activation: 'softplus', targets: numbers },
  { layers: 'output', activation: 'tanh', targets: two },
  { layers: 'both', activation: 'relu', targets: numbers.map(([y]) => y as number) },
  { layers: 'output', activation: 'swish', targets: three },
] as const)('networks of the kernel regime: $layers, $activation', async ({ targets, ...options }) => {
  const net = new KernelRegimeNetwork({
    width: 50,
    biasScale: 0.7,
    outputScale: 1.3,
    ...(options as KernelRegimeOptions),
  })
  await net.fit(Dataset.fromArrays(features, targets as number[][] | string[]), { steps: 300, seed: 2 })
  const found = await outputsOf(net)
  expect(difference(found.outputs, await net.predict(features))).toBeLessThan(1e-5)
  if (net.classes) expect(found.label).toEqual(await net.predictClasses(features))
  expect(found.probabilities).toBeUndefined()
})

test('a saved file is exported as the model itself; what is not fitted is refused', async () => {
  const net = new MeanFieldNetwork({ particles: 10 })
  await expect(exportOnnx(net, join(folder, 'none.onnx'))).rejects.toThrow('has not been fitted')
  await net.fit(Dataset.fromArrays(features, two), { steps: 5, certificate: false })
  const [saved, a, b] = ['m.safetensors', 'a.onnx', 'b.onnx'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  await net.save(saved)
  await exportOnnx(net, a)
  await exportOnnx(saved, b)
  expect(readFileSync(a).equals(readFileSync(b))).toBe(true)
})

test('a file whose model is damaged is refused, not exported', async () => {
  const [saved, path] = [join(folder, 'damaged.safetensors'), join(folder, 'damaged.onnx')]
  const model = new LinearModel()
  await model.fit(Dataset.fromArrays(features, two))
  const { tensors, ...rest } = model.saved()
  await writeModel(saved, { ...rest, tensors: new Map([...tensors].slice(1)) })
  await expect(exportOnnx(saved, path)).rejects.toMatchObject({ code: 'MEANFIELD_INVALID_DATA' })
  await writeModel(saved, { ...model.saved(), model: 'forest' })
  await expect(exportOnnx(saved, path)).rejects.toThrow("a model of the kind 'forest'; ONNX is written for mean-field")
})
