import {
  classIndices,
  classProbabilities,
  logisticLoss,
  scoreClasses,
  scoreRegression,
  smoothHingeLoss,
  softmaxLoss,
} from '../../../lib/models/scores'

describe('class indices', () => {
  it('are the largest output, the first among equals', () => {
    expect(Array.from(classIndices(Float32Array.of(1, 3, 2, 5, 5, 0, -3, -2, -1), 3))).toEqual([1, 0, 2])
  })

  it('are the sign of a single output, 0 counting as the first class', () => {
    expect(Array.from(classIndices(Float32Array.of(-2, -0, 0, 1e-30, 4), 1))).toEqual([0, 0, 0, 1, 1])
  })

  it('of no rows are none', () => {
    expect(classIndices(new Float32Array(0), 3)).toHaveLength(0)
  })
})

describe('probabilities', () => {
  it('are the softmax, whatever the size of the outputs', () => {
    // 1 : 2 : 5 in both rows, the second shifted far beyond the range of exp.
    const logits = [0, Math.log(2), Math.log(5)]
    const p = classProbabilities(Float32Array.of(...logits, 4096, 4096 + Math.LN2, 4096 + Math.log(5)), 3)
    ;[1 / 8, 2 / 8, 5 / 8].forEach((value, j) => {
      expect(p[j]).toBeCloseTo(value, 6)
      expect(p[3 + j]).toBeCloseTo(value, 3) // float32 outputs near 4096 have steps of 2⁻¹¹
    })
    expect(Array.from(classProbabilities(Float32Array.of(-1e30, 1e30), 2))).toEqual([0, 1])
  })

  it('of a single output are those of both classes', () => {
    const p = classProbabilities(Float32Array.of(0, Math.log(3), -200, 200), 1)
    expect(Array.from(p.subarray(0, 2))).toEqual([0.5, 0.5])
    expect(p[2]).toBeCloseTo(0.25, 7)
    expect(p[3]).toBeCloseTo(0.75, 7)
    expect(Array.from(p.subarray(4))).toEqual([1, 0, 0, 1])
  })
})

describe('losses', () => {
  it('are those of their definitions', () => {
    for (const t of [-3, -0.5, 0, 0.25, 0.9, 1, 2]) {
      expect(logisticLoss(t)).toBeCloseTo(Math.log(1 + Math.exp(-t)), 14)
      for (const width of [0.5, 1, 2]) {
        const hinge = t >= 1 ? 0 : t <= 1 - width ? 1 - t - width / 2 : (1 - t) ** 2 / (2 * width)
        expect(smoothHingeLoss(t, width)).toBe(hinge)
      }
    }
    expect(softmaxLoss(Float32Array.of(0, 0, 0, 0), 2)).toBeCloseTo(Math.log(4), 14)
    expect(softmaxLoss(Float32Array.of(1, 2), 0)).toBeCloseTo(Math.log(1 + Math.E), 12)
  })

  it('stay finite where exp does not', () => {
    expect(logisticLoss(-1000)).toBe(1000)
    expect(logisticLoss(1000)).toBe(0)
    expect(softmaxLoss(Float32Array.of(-1e6, 1e6), 0)).toBe(2e6)
  })

  it('the smooth hinge has no step in value or slope where its parts meet', () => {
    for (const knot of [0, 1]) {
      const slope = (from: number, to: number) => (smoothHingeLoss(to, 1) - smoothHingeLoss(from, 1)) / (to - from)
      expect(slope(knot - 1e-6, knot)).toBeCloseTo(slope(knot, knot + 1e-6), 5)
    }
  })
})

describe('scores', () => {
  it('of classes are the part that is right and the mean loss', () => {
    const outputs = Float32Array.of(2, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0, 2)
    const loss = (z: Float32Array, target: number) => Number(z[target]) + 10 * z.length
    expect(scoreClasses(outputs, 3, Float64Array.of(0, 1, 2, 2), loss)).toEqual({ accuracy: 0.75, loss: 31.5 })
  })

  it('of numbers are R² and the mean squared error', () => {
    const targets = Float64Array.of(1, 2, 3, 6)
    const errors = [1, -1, 0, 2]
    const outputs = targets.map((y, i) => y + errors[i])
    // Σ(y − 3)² = 4 + 1 + 0 + 9
    expect(scoreRegression(outputs, 1, targets)).toEqual({ r2: 1 - 6 / 14, mse: 1.5 })
    expect(scoreRegression(targets, 1, targets)).toEqual({ r2: 1, mse: 0 })
  })

  it('of several outputs have the mean over outputs of R² and of squared errors', () => {
    const targets = Float64Array.of(0, 10, 2, 20)
    const outputs = Float64Array.of(0, 15, 1, 20)
    // Output 0: 1 − 1/2; output 1: 1 − 25/50.
    const { r2, mse } = scoreRegression(outputs, 2, targets)
    expect(r2).toBeCloseTo(0.5, 14)
    expect(mse).toBe(26 / 4)
  })

  it('of a constant target are 1 when it is met and 0 when it is not', () => {
    expect(scoreRegression(Float64Array.of(5, 5), 1, Float64Array.of(5, 5)).r2).toBe(1)
    expect(scoreRegression(Float64Array.of(5, 6), 1, Float64Array.of(5, 5)).r2).toBe(0)
  })
})
