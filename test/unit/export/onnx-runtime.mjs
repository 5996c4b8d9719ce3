// What ONNX Runtime makes of a model: { path, features } in, the outputs of the graph by name out.
import { readFileSync } from 'node:fs'
import * as ort from 'onnxruntime-web'

ort.env.wasm.numThreads = 1

process.on('message', async ({ path, features }) => {
  const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(path)))
  const shape = [features.length, features[0].length]
  const outputs = await session.run({ features: new ort.Tensor('float32', features.flat(), shape) })
  process.send(Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data)])))
  await session.release()
})
