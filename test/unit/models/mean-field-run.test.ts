import type { TracePoint } from '../../../lib/generated/catalogue'
import { type MeanFieldFit, MeanFieldNetwork, type Run } from '../../../lib/models'
import { fitted, numbers, quick, rings, same, small, temporaryFolder, three } from './fixtures'

const { place } = temporaryFolder()

describe('the same answer every time', () => {
  it.each(['langevin', 'dual-averaging'] as const)('on 1, 2 and 5 threads (%s)', async (algorithm) => {
    const [one, two, five] = await Promise.all(
      [1, 2, 5].map((threads) => fitted(three, { algorithm }, { threads, validation: three })),
    )
    expect([one, two, five].map(({ fit }) => fit.threads)).toEqual([1, 2, 5])
    for (const { net, fit } of [two, five]) {
      expect(same(net.particles, one.net.particles)).toBe(true)
      expect(fit.certificate).toEqual(one.fit.certificate)
      for (const column of ['objective', 'loss', 'score', 'validationLoss'] as const)
        expect(same(fit.trace[column], one.fit.trace[column])).toBe(true)
      expect(same(await net.predict(three), await one.net.predict(three))).toBe(true)
    }
  })

  it('and another one for another seed', async () => {
    const [a, b, c] = await Promise.all([5, 5, 6].map((seed) => fitted(rings, {}, { seed })))
    expect(same(a.net.particles, b.net.particles)).toBe(true)
    expect(same(a.net.particles, c.net.particles)).toBe(false)
  })

  it('and leaves what was passed in as it was', async () => {
    const features = Float32Array.from(three.features)
    const targets = Float64Array.from(numbers.targets)
    const options = Object.freeze({ ...small, algorithm: Object.freeze({ name: 'langevin', step: 0.1 } as const) })
    const net = new MeanFieldNetwork(options)
    await net.fit(three, Object.freeze({ ...quick, validation: three, snapshots: Object.freeze([0, 5]) }))
    await net.predict(three)
    await net.score(three)
    await fitted(numbers)
    expect(same(three.features, features)).toBe(true)
    expect(same(numbers.targets, targets)).toBe(true)
    expect(net.options).toEqual(options)
  })

  it('interrupted and resumed or not', async () => {
    for (const algorithm of ['langevin', 'dual-averaging'] as const) {
      const whole = await fitted(three, { algorithm }, { steps: 300, snapshots: [0, 50, 250] })
      const checkpoint = place(`${algorithm}.checkpoint`)
      const controller = new AbortController()
      const net = new MeanFieldNetwork({ ...small, algorithm })
      const run = net.fit(three, {
        ...quick,
        steps: 300,
        snapshots: [0, 50, 250],
        checkpoint,
        signal: controller.signal,
        // A step takes well under a millisecond; the abort comes at the first live point, which is that of step 0.
      })
      for await (const _ of run) controller.abort()
      const part = await run
      expect(part).toMatchObject({ stop: 'aborted', certificate: null })
      expect(part.steps).toBeLessThan(300)
      const rest = await net.fit(three, { ...quick, steps: 300, snapshots: [0, 50, 250], resume: checkpoint })
      expect(rest.resumedFrom).toBe(part.steps)
      expect(same(net.particles, whole.net.particles)).toBe(true)
      expect(rest.certificate).toEqual(whole.fit.certificate)
      expect(same(rest.trace.objective, whole.fit.trace.objective)).toBe(true)
      expect(rest.snapshots.map(({ step }) => step)).toEqual([0, 50, 250])
      rest.snapshots.forEach(({ particles }, i) => {
        expect(same(particles, whole.fit.snapshots[i].particles)).toBe(true)
      })
    }
  })
})

describe('stopping', () => {
  it('before the start rejects with an AbortError and leaves the network free', async () => {
    const net = new MeanFieldNetwork(small)
    await expect(net.fit(three, { ...quick, signal: AbortSignal.abort('no') })).rejects.toMatchObject({
      name: 'AbortError',
      code: 'MEANFIELD_CANCELLED',
      cause: 'no',
    })
    await expect(net.predict(three)).rejects.toMatchObject({ code: 'MEANFIELD_INVALID_DATA' })
    await net.fit(three, quick)
  })

  it('in mid-run resolves with a model to use', async () => {
    const net = new MeanFieldNetwork(small)
    const run = net.fit(three, { ...quick, steps: 1e9 })
    for await (const point of run) if (point.step > 0) run.abort()
    const fit = await run
    expect(fit.stop).toBe('aborted')
    expect(fit.certificate).toBeNull()
    expect(fit.steps).toBeGreaterThan(0)
    expect(fit.trace.step.at(-1)).toBeLessThanOrEqual(fit.steps)
    expect(Number.isFinite(fit.objective)).toBe(true)
    expect((await net.predict(three)).every(Number.isFinite)).toBe(true)
  })

  it('before the data have been looked at rejects with an AbortError, and the network can be fitted again', async () => {
    const net = new MeanFieldNetwork(small)
    const run = net.fit(three, { ...quick, steps: 1e9 })
    run.abort('changed my mind')
    await expect(run).rejects.toMatchObject({
      name: 'AbortError',
      code: 'MEANFIELD_CANCELLED',
      cause: 'changed my mind',
    })
    await expect(net.predict(three)).rejects.toThrow('has not been fitted')
    expect(await net.fit(three, quick)).toMatchObject({ stop: 'budget' })
  })

  it('by objective, passes and seconds', async () => {
    const target = await fitted(numbers, {}, { steps: 1e9, targetObjective: 0.4, traceEvery: 1 })
    expect(target.fit.stop).toBe('target')
    expect(target.fit.objective).toBeLessThanOrEqual(0.4)
    const passes = await fitted(numbers, {}, { steps: undefined, passes: 7 })
    expect(passes.fit).toMatchObject({ stop: 'budget', passes: 7, steps: 7 })
    const seconds = await fitted(numbers, {}, { steps: undefined, seconds: 0.05 })
    expect(seconds.fit.stop).toBe('budget')
    expect(seconds.fit.seconds.solve).toBeGreaterThanOrEqual(0.05)
  })

  it('shows live points on the way', async () => {
    const net = new MeanFieldNetwork(small)
    const run: Run<MeanFieldFit, TracePoint> = net.fit(numbers, { ...quick, seconds: 0.4, steps: undefined })
    const seen: TracePoint[] = []
    for await (const point of run) seen.push(point)
    const { trace } = await run
    expect(seen.length).toBeGreaterThan(1)
    const steps = seen.map(({ step }) => step)
    expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b))
    expect(Object.keys(seen[0])).toEqual(Object.keys(trace))
    expect(seen.at(-1)?.objective).toBe(trace.objective.at(-1))
  })
})
