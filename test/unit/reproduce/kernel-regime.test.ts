// The experiments on the kernel regime, small; whether their claims hold at full size is for `meanfield reproduce`.
import type { Findings } from '../../../lib/reproduce/experiment'
import { measureNtkLayers, ntkLayersSettings } from '../../../lib/reproduce/ntk-layers'
import { measureNtkSpectrum, ntkSpectrumSettings } from '../../../lib/reproduce/ntk-spectrum'
import { circleEigenvalue, evenAngles, onCircle, target } from '../../../lib/reproduce/tangent-kernel'

const context = { seed: 1, full: false }
function requireFinite({ claims, figures }: Findings, figureCount: number): void {
  for (const { measured } of claims) expect(measured).not.toBeNaN()
  expect(figures).toHaveLength(figureCount)
  for (const { series } of figures) for (const { x, y } of series) expect(x.length).toBe(y.length)
}

test('the closed form of the circle: values and traces', () => {
  expect(circleEigenvalue('both', 1)).toBeCloseTo(8.79865459e-2, 10)
  expect(circleEigenvalue('input', 3)).toBeCloseTo(2.81447732e-3, 10)
  expect(circleEigenvalue('output', 6)).toBeCloseTo(8.27111703e-5, 12)
  const trace = (layers: 'output' | 'input') =>
    Array.from({ length: 20_000 }, (_, k) => (k === 0 ? 1 : 2) * circleEigenvalue(layers, k)).reduce((a, b) => a + b)
  expect(trace('output')).toBeCloseTo(0.25, 6)
  expect(trace('input')).toBeCloseTo(0.125625, 5) // the tail of Σ 1/(2 π² k²) over odd k
})

test('targets are the mean of eigenfunctions #3 to #10', () => {
  expect(target('output')).toEqual([
    [1, 1],
    [2, 2],
    [4, 2],
    [6, 2],
    [8, 1],
  ])
  const values = onCircle(evenAngles(512), target('both')).targets
  expect(values.reduce((sum, value) => sum + value ** 2, 0) / 512).toBeCloseTo(1 / 8, 10)
})

test('ntk-spectrum: eigenvalues of the circle and of spheres', async () => {
  const small = { ...ntkSpectrumSettings, circleRows: 100, frequencies: 4, features: [3, 20], rows: 80, components: 80 }
  const findings = await measureNtkSpectrum({ ...small, neurons: 50 }, context)
  requireFinite(findings, 2)
  expect(findings.claims[0]?.holds).toBe(true)
})

test('ntk-layers: norms and curves of three targets and three ways to train', async () => {
  const findings = await measureNtkLayers({ ...ntkLayersSettings, circleRows: 100, neurons: 200, steps: 100 }, context)
  requireFinite(findings, 6)
  expect(findings.figures[1]?.series.map(({ name, x }) => [name, x.length])).toEqual([
    ['output', 5],
    ['input', 5],
    ['both', 5],
  ])
})
