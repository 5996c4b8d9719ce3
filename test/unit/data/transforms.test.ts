import {
  applyScaler,
  applyTargetScaler,
  fitScaler,
  fitTargetScaler,
  invertTargetScaler,
  type ScalerKind,
  scalerFromJson,
  scalerToJson,
  targetScalerFromJson,
  targetScalerToJson,
} from '../../../lib/data/transforms'
import { InvalidDataError, InvalidOptionError } from '../../../lib/native/errors'

const table = { features: Float32Array.of(1, 10, 7, 3, 20, 7, 5, 60, 7), columns: 3 }

describe('fitScaler', () => {
  it('standardizes with the population standard deviation', () => {
    const scaler = fitScaler('standard', table)
    expect(Array.from(scaler.center)).toEqual([3, 30, 7])
    expect(scaler.scale[0]).toBeCloseTo(Math.sqrt(8 / 3), 14)
    expect(scaler.scale[1]).toBeCloseTo(Math.sqrt(1400 / 3), 13)
    expect(scaler.scale[2]).toBe(1)
  })

  it('maps every range to [0, 1]', () => {
    const scaler = fitScaler('minmax', table)
    const scaled = applyScaler(scaler, table.features, 3)
    expect(Array.from(scaled)).toEqual([0, 0, 0, 0.5, Math.fround(0.2), 0, 1, 1, 0])
  })

  it('keeps float64 features in float64', () => {
    const features = Float64Array.of(0.1, 0.2, 0.3)
    const scaled = applyScaler(fitScaler('minmax', { features, columns: 1 }), features, 1)
    expect(scaled).toEqual(Float64Array.of(0, (0.2 - 0.1) / (0.3 - 0.1), 1))
    expect(features).toEqual(Float64Array.of(0.1, 0.2, 0.3))
  })

  it('leaves features as they are, in a new array', () => {
    const scaled = applyScaler(fitScaler('none', table), table.features, 3)
    expect(scaled).toEqual(table.features)
    expect(scaled).not.toBe(table.features)
  })

  it('keeps its accuracy far from zero', () => {
    // 2²³ + {0, 1, 2}: the one-pass formula would cancel in float32.
    const features = Float32Array.of(8388608, 8388609, 8388610)
    const scaler = fitScaler('standard', { features, columns: 1 })
    expect(scaler.center[0]).toBe(8388609)
    expect(scaler.scale[0]).toBeCloseTo(Math.sqrt(2 / 3), 14)
  })

  it('maps a constant column to exact zeros', () => {
    const features = new Float32Array(1001).fill(0.1)
    const scaled = applyScaler(fitScaler('standard', { features, columns: 1 }), features, 1)
    expect(scaled.every((value) => value === 0)).toBe(true)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('names the column of a %p', (bad) => {
    const features = Float32Array.of(1, 2, 3, bad)
    for (const kind of ['standard', 'minmax'] as const) {
      expect(() => fitScaler(kind, { features, columns: 2 })).toThrow(InvalidDataError)
      expect(() => fitScaler(kind, { features, columns: 2 })).toThrow(/column 1/)
    }
  })

  it('refuses an unknown kind, no rows, ragged rows and other columns', () => {
    expect(() => fitScaler('robust' as ScalerKind, table)).toThrow(InvalidOptionError)
    expect(() => fitScaler('standard', { features: new Float32Array(0), columns: 2 })).toThrow(InvalidDataError)
    expect(() => fitScaler('standard', { features: new Float32Array(5), columns: 2 })).toThrow(InvalidDataError)
    expect(() => fitScaler('standard', { features: new Float32Array(5), columns: 0 })).toThrow(InvalidDataError)
    expect(() => applyScaler(fitScaler('standard', table), new Float32Array(4), 2)).toThrow(/fitted on 3/)
  })
})

describe('target scaler', () => {
  it('inverts itself', () => {
    const values = Float64Array.of(-2, 0, 5, 13)
    const scaler = fitTargetScaler(values)
    const scaled = applyTargetScaler(scaler, values)
    expect(scaled.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 14)
    expect(scaled.reduce((sum, value) => sum + value ** 2, 0) / 4).toBeCloseTo(1, 14)
    invertTargetScaler(scaler, scaled).forEach((value, i) => {
      expect(value).toBeCloseTo(values[i] as number, 13)
    })
  })

  it('gives constant targets scale 1 and refuses none or non-finite ones', () => {
    expect(fitTargetScaler(Float64Array.of(0.1, 0.1, 0.1))).toEqual({ center: 0.1, scale: 1 })
    expect(() => fitTargetScaler(new Float64Array(0))).toThrow(InvalidDataError)
    expect(() => fitTargetScaler(Float64Array.of(1, Number.NaN))).toThrow(InvalidDataError)
    expect(() => fitTargetScaler(Float64Array.of(1e308, -1e308))).toThrow(InvalidDataError)
  })
})

describe('JSON', () => {
  it('round-trips', () => {
    const scaler = fitScaler('standard', table)
    expect(scalerFromJson(JSON.parse(JSON.stringify(scalerToJson(scaler))), 3)).toEqual(scaler)
    const target = { center: 0.1, scale: 1 / 3 }
    expect(targetScalerFromJson(JSON.parse(JSON.stringify(targetScalerToJson(target))))).toEqual(target)
  })

  const good = { kind: 'standard', center: [0, 1], scale: [1, 2] }
  it.each([
    null,
    undefined,
    3,
    'standard',
    [],
    {},
    { ...good, kind: 'robust' },
    { ...good, kind: ['standard'] },
    { ...good, center: [0] },
    { ...good, center: [0, 1, 2] },
    { ...good, center: [0, null] },
    { ...good, center: [0, Number.NaN] },
    { ...good, center: { length: 2, 0: 0, 1: 1 } },
    { ...good, center: ['0', '1'] },
    { ...good, scale: [1, 0] },
    { ...good, scale: [1, -1] },
    { ...good, scale: [1, Number.POSITIVE_INFINITY] },
    { ...good, scale: [1, Object.create(null)] },
    { ...good, scale: Object.create(null) },
  ])('refuses %j as a scaler of 2 columns', (json) => {
    expect(() => scalerFromJson(json, 2)).toThrow(InvalidDataError)
  })

  it.each([
    null,
    [],
    {},
    { center: 0 },
    { center: '0', scale: 1 },
    { center: 0, scale: 0 },
    { center: 0, scale: Number.NaN },
    { center: Number.POSITIVE_INFINITY, scale: 1 },
  ])('refuses %j as a target scaler', (json) => {
    expect(() => targetScalerFromJson(json)).toThrow(InvalidDataError)
  })
})
