/** A run killed in mid-run, again and again, and resumed from its checkpoints, against one that was left alone. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, start } from './child'

interface Finished {
  digest: string
  resumedFrom: number
}

/** Kills a process that is at work, once it has a checkpoint; undefined when it was done before. */
async function kill(
  algorithm: string,
  checkpoint: string,
  steps: string,
  after: number,
): Promise<Finished | undefined> {
  const child = start('killed.cjs', [algorithm, checkpoint, steps])
  await child.firstLine
  while (!existsSync(checkpoint)) await new Promise((resolve) => setTimeout(resolve, 2))
  await new Promise((resolve) => setTimeout(resolve, after))
  child.kill('SIGKILL')
  const { signal, code, stdout } = await child.ended
  if (code === 0) return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as Finished
  expect(signal).toBe('SIGKILL')
  return undefined
}

test.each([
  ['langevin', '3000'],
  ['dual-averaging', '300'],
  ['svrg-langevin', '6000'],
])(
  '%s: killed with SIGKILL and resumed, the result has the bits of a run that was never killed',
  async (algorithm, steps) => {
    const folder = mkdtempSync(join(tmpdir(), 'meanfield-killed-'))
    try {
      const checkpoint = join(folder, 'run.ckpt')
      const expected = (await run('killed.cjs', [algorithm, '', steps])) as Finished
      expect(expected.resumedFrom).toBe(-1)
      let finished: Finished | undefined
      for (const after of [5, 25, 60]) finished ??= await kill(algorithm, checkpoint, steps, after)
      finished ??= (await run('killed.cjs', [algorithm, checkpoint, steps])) as Finished
      expect(finished.resumedFrom).toBeGreaterThan(0)
      expect(finished.digest).toBe(expected.digest)
      // A kill in the middle of writing leaves at most its temporary file beside the checkpoint, never a torn checkpoint.
      for (const name of readdirSync(folder)) expect(name).toMatch(/^run\.ckpt(\.tmp-\d+-\d+)?$/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
