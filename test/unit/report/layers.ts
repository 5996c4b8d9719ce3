/** Points of classes around a circle, moved by the functional gradient of a fixed linear classifier. */
import type { LayerRecord } from '../../../lib/report'

export function layerRecord({
  classes = 3,
  method = 'residual-boosting' as LayerRecord['method'],
  layers = 12,
} = {}): LayerRecord {
  const count = 10 * classes + 30
  // Two sums of sines are spread enough here, and the same everywhere.
  const noise = (i: number) => Math.sin(12.9898 * i) + Math.sin(78.233 * i + 1)
  const labels = Array.from({ length: count }, (_, i) => i % classes)
  const weights = Array.from({ length: classes }, (_, k) => {
    const angle = (2 * Math.PI * k) / classes
    return [3 * Math.cos(angle), 3 * Math.sin(angle)] as const
  })
  let points = labels.flatMap((k, i) => [
    weights[k][0] / 3 + 0.6 * noise(i + 1),
    weights[k][1] / 3 + 0.6 * noise(i + 7.5),
  ])
  const step = 0.08
  const states = Array.from({ length: layers }, (_, layer) => {
    let [objective, right, l1, l2, inner] = [0, 0, 0, 0, 0]
    const margins: number[] = []
    const next = [...points]
    labels.forEach((k, i) => {
      const [x, y] = [points[2 * i], points[2 * i + 1]]
      const logits = weights.map(([u, v]) => u * x + v * y)
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0)
      objective += (Math.log(total) - logits[k]) / count
      margins.push(logits[k] - Math.max(...logits.filter((_, j) => j !== k)))
      if (margins[i] > 0) right++
      const pull = logits.map((logit, j) => Math.exp(logit) / total - Number(j === k))
      const gradient = [0, 1].map((axis) => pull.reduce((sum, p, j) => sum + p * weights[j][axis], 0) / count)
      l1 += Math.hypot(...gradient)
      l2 += count * Math.hypot(...gradient) ** 2
      inner += gradient[0] * x + gradient[1] * y
      gradient.forEach((g, axis) => {
        next[2 * i + axis] -= step * count * g
      })
    })
    margins.sort((a, b) => a - b)
    const state = {
      layer,
      objective,
      trainScore: right / count,
      validationScore: Math.max(0, right / count - 0.02 - 0.001 * Math.max(0, layer - 8) ** 2),
      gradientL1: l1,
      gradientL2: Math.sqrt(l2),
      ...(method === 'frank-wolfe' && { frankWolfeGap: inner + l1 }),
      step,
      marginQuantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map((q) => margins[Math.round(q * (count - 1))]),
      points,
    }
    points = next
    return state as LayerRecord['layers'][number]
  })
  const names = Array.from({ length: classes }, (_, k) => String.fromCharCode(65 + k))
  return {
    title: 'Residual boosting',
    method,
    classes: names,
    labels,
    layers: states,
    bestLayer: Math.min(8, layers - 1),
  }
}
