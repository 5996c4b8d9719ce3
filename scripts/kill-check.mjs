// A study killed with SIGKILL three times at random moments and resumed, against the same one never killed: the same trials with
// the same results, to the last bit, and the same table.
//
//   node scripts/kill-check.mjs [examples/spam.yaml] [override…]      such as certificate=false
//
// Each kill comes when a random number of trials, more than at the last one, has ended, and a random part of a second later; it
// must meet a process that is at work and leave trials to do.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { main, root } from './lib.mjs'

const cli = join(root, 'dist/cli/main.js')
const given = process.argv.slice(2)
const file = given[0]?.includes('=') ? undefined : given.shift()
const kills = 3
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

main(async () => {
  const { StudyStore } = createRequire(import.meta.url)(join(root, 'dist/index.js'))
  const folder = mkdtempSync(join(tmpdir(), 'meanfield-kill-'))
  const [plain, killed] = ['plain', 'killed'].map((name) => join(folder, name))
  const run = (out) => ['run', file ?? join(root, 'examples/spam.yaml'), ...given, '--out', out]
  const start = performance.now()
  finish(run(plain))
  const { trials, states } = json(['status', plain])
  console.log(`never killed: ${trials} trials in ${((performance.now() - start) / 1000).toFixed(0)} s`)
  if (states.complete !== trials) throw new Error(`not all of them are complete: ${JSON.stringify(states)}`)

  for (let i = 0; i < kills; i++) {
    const child = spawn(process.execPath, [cli, ...(i === 0 ? run(killed) : ['resume', killed])], { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
    const wanted = Math.max(1, Math.floor((trials * (i + Math.random())) / (kills + 0.5)))
    const count = () =>
      StudyStore.isStudy(killed) ? StudyStore.open(killed).trials(({ state }) => state === 'complete').length : -1
    while (child.exitCode === null && count() < wanted) await pause(20)
    await pause(500 * Math.random())
    child.kill('SIGKILL')
    const how = await ended
    const left = json(['status', killed])
    const checkpoints = existsSync(join(killed, 'checkpoints')) ? readdirSync(join(killed, 'checkpoints')).length : 0
    console.log(`${how} after ${wanted} had ended: ${JSON.stringify(left.states)}, ${checkpoints} checkpoints`)
    if (how !== 'SIGKILL' || left.states.complete === trials)
      throw new Error(`kill ${i + 1} came too late; the study needs more trials, or longer ones.`)
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
