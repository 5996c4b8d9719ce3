/**
 * What the layers of residual functional gradient boosting do (Nitanda and Suzuki, ICML 2018 and AISTATS 2020): the points by
 * class through the layers, objective and scores, functional gradients, and the distribution of margins.
 */
import type { Figure, Series } from './figure'
import { distinctClasses, movingCloud } from './moving-cloud'
import { plainTable, renderFigure, renderView } from './page'
import { requireCount, requireNumber, requireNumbers, requireOneOf, requireText, requireThat } from './record'
import { formatNumber } from './text'

export interface LayerState {
  /** Its number, ascending; 0 is the input as it is. */
  layer: number
  objective: number
  /** Accuracy, 0 to 1. */
  trainScore: number
  validationScore?: number
  /** Norms of the functional gradient: Σ‖G_i‖ and √(n Σ‖G_i‖²). */
  gradientL1: number
  gradientL2: number
  /** Of the Frank-Wolfe version; below 0 where the map is outside of the ball. */
  frankWolfeGap?: number
  step: number
  /** Of the training points, at 5, 25, 50, 75 and 95 %. A margin is the score of the true class less the best of the others. */
  marginQuantiles: [number, number, number, number, number]
  /** x and y of the shown points in turn, on two directions that are the same for all layers. */
  points: number[]
}

export interface LayerRecord {
  title: string
  method: 'residual-boosting' | 'frank-wolfe'
  /** Names. */
  classes: string[]
  /** Class of each shown point, from 0. */
  labels: number[]
  layers: LayerState[]
  /** Number of the layer that predictions use. */
  bestLayer?: number
}

/**
 * One self-contained HTML page.
 *
 * @throws InvalidDataError when lengths disagree, numbers are not finite, or labels and layers do not fit
 */
export function layerView(record: LayerRecord): string {
  check(record)
  const { title, method, classes, labels, layers, bestLayer } = record
  const best = layers.findIndex(({ layer }) => layer === bestLayer)
  const start = best < 0 ? layers.length - 1 : best
  const [first, last, used] = [layers[0], layers.at(-1), layers[start]] as [LayerState, LayerState, LayerState]
  const repeated =
    classes.length > distinctClasses ? ` From class ${distinctClasses + 1} on, pairs of colour and shape repeat.` : ''
  const cloud = movingCloud({
    title: 'Points through the layers',
    description: `${labels.length} points on two directions that are the same for all layers. Colour and shape tell the class.${repeated} Boosting should pull classes apart from layer to layer.`,
    classes,
    labels,
    frames: layers.map((state) => ({
      name: `Layer ${state.layer} of ${last.layer}`,
      words: stateWords(state),
      points: state.points,
    })),
    start,
  })
  const validated = used.validationScore === undefined ? '' : `, in validation ${percent(used.validationScore)}`
  const words = [
    `Each layer moves every point a little against the gradient of the loss, so that a linear classifier on top does better. From layer ${first.layer} to layer ${last.layer} the objective goes from ${formatNumber(first.objective)} to ${formatNumber(last.objective)}.`,
    `${best < 0 ? 'The last layer' : `Layer ${used.layer}, which predictions use,`} has ${percent(used.trainScore)} of the training points right${validated}; half of them have a margin above ${formatNumber(used.marginQuantiles[2])}.`,
  ]
  const facts: [string, string][] = [
    ['method', method],
    ['layers', String(layers.length - 1)],
    ['classes', String(classes.length)],
    ['points shown', String(labels.length)],
    ['best layer', bestLayer === undefined ? 'not chosen' : String(bestLayer)],
  ]
  const figures = layerFigures(record).map((figure) => renderFigure(figure, 'layers'))
  const { figure, end, policy, style } = cloud
  return renderView({ title, words, facts, content: [figure, ...figures, table(record)], end, policy, style })
}

function check({ title, method, classes, labels, layers, bestLayer }: LayerRecord): void {
  requireText('title', title)
  requireOneOf('method', method, ['residual-boosting', 'frank-wolfe'])
  requireThat(Array.isArray(classes) && classes.length > 0, 'there are no classes', 'the name of each')
  classes.forEach((name, k) => {
    requireText(`classes[${k}]`, name)
  })
  requireNumbers('labels', labels)
  requireThat(labels.length > 0, 'there are no labels', 'the class of each shown point')
  labels.forEach((label, i) => {
    requireCount(`labels[${i}]`, label, 0, classes.length - 1)
  })
  requireThat(Array.isArray(layers) && layers.length > 0, 'there are no layers', 'one or more')
  layers.forEach((state, t) => {
    const at = `layers[${t}]`
    requireCount(`${at}.layer`, state.layer, 0)
    requireThat(
      t === 0 || state.layer > (layers[t - 1] as LayerState).layer,
      `${at}.layer is ${state.layer}`,
      'ascending numbers',
    )
    requireNumber(`${at}.objective`, state.objective)
    requireNumber(`${at}.trainScore`, state.trainScore, 0, 1)
    if (state.validationScore !== undefined) requireNumber(`${at}.validationScore`, state.validationScore, 0, 1)
    for (const name of ['gradientL1', 'gradientL2', 'step'] as const) requireNumber(`${at}.${name}`, state[name], 0)
    if (state.frankWolfeGap !== undefined) requireNumber(`${at}.frankWolfeGap`, state.frankWolfeGap)
    requireNumbers(`${at}.marginQuantiles`, state.marginQuantiles, 5)
    const falls = state.marginQuantiles.some((value, i, all) => i > 0 && value < (all[i - 1] as number))
    requireThat(!falls, `${at}.marginQuantiles fall`, 'ascending quantiles')
    requireNumbers(`${at}.points`, state.points, 2 * labels.length)
  })
  const known = bestLayer === undefined || layers.some(({ layer }) => layer === bestLayer)
  requireThat(known, `bestLayer is ${bestLayer}`, 'the number of one of the layers')
}

function layerFigures({ layers, bestLayer }: LayerRecord): Figure[] {
  const x = layers.map(({ layer }) => layer)
  const curve = (name: string, of: (state: LayerState) => number | undefined): Series => ({
    name,
    x,
    y: layers.map((state) => of(state) ?? Number.NaN),
  })
  const best = bestLayer === undefined ? [] : [{ x: bestLayer, label: 'best layer' }]
  const marked = best.length > 0 ? ' The best layer is marked.' : ''
  const common = { xLabel: 'layer', rules: best }
  const has = (name: 'validationScore' | 'frankWolfeGap') => layers.some((state) => state[name] !== undefined)
  const positive = layers.every(({ gradientL1, gradientL2 }) => gradientL1 > 0 && gradientL2 > 0)
  const margin = (name: string, q: number) => curve(name, ({ marginQuantiles }) => marginQuantiles[q])
  const quartiles = (q: number) => layers.map(({ marginQuantiles }) => marginQuantiles[q] as number)
  return [
    {
      ...common,
      id: 'objective',
      title: 'Objective by layer',
      description: `Mean loss and regularization of the linear classifier on the points of each layer.${marked}`,
      yLabel: 'objective',
      series: [curve('objective', ({ objective }) => objective)],
    },
    {
      ...common,
      id: 'scores',
      title: 'Accuracy by layer',
      description: `The part of the points that is right.${has('validationScore') ? ' Where validation stays behind training, layers fit what does not carry over.' : ''}${marked}`,
      yLabel: 'accuracy',
      series: [
        curve('training', ({ trainScore }) => trainScore),
        ...(has('validationScore') ? [curve('validation', ({ validationScore }) => validationScore)] : []),
      ],
    },
    {
      ...common,
      id: 'gradients',
      title: 'Functional gradient by layer',
      description: `Norms of the gradient with respect to the points: near 0, no small move of any point would help. L1 bounds how many margins are small.${marked}`,
      yLabel: 'norm',
      yScale: positive ? 'log' : 'linear',
      series: [curve('L1', ({ gradientL1 }) => gradientL1), curve('L2', ({ gradientL2 }) => gradientL2)],
    },
    ...(has('frankWolfeGap')
      ? [
          {
            ...common,
            id: 'gap',
            title: 'Frank-Wolfe gap by layer',
            description: `For a convex objective, how far it can still fall inside of the ball. Below 0 the map is outside of it.${marked}`,
            yLabel: 'gap',
            series: [curve('gap', ({ frankWolfeGap }) => frankWolfeGap)],
          },
        ]
      : []),
    {
      ...common,
      id: 'margins',
      title: 'Margins by layer',
      description: `How clearly points are on the right side: the score of the true class less the best of the others. The band holds the middle half; points below 0 are wrong.${marked}`,
      yLabel: 'margin',
      series: [
        { ...margin('median and quartiles', 2), low: quartiles(1), high: quartiles(3) },
        margin('95 % are below', 4),
        margin('5 % are below', 0),
      ],
      rules: [{ y: 0, label: 'wrong below' }, ...best],
    },
  ]
}

function table({ layers, bestLayer }: LayerRecord): string {
  const header = [
    'layer',
    'objective',
    'training',
    'validation',
    'gradient L1',
    'gradient L2',
    'Frank-Wolfe gap',
    'step',
  ]
  const margins = ['5 %', '25 %', '50 %', '75 %', '95 %'].map((part) => `margin ${part}`)
  const rows = layers.map((state) => {
    const { layer, objective, trainScore, validationScore, gradientL1, gradientL2, frankWolfeGap, step } = state
    const numbers = [objective, trainScore, validationScore, gradientL1, gradientL2, frankWolfeGap, step]
    const cells = [...numbers, ...state.marginQuantiles].map((v) => (v === undefined ? '–' : formatNumber(v)))
    return [layer === bestLayer ? `${layer} (best)` : String(layer), ...cells]
  })
  return `<section aria-labelledby="table-title"><h2 id="table-title">All layers</h2>
${plainTable('All layers', [...header, ...margins], rows)}</section>`
}

function stateWords({ objective, trainScore, validationScore, gradientL1 }: LayerState): string {
  const validated = validationScore === undefined ? '' : `, validation ${percent(validationScore)}`
  return `objective ${formatNumber(objective)}, training ${percent(trainScore)}${validated}, gradient ${formatNumber(gradientL1)}`
}
function percent(part: number): string {
  return `${formatNumber(100 * part, 3)} %`
}
