import { readFileSync } from 'node:fs'
import { clouds, json, meanfield, more, place, put } from './command'

const boosting = ['fit', 'boosting', '--data', clouds, '--target', 'side']
const small = [
  '--rounds',
  '3',
  '--width',
  '16',
  '--depth',
  '1',
  '--embedding-epochs',
  '10',
  '--linear-epochs',
  '10',
  '--search-steps',
  '20',
]

it('fits, scores, saves, draws the layers, and predicts with the file', () => {
  const out = place('boosted.safetensors')
  const view = place('layers.html')
  const trace = place('boosted.csv')
  const { status, stderr, document } = json(
    ...boosting,
    ...small,
    ...['--test', more, '--validation', '0.25', '--seed', '2', '--out', out, '--layer-view', view, '--trace', trace],
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(document).toMatchObject({
    model: 'boosting',
    algorithm: { name: 'residual-boosting', step: 'auto' },
    certificate: { gradientL1: expect.any(Number), gradientL2: expect.any(Number), marginQuantiles: expect.any(Array) },
    objective: expect.any(Number),
    steps: 3,
    bestLayer: expect.any(Number),
    stop: 'budget',
    seconds: { load: expect.any(Number), setup: expect.any(Number), solve: expect.any(Number) },
    scores: { train: expect.any(Object), validation: expect.any(Object), test: { accuracy: expect.any(Number) } },
    device: 'cpu',
    seed: 2,
    file: out,
  })
  expect(document.scores.test.accuracy).toBeGreaterThan(0.8)
  const page = readFileSync(view, 'utf8')
  expect(page).toContain('Layers of residual-boosting')
  expect(page).toContain('90') // points shown, three quarters of 120
  expect(readFileSync(trace, 'utf8').split('\n')).toHaveLength(6)
  const predicted = json('predict', out, '--data', more)
  expect(predicted.status).toBe(0)
  expect(predicted.document.rows).toBe(120)
  expect(['left', 'right']).toContain(predicted.document.predictions[0].class)
})

it('draws the layers of Frank-Wolfe, and goes on with more rounds from a checkpoint', () => {
  const [checkpoint, view] = [place('boosted.checkpoint'), place('fw.html')]
  const algorithm = ['--algorithm', 'frank-wolfe']
  const lines = meanfield(...boosting, ...small, ...algorithm, '--layer-view', view, '--checkpoint', checkpoint)
  expect(lines.status).toBe(0)
  expect(lines.stdout).toContain('Frank-Wolfe gap')
  expect(readFileSync(view, 'utf8')).toContain('Frank-Wolfe gap by layer')
  const longer = [...small.slice(2), '--rounds', '4', ...algorithm]
  const resumed = json(...boosting, ...longer, '--resume', checkpoint)
  const whole = json(...boosting, ...longer)
  expect(resumed.document.resumedFrom).toBe(3)
  expect(resumed.document.objective).toBe(whole.document.objective)
})

it('refuses regression and a GPU', () => {
  const numbers = put('numbers.csv', 'a,b\n1,2.5\n2,3.5\n3,1.25\n')
  const regression = meanfield('fit', 'boosting', '--data', numbers, '--target', 'b')
  expect(regression).toMatchObject({ status: 2, stderr: expect.stringContaining('boosting learns classes') })
  const device = meanfield(...boosting, ...small, '--device', 'cuda')
  expect(device).toMatchObject({ status: 2, stderr: expect.stringContaining('boosting runs on the CPU alone') })
})

it('is a model of experiments', () => {
  const file = put(
    'boosting.yaml',
    `name: boosting
data: { file: '${clouds}', target: side, holdout: 0.25 }
model: boosting
options: { algorithm: [residual-boosting, frank-wolfe], rounds: 2, width: 16, depth: 1, searchSteps: 10 }
run: { executor: inline }
`,
  )
  const { status, document } = json('run', file, '--out', place('study'))
  expect({ status, states: document.states }).toEqual({ status: 0, states: { complete: 2 } })
})
