/// <reference lib="dom" />
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { layerView, spectrumView } from '../../lib/report'
import { circleRecord } from '../unit/report/circle'
import { layerRecord } from '../unit/report/layers'
import { everyScreen, open, withBrowser } from './browser'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-views-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Labels of charts that are not within their picture. */
function labelsOutside(page: Page): Promise<(string | null)[]> {
  return page.locator('svg:visible').evaluateAll((charts) =>
    charts.flatMap((chart) => {
      const frame = chart.getBoundingClientRect()
      return [...chart.querySelectorAll('text')]
        .filter((label) => {
          const box = label.getBoundingClientRect()
          return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1
        })
        .map((label) => label.textContent)
    }),
  )
}

function page(name: string, html: string): string {
  const file = join(folder, `${name}.html`)
  writeFileSync(file, html)
  return file
}

withBrowser(
  'the spectrum on every screen: five figures with the ridge, each with its numbers, tables by keyboard',
  async () => {
    await everyScreen(page('spectrum', spectrumView(circleRecord())), async (page) => {
      expect(await page.locator('figure svg:visible').count()).toBe(5)
      expect(await page.locator('figure:has-text("Eigenvalues of the kernel") svg:visible .mf-rule').count()).toBe(1)
      expect(await page.locator('figure:has-text("Effective dimension") svg:visible .mf-shapes').count()).toBe(2)
      expect(await labelsOutside(page)).toEqual([])
      await page.locator('summary').first().focus()
      await page.keyboard.press('Enter')
      expect(await page.locator('details[open] table:visible').count()).toBe(1)
    })
  },
)

const outlines = (page: Page) =>
  page
    .locator('#cloud .plane svg:visible .mf-shapes')
    .evaluateAll((paths) => paths.map((path) => path.getAttribute('d')))

/** Where the points of a class are on the plane, in units of its picture. */
function places(outline: string | null): number[][] {
  return [...(outline ?? '').matchAll(/M([-\d.]+) ([-\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)])
}

withBrowser(
  'layers on every screen: 26 classes, the slider moves points, boxes hide classes, labels follow',
  async () => {
    const record = layerRecord({ classes: 26, method: 'frank-wolfe' })
    const file = page('layers', layerView(record))
    await everyScreen(file, async (page) => {
      expect(await page.locator('figure svg.mf-chart:visible').count()).toBe(6)
      expect(await labelsOutside(page)).toEqual([])
      expect(await page.locator('#state strong').textContent()).toBe('Layer 8 of 11')
      const best = await outlines(page)
      expect(best.map((outline) => places(outline).length)).toEqual(
        record.classes.map((_, k) => record.labels.filter((label) => label === k).length),
      )
      await page.focus('#frame')
      await page.keyboard.press('Home')
      const first = await outlines(page)
      expect(first.every((outline, k) => outline !== best[k])).toBe(true)
      // The way from one point to another on the screen is that of the record, y upwards; each place is rounded to 0.1 pixels.
      const [[ax, ay], [bx, by]] = places(first[0])
      const { points } = record.layers[0]
      const [dx, dy] = [points[52] - points[0], points[53] - points[1]]
      expect(Math.abs((bx - ax) * dy + (by - ay) * dx) / Math.hypot(dx, dy)).toBeLessThan(0.2)
      expect(Math.sign(bx - ax)).toBe(Math.sign(dx))
      expect(await page.getAttribute('#frame', 'aria-valuetext')).toBe('Layer 0 of 11')
      expect(await page.locator('#state span').textContent()).toMatch(/^objective 2\.4/)
      await page.keyboard.press('ArrowRight')
      expect(await page.locator('#state strong').textContent()).toBe('Layer 1 of 11')
      await page.locator('input[name="class"]').nth(2).focus()
      await page.keyboard.press('Space')
      expect((await outlines(page)).flatMap((outline, k) => (outline ? [] : [k]))).toEqual([2])
      await page.click('#none')
      expect((await outlines(page)).join('')).toBe('')
      await page.click('#all')
      expect((await outlines(page)).every(Boolean)).toBe(true)
      await page.check('#own')
      expect((await outlines(page))[0]).not.toBe(first[0])
    })
  },
)

withBrowser(
  'play goes from the first layer to the last and stops; who wants less motion sees no points on their way',
  async () => {
    const file = page('play', layerView(layerRecord({ layers: 3 })))
    const settled: string[] = []
    const still = await open(`file://${file}`, { reducedMotion: 'reduce' })
    for (const key of ['Home', 'ArrowRight', 'ArrowRight']) {
      await still.focus('#frame')
      await still.keyboard.press(key)
      settled.push((await outlines(still)).join())
    }
    await still.close()
    for (const reducedMotion of ['reduce', 'no-preference'] as const) {
      const page = await open(`file://${file}`, { reducedMotion })
      await page.evaluate(() => {
        const seen = new Set<string>()
        Object.assign(window, { seen })
        const look = () => {
          seen.add([...document.querySelectorAll('#cloud .wide .mf-shapes')].map((p) => p.getAttribute('d')).join())
          requestAnimationFrame(look)
        }
        look()
      })
      await page.focus('#play')
      await page.keyboard.press('Space')
      expect(await page.textContent('#play')).toBe('Pause')
      await page.locator('#play', { hasText: 'Play' }).waitFor()
      expect(await page.inputValue('#frame')).toBe('2')
      await page.evaluate(() => new Promise(requestAnimationFrame))
      const seen = await page.evaluate(() => [...(window as unknown as { seen: Set<string> }).seen])
      expect(seen).toEqual(expect.arrayContaining(settled.slice(2)))
      if (reducedMotion === 'reduce') expect(settled).toEqual(expect.arrayContaining(seen))
      else expect(seen.length).toBeGreaterThan(3)
      await page.close()
    }
  },
)
