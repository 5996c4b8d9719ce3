import { Dataset, InvalidOptionError, MeanFieldNetwork } from '../../lib'

const rows = 40
const features = Array.from({ length: rows }, (_, i) => [Math.sin(i), Math.cos(3 * i), i / rows])
const train = Dataset.fromArrays(
  features,
  features.map(([a = 0, b = 0]) => a * b),
)
const make = () => new MeanFieldNetwork({ particles: 30 })
const options = (seed: number) => ({ seed, steps: 20, certificate: false })

describe('fitMany', () => {
  test('gives what the fits give one by one, and a fitted network each', async () => {
    const runs = [1, 2, 3, 4].map((seed) => ({ network: make(), train, options: options(seed) }))
    const results = await MeanFieldNetwork.fitMany(runs, { threads: 2 })
    for (const [i, { network, options }] of runs.entries()) {
      const alone = make()
      const fit = await alone.fit(train, options)
      const result = results[i]
      if (result?.status !== 'fulfilled') throw new Error('a run failed')
      expect(result.value.objective).toBe(fit.objective)
      expect(network.particles).toEqual(alone.particles)
      expect(await network.predict(train)).toEqual(await alone.predict(train))
    }
  })

  test('a run that diverges is a rejected entry beside the others', async () => {
    const wild = new MeanFieldNetwork({ particles: 30, ridge: 1, algorithm: { name: 'langevin', step: 1e6 } })
    const results = await MeanFieldNetwork.fitMany([
      { network: wild, train, options: options(1) },
      { network: make(), train, options: options(1) },
    ])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  })

  test('refuses a network given twice, threads of a run, and bad options, before any run starts', async () => {
    const network = make()
    const twice = [1, 2].map((seed) => ({ network, train, options: options(seed) }))
    await expect(MeanFieldNetwork.fitMany(twice)).rejects.toThrow(InvalidOptionError)
    await expect(MeanFieldNetwork.fitMany([{ network, train, options: { threads: 2 } as object }])).rejects.toThrow(
      'threads',
    )
    await expect(MeanFieldNetwork.fitMany([{ network, train, options: { steps: -1 } }])).rejects.toThrow('requests[0]')
    await expect(MeanFieldNetwork.fitMany([], { threads: 0 })).rejects.toThrow(InvalidOptionError)
    expect(await MeanFieldNetwork.fitMany([])).toEqual([])
    await network.fit(train, options(1)) // free again
  })

  test('an abort ends the runs under way and rejects those to come', async () => {
    const controller = new AbortController()
    const runs = [1, 2, 3].map((seed) => ({
      network: make(),
      train,
      options: { seed, steps: 1e9, certificate: false },
    }))
    const many = MeanFieldNetwork.fitMany(runs, { threads: 1, signal: controller.signal })
    setTimeout(() => controller.abort(), 100)
    const results = await many
    expect(results[0]).toMatchObject({ status: 'fulfilled', value: { stop: 'aborted' } })
    expect(results[2]).toMatchObject({ status: 'rejected', reason: { name: 'AbortError' } })
  })
})
