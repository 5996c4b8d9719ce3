/** The report of a study: one page that holds everything, or the same page fed by a server while trials run. */
import { createHash } from 'node:crypto'
import type { EnvironmentRecord, StudyStore, TrialRecord, TrialState } from '../../store'
import { definitions, plainTable, renderFigure } from '../page'
import { pageHead } from '../page-head'
import { compareMethods, formatTable, metricNames, type ResultTable, resultTable, varyingOptions } from '../statistics'
import { escapeMarkup, formatNumber, formatValue } from '../text'
import {
  type Abscissa,
  abscissas,
  certificateFigure,
  curveFigure,
  curveGroups,
  type Ordinate,
  ordinates,
} from './curves'
import { importance } from './importance'
import { parallelChart, parallelStyle } from './parallel'
import { pageScript } from './script'

export interface PageObjective {
  metric: string
  direction: 'minimize' | 'maximize'
}

export interface StudyPageOptions {
  /** Best first by it; default: the first metric that says how good a trial is. */
  objective?: PageObjective
  /** A server feeds the page. */
  live?: boolean
}

/** Rows of the table; the rest is in the CSV. */
const mostRows = 2000
/** Rows of the summary over seeds. */
const mostSummaries = 100

const style = `
body{max-width:72rem}fieldset{border:0;padding:0;margin:.5rem 0;display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline}
legend{float:left;color:var(--soft);padding:0 .5rem 0 0}label{display:inline-flex;gap:.35rem;align-items:baseline;padding:.2rem 0}
input[type=search]{font:inherit;color:inherit;background:var(--raised);border:1px solid var(--soft);border-radius:4px;padding:.35rem .5rem;width:min(100%,28rem)}
th button{font:inherit;color:inherit;background:none;border:0;padding:.25rem 0;cursor:pointer;text-align:inherit;text-decoration:underline dotted}
[aria-sort=ascending] button::after{content:" ▲"}[aria-sort=descending] button::after{content:" ▼"}
#trials .scroll,.summary .scroll{max-height:34rem;overflow:auto}#trials thead th,.summary thead th{position:sticky;top:0;background:var(--back)}
.progress{height:.6rem;background:var(--raised);border:1px solid var(--edge);border-radius:4px;overflow:hidden}.progress span{display:block;height:100%;background:var(--good)}
.bar{display:grid;grid-template-columns:minmax(5rem,30%) 1fr 3.5rem;gap:.75rem;align-items:center;margin:.3rem 0}.bar i{display:block;height:.9rem;background:var(--link);min-width:1px}
.summary td,#trials td{white-space:nowrap}.failed,.stale{color:var(--bad)}[hidden]{display:none!important}.state-complete{color:var(--good)}
`

/** A whole HTML document. */
export function renderStudyPage(store: StudyStore, options: StudyPageOptions = {}): string {
  const hash = createHash('sha256').update(pageScript).digest('base64')
  const name = escapeMarkup(store.study.name)
  const links = '<link rel="icon" href="data:,">\n'
  const policy = `; script-src 'sha256-${hash}'${options.live ? "; connect-src 'self'" : ''}; img-src data:`
  const live = options.live ? '<p class="source" role="status" id="live">connecting</p>' : ''
  return `${pageHead({ title: store.study.name, policy, links, style: parallelStyle + style })}
<body data-live="${options.live ? 'yes' : 'no'}">
<a class="skip" href="#content">Skip to the results</a>
<header><h1>${name}</h1>${live}
<nav aria-label="Parts"><ul>${['results', 'curves', 'certificates', 'options', 'trials', 'environment'].map((id) => `<li><a href="#${id}">${title(id)}</a></li>`).join('')}</ul></nav>
</header>
<main id="content">
${renderStudyContent(store, options)}
</main>
<script>${pageScript}</script>
</body>
</html>
`
}

const title = (id: string) => `${id.charAt(0).toUpperCase()}${id.slice(1)}`

/** What changes while trials run. */
export function renderStudyContent(store: StudyStore, options: StudyPageOptions = {}): string {
  store.refresh()
  const trials = store.trials()
  const objective = options.objective ?? defaultObjective(trials)
  const names = varyingOptions(trials)
  return [
    progress(trials),
    results(trials, objective),
    curves(store, trials, objective),
    searched(trials, names, objective),
    table(trials, names),
    environment(store),
  ].join('\n')
}

function section(id: string, content: string, heading = title(id)): string {
  return `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${heading}</h2>\n${content}\n</section>`
}

const preferred: PageObjective[] = [
  { metric: 'test.accuracy', direction: 'maximize' },
  { metric: 'test.r2', direction: 'maximize' },
  { metric: 'objective', direction: 'minimize' },
]

function defaultObjective(trials: readonly TrialRecord[]): PageObjective | undefined {
  const known = new Set(metricNames(trials))
  return preferred.find(({ metric }) => known.has(metric))
}

function progress(trials: readonly TrialRecord[]): string {
  const counts = new Map<TrialState, number>()
  for (const { state } of trials) counts.set(state, (counts.get(state) ?? 0) + 1)
  const ended = trials.filter(({ ended }) => ended !== undefined).length
  const words = [...counts].map(([state, count]) => `<span class="${state}">${count} ${state}</span>`).join(', ')
  const percent = trials.length === 0 ? 0 : (100 * ended) / trials.length
  return `<p class="verdict">${trials.length} trials: ${words || 'none yet'}</p>
<div class="progress" role="progressbar" aria-label="Trials that have ended" aria-valuemin="0" aria-valuemax="${trials.length}" aria-valuenow="${ended}"><span style="width:${percent.toFixed(1)}%"></span></div>`
}

function results(trials: readonly TrialRecord[], objective: PageObjective | undefined): string {
  const table = resultTable(trials, undefined, mostSummaries)
  if (table.rows.length === 0) return section('results', '<p>No trial is complete yet.</p>')
  const parameter = table.parameters[0]
  const comparison =
    parameter && objective && compareMethods(trials, parameter, objective.metric, objective.direction === 'maximize')
  const ranked = comparison
    ? `<h3>${escapeMarkup(comparison.parameter)} compared by ${escapeMarkup(comparison.metric)}</h3>
<p>Over ${comparison.blocks} pairings of the other options and seeds. Friedman p = ${formatNumber(comparison.friedman.p)}; mean ranks that differ by ${formatNumber(comparison.criticalDifference)} differ at 5 % (Nemenyi).</p>
${plainTable('Mean ranks', [comparison.parameter, 'mean rank'], ranks(comparison))}
${plainTable(
  'Pairs',
  ['pair', 'mean difference', 'p, signed rank', 'p, Holm'],
  comparison.pairs.map(({ a, b, meanDifference, p, adjusted }) => [
    `${a} − ${b}`,
    ...[meanDifference, p, adjusted].map((value) => formatNumber(value)),
  ]),
)}`
    : ''
  return section('results', `${summaryTable(table)}${ranked}`)
}

function ranks({ methods, ranks }: { methods: string[]; ranks: number[] }): string[][] {
  return methods
    .map((method, j) => [method, ranks[j] as number] as const)
    .sort(([, a], [, b]) => a - b)
    .map(([method, rank]) => [method, formatNumber(rank)])
}

function summaryTable(table: ResultTable): string {
  const rows = table.rows.map(({ options, seeds, cells }) => [
    ...table.parameters.map((name) => formatValue(options[name])),
    String(seeds),
    ...table.columns.map((name) => {
      const { mean = NaN, interval: [low, high] = [NaN, NaN] } = cells[name] ?? {}
      return `${formatNumber(mean)}${Number.isFinite(low) ? ` [${formatNumber(low)}, ${formatNumber(high)}]` : ''}`
    }),
  ])
  const more =
    table.rows.length > rows.length ? `<p class="source">${rows.length} of ${table.rows.length} points.</p>` : ''
  const copies = (['markdown', 'latex'] as const).map(
    (format) =>
      `<details id="copy-${format}"><summary>As ${format === 'latex' ? 'LaTeX' : 'Markdown'}</summary><pre>${escapeMarkup(formatTable(table, format))}</pre></details>`,
  )
  return `<div class="summary"><p>Means over the seeds with intervals of 95 % (bootstrap).</p>
${plainTable('Results over the seeds', [...table.parameters, 'seeds', ...table.columns], rows, table.parameters.length)}${more}</div>${copies.join('')}`
}

function curves(store: StudyStore, trials: readonly TrialRecord[], objective: PageObjective | undefined): string {
  const { groups, all } = curveGroups(trials, (trial) => store.trace(trial), objective)
  const [xs, ys] = [Object.keys(abscissas) as Abscissa[], Object.keys(ordinates) as Ordinate[]]
  const figures = ys
    .flatMap((y) => xs.flatMap((x) => ({ x, y, figure: curveFigure(groups, x, y) })))
    .filter(({ figure }) => figure)
  if (figures.length === 0)
    return section('curves', '<p>No trial has left a curve yet.</p>') + section('certificates', '<p>None yet.</p>')
  const drawn = figures.map(
    ({ x, y, figure }) =>
      `<div data-x="${x}" data-y="${y}">${renderFigure(figure as NonNullable<typeof figure>, 'curves')}</div>`,
  )
  const choice = (
    name: string,
    legend: string,
    values: string[],
    words: Readonly<Record<string, string>>,
    checked: string,
  ) =>
    `<fieldset><legend>${legend}</legend>${values.map((value) => `<label><input type="radio" name="${name}" id="${name}-${value}" value="${value}"${value === checked ? ' checked' : ''}>${escapeMarkup(words[value] as string)}</label>`).join('')}</fieldset>`
  const [usedX, usedY] = [[...new Set(figures.map(({ x }) => x))], [...new Set(figures.map(({ y }) => y))]]
  const few =
    groups.length < all
      ? `<p class="source">The best ${groups.length} of ${all} points${objective ? ` by ${escapeMarkup(objective.metric)}` : ''}.</p>`
      : ''
  const controls =
    choice('y', 'Curve of', usedY, ordinates, usedY[0] as string) + choice('x', 'against', usedX, abscissas, 'passes')
  const certificates = groups.flatMap((group, i) => certificateFigure(group, i) ?? [])
  const closing =
    certificates.length > 0
      ? certificates.map((figure) => renderFigure(figure, 'certificates')).join('')
      : '<p>The trials have no certificates along the way (options.certificateEvery); those at the end are in the table.</p>'
  return section('curves', `${few}${controls}${drawn.join('')}`) + section('certificates', closing)
}

function searched(trials: readonly TrialRecord[], names: string[], objective: PageObjective | undefined): string {
  if (!objective || names.length === 0) return section('options', '<p>There is nothing to compare yet.</p>')
  const shares = importance(trials, names, objective.metric)
  const bars = shares.map(
    ({ name, share }) =>
      `<div class="bar"><span>${escapeMarkup(name)}</span><span><i style="width:${(100 * share).toFixed(1)}%"></i></span><span class="number">${(100 * share).toFixed(0)} %</span></div>`,
  )
  const explained =
    shares.length > 0
      ? `<h3>Importance</h3><p>How much of the variance of ${escapeMarkup(objective.metric)} each option explains by itself (ω²).</p>${bars.join('')}`
      : ''
  const wide = parallelChart(trials, names, objective, 1000)
  const narrow = parallelChart(trials, names, objective, 360)
  const parallel = wide
    ? `<figure><h3>Parallel coordinates</h3><div class="wide">${wide}</div><div class="narrow">${narrow}</div><figcaption>A line for each trial, from dark (worst) to yellow (best ${escapeMarkup(objective.metric)}).</figcaption></figure>`
    : ''
  return section('options', explained + parallel || '<p>There is nothing to compare yet.</p>')
}

function table(trials: readonly TrialRecord[], names: string[]): string {
  const metrics = metricNames(trials)
  const columns = ['number', 'state', ...names, 'seed', ...metrics]
  const shown = trials.slice(0, mostRows)
  const cell = (value: unknown) =>
    typeof value === 'number'
      ? `<td class="number" data-value="${Number.isFinite(value) ? value : ''}">${Number.isNaN(value) ? '–' : formatNumber(value)}</td>`
      : `<td>${escapeMarkup(String(value ?? ''))}</td>`
  const rows = shown.map(({ number, state, options, seed, metrics: found, failure }) => {
    const why = failure ? ` title="${escapeMarkup(failure.message)}"` : ''
    return `<tr>${cell(number)}<td class="state-${state} ${state}"${why}>${state}</td>${[...names.map((name) => options[name]), seed, ...metrics.map((name) => found[name])].map(cell).join('')}</tr>`
  })
  const head = columns.map(
    (name) =>
      `<th scope="col" data-name="${escapeMarkup(name)}" aria-sort="none"><button type="button">${escapeMarkup(name)}</button></th>`,
  )
  const more =
    trials.length > shown.length
      ? `<p class="source">The first ${shown.length} of ${trials.length} trials; all are in the CSV of 'meanfield export'.</p>`
      : ''
  return section(
    'trials',
    `<p><label for="filter">Filter</label> <input type="search" id="filter" placeholder="langevin seed=3 gap&lt;0.1" aria-describedby="shown"> <span id="shown" role="status">${shown.length} of ${shown.length} trials</span></p>${more}
<div class="scroll" role="region" tabindex="0" aria-label="Trials"><table><thead><tr>${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`,
  )
}

function environment(store: StudyStore): string {
  const sessions = store.environments()
  const last = sessions.at(-1)
  if (!last) return section('environment', '<p>No session yet.</p>')
  const facts: [string, string][] = [...factsOf(last), ['sessions', String(sessions.length)]]
  const damaged =
    store.damaged.length > 0
      ? `<p class="bad">${store.damaged.length} lines of journals are damaged and left out.</p>`
      : ''
  const definition = escapeMarkup(JSON.stringify(store.study.definition, null, 2))
  return section(
    'environment',
    `${damaged}${definitions(facts)}<details id="definition"><summary>Definition</summary><pre class="scroll">${definition}</pre></details>`,
  )
}

function factsOf(record: EnvironmentRecord): [string, string][] {
  const { meanfield, core, node, platform, processor, processors, memory, host, commit, changes, binary, lock, gpus } =
    record
  const known: [string, string | undefined][] = [
    ['meanfield', meanfield],
    ['native core', `${core.version}, ${core.compiler}`],
    ['instruction set', core.isa],
    ['processors available', `${core.parallelism} of ${processors}`],
    ['Node', node],
    ['platform', platform],
    ['processor', processor],
    ['memory', `${Math.round(memory / 2 ** 30)} GiB`],
    ['host', host],
    ['GPU', gpus?.join('; ') ?? 'none'],
    ['commit', commit && `${commit.slice(0, 12)}${changes ? `, changed (${changes.slice(0, 12)})` : ''}`],
    ['lock file', lock?.slice(0, 12)],
    ['binary', binary?.slice(0, 12)],
    ['started', new Date(record.time).toISOString()],
  ]
  return known.filter((entry): entry is [string, string] => entry[1] !== undefined)
}
