// A study killed with SIGKILL three times at random moments and resumed, against the same one never killed: the same trials with
// the same results, to the last bit, and the same table.
//
//   node scripts/kill-check.mjs [examples/spam.yaml] [override…]      such as certificate=false
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { main, root } from './lib.mjs'

const cli = join(root, 'dist/cli/main.js')
const [file = join(root, 'examples/spam.yaml'), ...overrides] = process.argv.slice(2)
const kills = 3

main(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'meanfield-kill-'))
  const [plain, killed] = ['plain', 'killed'].map((name) => join(folder, name))
  const start = performance.now()
  finish(['run', file, ...overrides, '--out', plain])
  const whole = performance.now() - start
  console.log(`never killed: ${(whole / 1000).toFixed(1)} s`)
  for (let i = 0; i < kills; i++) {
    const begun = existsSync(join(killed, 'study.json'))
    const args = begun ? ['resume', killed] : ['run', file, ...overrides, '--out', killed]
    const child = spawn(process.execPath, [cli, ...args], { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
    // Each somewhere in a quarter of the whole, so that all of them come before the end.
    await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 0.25 * whole))
    child.kill('SIGKILL')
    console.log(`${(await ended) ?? 'it had ended'}: ${JSON.stringify(json(['status', killed]).states)}`)
  }
  finish(['resume', killed])
  const [a, b] = [plain, killed].map(results)
  if (JSON.stringify(a) !== JSON.stringify(b)) throw new Error(`the results differ; the studies are in ${folder}.`)
  console.log(`${a.trials.length} trials and the table of ${a.rows.length} rows are the same to the last bit.`)
  rmSync(folder, { recursive: true, force: true })
})

function finish(args) {
  const { status, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`meanfield ${args.join(' ')} exited with ${status}: ${stderr}`)
}

function json(args) {
  const { stdout } = spawnSync(process.execPath, [cli, ...args, '--json'], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return JSON.parse(stdout)
}

/** Everything but the seconds that it took. */
function results(folder) {
  const { trials, table } = json(['status', folder, '--list'])
  return {
    trials: trials.map(({ id, number, options, seed, state, metrics: { seconds: _, ...rest } }) => [
      id,
      number,
      options,
      seed,
      state,
      rest,
    ]),
    rows: table.rows.map(({ cells: { seconds: _, ...cells }, ...row }) => ({ ...row, cells })),
  }
}
