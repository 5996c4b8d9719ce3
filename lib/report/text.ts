/** Text into HTML or SVG, and numbers into text. */

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Safe as element content and inside quoted attributes. Characters that XML forbids become U+FFFD. */
export function escapeMarkup(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that XML 1.0 does not allow.
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
      .replace(/[&<>"']/g, (character) => entities[character] ?? character)
  )
}

/** At most `digits` significant digits, without trailing zeros; powers of ten for the very small and the very large. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? '∞' : '−∞'
  if (value === 0) return '0'
  const size = Math.abs(value)
  const rounded = Number(value.toPrecision(digits))
  if (size >= 1e-3 && size < 1e6) return String(rounded).replace('-', '−')
  const [mantissa, exponent = ''] = rounded.toExponential().split('e')
  return `${mantissa}e${exponent.replace('+', '')}`.replaceAll('-', '−')
}

/** `0.4 s`, `12 s`, `3 min 20 s`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** The value of an option: whole numbers with all digits, others with six. */
export function formatValue(value: string | number | boolean | undefined): string {
  return typeof value === 'number' && !Number.isInteger(value) ? formatNumber(value, 6) : String(value ?? '')
}
