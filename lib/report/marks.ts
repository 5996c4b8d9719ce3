/** What charts and heat maps are drawn with. */
import { escapeMarkup } from './text'

export function text(x: number, y: number, content: string, classes: string, anchor?: 'middle' | 'end'): string {
  const align = anchor ? ` text-anchor="${anchor}"` : ''
  return `<text x="${round(x)}" y="${round(y)}" class="${classes}"${align}>${escapeMarkup(content)}</text>`
}
/** Lines of at most `width` pixels, given the mean width of a character. */
export function wrap(content: string, width: number, character: number): string[] {
  const lines: string[] = []
  for (const word of content.split(/\s+/)) {
    const line = lines.at(-1)
    if (line !== undefined && (line.length + word.length + 1) * character <= width)
      lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.map((line) => shorten(line, width, character))
}
export function shorten(content: string, width: number, character = 7): string {
  const most = Math.max(4, Math.floor(width / character))
  return content.length <= most ? content : `${content.slice(0, most - 1)}…`
}
export function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** Outlines about the current point, of about the same area, for classes: coprime with the colours, so that 30 pairs differ. */
export const shapes = [
  'm-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z',
  'm-3.5-3.5h7v7h-7z',
  'm0-5l4.6 8h-9.2z',
  'm-1.4-4.8h2.8v3.4h3.4v2.8h-3.4v3.4h-2.8v-3.4h-3.4v-2.8h3.4z',
  'm0-5.2l4.2 5.2l-4.2 5.2l-4.2-5.2z',
] as const

export function shapeOf(place: number): string {
  return shapes[place % shapes.length] as string
}
