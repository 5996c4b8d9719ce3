import { inflateSync } from 'node:zlib'
import { chartPng, type Figure } from '../../../lib/report'

// A test runner's context looks globals up slowly.
const { abs } = Math

/** The pixels of an RGBA image of 8 bits, by the standard (ISO/IEC 15948, clause 9: filters). */
function decoded(png: Buffer): { width: number; height: number; pixel: (x: number, y: number) => number } {
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
  const parts: Buffer[] = []
  let [width, height] = [0, 0]
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const kind = png.toString('latin1', at + 4, at + 8)
    const body = png.subarray(at + 8, at + 8 + length)
    if (kind === 'IHDR') {
      ;[width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)]
      expect([...body.subarray(8)]).toEqual([8, 6, 0, 0, 0])
    } else if (kind === 'IDAT') parts.push(body)
    at += 12 + length
  }
  const raw = inflateSync(Buffer.concat(parts))
  const stride = 4 * width
  const rows = Buffer.alloc(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]
    for (let i = 0; i < stride; i++) {
      const a = i >= 4 ? rows[y * stride + i - 4] : 0
      const b = y > 0 ? rows[(y - 1) * stride + i] : 0
      const c = i >= 4 && y > 0 ? rows[(y - 1) * stride + i - 4] : 0
      const p = a + b - c
      const [pa, pb, pc] = [abs(p - a), abs(p - b), abs(p - c)]
      const paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c
      const guess = [0, a, b, (a + b) >> 1, paeth][filter] as number
      rows[y * stride + i] = (raw[y * (stride + 1) + 1 + i] + guess) & 255
    }
  }
  return { width, height, pixel: (x, y) => rows.readUInt32BE(y * stride + 4 * x) }
}

const figure: Figure = {
  id: 'line',
  title: 'HHHH',
  description: 'A line.',
  xLabel: 'x',
  yLabel: 'y',
  series: [{ name: 'one', x: [0, 1, 2], y: [0, 0.5, 1] }],
}

test('a chart becomes an image of its size, with its line, its words and a white background', () => {
  const { width, height, pixel } = decoded(Buffer.from(chartPng(figure, { width: 360, plotHeight: 100 })))
  expect(width).toBe(720)
  expect(height).toBeGreaterThan(300)
  const counts = new Map<number, number>()
  const title = new Set<number>()
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const color = pixel(x, y)
      counts.set(color, (counts.get(color) ?? 0) + 1)
      if (y < 52 && x < 120) title.add(color)
    }
  expect(counts.get(0xffffffff)).toBeGreaterThan(0.8 * width * height)
  // Series 0 is #0072b2, the title #1c2126.
  expect(counts.get(0x0072b2ff)).toBeGreaterThan(500)
  expect(title).toContain(0x1c2126ff)
  const half = decoded(Buffer.from(chartPng(figure, { width: 360, plotHeight: 100, scale: 1 })))
  expect([half.width, half.height]).toEqual([360, height / 2])
})
