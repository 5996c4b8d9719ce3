/**
 * Points of classes that move: a plane with a slider, a button that plays, and a box for each class. It works offline and by
 * keyboard; without scripts the frame of the start is there.
 */
import { createHash } from 'node:crypto'
import { chartElement, paletteSize } from './chart'
import type { Figure } from './figure'
import { shapeOf, shapes } from './marks'
import { escapeMarkup } from './text'

export interface MovingCloud {
  title: string
  description: string
  classes: readonly string[]
  /** Class of each point. */
  labels: readonly number[]
  /** `words` tell the state of the frame; `points` are x and y in turn. */
  frames: readonly { name: string; words: string; points: readonly number[] }[]
  /** The frame that is shown first. */
  start: number
}

/** Classes that have a pair of colour and shape of their own. */
export const distinctClasses = paletteSize * shapes.length

/** Places are sent to the page in this many steps across the plane. */
const grid = 65535

/** The figure, and what the page needs for it beside its own. */
export function movingCloud(cloud: MovingCloud): { figure: string; end: string; policy: string; style: string } {
  const { title, description, classes, labels, frames, start } = cloud
  const domains = [0, 1].map((axis) => extent(frames.flatMap(({ points }) => points.filter((_, i) => i % 2 === axis))))
  const half = 0.55 * Math.max(...domains.map(([low, high]) => high - low)) || 1
  const [xDomain, yDomain] = domains.map(([low, high]) => {
    const middle = low / 2 + high / 2
    return [middle - half, middle + half]
  }) as [[number, number], [number, number]]
  const shown = frames[start]?.points ?? []
  const plane: Figure = {
    id: 'cloud',
    title,
    description,
    xLabel: 'first direction',
    yLabel: 'second direction',
    xDomain,
    yDomain,
    equalScale: true,
    series: classes.map((name, k) => {
      const mine = labels.flatMap((label, i) => (label === k ? [i] : []))
      const along = (axis: number) => mine.map((i) => shown[2 * i + axis] as number)
      return { name, mark: 'points', shape: k, x: along(0), y: along(1) }
    }),
  }
  const size = { untitled: true, unnamed: true }
  const steps = (value: number, i: number) => {
    const [low] = i % 2 === 0 ? xDomain : yDomain
    return Math.round((grid * (value - low)) / (2 * half))
  }
  const data = {
    labels,
    shapes: classes.map((_, k) => shapeOf(k)),
    frames: frames.map(({ name, words, points }) => ({ name, words, points: points.map(steps) })),
  }
  const counts = classes.map((_, k) => labels.filter((label) => label === k).length)
  const boxes = classes.map(
    (name, k) =>
      `<label><input type="checkbox" name="class" value="${k}" checked><svg viewBox="0 0 14 14" aria-hidden="true"><path class="mf-shapes mf-d${k % paletteSize}" d="M7 7${shapeOf(k)}"/></svg>${escapeMarkup(name)} <span class="source">${counts[k]}</span></label>`,
  )
  const first = frames[start]
  const figure = `<figure id="cloud" aria-labelledby="cloud-heading">
<h3 id="cloud-heading">${escapeMarkup(title)}</h3>
<div class="player"><button type="button" id="play"${frames.length < 2 ? ' disabled' : ''}>Play</button>
<input type="range" id="frame" min="0" max="${frames.length - 1}" step="1" value="${start}" aria-label="Layer" aria-valuetext="${escapeMarkup(first?.name ?? '')}">
<output for="frame" id="state"><strong>${escapeMarkup(first?.name ?? '')}</strong> <span>${escapeMarkup(first?.words ?? '')}</span></output></div>
<fieldset class="classes"><legend>Classes</legend>${boxes.join('')}<button type="button" id="all">all</button><button type="button" id="none">none</button></fieldset>
<label><input type="checkbox" id="own">each layer on a scale of its own</label>
<div class="plane wide">${chartElement(plane, { ...size, width: 480, suffix: '-wide' })}</div>
<div class="plane narrow">${chartElement(plane, { ...size, width: 360, suffix: '-narrow' })}</div>
<figcaption>${escapeMarkup(description)}</figcaption></figure>`
  const json = JSON.stringify(data).replaceAll('<', '\\u003c')
  const hash = createHash('sha256').update(script).digest('base64')
  return {
    figure,
    end: `<script type="application/json" id="cloud-data">${json}</script>\n<script>${script}</script>\n`,
    policy: `; script-src 'sha256-${hash}'`,
    style,
  }
}

function extent(values: readonly number[]): [number, number] {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity])
}

const style = `
.player{display:grid;grid-template-columns:auto 1fr;gap:.5rem 1rem;align-items:center}.player output{grid-column:1/-1;min-height:3.1em;font-variant-numeric:tabular-nums}
.player input{width:100%;min-height:2.2rem;accent-color:var(--link)}#cloud button{font:inherit;color:var(--link);background:var(--raised);border:1px solid var(--soft);border-radius:4px;padding:.25rem .8rem;cursor:pointer}
#play{min-width:5.5rem}.classes{border:0;padding:0;margin:.5rem 0;display:flex;flex-wrap:wrap;gap:.15rem .9rem;align-items:center}.classes legend{color:var(--soft)}
#cloud label{display:inline-flex;gap:.3rem;align-items:center;padding:.15rem 0}#cloud label svg{display:inline-block;width:16px;height:16px;margin:0}
.plane svg{max-width:36rem}.own .plane .mf-soft[text-anchor=end],.own .plane .mf-axis~.mf-axis,.own .plane .mf-axis+.mf-soft{visibility:hidden}
@media print{.player button,.player input,#all,#none{display:none}}
`

/** Plain DOM. A position between two frames shows the points on their way; who wants less motion sees frames alone. */
const script = `
'use strict'
const data = JSON.parse(document.getElementById('cloud-data').textContent)
const [slider, play, own, state] = ['frame', 'play', 'own', 'state'].map((id) => document.getElementById(id))
const boxes = [...document.querySelectorAll('input[name="class"]')]
const areas = [...document.querySelectorAll('#cloud [data-area]')].map((group) => ({
  edges: group.dataset.area.split(' ').map(Number), paths: [...group.querySelectorAll('.mf-shapes')] }))
const still = matchMedia('(prefers-reduced-motion: reduce)')
const last = data.frames.length - 1
const grid = ${grid}
let position = Number(slider.value)
let started

function box(points) {
  if (!own.checked) return [grid / 2, grid / 2, grid / 2]
  const ends = [Infinity, -Infinity, Infinity, -Infinity]
  points.forEach((value, i) => {
    const at = 2 * (i % 2)
    ends[at] = Math.min(ends[at], value)
    ends[at + 1] = Math.max(ends[at + 1], value)
  })
  return [(ends[0] + ends[1]) / 2, (ends[2] + ends[3]) / 2, 0.55 * Math.max(ends[1] - ends[0], ends[3] - ends[2], 1)]
}

function draw() {
  const from = Math.floor(position)
  const part = position - from
  const [a, b] = [data.frames[from].points, data.frames[Math.min(from + 1, last)].points]
  const points = part === 0 ? a : a.map((value, i) => value + part * (b[i] - value))
  const [x, y, half] = box(points)
  for (const { edges: [left, top, right, bottom], paths } of areas) {
    const outlines = paths.map(() => [])
    data.labels.forEach((label, i) => {
      if (!boxes[label].checked) return
      const px = (left + right) / 2 + (points[2 * i] - x) / half * (right - left) / 2
      const py = (top + bottom) / 2 - (points[2 * i + 1] - y) / half * (bottom - top) / 2
      outlines[label].push('M' + px.toFixed(1) + ' ' + py.toFixed(1) + data.shapes[label])
    })
    paths.forEach((path, k) => path.setAttribute('d', outlines[k].join('')))
  }
  document.getElementById('cloud').classList.toggle('own', own.checked)
  const { name, words } = data.frames[from]
  if (slider.getAttribute('aria-valuetext') !== name) {
    slider.setAttribute('aria-valuetext', name)
    state.firstElementChild.textContent = name
    state.lastElementChild.textContent = words
  }
  if (Number(slider.value) !== from) slider.value = from
}

function stop() {
  started = undefined
  play.textContent = 'Play'
}

function run(time) {
  if (started === undefined) return
  started.time ??= time
  const now = Math.min(last, started.from + (time - started.time) / 700)
  position = still.matches ? Math.floor(now) : now
  if (now === last) stop()
  else requestAnimationFrame(run)
  draw()
}

play.onclick = () => {
  if (started) {
    stop()
    position = Math.floor(position)
    return draw()
  }
  started = { from: position >= last ? 0 : position }
  play.textContent = 'Pause'
  requestAnimationFrame(run)
}
slider.oninput = () => {
  stop()
  position = Number(slider.value)
  draw()
}
own.onchange = draw
for (const box of boxes) box.onchange = draw
for (const [id, checked] of [['all', true], ['none', false]])
  document.getElementById(id).onclick = () => {
    for (const box of boxes) box.checked = checked
    draw()
  }
// A browser that goes back to the page keeps where the slider and the boxes were.
draw()
`
