/** Charts as PNG, drawn from their SVG by resvg, an optional peer that brings its own binary and needs no browser. */
import { EnvironmentError } from '../native/errors'
import { requireOptional } from '../native/import-module'
import { type ChartSize, chartFile } from './chart'
import type { Figure } from './figure'

type Resvg = typeof import('@resvg/resvg-js')

export interface PngSize extends ChartSize {
  /** Pixels of the image for each pixel of the chart. Default 2. */
  scale?: number
}

/** A light background whatever the reader's theme is, for papers. Throws EnvironmentError without resvg, or without any font. */
export function chartPng(figure: Figure, { scale = 2, ...size }: PngSize = {}): Uint8Array {
  const resvg = requireOptional<Resvg>('@resvg/resvg-js', 'drawing PNG')
  if (!canWrite(resvg))
    throw new EnvironmentError(
      'drawing PNG needs a font for the words in it, and this machine has none; install one, on Debian with: apt-get install ' +
        'fonts-dejavu-core, or use the SVG.',
    )
  return draw(resvg, chartFile(figure, size), scale).asPng()
}

function draw({ Resvg }: Resvg, svg: string, scale: number) {
  const font = { loadSystemFonts: true, defaultFontFamily: 'DejaVu Sans' }
  return new Resvg(svg, { fitTo: { mode: 'zoom', value: scale }, font, logLevel: 'off' }).render()
}

let writes: boolean | undefined

/** Without fonts it would leave all words out, and say nothing. */
function canWrite(resvg: Resvg): boolean {
  const letter = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="16">H</text></svg>'
  writes ??= draw(resvg, letter, 1).pixels.some((value) => value > 0)
  return writes
}
