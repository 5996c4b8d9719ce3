import { MinimaxGame, type MinimaxPoint, ParticleMeasure } from '../../../lib'

const target = [
  [0.5, 1],
  [2, 4],
  [5, 3],
]

describe('ParticleMeasure', () => {
  test('reaches its target, with an exact gap, and the same numbers on any number of threads', async () => {
    const measure = new ParticleMeasure({ particles: 30, temperature: 5, annealing: 'harmonic' })
    expect(() => measure.particles).toThrow('has not been run')
    const fit = await measure.fit(target, { steps: 400, seed: 3, threads: 1 })
    expect(fit).toMatchObject({ steps: 400, stop: 'budget', threads: 1 })
    expect(fit.trace.step.at(-1)).toBe(400)
    expect(fit.discrepancy).toBe(fit.trace.discrepancy.at(-1))
    expect(fit.discrepancy).toBeLessThan((fit.trace.discrepancy[0] as number) / 3)
    // No noise in the last step: half the discrepancy is primal and gap.
    expect(fit.certificate?.gap).toBeCloseTo(fit.discrepancy / 2, 12)
    expect(fit.certificate).toMatchObject({ dual: 0, standardError: 0, trusted: true })
    const particles = measure.particles
    expect(particles).toHaveLength(60)
    for (const value of particles) expect(value).toBeGreaterThanOrEqual(0)
    for (const value of particles) expect(value).toBeLessThan(2 * Math.PI)
    await measure.fit(target, { steps: 400, seed: 3, threads: 2 })
    expect(measure.particles).toEqual(particles)
    // From where it ended, nothing is left to do.
    const points = Array.from({ length: 30 }, (_, i) => particles.subarray(2 * i, 2 * i + 2))
    const again = await new ParticleMeasure({ particles: 30, temperature: 0 }).fit(target, {
      initial: points,
      steps: 0,
    })
    expect(again.discrepancy).toBeCloseTo(fit.discrepancy, 12)
  })

  test('live points; an abort keeps the particles of a whole step', async () => {
    const measure = new ParticleMeasure({ particles: 100 })
    const controller = new AbortController()
    const run = measure.fit(target, { steps: 1e9, traceEvery: 1, signal: controller.signal })
    for await (const point of run) {
      expect(point.discrepancy).toBeGreaterThan(0)
      controller.abort()
    }
    const fit = await run
    expect(fit).toMatchObject({ stop: 'aborted', certificate: null })
    expect(fit.trace.step.length).toBeGreaterThanOrEqual(fit.steps)
    expect(measure.particles).toHaveLength(200)
    const early = measure.fit(target, { signal: AbortSignal.abort() })
    await expect(early).rejects.toMatchObject({ name: 'AbortError' })
  })

  const bad: [string, () => unknown, string, string][] = [
    [
      'an unknown option',
      () => new ParticleMeasure({ partciles: 3 } as object).fit(target),
      'INVALID_OPTION',
      "did you mean 'particles'?",
    ],
    [
      'an unknown run option',
      () => new ParticleMeasure().fit(target, { stepz: 3 } as object),
      'INVALID_OPTION',
      "did you mean 'steps'?",
    ],
    ['a step of 0', () => new ParticleMeasure({ step: 0 }).fit(target), 'INVALID_OPTION', "'step' is 0"],
    [
      'a negative temperature',
      () => new ParticleMeasure({ temperature: -1 }).fit(target),
      'INVALID_OPTION',
      "'temperature' is -1",
    ],
    ['no points', () => new ParticleMeasure().fit([]), 'INVALID_DATA', 'at least one point'],
    ['ragged points', () => new ParticleMeasure().fit([[1], [1, 2]]), 'INVALID_DATA', 'point 1 of the target has 2'],
    [
      'a number that is none',
      () =>
        new ParticleMeasure().fit([
          [1, 2],
          [Number.NaN, 1],
        ]),
      'INVALID_DATA',
      'point 1, coordinate 0',
    ],
    [
      'another number of initial particles',
      () => new ParticleMeasure({ particles: 3 }).fit(target, { initial: [[1, 2]] }),
      'INVALID_DATA',
      'expected 3 x 2',
    ],
    [
      'initial particles of another dimension',
      () => new ParticleMeasure({ particles: 1 }).fit(target, { initial: [[1]] }),
      'INVALID_DATA',
      'the target 2',
    ],
    [
      'an entropy of 0',
      () => new MinimaxGame({ entropy: 0 }).play(),
      'INVALID_OPTION',
      "'entropy' is 0; expected a finite number above 0. The best responses divide by it: use a small one.",
    ],
    [
      'a step that leaves nothing of an angle',
      () => new ParticleMeasure({ step: 1e300 }).fit(target),
      'DIVERGED',
      'use a smaller one',
    ],
    ['no such game', () => new MinimaxGame({ game: 'chess' as 'sigmoid' }).play(), 'INVALID_OPTION', 'chess'],
    [
      'players of two sizes',
      () => new MinimaxGame({ particles: 2 }).play({ initial: { x: [1, 2], y: [1] } }),
      'INVALID_DATA',
      'as many of each',
    ],
    [
      'too few initial particles',
      () => new MinimaxGame({ particles: 3 }).play({ initial: { x: [1, 2], y: [1, 2] } }),
      'INVALID_DATA',
      'expected 2 x 3',
    ],
  ]
  test.each(bad)('%s is refused before any step', async (_, work, code, words) => {
    const failure = await (async () => work())().then(
      () => undefined,
      (error) => error,
    )
    expect(failure).toMatchObject({ code: `MEANFIELD_${code}`, message: expect.stringContaining(words) })
  })
})

describe('MinimaxGame', () => {
  test('closes its gap, the same on any number of threads', async () => {
    const options = { particles: 300, entropy: 0.1, method: 'averaged-gradient' } as const
    const game = new MinimaxGame(options)
    const before = await game.play({ steps: 0, seed: 2 })
    const points: MinimaxPoint[] = []
    const run = game.play({ steps: 200, seed: 2, threads: 1 })
    for await (const point of run) points.push(point)
    const fit = await run
    expect(fit).toMatchObject({ steps: 200, stop: 'budget' })
    expect(fit.trace.moved.at(-1)).toBeLessThan(Math.max(...fit.trace.moved))
    const [start, end] = [before.certificate, fit.certificate]
    expect(end?.gap).toBeLessThan((start?.gap ?? 0) / 4)
    expect(end?.gap).toBeCloseTo((end?.primal ?? 0) - (end?.dual ?? 0), 12)
    expect(end?.words).toContain('Fewer than 500 particles')
    const x = game.x
    expect(x).toHaveLength(300)
    await game.play({ steps: 200, seed: 2, threads: 2 })
    expect(game.x).toEqual(x)
    // What a player's own particles are started from.
    const go = await new MinimaxGame(options).play({ steps: 0, initial: { x: game.x, y: game.y } })
    expect(go.certificate?.gap).toBeCloseTo(end?.gap ?? 0, 12)
  })

  test('runs off with a step that is too long, and says so; one run at a time', async () => {
    const game = new MinimaxGame({ game: 'product', step: 1e9, particles: 10 })
    await expect(game.play({ steps: 1000 })).rejects.toMatchObject({
      code: 'MEANFIELD_DIVERGED',
      message: expect.stringContaining('step'),
    })
    const first = game.play({ steps: 1 })
    await expect(game.play({ steps: 1 })).rejects.toMatchObject({ message: expect.stringContaining('being fitted') })
    await first
  })
})
