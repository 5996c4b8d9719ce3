// Damaged files for every reader: npm run fuzz [-- --count 100000] [--only parquet,journal] [--seed 1]
//
// Valid files are mutated; a reader may refuse them with a typed error or read them, but never crash, hang, or return numbers
// that are not there: what is accepted is compared with an independent reading where the format allows one. Each reader runs
// in a process of its own, which is given up on when it says nothing for a minute; the input is then kept.
import { fork } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readers } from './fuzz-readers.mjs'
import { main } from './lib.mjs'

const patience = 60_000
const folder = join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `meanfield-fuzz-${process.pid}`)

async function parent() {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string', default: Object.keys(readers).join(',') },
    },
  })
  let failed = 0
  for (const name of values.only.split(',')) {
    if (!(name in readers)) throw new Error(`no reader '${name}'; there are ${Object.keys(readers).join(', ')}.`)
    const start = performance.now()
    const { words, failure } = await fuzz(name, Number(values.count), Number(values.seed))
    console.log(`${name}: ${words}, ${((performance.now() - start) / 1000).toFixed(1)} s`)
    if (failure) failed++
  }
  rmSync(folder, { recursive: true, force: true })
  if (failed > 0) throw new Error(`${failed} readers failed.`)
}

function fuzz(name, count, seed) {
  const child = fork(import.meta.filename, [], {
    env: { ...process.env, FUZZ: JSON.stringify({ name, count, seed, folder }) },
  })
  return new Promise((resolve) => {
    let last = 'nothing'
    const keep = (why) => {
      const kept = join(tmpdir(), `fuzz-${name}-${Date.now()}`)
      const input = join(folder, name, `input${readers[name].extension}`)
      if (existsSync(input)) writeFileSync(kept, readFileSync(input))
      resolve({ words: `${why}, after ${last}; the input is ${kept}`, failure: true })
    }
    let [timer, ended] = [undefined, false]
    const wait = () => {
      clearTimeout(timer)
      timer = setTimeout(() => child.kill('SIGKILL'), patience)
    }
    wait()
    child.on('message', (message) => {
      wait()
      last = message.words ?? last
      ended ||= message.done || message.failure !== undefined
      if (message.failure) keep(message.failure)
      if (message.done) resolve({ words: message.words, failure: false })
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (!ended) keep(`died with ${signal ?? code}`)
    })
  })
}

/** A small generator with a fixed sequence (Marsaglia 2003, xorshift32). */
function generator(seed) {
  let x = (seed * 2654435761) >>> 0 || 1
  return (below) => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % below
  }
}

const telling = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x3f, 0x65, 0x7b, 0x20]

/** One to four changes: bits, bytes, pieces taken out, doubled or moved, the end cut off, integers at their limits. */
function mutate(bytes, others, draw) {
  let out = Buffer.from(bytes)
  for (let n = 1 + draw(4); n > 0 && out.length > 0; n--) {
    const at = draw(out.length)
    const length = 1 + draw(Math.min(64, out.length - at))
    const piece = out.subarray(at, at + length)
    const kind = draw(8)
    if (kind === 0) out[at] ^= 1 << draw(8)
    else if (kind === 1) out[at] = telling[draw(telling.length)]
    else if (kind === 2) out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)])
    else if (kind === 3) out = Buffer.concat([out.subarray(0, at), piece, out.subarray(at)])
    else if (kind === 4) out = out.subarray(0, at)
    else if (kind === 5) piece.fill(telling[draw(telling.length)])
    else if (kind === 6) {
      const other = others[draw(others.length)]
      const from = draw(other.length)
      out = Buffer.concat([out.subarray(0, at), other.subarray(from, from + length), out.subarray(at)])
    } else if (out.length >= at + 8) out.writeBigInt64LE([2n ** 63n - 1n, -1n, 2n ** 31n, 2n ** 53n][draw(4)], at)
  }
  return out
}

async function child({ name, count, seed, folder }) {
  const reader = readers[name]
  const place = join(folder, name)
  mkdirSync(place, { recursive: true })
  const seeds = (await reader.seeds(place)).map((seed) => Buffer.from(seed))
  const draw = generator(seed)
  const path = join(place, `input${reader.extension}`)
  const outcome = { refused: 0, read: 0, doubtful: 0 }
  const words = () =>
    `${outcome.refused + outcome.read} inputs, ${outcome.refused} refused, ${outcome.read} read` +
    (outcome.doubtful > 0 ? `, ${outcome.doubtful} of these with values that no second reading has judged` : '')
  let told = Date.now()
  for (let i = 0; i < count; i++) {
    const input = mutate(seeds[draw(seeds.length)], seeds, draw)
    writeFileSync(path, input)
    try {
      const judged = await reader.read(path, input, seeds)
      outcome.read++
      if (judged === 'not judged') outcome.doubtful++
    } catch (error) {
      const known = /^MEANFIELD_(INVALID_DATA|INVALID_OPTION|CHECKPOINT|OUT_OF_MEMORY)$/.test(error?.code)
      if (!known) {
        process.send({ failure: `input ${i}: ${error?.stack ?? error}` }, () => process.exit(1))
        return
      }
      outcome.refused++
    }
    if (Date.now() - told > 1000) {
      told = Date.now()
      process.send({ words: words() })
    }
  }
  process.send({ done: true, words: words() }, () => process.exit(0))
}

if (process.env.FUZZ)
  child(JSON.parse(process.env.FUZZ)).catch((error) =>
    process.send({ failure: String(error.stack) }, () => process.exit(1)),
  )
else main(parent)
