/// <reference lib="dom" />
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type StudyServer, serveStudy } from '../../lib/cli/server'
import { renderStudyPage } from '../../lib/report'
import { type Session, StudyStore } from '../../lib/store'
import { everyScreen, open, withBrowser } from './browser'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-browser-'))
let store: StudyStore
let session: Session
let server: StudyServer

const algorithms = ['langevin', 'dual-averaging', '<img src=x onerror=alert(1)>']
const trials = algorithms.flatMap((algorithm, i) =>
  [0, 1, 2, 3].map((seed) => ({
    id: `t${4 * i + seed}`,
    number: 4 * i + seed,
    options: { algorithm, entropy: 1e-3 },
    seed,
  })),
)
function complete({ id, number, seed }: (typeof trials)[number]) {
  const level = 1 + Math.floor(number / 4) + 0.1 * seed
  const curve = (end: number) => Array.from({ length: 20 }, (_, i) => level * (end + Math.exp(-i / 4)))
  const step = Array.from({ length: 20 }, (_, i) => i)
  session.start(id)
  session.complete(id, {
    metrics: { objective: 0.1 * level, gap: 0.01 * level, 'test.accuracy': 1 - 0.1 * level },
    trace: {
      step,
      passes: step,
      seconds: step.map((i) => i / 10),
      objective: curve(0.1),
      primal: curve(0.2),
      dual: curve(0.1).map((v) => -v),
    },
  })
  session.flush()
}

beforeAll(async () => {
  store = StudyStore.create(join(folder, 'study'), { name: 'live & <b>', definition: { name: 'x', options: {} } })
  session = store.session()
  session.declare(trials)
  for (const trial of trials.slice(0, 8)) complete(trial)
  server = await serveStudy(store, { port: 0, host: '127.0.0.1', interval: 50 })
})
afterAll(async () => {
  await server.close()
  session.close()
  rmSync(folder, { recursive: true, force: true })
})

withBrowser('curves move and the table grows while trials run; filter, sorting and focus are kept', async () => {
  const page = await open(server.url)
  await page.locator('#live', { hasText: /^live$/ }).waitFor({ timeout: 15000 })
  const curves = () => page.locator('#curves [data-y="objective"][data-x="passes"] .wide .mf-line').count()
  expect(await page.locator('#shown').textContent()).toBe('12 of 12 trials')
  const before = await curves()
  await page.fill('#filter', 'state=complete test.accuracy>=0.6')
  await page.locator('#trials th[data-name="objective"] button').click()
  await page.locator('#trials th[data-name="objective"] button').click()
  const visible = () => page.locator('#trials tbody tr:visible td:first-child').allTextContents()
  expect(await visible()).toEqual(['7', '6', '5', '4', '3', '2', '1', '0'])
  await page.focus('#filter')
  for (const trial of trials.slice(8)) complete(trial)
  await page.locator('.verdict', { hasText: '12 complete' }).waitFor({ timeout: 15000 })
  expect(await curves()).toBeGreaterThan(before)
  expect(await page.inputValue('#filter')).toBe('state=complete test.accuracy>=0.6')
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('filter')
  expect((await visible()).slice(0, 2)).toEqual(['11', '10'])
  await page.close()
})

withBrowser('by keyboard: a figure is chosen with the arrows, a column sorted with Enter', async () => {
  const page = await open(server.url)
  const shown = () =>
    page
      .locator('#curves [data-x]:visible')
      .evaluateAll((figures) => figures.map((f) => `${(f as HTMLElement).dataset.y} ${(f as HTMLElement).dataset.x}`))
  expect(await shown()).toEqual(['objective passes'])
  await page.focus('#x-passes')
  await page.keyboard.press('ArrowRight')
  expect(await shown()).toEqual(['objective seconds'])
  await page.focus('#trials th[data-name="gap"] button')
  await page.keyboard.press('Enter')
  expect(await page.getAttribute('#trials th[data-name="gap"]', 'aria-sort')).toBe('ascending')
  await page.close()
})

withBrowser('the page of the report needs nothing else, in both themes and on a phone', async () => {
  const file = join(folder, 'report.html')
  writeFileSync(file, renderStudyPage(store))
  await everyScreen(file, async (page) => {
    expect(await page.locator('#curves [data-x]:visible svg:visible').count()).toBe(1)
  })
})

test('the server is read-only, answers three paths and its own name alone', async () => {
  const get = (path: string, options: RequestInit = {}) => fetch(`${server.url}${path}`, options)
  expect((await get('trials.json')).status).toBe(200)
  for (const path of [
    'study.json',
    '../study.json',
    '%2e%2e/study.json',
    'journals/',
    '..%2f..%2fetc/passwd',
    'events/x',
  ])
    expect((await get(path)).status).toBe(404)
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) expect((await get('', { method })).status).toBe(405)
  const { request } = await import('node:http')
  const status = await new Promise((resolve) => {
    const { port } = new URL(server.url)
    request({ port, host: '127.0.0.1', headers: { host: 'evil.example' } }, (response) =>
      resolve(response.resume().statusCode),
    ).end()
  })
  expect(status).toBe(421)
  expect((await get('')).headers.get('x-frame-options')).toBe('DENY')
})

test('hostile names stay text, and a damaged journal is told', () => {
  const html = renderStudyPage(store)
  expect(html).not.toContain('<img src=x')
  expect(html).toContain('live &amp; &lt;b&gt;')
  expect(html.match(/<script/g)).toHaveLength(1)
  appendFileSync(join(store.folder, 'journals', `${session.name}.jsonl`), 'nonsense\n')
  expect(renderStudyPage(store)).toMatch(/1 lines of journals are damaged/)
})
