import { amsvrgSettings, measureAmsvrg } from '../../../lib/reproduce/amsvrg'
import { denseLogistic, sparseLogistic } from '../../../lib/reproduce/finite-sum-data'
import { measureMinibatchSize, minibatchSizeSettings } from '../../../lib/reproduce/minibatch-size'

const context = { seed: 1, full: false, threads: 1 }

describe('generated rows', () => {
  it('have length 1, labels ±1, and are a function of the seed', () => {
    const dense = denseLogistic(50, 6, 3)
    const sparse = sparseLogistic(50, 40, 12, 3)
    for (const { values, rowStarts, targets } of [dense, sparse])
      for (let i = 0; i < 50; i++) {
        const [from, to] = rowStarts ? [Number(rowStarts[i]), Number(rowStarts[i + 1])] : [6 * i, 6 * i + 6]
        expect(Math.hypot(...values.subarray(from, to))).toBeCloseTo(1, 12)
        expect(Math.abs(targets[i] as number)).toBe(1)
      }
    for (let i = 0; i < 50; i++) {
      const row = sparse.columnIndices?.subarray(Number(sparse.rowStarts?.[i]), Number(sparse.rowStarts?.[i + 1]))
      expect(Array.from(row as Int32Array)).toEqual([...new Set(row)].sort((a, b) => a - b))
    }
    expect(denseLogistic(50, 6, 3)).toEqual(dense)
    expect(denseLogistic(50, 6, 4).targets).not.toEqual(dense.targets)
  })
})

describe('minibatch-size', () => {
  it('counts queries and passes of every method at every minibatch, as in the formulas', async () => {
    const progress: number[] = []
    const findings = await measureMinibatchSize(
      {
        ...minibatchSizeSettings,
        rows: 1024,
        features: 8,
        problems: [{ id: 'ill-l1', l1: 1e-4, l2: 1e-4, accuracy: 1e-4 }],
        minibatches: [8, 32, 128],
        steps: [16, 4],
        instances: 3,
        compare: { small: 8, root: 32, large: 128 },
      },
      { ...context, onProgress: (part) => progress.push(part) },
    )
    expect(findings.claims.map(({ measured }) => Number.isFinite(measured))).toEqual(Array(8).fill(true))
    expect(findings.figures.map(({ id }) => id)).toEqual([
      'minibatch-size-ill-l1-queries',
      'minibatch-size-ill-l1-passes',
    ])
    const [queries, passes] = findings.figures
    for (const [i, { name, x, y }] of queries?.series.entries() ?? []) {
      if (!minibatchSizeSettings.methods.includes(name as 'svrg')) continue
      // n = b · n/b: what is evaluated in a query is b examples, in a full gradient n.
      for (let j = 0; j < x.length; j++)
        expect(y[j]).toBeCloseTo(((passes?.series[i]?.y[j] as number) * 1024) / (x[j] as number), 6)
    }
    expect(progress.every((part) => part >= 0 && part <= 1)).toBe(true)
    expect([...progress].sort((a, b) => a - b)).toEqual(progress)
  }, 60000)

  it('a cell that is not reached has no number, and its claim does not hold', async () => {
    const { claims } = await measureMinibatchSize(
      { ...minibatchSizeSettings, rows: 256, features: 4, minibatches: [8], steps: [1], passes: 1, instances: 1 },
      context,
    )
    expect(claims.every(({ holds }) => !holds)).toBe(true)
  })
})

describe('amsvrg', () => {
  it('compares three restarts with SVRG and SAGA on both data sets', async () => {
    const settings = {
      ...amsvrgSettings,
      steps: [1, 8],
      p: [1],
      sparse: [200, 100, 20] as [number, number, number],
    }
    const { claims, figures } = await measureAmsvrg(settings, context)
    expect(claims).toHaveLength(6)
    // On the digits at λ = 0 these steps bring R1 near after 55 passes and SAGA after 98 of its 100.
    expect(claims[0]?.measured).toBeGreaterThan(0.4)
    expect(claims[0]?.measured).toBeLessThan(0.7)
    expect(claims[0]?.holds).toBe(true)
    expect(figures.map(({ id }) => id)).toEqual([
      'amsvrg-digits-0',
      'amsvrg-digits-1em6',
      'amsvrg-sparse-0',
      'amsvrg-sparse-1em6',
    ])
    for (const { series } of figures) {
      expect(series.map(({ name }) => name)).toEqual(['AMSVRG R1', 'AMSVRG R2', 'AMSVRG R3', 'SVRG', 'SAGA'])
      for (const { x, y } of series) expect(y.length).toBe(x.length)
    }
  }, 60000)
})
