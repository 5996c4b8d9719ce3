/** The Node-API contract of the addon: environments that come and go, aborts, memory, the event loop, inputs. */
import { type Outcome, run, start } from './child'

/** Timings depend on what else the machine does: the best of a few tries counts, and one good try ends them. */
async function best(tries: number, limit: number, measure: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < tries && least >= limit; i++) least = Math.min(least, await measure())
  return least
}

describe('environments', () => {
  test('workers that fit at once give the bits of each fit alone', async () => {
    const { alone, together } = (await run('workers.cjs')) as { alone: string[]; together: string[] }
    expect(new Set(alone).size).toBe(2)
    expect(together).toEqual([alone[0], alone[1], alone[0]])
  })

  test('workers terminated or exiting at any stage of a run end cleanly, and the process fits on', async () => {
    const { codes, steps } = (await run('terminate.cjs')) as { codes: Record<string, number[]>; steps: number }
    for (const mode of ['started', 'points', 'inside', 'ended']) expect(codes[mode]).toEqual([1, 1, 1, 1, 1])
    expect(codes.exit).toEqual([3, 3, 3, 3, 3])
    expect(steps).toBe(20)
  })

  test.each([
    ['exit', 7, null],
    ['inside-exit', 7, null],
    ['throw', 1, null],
    ['inside-throw', 1, null],
    ['inside-handled', 9, null],
    ['reject', 1, null],
    ['abort', null, 'SIGTERM'],
  ])('a process that ends in mid-run by %s ends with code %s', async (how, code, signal) => {
    // At several moments: while the data are being looked at, and in the middle of steps.
    const outcomes: Outcome[] = await Promise.all(['0', '3', '40'].map((wait) => start('exit.cjs', [how, wait]).ended))
    for (const outcome of outcomes) {
      expect([outcome.code, outcome.signal]).toEqual([code, signal])
      if (code === 7) expect(outcome.stderr).toBe('')
    }
  })

  test('the binary loaded through two paths, through a link, again, and in a worker, works in each', async () => {
    const { digests, different } = (await run('twice.cjs')) as { digests: string[]; different: boolean }
    expect(digests).toHaveLength(5)
    expect(new Set(digests).size).toBe(1)
    expect(different).toBe(true)
  })
})

describe('aborts', () => {
  test('1,000 runs started and aborted all settle, and leave no thread behind', async () => {
    const { outcomes, threads } = (await run('many-aborts.cjs')) as {
      outcomes: Record<string, number>
      threads: { before: number; after: number }
    }
    const { cancelled = 0, MEANFIELD_CANCELLED: rejected = 0, ...others } = outcomes
    expect(others).toEqual({})
    expect(cancelled + rejected).toBe(1000)
    expect(cancelled).toBeGreaterThanOrEqual(10) // those that had told of points
    expect(threads.after).toBe(threads.before)
  })

  test('an abort takes effect within 50 ms in every phase of a run with long steps', async () => {
    const worst: Record<string, number[]> = {}
    const late = await best(5, 50, async () => {
      const milliseconds = (await run('abort.cjs')) as Record<string, number[]>
      for (const [phase, times] of Object.entries(milliseconds)) {
        worst[phase] ??= times.map(() => Number.POSITIVE_INFINITY)
        worst[phase] = worst[phase].map((time, i) => Math.min(time, times[i] as number))
      }
      return Math.max(...Object.values(worst).flat())
    })
    if (late >= 50) throw new Error(`abort took ${JSON.stringify(worst)} ms at the best of five tries`)
  })
})

test('1,000 small fits: resident memory does not grow after the first 200, and nothing of them stays reachable', async () => {
  const { resident, alive } = (await run('memory.cjs', [], ['--expose-gc'])) as { resident: number[]; alive: number }
  expect(resident).toHaveLength(100)
  const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] as number
  const grown = median(resident.slice(90)) - median(resident.slice(20, 30))
  // A fit takes in 17 KB and gives 44 KB: one of its arrays kept per fit would add 12 to 35 MB over these 700 fits. 4 MB
  // is what a heap that is full of holes may still grow by.
  expect(grown).toBeLessThan(4 * 2 ** 20)
  expect(alive).toBe(0)
})

test('the event loop is not held up: 99 of 100 delays under 20 ms in ten seconds of fitting on all processors', async () => {
  // In proportion on a machine whose other work alone delays an idle process to above 12 of the timer's 10 ms.
  const p99 = await best(3, 20, async () => {
    const measured = (await run('event-loop.cjs', ['10'])) as {
      idle: number
      p99: number
      batches: number
      steps: number
    }
    expect(measured.steps).toBeGreaterThan(100)
    // At most 20 batches a second, whatever the number of steps.
    expect(measured.batches).toBeGreaterThan(0)
    expect(measured.batches).toBeLessThanOrEqual(10 * 20 + 5)
    return measured.p99 / Math.max(1, measured.idle / 12)
  })
  expect(p99).toBeLessThan(20)
}, 120_000)

describe('inputs', () => {
  test('are read in place and left as they were; shared and resizable memory is copied; the rest is refused', async () => {
    const { untouched, repeated, same, refusals } = (await run('inputs.cjs')) as {
      untouched: boolean
      repeated: boolean
      same: Record<string, boolean>
      refusals: Record<string, string>
    }
    expect(untouched).toBe(true)
    expect(repeated).toBe(true)
    expect(same).toEqual({ offset: true, shared: true, resizable: true, growable: true })
    expect(refusals).toEqual({
      type: 'MEANFIELD_INVALID_DATA: train.values is a Float64Array; expected a Float32Array.',
      array: 'MEANFIELD_INVALID_DATA: train.targets is an array; expected a Float64Array.',
      missing: 'MEANFIELD_INVALID_OPTION: train is missing; expected an object.',
      length: 'MEANFIELD_INVALID_DATA: train.values holds 1000 numbers; expected 199 x 5, row after row.',
      negative: 'MEANFIELD_INVALID_OPTION: train.rows is -1; expected a whole number of at least 0.',
      fraction: 'MEANFIELD_INVALID_OPTION: train.columns is 2.5; expected a whole number of at least 0.',
      detached: expect.stringMatching(/^MEANFIELD_INVALID_DATA: train.values (has lost its memory|holds 0 numbers)/),
      bigint: "MEANFIELD_INVALID_OPTION: run: option 'seed' is a BigInt; expected a number, a boolean or text.",
      symbol: "MEANFIELD_INVALID_OPTION: run: option 'seed' is a symbol; expected a number, a boolean or text.",
      option: "MEANFIELD_INVALID_OPTION: run: unknown option 'stepps'. Did you mean 'steps'?",
      getter: 'undefined: from a getter',
      snapshots: 'MEANFIELD_INVALID_OPTION: snapshots[1] is -2; expected a whole number of at least 0.',
      zero: 'MEANFIELD_INVALID_OPTION: checkpoint contains a zero character; remove it.',
      nothing: 'MEANFIELD_INVALID_OPTION: request is missing; expected an object.',
      predictNothing: 'MEANFIELD_INVALID_OPTION: features is missing; expected an object.',
      singular: expect.stringContaining('asked for 4 of a 2 x 3 matrix'),
    })
  })
})
