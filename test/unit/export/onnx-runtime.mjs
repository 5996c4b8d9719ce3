// What ONNX Runtime makes of a model: { path, features } in, the outputs of the graph by name out, or { error }.
import { readFileSync } from 'node:fs'
import * as ort from 'onnxruntime-web'

ort.env.wasm.numThreads = 1

async function answer({ path, features }) {
  const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(path)))
  const shape = [features.length, features[0].length]
  const outputs = await session.run({ features: new ort.Tensor('float32', features.flat(), shape) })
  await session.release()
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data)]))
}

process.on('message', async (asked) => process.send(await answer(asked).catch(({ message }) => ({ error: message }))))
