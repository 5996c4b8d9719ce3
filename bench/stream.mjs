// One pass over a CSV file that is not held in memory: node bench/stream.mjs [--megabytes 200] [--particles 200]
//
// Prints one line of JSON: rows, seconds, megabytes of the file a second, and by how many megabytes the process grew over what it
// has after a fit to a small file of the same kind, when everything is loaded and compiled.
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { DatasetStream, MeanFieldNetwork } = createRequire(import.meta.url)('../dist/index.js')
const { values } = parseArgs({
  options: { megabytes: { type: 'string', default: '200' }, particles: { type: 'string', default: '200' } },
})
const columns = 20

/** Rows of numbers of a linear congruential generator, and the class that the sign of their sum is. */
function write(path, megabytes) {
  const file = openSync(path, 'w')
  let [state, bytes] = [12345, 0]
  const put = (text) => {
    bytes += writeSync(file, text)
  }
  put(`${Array.from({ length: columns }, (_, j) => `x${j}`).join(',')},y\n`)
  while (bytes < megabytes * 1e6) {
    let text = ''
    for (let i = 0; i < 1000; i++) {
      let sum = 0
      for (let j = 0; j < columns; j++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        const x = state / 2 ** 31 - 1
        sum += x
        text += `${x.toFixed(6)},`
      }
      text += sum > 0 ? 'up\n' : 'down\n'
    }
    put(text)
  }
  closeSync(file)
}

const folder = mkdtempSync(join(tmpdir(), 'meanfield-stream-'))
const megabytes = Number(values.megabytes)
const train = async (name, size) => {
  const path = join(folder, name)
  write(path, size)
  const net = new MeanFieldNetwork({
    particles: Number(values.particles),
    algorithm: { name: 'sgd-langevin', minibatch: 128 },
  })
  const start = performance.now()
  const { rows, progressiveLoss } = await net.fitStream(DatasetStream.fromFile(path, { target: 'y' }), { seed: 1 })
  return { rows, progressiveLoss, seconds: (performance.now() - start) / 1000 }
}
try {
  await train('small.csv', 10)
  const before = process.resourceUsage().maxRSS
  const { rows, progressiveLoss, seconds } = await train('large.csv', megabytes)
  const grown = (process.resourceUsage().maxRSS - before) / 1024
  console.log(
    JSON.stringify({ megabytes, rows, seconds, megabytesPerSecond: megabytes / seconds, grown, progressiveLoss }),
  )
} finally {
  rmSync(folder, { recursive: true })
}
