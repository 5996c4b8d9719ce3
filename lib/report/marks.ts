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
