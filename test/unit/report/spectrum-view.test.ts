import { MeanfieldError } from '../../../lib'
import { type SpectrumRecord, spectrumView } from '../../../lib/report'
import { circleRecord } from './circle'

/** The value beside a name in the facts of a page. */
function fact(html: string, name: string): string | undefined {
  return new RegExp(`<dt>${name}</dt><dd>([^<]*)</dd>`).exec(html)?.[1]
}

test('the closed-form spectrum of the circle: effective dimensions of the reference, and the share above the ridge', () => {
  // The table of the reference has 4.95, 11.68 and 31.43; 1000 eigenvalues leave out less than 0.01 of each.
  for (const [ridge, dimension] of [
    [1e-2, 4.95],
    [1e-3, 11.68],
    [1e-4, 31.43],
  ] as const) {
    const html = spectrumView({ ...circleRecord(4000, ridge), effectiveDimension: [] })
    expect(Math.abs(Number(fact(html, 'effective dimension')) - dimension)).toBeLessThan(0.011)
  }
  const html = spectrumView(circleRecord())
  const [, above, held] = /(\d+) of 1000 eigenvalues are above the ridge and hold ([\d.]+) %/.exec(html) ?? []
  // Frequencies 0 to 3 and 5: the others, from the table, are below 1e-3.
  expect(Number(above)).toBe(9)
  const sum = 1.63947835e-1 + 2 * (8.79865459e-2 + 1.13282712e-2 + 2.81447732e-3 + 1.01321184e-3)
  expect(Number(held)).toBeCloseTo((100 * sum) / 0.375625, 1)
})

test('a power law has its exponent back; few eigenvalues have none', () => {
  const law = (count: number, beta: number): SpectrumRecord => ({
    ...circleRecord(10 * count),
    eigenvalues: Array.from({ length: count }, (_, i) => 0.01 * (i + 1) ** -beta),
    coefficients: undefined,
  })
  for (const beta of [1.25, 2]) expect(Number(fact(spectrumView(law(200, beta)), 'decay β'))).toBeCloseTo(beta, 10)
  // Zeros behind the rank of the kernel do not bend the line.
  const ranked = law(200, 2)
  ranked.eigenvalues.fill(0, 50)
  expect(fact(spectrumView(ranked), 'decay β')).toBe('2')
  expect(fact(spectrumView(law(5, 2)), 'decay β')).toBe('too few eigenvalues')
})

test('what was learnt, on either side of the ridge', () => {
  const eigenvalues = [1, 0.5, 0.1, 0.01]
  const record: SpectrumRecord = {
    ...circleRecord(10, 0.05),
    trace: 1.61,
    eigenvalues,
    coefficients: { target: [3, 0, 0, 1], fitted: [2.7, 0, 0, 0.2] },
  }
  const html = spectrumView(record)
  expect(html).toContain('90 % of the target lies in the first 1 eigenvectors.')
  expect(html).toContain('90 % of the target lies above the ridge, and 90 % of that has been learnt.')
  expect(html).toContain('10 % of the target lies below it, and 20 % of that has been learnt.')
  expect(html).toContain('<td class="number">0.6667</td>')
  expect(spectrumView({ ...record, coefficients: undefined })).not.toContain('learnt, in sum')
  expect(spectrumView({ ...record, coefficients: { target: [0, 0], fitted: [0, 0] } })).toContain('The target is 0')
})

test('no ridge, one eigenvalue and rounding below 0 are pages as well; nothing of a name becomes markup', () => {
  const one = { ...circleRecord(1), eigenvalues: [1], trace: 1, coefficients: undefined, effectiveDimension: [] }
  for (const record of [
    one,
    { ...one, ridge: 0 },
    { ...one, rows: 3, eigenvalues: [1, 0, -1e-9], ridge: 0, title: '<script>alert(1)</script>' },
  ]) {
    const html = spectrumView(record).replaceAll(/href="data:[^"]*"/g, '')
    expect(html).not.toMatch(/<script|NaN|undefined|Infinity/)
  }
})

test('records that are no spectrum are refused, with what was seen', () => {
  const good = circleRecord(20)
  const { eigenvalues } = good
  const bad: [Partial<Record<keyof SpectrumRecord, unknown>>, RegExp][] = [
    [{ title: 3 }, /title is 3/],
    [{ layers: 'all' }, /layers is 'all'; expected one of output, input, both/],
    [{ width: 0 }, /width is 0/],
    [{ rows: 2.5 }, /rows is 2.5; expected a whole number/],
    [{ rows: 19 }, /20 eigenvalues; expected 1 to 19/],
    [{ trace: Number.NaN }, /trace is NaN/],
    [{ trace: 0.1 }, /add up to/],
    [{ ridge: -1 }, /ridge is -1; expected a finite number of at least 0/],
    [{ eigenvalues: [] }, /0 eigenvalues/],
    [{ eigenvalues: eigenvalues.with(4, Number.NaN) }, /eigenvalues\[4\] is NaN/],
    [{ eigenvalues: eigenvalues.with(4, 0.15) }, /eigenvalues\[4\] is above the one before/],
    [{ eigenvalues: eigenvalues.with(19, -0.01) }, /smallest eigenvalue is -0.01/],
    [{ eigenvalues: [0, 0] }, /largest eigenvalue is 0/],
    [{ eigenvalues: undefined }, /eigenvalues is undefined/],
    [{ effectiveDimension: [{ ridge: 0, value: 1 }] }, /effectiveDimension\[0\].ridge is 0/],
    [{ effectiveDimension: [{ ridge: 1, value: Infinity }] }, /value is Infinity/],
    [{ coefficients: { target: [1, 2], fitted: [1] } }, /fitted has 1 numbers; expected 2/],
    [{ coefficients: { target: [1, Number.NaN], fitted: [1, 2] } }, /target\[1\] is NaN/],
    [{ coefficients: { target: Array(21).fill(1), fitted: Array(21).fill(1) } }, /21 coefficients; expected 1 to 20/],
  ]
  for (const [change, message] of bad) {
    const attempt = () => spectrumView({ ...good, ...change } as SpectrumRecord)
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(expect.objectContaining({ code: 'MEANFIELD_INVALID_DATA' }))
    expect(attempt).toThrow(MeanfieldError)
  }
})
