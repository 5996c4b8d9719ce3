import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Dataset, DatasetStream, MeanFieldNetwork } from '../../lib'
import { clouds, fit, json, meanfield, more, place } from './command'

test('a fit to a file of 40 MB takes a fraction of it in memory', () => {
  const script = join(__dirname, '..', '..', 'bench', 'stream.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--megabytes', '40', '--particles', '16'], {
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const { rows, grown, progressiveLoss } = JSON.parse(stdout)
  expect(rows).toBeGreaterThan(200_000)
  // The sign of a sum is learned: below the loss of a coin, log 2.
  expect(progressiveLoss).toBeLessThan(0.4)
  // Blocks that stay reachable cost 2 MB in 5 of the file, 17 in all. The heap grows by one to five in its own time.
  expect(grown).toBeLessThan(12)
})

describe('fit --stream', () => {
  const stream = [...fit, '--data', clouds, '--target', 'side', '--particles', '32', '--stream']

  test('is what the library gives', async () => {
    const asked = [...stream, '--algorithm', 'sgd-langevin', '--minibatch', '8', '--shuffle', '40', '--passes', '2']
    const [out, checkpoint] = [place('stream.safetensors'), place('stream.checkpoint')]
    const { status, stderr, document } = json(
      ...asked,
      ...['--seed', '3', '--test', more, '--certificate-draws', '200', '--out', out, '--checkpoint', checkpoint],
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const net = new MeanFieldNetwork({ particles: 32, algorithm: { name: 'sgd-langevin', minibatch: 8 } })
    const rows = DatasetStream.fromFile(clouds, { target: 'side' })
    const same = await net.fitStream(rows, { seed: 3, shuffle: 40, passes: 2, certificateDraws: 200 })
    expect(document).toMatchObject({ rows: 240, steps: 30, passes: 2, stop: 'budget', file: out })
    expect(document.progressiveLoss).toBe(same.progressiveLoss)
    expect(document.certificate.gap).toBe(same.certificate?.gap)
    const { classes } = net
    const test = await Dataset.fromCsv(more, { target: 'side', ...(classes && { classes }) })
    expect(document.scores).toEqual({ test: await net.score(test) })
    const loaded = await MeanFieldNetwork.load(out)
    expect(await loaded.predict(test)).toEqual(await net.predict(test))

    const resumed = json(...asked.slice(0, -1), '3', '--seed', '3', '--resume', checkpoint)
    expect(resumed.document).toMatchObject({ rows: 360, resumedFrom: 30, passes: 3 })
  })

  test('says what rows that are read once cannot do', () => {
    for (const [flags, words] of [
      [[], "algorithm is 'langevin', which looks at rows more than once; use 'sgd-langevin' for a stream"],
      [['--algorithm', 'sgd-langevin', '--steps', '9'], "fitStream has no option 'steps'"],
      [['--holdout', '0.2'], '--holdout divides rows that are all there'],
      [['--particle-view', place('view.html')], '--particle-view needs particles along the way'],
    ] as const) {
      const { status, stderr } = meanfield(...stream, ...flags)
      expect(status).toBeGreaterThan(0)
      expect(stderr).toContain(words)
    }
    const { status, stderr } = meanfield(...stream.slice(0, -1), '--shuffle', '9')
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('--shuffle is for --stream') })
  })
})
