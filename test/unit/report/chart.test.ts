import { chartElement, chartFile, type Figure, figureCsv } from '../../../lib/report'
import { linearScale, logScale } from '../../../lib/report/scale'

const figure: Figure = {
  id: 'decay',
  title: 'Loss falls',
  description: 'The loss falls from one to a tenth.',
  xLabel: 'steps',
  yLabel: 'loss (nats)',
  series: [
    { name: 'train', x: [0, 1, 2, 3], y: [1, 0.5, 0.2, 0.1] },
    { name: 'test', x: [0, 1, 2, 3], y: [1, 0.6, Number.NaN, 0.3] },
  ],
  rules: [{ y: 0.25, label: 'goal' }],
}

/** Attribute values of every element with this class. */
function attributes(svg: string, kind: string, attribute: string): string[] {
  return [
    ...svg.matchAll(new RegExp(`<[a-z]+ class="[^"]*\\b${kind}\\b[^"]*"[^>]*?\\b${attribute}="([^"]*)"`, 'g')),
  ].map((m) => m[1])
}

test('a chart names itself to those who cannot see it', () => {
  const svg = chartElement(figure)
  expect(svg).toMatch(/^<svg [^>]*role="img" aria-labelledby="decay-title decay-desc"/)
  expect(svg).toContain('<title id="decay-title">Loss falls</title>')
  expect(svg).toContain('<desc id="decay-desc">The loss falls from one to a tenth.</desc>')
})

test('titles, units, legend, rule and every curve are drawn', () => {
  const svg = chartElement(figure)
  for (const word of ['Loss falls', 'steps', 'loss (nats)', 'train', 'test', 'goal'])
    expect(svg).toContain(`>${word}</text>`)
  expect(svg).toContain('<title>train</title>')
  expect(svg).toContain('<title>test</title>')
})

test('a value that is not a number breaks the line and leaves the points around it', () => {
  const svg = chartElement({ ...figure, rules: [] })
  const [, test] = [...svg.matchAll(/d="(M[^"]*)"><title>/g)].map((m) => m[1])
  expect(test.match(/M/g)).toHaveLength(1)
  expect(attributes(svg, 'mf-d1', 'r')).toEqual(['3'])
})

test('everything lies inside the picture, on phones too, with long names', () => {
  const long = {
    ...figure,
    title: 'A rather long title '.repeat(6),
    series: [{ ...figure.series[0], name: 'n'.repeat(200) }],
  }
  for (const width of [320, 360, 720]) {
    const svg = chartFile(long, { width })
    const [, w, h] = svg.match(/viewBox="0 0 (\d+) ([\d.]+)"/)?.map(Number) ?? []
    expect(w).toBe(width)
    for (const [, x, y] of svg.matchAll(/<text x="([-\d.]+)" y="([-\d.]+)"/g)) {
      expect(Number(x)).toBeGreaterThanOrEqual(0)
      expect(Number(x)).toBeLessThanOrEqual(w)
      expect(Number(y)).toBeGreaterThan(0)
      expect(Number(y)).toBeLessThanOrEqual(h)
    }
    expect(svg).toContain('…')
  }
})

test('no data, one point and constant data are pictures as well', () => {
  for (const series of [[], [{ name: 'one', x: [1], y: [2] }], [{ name: 'flat', x: [0, 1], y: [3, 3] }]]) {
    for (const scale of ['linear', 'log'] as const) {
      const svg = chartElement({ ...figure, rules: [], series, xScale: scale, yScale: scale })
      expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    }
  }
})

test('hostile names stay text', () => {
  const evil = `</title><script>alert("x")</script>&'\u0000`
  const svg = chartFile({
    ...figure,
    id: evil,
    title: evil,
    xLabel: evil,
    yLabel: evil,
    description: evil,
    series: [{ ...figure.series[0], name: evil }],
    rules: [{ y: 0.2, label: evil }],
  })
  expect(svg).not.toContain('<script')
  expect(svg).not.toContain('\u0000')
  expect(svg.match(/<\/svg>/g)).toHaveLength(1)
})

test('curves differ in pattern as well as in colour', () => {
  const series = Array.from({ length: 6 }, (_, i) => ({ name: `s${i}`, x: [0, 1], y: [i, i + 1] }))
  const svg = chartElement({ ...figure, series })
  expect(new Set(attributes(svg, 'mf-line', 'stroke-dasharray')).size).toBe(5)
})

test('the CSV has every point, and quotes what must be quoted', () => {
  const csv = figureCsv({
    ...figure,
    series: [
      { name: 'a "b", c', x: [0, 1], y: [0.5, Number.NaN] },
      { name: '=1+1', x: [2], y: [1e-9] },
    ],
  })
  expect(csv).toBe('series,steps,loss (nats)\n"a ""b"", c",0,0.5\n"a ""b"", c",1,NaN\n\'=1+1,2,1e-9\n')
})

test('ticks are round and lie in the domain', () => {
  const scale = linearScale([0, 1000], [0, 100], 5, true)
  expect(scale.ticks).toEqual([0, 200, 400, 600, 800, 1000])
  expect(scale(500)).toBe(50)
  expect(linearScale([0.013, 0.097], [0, 1], 5).domain).toEqual([0, 0.1])
  expect(linearScale([0, 1.1], [0, 1], 5).ticks).toEqual([0, 0.25, 0.5, 0.75, 1, 1.25])
  expect(linearScale([-0.11, 0.01], [0, 1], 5).ticks).toEqual([-0.125, -0.1, -0.075, -0.05, -0.025, 0, 0.025])
  expect(linearScale([-0.3, 0.1], [0, 1], 4).ticks).toEqual([-0.3, -0.2, -0.1, 0, 0.1])
  expect(logScale([1e-3, 1], [0, 3], 6).ticks).toEqual([1e-3, 1e-2, 1e-1, 1])
  expect(logScale([1e-3, 1], [0, 3], 6)(1e-2)).toBeCloseTo(1)
  expect(logScale([0.3, 3], [0, 1], 6).ticks).toEqual([0.5, 1, 2])
})

test('on equal scales a unit is as long across as it is high', () => {
  const svg = chartElement({
    ...figure,
    rules: [],
    series: [{ name: 'plane', x: [-1, 1, 1], y: [0, 0, 2], mark: 'points' }],
    xDomain: [-2, 2],
    yDomain: [-1, 3],
    equalScale: true,
  })
  const dots = [...(svg.match(/class="mf-cloud[^>]*d="([^"]*)"/)?.[1] ?? '').matchAll(/M([\d.]+) ([\d.]+)/g)]
  const [a, b, c] = dots.map(([, x, y]) => [Number(x), Number(y)])
  expect(b[0] - a[0]).toBeGreaterThan(100)
  expect(b[0] - a[0]).toBeCloseTo(b[1] - c[1], 0)
})

test('a vertical rule stands at its x, inside of the axes, and its label beside it', () => {
  const svg = chartElement({ ...figure, xDomain: [0, 4], rules: [{ x: 2, label: 'here' }] })
  const [, x1, x2] = svg.match(/class="mf-rule" x1="([\d.]+)" x2="([\d.]+)"/)?.map(Number) ?? []
  const [left, , right] = (svg.match(/data-area="([^"]*)"/)?.[1] ?? '').split(' ').map(Number)
  expect(x1).toBe(x2)
  expect(x1).toBeCloseTo((left + right) / 2, 0)
  expect(svg).toContain('>here</text>')
})

test('points of classes have a shape each, in the cloud and in the legend', () => {
  const series = [0, 1].map((shape) => ({
    name: `c${shape}`,
    x: [0, 1],
    y: [shape, 1],
    mark: 'points' as const,
    shape,
  }))
  const svg = chartElement({ ...figure, rules: [], series })
  const ends = [...svg.matchAll(/class="mf-shapes mf-d(\d)" d="M[-\d.]+ [-\d.]+(m[^M"]*)/g)].map((m) =>
    m.slice(1).join(),
  )
  expect(ends).toHaveLength(4)
  expect(new Set(ends).size).toBe(2)
  expect(chartElement({ ...figure, rules: [], series }, { unnamed: true }).match(/class="mf-shapes/g)).toHaveLength(2)
})

test('a cloud of points has a dot for every finite point and no line', () => {
  const cloud = { name: 'cloud', x: [0, 1, Number.NaN, 3], y: [1, 2, 3, 4], mark: 'points' as const }
  const svg = chartElement({ ...figure, rules: [], series: [cloud] })
  expect(svg.match(/M[-\d.]+ [-\d.]+h0/g)).toHaveLength(3)
  expect(svg).not.toContain('<path class="mf-line')
})

test('a heat map: a cell a value, coloured and printed, rows from the bottom, columns named once', () => {
  const svg = chartElement({
    ...figure,
    rules: [],
    heat: { rows: 'dimension' },
    yDomain: [0, 1],
    series: [
      { name: '5', x: [10, 20], y: [0, 1] },
      { name: '9', x: [10, 20], y: [0.25, Number.NaN] },
    ],
  })
  expect(svg).toContain('>dimension</text>')
  const cells = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)"[^>]*fill="(rgb\([\d,]+\))"/g)].map((m) => m.slice(1))
  expect(cells).toHaveLength(3)
  expect(cells[0][2]).toBe('rgb(0,34,78)')
  expect(cells[1][2]).toBe('rgb(254,232,56)')
  expect(Number(cells[2][1])).toBeLessThan(Number(cells[0][1]))
  expect(cells[2][0]).toBe(cells[0][0])
  for (const word of ['0', '1', '0.25', '10', '20', '5', '9']) expect(svg).toContain(`>${word}</text>`)
  expect(svg).not.toContain('NaN')
})
