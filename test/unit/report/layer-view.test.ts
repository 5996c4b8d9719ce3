import { type LayerRecord, layerView } from '../../../lib/report'
import { layerRecord } from './layers'

test('thirty classes have thirty pairs of colour and shape; beyond them the page says that they repeat', () => {
  const marks = (html: string) =>
    new Set([...html.matchAll(/<path class="mf-shapes (mf-d\d)" d="M7 7([^"]*)"/g)].map((m) => `${m[1]} ${m[2]}`)).size
  const html = layerView(layerRecord({ classes: 30 }))
  expect(marks(html)).toBe(30)
  expect(html).not.toContain('shape repeat')
  expect(layerView(layerRecord({ classes: 31 }))).toContain('From class 31 on, pairs of colour and shape repeat.')
})

test('words and table say what the record says; without a best layer the last is used', () => {
  const record = layerRecord({ method: 'frank-wolfe' })
  const html = layerView(record)
  expect(html).toContain('Layer 8, which predictions use, has 100 % of the training points right, in validation 98 %')
  expect(html).toContain('<td>8 (best)</td>')
  expect(html).toContain('Frank-Wolfe gap by layer')
  const plain = layerView({ ...layerRecord(), bestLayer: undefined })
  expect(plain).toContain('The last layer has')
  expect(plain).not.toContain('Frank-Wolfe gap by layer')
  expect(plain).not.toContain('best layer</text>')
})

test('one layer, one point, coinciding points and hostile names are pages as well', () => {
  const evil = '</script><script>alert(1)</script>'
  const record = layerRecord({ layers: 1 })
  record.layers[0].points.fill(2)
  const html = layerView({ ...record, title: evil, classes: [evil, 'b', 'c'], bestLayer: undefined })
  expect(html.match(/<script/g)).toHaveLength(2)
  expect(html.match(/<\/script/g)).toHaveLength(2)
  // NaN and undefined are words of the page's script alone.
  expect(html.slice(0, html.indexOf('<script'))).not.toMatch(/NaN|undefined/)
})

test('malformed records are refused, with what was seen', () => {
  const bad: [(record: LayerRecord) => unknown, RegExp][] = [
    [(r) => ({ ...r, title: undefined }), /title is undefined/],
    [(r) => ({ ...r, method: 'adaboost' }), /method is 'adaboost'; expected one of/],
    [(r) => ({ ...r, classes: [] }), /no classes/],
    [(r) => ({ ...r, classes: ['a', 2, 'c'] }), /classes\[1\] is 2/],
    [(r) => ({ ...r, classes: ['a', 'b'] }), /labels\[2\] is 2; expected a finite number of at least 0 and at most 1/],
    [(r) => ({ ...r, labels: [] }), /no labels/],
    [(r) => ({ ...r, labels: r.labels.with(3, 0.5) }), /labels\[3\] is 0.5/],
    [(r) => ({ ...r, labels: r.labels.slice(1) }), /layers\[0\].points has 120 numbers; expected 118/],
    [(r) => ({ ...r, layers: [] }), /no layers/],
    [(r) => ({ ...r, layers: r.layers.toReversed() }), /layers\[1\].layer is 10; expected ascending/],
    [(r) => ({ ...r, bestLayer: 99 }), /bestLayer is 99/],
    [(r) => changed(r, { objective: Number.NaN }), /layers\[2\].objective is NaN/],
    [(r) => changed(r, { trainScore: 1.2 }), /layers\[2\].trainScore is 1.2/],
    [(r) => changed(r, { validationScore: Number.NaN }), /validationScore is NaN/],
    [(r) => changed(r, { gradientL1: -1 }), /gradientL1 is -1/],
    [(r) => changed(r, { gradientL2: Infinity }), /gradientL2 is Infinity/],
    [(r) => changed(r, { frankWolfeGap: Number.NaN }), /frankWolfeGap is NaN/],
    [(r) => changed(r, { step: -0.1 }), /step is -0.1/],
    [(r) => changed(r, { marginQuantiles: [1, 2, 3, 4] }), /marginQuantiles has 4 numbers; expected 5/],
    [(r) => changed(r, { marginQuantiles: [1, 2, 3, 5, 4] }), /marginQuantiles fall/],
    [(r) => changed(r, { points: r.layers[2].points.with(7, Number.NaN) }), /layers\[2\].points\[7\] is NaN/],
  ]
  for (const [change, message] of bad) {
    const attempt = () => layerView(change(layerRecord()) as LayerRecord)
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(expect.objectContaining({ code: 'MEANFIELD_INVALID_DATA' }))
  }
})

function changed(record: LayerRecord, change: object): LayerRecord {
  return { ...record, layers: record.layers.with(2, { ...record.layers[2], ...change } as LayerRecord['layers'][0]) }
}
