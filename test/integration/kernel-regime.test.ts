import { readFileSync } from 'node:fs'
import { clouds, json, meanfield, more, place } from './command'

const fit = ['fit', 'kernel-regime', '--data', clouds, '--target', 'side', '--width', '100', '--steps', '600']

it('fits, scores, saves, draws the spectrum, and predicts with the file', () => {
  const [out, view, trace] = [place('kernel.safetensors'), place('spectrum.html'), place('kernel.csv')]
  const { status, stderr, document } = json(
    ...[...fit, '--test', more, '--seed', '2', '--out', out, '--spectrum-view', view, '--trace', trace],
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(document).toMatchObject({
    model: 'kernel-regime',
    algorithm: { name: 'averaged-sgd' },
    options: { width: 100, ridge: expect.any(Number) },
    certificate: { gap: expect.any(Number), departure: expect.any(Number) },
    steps: 600,
    stop: 'budget',
    scores: { train: expect.any(Object), test: { accuracy: expect.any(Number) } },
    file: out,
  })
  expect(document.scores.test.accuracy).toBeGreaterThan(0.8)
  expect(readFileSync(view, 'utf8')).toContain('Tangent kernel of a fit by averaged-sgd')
  expect(readFileSync(trace, 'utf8')).toMatch(/^step,passes,seconds,objective,loss,distance,validationLoss\n0,/)
  const predicted = json('predict', out, '--data', more)
  expect(predicted.status).toBe(0)
  expect(predicted.document.rows).toBe(120)
  expect(['left', 'right']).toContain(predicted.document.predictions[0].class)
})

it('goes on from a checkpoint, and says in lines what it did', () => {
  const checkpoint = place('kernel.checkpoint')
  expect(meanfield(...fit, '--checkpoint', checkpoint).status).toBe(0)
  const { status, stdout } = meanfield(...fit, '--steps', '900', '--resume', checkpoint)
  expect(status).toBe(0)
  expect(stdout).toContain('900 steps')
  expect(stdout).toContain('linearized problem')
  expect(meanfield(...fit, '--layers', 'middle')).toMatchObject({ status: 2, stderr: expect.stringContaining('both') })
})
