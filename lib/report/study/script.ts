/**
 * What the page does by itself: choose a figure, sort and filter the table, and, where a server stands behind it, take in
 * what is new. Plain DOM, no library; everything is readable without it.
 */
export const pageScript = `
'use strict'
const find = (selector, root = document) => [...root.querySelectorAll(selector)]
const state = { x: 'passes', y: '', sort: null, up: true, filter: '' }

function showFigures() {
  for (const figure of find('[data-x]')) {
    const shown = figure.dataset.x === state.x && figure.dataset.y === state.y
    figure.hidden = !shown
  }
}

function sortKey(cell) {
  const text = cell.dataset.value ?? cell.textContent
  const number = Number(text)
  return text !== '' && !Number.isNaN(number) ? [0, number] : [text === '' ? 2 : 1, text]
}

function sortTable() {
  const table = document.querySelector('#trials table')
  if (!table || state.sort === null) return
  const heads = find('thead th', table)
  const column = heads.findIndex((head) => head.dataset.name === state.sort)
  if (column < 0) return
  heads.forEach((head, i) => head.setAttribute('aria-sort', i === column ? (state.up ? 'ascending' : 'descending') : 'none'))
  const body = table.tBodies[0]
  const rows = [...body.rows].map((row) => [sortKey(row.cells[column]), row])
  rows.sort(([a], [b]) => {
    if (a[0] !== b[0]) return a[0] - b[0]
    const order = a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0
    return state.up ? order : -order
  })
  body.append(...rows.map(([, row]) => row))
}

function test(words, names, cells) {
  const parts = /^([\\w.]+)(<=|>=|!=|=|<|>)(.*)$/.exec(words)
  const column = parts ? names.indexOf(parts[1]) : -1
  if (column < 0) return cells.some((cell) => cell.textContent.toLowerCase().includes(words.toLowerCase()))
  const found = cells[column].dataset.value ?? cells[column].textContent
  const [, , operator, wanted] = parts
  const same = found === wanted || (found !== '' && wanted !== '' && Number(found) === Number(wanted))
  if (operator === '=') return same
  if (operator === '!=') return !same
  if (found === '') return false
  const [a, b] = [Number(found), Number(wanted)]
  return operator === '<' ? a < b : operator === '<=' ? a <= b : operator === '>' ? a > b : a >= b
}

function filterTable() {
  const table = document.querySelector('#trials table')
  if (!table) return
  const names = find('thead th', table).map((head) => head.dataset.name)
  const words = state.filter.split(/\\s+/).filter(Boolean)
  let shown = 0
  for (const row of table.tBodies[0].rows) {
    const fits = words.every((word) => test(word, names, [...row.cells]))
    row.hidden = !fits
    if (fits) shown++
  }
  document.querySelector('#shown').textContent = shown + ' of ' + table.tBodies[0].rows.length + ' trials'
}

function wire() {
  for (const group of ['x', 'y'])
    for (const input of find('input[name="' + group + '"]')) {
      if (!state[group] && input.checked) state[group] = input.value
      input.checked = input.value === state[group]
      input.onchange = () => { state[group] = input.value; showFigures() }
    }
  for (const group of ['x', 'y']) {
    const inputs = find('input[name="' + group + '"]')
    if (inputs.length > 0 && !inputs.some((input) => input.checked)) { inputs[0].checked = true; state[group] = inputs[0].value }
  }
  for (const button of find('#trials thead button'))
    button.onclick = () => {
      const name = button.closest('th').dataset.name
      state.up = state.sort === name ? !state.up : true
      state.sort = name
      sortTable()
    }
  const filter = document.querySelector('#filter')
  if (filter) {
    filter.value = state.filter
    filter.oninput = () => { state.filter = filter.value; filterTable() }
  }
  showFigures()
  sortTable()
  filterTable()
}
wire()

if (document.body.dataset.live === 'yes') {
  const source = new EventSource('events')
  const status = document.querySelector('#live')
  source.onopen = () => { status.textContent = 'live' }
  source.onerror = () => { status.textContent = 'not connected' }
  source.addEventListener('page', (event) => {
    const content = document.querySelector('#content')
    const active = document.activeElement?.id
    const at = document.activeElement?.selectionStart
    const open = find('details[open]', content).map((details) => details.id)
    content.innerHTML = JSON.parse(event.data)
    for (const id of open) if (id) document.getElementById(id)?.setAttribute('open', '')
    wire()
    if (active && content.contains(document.getElementById(active))) {
      const element = document.getElementById(active)
      element.focus()
      if (typeof at === 'number' && element.setSelectionRange) element.setSelectionRange(at, at)
    }
  })
}
`
