/**
 * One HTML page that holds everything: curves, numbers, claims, settings, environment. No script and nothing loaded from
 * elsewhere (a content security policy says so to the browser), so that it can be mailed, archived and opened offline.
 */
import { chartElement } from './chart'
import { type Figure, figureCsv, points } from './figure'
import { type PageHead, pageHead } from './page-head'
import { escapeMarkup, formatNumber, formatSeconds } from './text'

export interface ReportClaim {
  claim: string
  measured: number
  expected: string
  holds: boolean
}

export interface ReportSection {
  id: string
  title: string
  /** Paper and place in it. */
  source: string
  /** What is done and what it shows, a few sentences. */
  summary: string
  /** Name and value of each setting. */
  settings: [string, string][]
  claims: ReportClaim[]
  figures: Figure[]
  seconds: number
}

export interface Report {
  title: string
  sections: ReportSection[]
  /** Name and value of each fact: versions, processor, threads, seed. */
  environment: [string, string][]
}

/** At most this many rows of a figure's numbers are shown as a table; the CSV behind the link has them all. */
const tableRows = 24

export function renderPage(report: Report): string {
  const claims = report.sections.flatMap((section) => section.claims)
  const holding = claims.filter((claim) => claim.holds).length
  const verdict =
    holding === claims.length ? `All ${claims.length} claims hold.` : `${holding} of ${claims.length} claims hold.`
  const navigation = report.sections.map(
    (section) => `<li><a href="#${anchor(section.id)}">${escapeMarkup(section.title)}</a></li>`,
  )
  return `${pageHead({ title: report.title })}
<body>
<a class="skip" href="#content">Skip to the results</a>
<header>
<h1>${escapeMarkup(report.title)}</h1>
<p class="verdict ${holding === claims.length ? 'good' : 'bad'}">${mark(holding === claims.length)} ${verdict}</p>
<nav aria-label="Experiments"><ul>${navigation.join('')}<li><a href="#environment">Environment</a></li></ul></nav>
</header>
<main id="content">
${report.sections.map(renderSection).join('\n')}
<section id="environment" aria-labelledby="environment-title">
<h2 id="environment-title">Environment</h2>
${definitions(report.environment)}
</section>
</main>
</body>
</html>
`
}

function renderSection(section: ReportSection): string {
  const id = anchor(section.id)
  const rows = section.claims.map(
    (claim) =>
      `<tr><td class="state ${claim.holds ? 'good' : 'bad'}">${mark(claim.holds)} ${claim.holds ? 'holds' : 'fails'}</td>` +
      `<th scope="row">${escapeMarkup(claim.claim)}</th><td class="number">${formatNumber(claim.measured)}</td>` +
      `<td class="number">${escapeMarkup(claim.expected)}</td></tr>`,
  )
  return `<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${escapeMarkup(section.title)}</h2>
<p>${escapeMarkup(section.summary)}</p>
<p class="source">${escapeMarkup(section.source)}. Took ${formatSeconds(section.seconds)}.</p>
<div class="scroll" role="region" tabindex="0" aria-label="Claims of ${escapeMarkup(section.title)}"><table class="claims">
<thead><tr><th scope="col">State</th><th scope="col">Claim</th><th scope="col" class="number">Measured</th><th scope="col" class="number">Expected</th></tr></thead>
<tbody>${rows.join('')}</tbody></table></div>
${section.figures.map((figure) => renderFigure(figure, id)).join('\n')}
<details><summary>Settings</summary>${definitions(section.settings)}</details>
</section>`
}

/** A figure for wide and for narrow screens, with its numbers. */
export function renderFigure(figure: Figure, section: string): string {
  const name = `${section}-${anchor(figure.id)}`
  const csv = `data:text/csv;charset=utf-8,${encodeURIComponent(figureCsv(figure))}`
  return `<figure aria-labelledby="${name}-heading">
<h3 id="${name}-heading">${escapeMarkup(figure.title)}</h3>
<div class="wide">${chartElement(figure, { width: 760, suffix: `-${section}-wide`, untitled: true })}</div>
<div class="narrow">${chartElement(figure, { width: 360, plotHeight: 240, suffix: `-${section}-narrow`, untitled: true })}</div>
<figcaption>${escapeMarkup(figure.description)}</figcaption>
<details><summary>Numbers</summary>
${numbers(figure)}
<p><a download="${escapeMarkup(figure.id)}.csv" href="${escapeMarkup(csv)}">All numbers as CSV</a></p></details>
</figure>`
}

/** One column a series, rows thinned evenly over all x that occur. */
function numbers(figure: Figure): string {
  const columns = figure.series.map((series) => new Map(points(series)))
  const all = [...new Set(columns.flatMap((column) => [...column.keys()]))]
    .filter(Number.isFinite)
    .sort((a, b) => a - b)
  const count = Math.min(tableRows, all.length)
  const places = new Set(
    Array.from({ length: count }, (_, i) => Math.round((i * (all.length - 1)) / Math.max(1, count - 1))),
  )
  const shown = all.filter((_, i) => places.has(i))
  const head = figure.series
    .map((series) => `<th scope="col" class="number">${escapeMarkup(series.name)}</th>`)
    .join('')
  const body = shown.map((x) => {
    const cells = columns.map((column) => {
      const y = column.get(x)
      return `<td class="number">${y === undefined || !Number.isFinite(y) ? '–' : formatNumber(y)}</td>`
    })
    return `<tr><th scope="row" class="number">${formatNumber(x, 6)}</th>${cells.join('')}</tr>`
  })
  const part = count < all.length ? `<p class="source">${count} of ${all.length} points.</p>` : ''
  return `<div class="scroll" role="region" tabindex="0" aria-label="Numbers of ${escapeMarkup(figure.title)}"><table>
<thead><tr><th scope="col" class="number">${escapeMarkup(figure.xLabel)}</th>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>${part}`
}

/** A page about one fit: what is known of it, then what shows it. `words` are sentences. */
export interface View extends Omit<PageHead, 'links'> {
  words?: readonly string[]
  facts: [string, string][]
  /** HTML */
  content: readonly string[]
  /** Elements behind everything else, HTML. */
  end?: string
}

export function renderView({ words = [], facts, content, end = '', ...head }: View): string {
  return `${pageHead(head)}
<body>
<header><h1>${escapeMarkup(head.title)}</h1></header>
<main id="content">
${words.map((sentences) => `<p>${escapeMarkup(sentences)}</p>`).join('\n')}
${definitions(facts)}
${content.join('\n')}
</main>
${end}</body>
</html>
`
}

/** Cells as text; the first `left` columns are words, the others numbers. */
export function plainTable(label: string, header: string[], rows: string[][], left = 1): string {
  const side = (j: number) => (j < left ? '' : ' class="number"')
  const head = header.map((name, j) => `<th scope="col"${side(j)}>${escapeMarkup(name)}</th>`).join('')
  const body = rows
    .map((cells) => `<tr>${cells.map((cell, j) => `<td${side(j)}>${escapeMarkup(cell)}</td>`).join('')}</tr>`)
    .join('')
  return `<div class="scroll" role="region" tabindex="0" aria-label="${escapeMarkup(label)}"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`
}

export function definitions(entries: [string, string][]): string {
  return `<dl>${entries.map(([name, value]) => `<div><dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd></div>`).join('')}</dl>`
}

function mark(good: boolean): string {
  return `<span aria-hidden="true">${good ? '✓' : '✗'}</span>`
}

function anchor(id: string): string {
  return id.replace(/[^a-z0-9-]/gi, '-')
}
