import { escapeMarkup, formatNumber, formatSeconds, type Report, renderPage } from '../../../lib/report'

function report(change: Partial<Report['sections'][number]> = {}): Report {
  return {
    title: 'Experiments',
    environment: [['threads', '2']],
    sections: [
      {
        id: 'decay',
        title: 'Decay',
        source: 'A paper',
        summary: 'It decays.',
        settings: [['rows n', '500']],
        claims: [
          { claim: 'it falls', measured: 0.97321, expected: 'at least 0.9', holds: true },
          { claim: 'it stays', measured: Number.NaN, expected: 'at most 0.5', holds: false },
        ],
        figures: [
          {
            id: 'loss',
            title: 'Loss',
            description: 'Falls.',
            xLabel: 'steps',
            yLabel: 'loss',
            series: [
              {
                name: 'train',
                x: Array.from({ length: 100 }, (_, i) => i),
                y: Array.from({ length: 100 }, (_, i) => 1 / (1 + i)),
              },
              { name: 'test', x: [0, 99], y: [1, 0.5] },
            ],
          },
        ],
        seconds: 75,
        ...change,
      },
    ],
  }
}

test('the page loads nothing: no script, no address outside, and a policy that says so', () => {
  const html = renderPage(report())
  expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\((?!#)/i)
  const addresses = [...html.matchAll(/\b(?:href|src|action|srcset)="([^"]*)"/g)].map((m) => m[1])
  for (const address of addresses) expect(address).toMatch(/^(#|data:text\/csv)/)
  expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//)
  expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
})

test('claims, curves, numbers, settings and environment are all there', () => {
  const html = renderPage(report())
  for (const text of [
    '1 of 2 claims hold.',
    'it falls',
    '0.9732',
    'at least 0.9',
    'not a number',
    'rows n',
    'threads',
    '1 min 15 s',
  ])
    expect(html).toContain(text)
  expect(html.match(/<title>train<\/title>/g)).toHaveLength(2) // for wide and for narrow screens
  expect(html).toContain('24 of 100 points')
  const csv = decodeURIComponent(html.match(/href="data:text\/csv;charset=utf-8,([^"]*)"/)?.[1] ?? '')
  expect(csv.trim().split('\n')).toHaveLength(103)
})

test('ids are unique and every reference has its target', () => {
  const html = renderPage(report())
  const ids = [...html.matchAll(/\bid="([^"]*)"/g)].map((m) => m[1])
  expect(new Set(ids).size).toBe(ids.length)
  for (const [, names] of html.matchAll(/aria-labelledby="([^"]*)"/g))
    for (const name of names.split(' ')) expect(ids).toContain(name)
  for (const [, name] of html.matchAll(/(?:href="|url\()#([^")]*)/g)) expect(ids).toContain(name)
})

test('hostile names stay text', () => {
  const evil = '"><script>alert(1)</script><a href="https://example.org'
  const html = renderPage({
    title: evil,
    environment: [[evil, evil]],
    sections: [
      {
        ...report().sections[0],
        id: evil,
        title: evil,
        source: evil,
        summary: evil,
        settings: [[evil, evil]],
        claims: [{ claim: evil, measured: 1, expected: evil, holds: true }],
      },
    ],
  })
  expect(html).not.toContain('<script')
  expect(html).not.toContain('href="https')
})

test('light, dark, phone and print are provided for', () => {
  const html = renderPage(report())
  for (const query of ['prefers-color-scheme:dark', 'max-width:560px', '@media print', ':focus-visible'])
    expect(html).toContain(query)
  expect(html).toContain('<html lang="en">')
  expect(html).toContain('name="viewport"')
})

test('numbers and times as a reader wants them', () => {
  expect(formatNumber(0.9732123)).toBe('0.9732')
  expect(formatNumber(-1.23456e-7)).toBe('−1.235e−7')
  expect(formatNumber(2_000_000)).toBe('2e6')
  expect(formatNumber(1797)).toBe('1797')
  expect(formatNumber(0)).toBe('0')
  expect(formatNumber(Number.POSITIVE_INFINITY)).toBe('∞')
  expect(formatSeconds(0.44)).toBe('0.4 s')
  expect(formatSeconds(200)).toBe('3 min 20 s')
  expect(formatSeconds(59.7)).toBe('60 s')
  expect(escapeMarkup(`<a b="c">&'\ud800`)).toBe('&lt;a b=&quot;c&quot;&gt;&amp;&#39;\ufffd')
})
