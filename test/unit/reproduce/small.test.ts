import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atLeast, atMost, experiments, type Findings, runExperiment } from '../../../lib/reproduce'
import { alignmentSettings, measureAlignment } from '../../../lib/reproduce/alignment'
import { digitsSettings, measureDigits } from '../../../lib/reproduce/digits'

const folder = mkdtempSync(join(tmpdir(), 'meanfield-reproduce-'))
afterAll(() => rmSync(folder, { recursive: true }))

const context = { seed: 1, full: false, threads: 2 }
const smallAlignment = { ...alignmentSettings, rows: 60, features: 5, particles: 32, outerSteps: 30, controlSteps: 40 }
const smallDigits = { ...digitsSettings, splits: 2, steps: 20, particles: 64 }

function requireFinite({ figures, claims }: Findings) {
  for (const { series } of figures)
    for (const { x, y } of series) {
      expect(y.length).toBe(x.length)
      expect(x.length).toBeGreaterThan(1)
      expect(Array.from(x).every(Number.isFinite)).toBe(true)
      expect(Array.from(y).every(Number.isFinite)).toBe(true)
    }
  for (const { measured } of claims) expect(Number.isFinite(measured)).toBe(true)
}

describe('claims', () => {
  it('hold at their bound and not beyond it', () => {
    expect(atLeast('words', 0.9, 0.9)).toEqual({ claim: 'words', measured: 0.9, expected: 'at least 0.9', holds: true })
    expect(atLeast('words', 0.8999, 0.9).holds).toBe(false)
    expect(atMost('words', 0.5, 0.5)).toEqual({ claim: 'words', measured: 0.5, expected: 'at most 0.5', holds: true })
    expect(atMost('words', 0.5001, 0.5).holds).toBe(false)
  })

  it('never hold for what is not a number', () => {
    expect(atLeast('words', Number.NaN, -1).holds).toBe(false)
    expect(atMost('words', Number.NaN, 1).holds).toBe(false)
  })
})

describe('alignment', () => {
  it('measures both networks from the same start', async () => {
    const progress: number[] = []
    const findings = await measureAlignment(smallAlignment, { ...context, onProgress: (part) => progress.push(part) })
    requireFinite(findings)
    expect(findings.claims).toHaveLength(4)
    const figure = (id: string) => findings.figures.find((one) => one.id === id)
    const starts = ['alignment-mean-field', 'alignment-tangent-kernel'].map((id) =>
      figure(id)?.series.map(({ y }) => y[0]),
    )
    expect(starts[0]).toEqual(starts[1])
    expect(starts[0]).toHaveLength(5)
    // Five directions of five: an orthonormal basis, in which the teacher has norm 1.
    expect(starts[0]?.reduce((sum, cosine) => (sum ?? 0) + (cosine ?? 0) ** 2, 0)).toBeCloseTo(1, 5)
    const steps = figure('alignment-mean-field')?.series[0].x ?? []
    expect([steps[0], steps[steps.length - 1]]).toEqual([0, 30])
    for (const part of progress) expect(part).toBeGreaterThanOrEqual(0)
    expect(Math.max(...progress)).toBeLessThanOrEqual(1)
    expect(findings.settings).toContainEqual(['rows n', '60'])
    expect(findings.settings).toContainEqual(['seed', '1'])
  })

  it('gives the same findings for the same seed, on any number of threads', async () => {
    const [one, two, other] = await Promise.all([
      measureAlignment(smallAlignment, { ...context, threads: 1 }),
      measureAlignment(smallAlignment, { ...context, threads: 3 }),
      measureAlignment(smallAlignment, { ...context, seed: 2 }),
    ])
    expect(two).toEqual(one)
    expect(other.claims.map(({ measured }) => measured)).not.toEqual(one.claims.map(({ measured }) => measured))
  })

  it('does not judge half a run', async () => {
    const controller = new AbortController()
    const measuring = measureAlignment(
      { ...smallAlignment, outerSteps: 1e6, snapshots: 2 },
      { ...context, signal: controller.signal, onProgress: () => controller.abort() },
    )
    await expect(measuring).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('digits', () => {
  it('takes the mean over splits for each algorithm', async () => {
    const findings = await measureDigits(smallDigits, context)
    requireFinite(findings)
    expect(findings.claims.map(({ claim }) => claim)).toEqual([
      'dual-averaging: test accuracy, mean over 2 splits',
      'langevin: test accuracy, mean over 2 splits',
    ])
    const parts = await Promise.all(
      [1, 2].map((seed) => measureDigits({ ...smallDigits, splits: 1 }, { ...context, seed })),
    )
    findings.claims.forEach(({ measured }, i) => {
      const values = parts.map(({ claims }) => claims[i].measured)
      expect(measured).toBeCloseTo((values[0] + values[1]) / 2, 12)
      expect(measured).toBeGreaterThan(0.3) // far above the 0.1 of chance, even after 20 steps
    })
    expect(findings.settings).toContainEqual(['split seeds', '1, 2'])
  })
})

describe('every experiment', () => {
  it('has a name of its own, a source and a summary', () => {
    const ids = experiments.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { id, title, source, summary } of experiments) {
      expect(id).toMatch(/^[a-z0-9-]+$/)
      for (const words of [title, source, summary]) expect(words.length).toBeGreaterThan(10)
    }
  })

  it('writes an SVG and a CSV for every figure', async () => {
    const experiment = {
      ...experiments[0],
      id: 'small',
      measure: (given: typeof context) => measureAlignment(smallAlignment, given),
    }
    const out = join(folder, 'some', 'where')
    const { files, figures, seconds } = await runExperiment(experiment, context, out)
    expect(seconds).toBeGreaterThan(0)
    expect(files).toEqual(figures.flatMap(({ id }) => [join(out, `${id}.svg`), join(out, `${id}.csv`)]))
    expect(readdirSync(out).sort()).toEqual(files.map((file) => file.slice(out.length + 1)).sort())
    for (const file of files) {
      const text = readFileSync(file, 'utf8')
      if (file.endsWith('.svg')) expect(text).toMatch(/^(<\?xml[^>]*>\s*)?<svg /)
      else expect(text.split('\n').length).toBeGreaterThan(3)
      expect(text).not.toContain('NaN')
    }
  })

  it('finds that it cannot write before it works', async () => {
    writeFileSync(join(folder, 'a file'), '')
    let worked = false
    const experiment = {
      ...experiments[0],
      measure: async () => {
        worked = true
        return { claims: [], figures: [], settings: [] }
      },
    }
    await expect(runExperiment(experiment, context, join(folder, 'a file'))).rejects.toMatchObject({ code: 'EEXIST' })
    expect(worked).toBe(false)
  })
})
