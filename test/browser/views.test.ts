/// <reference lib="dom" />
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spectrumView } from '../../lib/report'
import { circleRecord } from '../unit/report/circle'
import { everyScreen, withBrowser } from './browser'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-views-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

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
      // Every label lies within its picture.
      const outside = await page.locator('svg:visible').evaluateAll((charts) =>
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
      expect(outside).toEqual([])
      await page.locator('summary').first().focus()
      await page.keyboard.press('Enter')
      expect(await page.locator('details[open] table:visible').count()).toBe(1)
    })
  },
)
