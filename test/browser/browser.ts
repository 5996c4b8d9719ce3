/// <reference lib="dom" />
/** Pages in Chromium, for the tests of this folder; what a page logs as an error or warning fails them. */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
if (!executablePath)
  console.warn('browser tests are skipped: there is no Chromium; on Debian, apt-get install chromium brings it.')
export const withBrowser = executablePath ? test : test.skip

let browser: Browser
const problems: string[] = []

beforeAll(async () => {
  if (executablePath) browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
})
afterEach(() => {
  expect(problems).toEqual([])
})
afterAll(async () => {
  await browser?.close()
})

export async function open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await browser.newPage(options)
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(url)
  return page
}

/** The file in both themes, on a desk and on a phone, without a network: nothing is wider than the screen, the theme is kept. */
export async function everyScreen(file: string, look: (page: Page, name: string) => Promise<void>): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const viewport of [
      { width: 1200, height: 800 },
      { width: 390, height: 844 },
    ]) {
      const page = await open(`file://${file}`, { colorScheme, viewport, offline: true })
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
      const back = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
      expect(back).toBe(colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(21, 25, 29)')
      await look(page, `${colorScheme}-${viewport.width}`)
      await page.close()
    }
}
