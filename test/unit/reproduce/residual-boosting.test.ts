import { measureResidualBoosting, residualBoostingSettings } from '../../../lib/reproduce/residual-boosting'

it('measures both methods layer by layer', async () => {
  const words: string[] = []
  const { claims, figures, settings } = await measureResidualBoosting(
    {
      ...residualBoostingSettings,
      trainRows: 600,
      rounds: 2,
      frankWolfeRounds: 1,
      common: { width: 16, depth: 1, linearEpochs: 3, embeddingEpochs: 3, searchSteps: 10 },
    },
    { seed: 1, full: false, threads: 2, onProgress: (_, told) => words.push(told) },
  )
  expect(claims).toHaveLength(4)
  for (const { measured } of claims) expect(Number.isFinite(measured)).toBe(true)
  expect(figures.map(({ id }) => id)).toEqual(['residual-boosting-accuracy', 'residual-boosting-gradient'])
  expect(figures[0]?.series.map(({ y }) => y.length)).toEqual([3, 2, 3, 2])
  expect(settings).toContainEqual(['testRows', '5000'])
  expect(words.join()).toContain('frank-wolfe, layer 1')
})
