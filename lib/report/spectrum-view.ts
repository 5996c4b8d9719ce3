/**
 * What a network in the kernel regime can learn, and has learnt: the eigenvalues of its tangent kernel beside the ridge, the
 * effective dimension, and the coefficients of targets and predictions on the eigenvectors.
 *
 * Kernel ridge regression keeps λ_i / (λ_i + ridge) of the target's i-th coefficient; averaged SGD comes near to it
 * (Nitanda and Suzuki, ICLR 2021, Theorem 1). Eigenvalues fall like i^-β (Assumption A4).
 */
import type { Figure, Series } from './figure'
import { plainTable, renderFigure, renderView } from './page'
import { requireCount, requireNumber, requireNumbers, requireOneOf, requireText, requireThat } from './record'
import { formatNumber } from './text'

export interface SpectrumRecord {
  title: string
  /** Which layers were trained: the kernel is that of their weights. */
  layers: 'output' | 'input' | 'both'
  /** M, hidden neurons */
  width: number
  /** n */
  rows: number
  /** d */
  features: number
  /** Of K/n: the sum of all its eigenvalues, those that are not listed included. */
  trace: number
  /** Of K/n, descending: all n, or the leading ones. Rounding may leave the last ones slightly below 0. */
  eigenvalues: number[]
  /** λ of the fit, on the scale of the eigenvalues. */
  ridge: number
  /** Tr K/n (K/n + ridge)^-1 at some ridges above 0, in any order. */
  effectiveDimension: { ridge: number; value: number }[]
  /** Products of targets and of predictions with the eigenvectors, in the order of the eigenvalues; as many or fewer. */
  coefficients?: { target: number[]; fitted: number[] }
}

/**
 * One self-contained HTML page, without scripts.
 *
 * @throws InvalidDataError when lengths disagree, numbers are not finite, or the eigenvalues are not a spectrum
 */
export function spectrumView(record: SpectrumRecord): string {
  check(record)
  const { title, layers, width, rows, features, trace, eigenvalues, ridge } = record
  const slope = decay(eigenvalues, rows)
  const above = eigenvalues.filter((value) => value > ridge).length
  const dimension = dimensionAt(record)
  const held = sum(eigenvalues.slice(0, above)) / trace
  const figures = [
    eigenvalueFigure(record, slope),
    ...(record.effectiveDimension.length > 0 ? [dimensionFigure(record, dimension)] : []),
    shareFigure(record),
    ...coefficientFigures(record),
  ]
  const trained = layers === 'both' ? 'both layers' : `the ${layers} layer`
  const words = [
    `Training ${trained} of this network is regression with its tangent kernel. The eigenvectors of the kernel on the ${rows} rows are the patterns it can learn: the larger the eigenvalue, the sooner a pattern is learnt. Patterns whose eigenvalue is far below the ridge are hardly learnt at all.`,
    `${above} of ${eigenvalues.length} eigenvalues are above the ridge and hold ${percent(held)} of the trace. The effective dimension is ${formatNumber(dimension)}: the fit has about as much freedom as a linear model of so many coefficients. ${slopeWords(slope)}`,
    ...learntWords(record, above),
  ]
  const facts: [string, string][] = [
    ['layers trained', layers],
    ['width', String(width)],
    ['rows', String(rows)],
    ['features', String(features)],
    ['trace', formatNumber(trace)],
    ['ridge', formatNumber(ridge)],
    ['effective dimension', formatNumber(dimension)],
    ['eigenvalues above the ridge', String(above)],
    ['decay β', slope ? formatNumber(slope.beta, 3) : 'too few eigenvalues'],
  ]
  const content = [...figures.map((figure) => renderFigure(figure, 'spectrum')), eigenvalueTable(record)]
  return renderView({ title, words, facts, content })
}

function check(record: SpectrumRecord): void {
  const { title, layers, width, rows, features, trace, eigenvalues, ridge, effectiveDimension, coefficients } = record
  requireText('title', title)
  requireOneOf('layers', layers, ['output', 'input', 'both'])
  for (const [name, count] of Object.entries({ width, rows, features })) requireCount(name, count)
  for (const [name, value] of Object.entries({ trace, ridge })) requireNumber(name, value, 0)
  requireNumbers('eigenvalues', eigenvalues)
  const [first = 0] = eigenvalues
  const count = eigenvalues.length
  requireThat(count > 0 && count <= rows, `there are ${count} eigenvalues`, `1 to ${rows}, the number of rows`)
  const rising = eigenvalues.findIndex((value, i) => i > 0 && value > (eigenvalues[i - 1] as number))
  requireThat(rising < 0, `eigenvalues[${rising}] is above the one before`, 'descending eigenvalues')
  const last = eigenvalues.at(-1) as number
  requireThat(first > 0, `the largest eigenvalue is ${first}`, 'one above 0')
  requireThat(last >= -rounding * first, `the smallest eigenvalue is ${last}`, 'none below 0 by more than rounding')
  const total = sum(eigenvalues)
  requireThat(total <= 1.001 * trace, `the eigenvalues add up to ${total}`, `at most their trace, which is ${trace}`)
  requireThat(Array.isArray(effectiveDimension), 'effectiveDimension is no array', 'pairs of ridge and value')
  effectiveDimension.forEach((point, i) => {
    requireNumber(`effectiveDimension[${i}].ridge`, point?.ridge, Number.MIN_VALUE)
    requireNumber(`effectiveDimension[${i}].value`, point?.value, 0)
  })
  if (coefficients === undefined) return
  requireNumbers('coefficients.target', coefficients.target)
  requireNumbers('coefficients.fitted', coefficients.fitted, coefficients.target.length)
  const given = coefficients.target.length
  requireThat(given > 0 && given <= count, `there are ${given} coefficients`, `1 to ${count}, one an eigenvalue`)
}

/** Eigenvalues below this part of the largest are rounding of a kernel matrix in float32. */
const rounding = 1e-6

interface Decay {
  /** λ_i ≈ scale · i^-beta for i from `from` to `to`. */
  beta: number
  scale: number
  from: number
  to: number
}

/**
 * Least squares on the logarithms, over the decade of indices that ends at a tenth of the rows: those before do not follow the
 * law yet, those behind are no longer the eigenvalues of the operator. Equal distances on the logarithmic axis weigh the same.
 */
function decay(eigenvalues: readonly number[], rows: number): Decay | undefined {
  const [first, least] = [3, 8]
  const floor = rounding * (eigenvalues[0] as number)
  const to = Math.min(Math.max(first + least - 1, Math.floor(rows / 10)), eigenvalues.filter((v) => v > floor).length)
  const from = Math.max(first, Math.ceil(to / 10))
  if (to - from + 1 < least) return undefined
  const places = Array.from({ length: to - from + 1 }, (_, k) => from + k)
  const points = places.map((i) => [1 / i, Math.log(i), Math.log(eigenvalues[i - 1] as number)] as const)
  const weight = sum(points.map(([w]) => w))
  const [x, y] = [1, 2].map((c) => sum(points.map((point) => point[0] * (point[c] as number))) / weight) as [
    number,
    number,
  ]
  const beta =
    -sum(points.map(([w, px, py]) => w * (px - x) * (py - y))) / sum(points.map(([w, px]) => w * (px - x) ** 2))
  return { beta, scale: Math.exp(y + beta * x), from, to }
}

function slopeWords(slope: Decay | undefined): string {
  if (!slope) return 'There are too few eigenvalues to tell how fast they fall.'
  return `Between the indices ${slope.from} and ${slope.to} the eigenvalues fall like i^−β with β = ${formatNumber(slope.beta, 3)}.`
}

/** As given for the fit's own ridge, else from the eigenvalues. */
function dimensionAt({ effectiveDimension, eigenvalues, ridge }: SpectrumRecord): number {
  const given = effectiveDimension.find((point) => point.ridge === ridge)
  return given?.value ?? sum(eigenvalues.filter((value) => value > 0).map((value) => value / (value + ridge)))
}

/** The parts of the target before and behind the ridge, and how much of each has been learnt: Σ target·fitted / Σ target². */
function learntWords({ coefficients }: SpectrumRecord, above: number): string[] {
  if (!coefficients) return []
  const { target, fitted } = coefficients
  const power = sum(target.map((value) => value ** 2))
  if (power === 0) return ['The target is 0 on all these eigenvectors.']
  const most = cumulative(target.map((value) => value ** 2)).findIndex((part) => part >= 0.9 * power) + 1
  const part = (from: number, to: number, where: string) => {
    const square = sum(target.slice(from, to).map((value) => value ** 2))
    if (square < 1e-12 * power) return `Nothing of the target lies ${where}.`
    const product = sum(target.slice(from, to).map((value, i) => value * (fitted[from + i] as number)))
    return `${percent(square / power)} of the target lies ${where}, and ${percent(product / square)} of that has been learnt.`
  }
  return [
    `90 % of the target lies in the first ${most} eigenvectors. ${part(0, above, 'above the ridge')} ${part(above, target.length, 'below it')}`,
  ]
}

function eigenvalueFigure({ eigenvalues, ridge }: SpectrumRecord, slope: Decay | undefined): Figure {
  const first = eigenvalues[0] as number
  const ends = slope && [slope.from, slope.to]
  const line = slope &&
    ends && {
      name: `i^−${formatNumber(slope.beta, 3)}`,
      x: ends,
      y: ends.map((i) => slope.scale * i ** -slope.beta),
    }
  return {
    id: 'eigenvalues',
    title: 'Eigenvalues of the kernel',
    description: `Eigenvalues of K/n in descending order on logarithmic axes, with the ridge${slope ? ` and the fitted law of decay, β = ${formatNumber(slope.beta, 3)}` : ''}. Patterns above the ridge are learnt. Less than 10^−10 of the largest is not shown.`,
    xLabel: 'index i',
    yLabel: 'eigenvalue of K/n',
    xScale: 'log',
    yScale: 'log',
    series: [
      { name: 'eigenvalues', x: indices(eigenvalues), y: eigenvalues.map((v) => (v > 1e-10 * first ? v : Number.NaN)) },
      ...(line ? [line] : []),
    ],
    rules: ridge > 0 ? [{ y: ridge, label: 'ridge' }] : [],
  }
}

function dimensionFigure({ effectiveDimension, ridge }: SpectrumRecord, dimension: number): Figure {
  const known = [...effectiveDimension].sort((a, b) => a.ridge - b.ridge)
  const fit: Series = { name: 'this fit', x: [ridge], y: [dimension], mark: 'points', shape: 1 }
  return {
    id: 'effective-dimension',
    title: 'Effective dimension',
    description:
      'How many coefficients the fit has the freedom of, by ridge; the ridge of this fit is marked. The error that comes from noise grows with it, and what is not learnt shrinks.',
    xLabel: 'ridge',
    yLabel: 'effective dimension',
    xScale: 'log',
    yScale: 'log',
    series: [
      { name: 'all ridges', x: known.map((point) => point.ridge), y: known.map((point) => point.value) },
      ...(ridge > 0 ? [fit] : []),
    ],
    rules: ridge > 0 ? [{ x: ridge, label: 'ridge of this fit' }] : [],
  }
}

function shareFigure({ eigenvalues, trace, ridge }: SpectrumRecord): Figure {
  const above = eigenvalues.filter((value) => value > ridge).length
  return {
    id: 'trace',
    title: 'Share of the trace',
    description: 'The part of the trace that the first i eigenvalues hold together.',
    xLabel: 'index i',
    yLabel: 'share of the trace',
    xScale: 'log',
    yDomain: [0, 1],
    series: [{ name: 'share', x: indices(eigenvalues), y: cumulative(eigenvalues).map((v) => Math.min(1, v / trace)) }],
    rules: above > 0 && above < eigenvalues.length ? [{ x: above, label: 'last above the ridge' }] : [],
  }
}

/** More indices than this are averaged over neighbours. */
const mostSingle = 20

function coefficientFigures({ coefficients, eigenvalues, ridge }: SpectrumRecord): Figure[] {
  if (!coefficients) return []
  const [target, fitted] = [coefficients.target, coefficients.fitted].map((values) => values.map((v) => v ** 2)) as [
    number[],
    number[],
  ]
  const power = sum(target)
  if (power === 0) return []
  const kept = target.map((value, i) => value * keeps(eigenvalues[i] as number, ridge) ** 2)
  const places = bins(target.length)
  const averaged = target.length > mostSingle ? ` Behind index ${mostSingle}, means over neighbours.` : ''
  const curve = (name: string, values: number[], color: number): Series => ({
    name,
    color,
    x: places.map(([from, to]) => Math.sqrt((from + 1) * to)),
    y: places.map(([from, to]) => sum(values.slice(from, to)) / (to - from)),
  })
  const highest = Math.max(...target, ...fitted)
  const share = (name: string, values: number[], color: number): Series => ({
    name,
    color,
    x: indices(values),
    y: cumulative(values).map((value) => value / power),
  })
  return [
    {
      id: 'coefficients',
      title: 'What was learnt, pattern by pattern',
      description: `Squared coefficients on the eigenvectors. Where the fit meets the target the pattern has been learnt; where it stays below, it has been shrunk. Beside them, what kernel ridge regression with this ridge keeps.${averaged} Less than a hundred-millionth of the largest is not shown.`,
      xLabel: 'index i',
      yLabel: 'squared coefficient',
      xScale: 'log',
      yScale: 'log',
      yDomain: [1e-8 * highest, 2 * highest],
      series: [curve('target', target, 0), curve('fit', fitted, 1), curve('kernel ridge regression', kept, 2)],
    },
    {
      id: 'learnt',
      title: 'What was learnt, in sum',
      description:
        'Squared coefficients of the first i eigenvectors in sum, as a share of the whole target. Between the two curves is what the fit has left out.',
      xLabel: 'index i',
      yLabel: 'share of the target',
      xScale: 'log',
      series: [share('target', target, 0), share('fit', fitted, 1)],
    },
  ]
}

function eigenvalueTable({ eigenvalues, trace, ridge, coefficients }: SpectrumRecord): string {
  const shares = cumulative(eigenvalues)
  const header = ['index', 'eigenvalue', 'share of the trace so far', 'kept by the ridge']
  const rows = tableIndices(eigenvalues.length).map((i) => {
    const value = eigenvalues[i - 1] as number
    const cells = [value, (shares[i - 1] as number) / trace, keeps(value, ridge)]
    const learnt = coefficients ? [coefficients.target[i - 1], coefficients.fitted[i - 1]] : []
    return [String(i), ...[...cells, ...learnt].map((cell) => (cell === undefined ? '–' : formatNumber(cell)))]
  })
  const columns = coefficients ? [...header, 'target', 'fit'] : header
  return `<section aria-labelledby="table-title"><h2 id="table-title">Eigenvalues and coefficients</h2>
<p class="source">The first ${Math.min(10, eigenvalues.length)}, then fewer and fewer. All eigenvalues are in the CSV of the first figure.</p>
${plainTable('Eigenvalues and coefficients', columns, rows)}</section>`
}

/** 1 to 10, 20, 50, 100, …, and the last. */
function tableIndices(count: number): number[] {
  const round = Array.from({ length: 18 }, (_, k) => ([20, 50, 100][k % 3] as number) * 10 ** Math.floor(k / 3))
  const inside = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...round].filter((i) => i < count)
  return [...inside, count]
}

/** [from, to) of each: single ones first, then about 24 a decade. */
function bins(count: number): [number, number][] {
  const edges = Array.from({ length: Math.min(count, mostSingle) + 1 }, (_, i) => i)
  while ((edges.at(-1) as number) < count) edges.push(Math.min(count, Math.ceil(1.1 * (edges.at(-1) as number))))
  return edges.slice(1).map((to, i) => [edges[i] as number, to])
}

function keeps(eigenvalue: number, ridge: number): number {
  return eigenvalue > 0 ? eigenvalue / (eigenvalue + ridge) : 0
}
function indices(values: readonly number[]): number[] {
  return values.map((_, i) => i + 1)
}
function cumulative(values: readonly number[]): number[] {
  let total = 0
  return values.map((value) => {
    total += value
    return total
  })
}
function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
function percent(part: number): string {
  return `${formatNumber(100 * part, 3)} %`
}
