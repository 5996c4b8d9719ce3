/** Decimal numbers in text. */

/**
 * The float64 nearest to the decimal in bytes start … end − 1, of the form [+−]digits[.digits][e[+−]digits] with at
 * least one digit before the exponent; infinite beyond the range of float64, NaN when the bytes are anything else.
 */
export function parseDecimal(bytes: Buffer, start: number, end: number): number {
  let i = skipSign(bytes, start)
  const whole = skipDigits(bytes, i, end)
  let digits = whole - i
  i = whole
  if (i < end && bytes[i] === 0x2e) {
    const fraction = skipDigits(bytes, i + 1, end)
    digits += fraction - i - 1
    i = fraction
  }
  if (digits === 0) return Number.NaN
  if (i < end && ((bytes[i] as number) | 0x20) === 0x65) {
    const first = skipSign(bytes, i + 1)
    i = skipDigits(bytes, first, end)
    if (i <= first) return Number.NaN
  }
  // Number takes all texts of this form, and rounds correctly.
  return i === end ? Number(bytes.toString('latin1', start, end)) : Number.NaN
}

function skipSign(bytes: Buffer, i: number): number {
  return bytes[i] === 0x2d || bytes[i] === 0x2b ? i + 1 : i
}

function skipDigits(bytes: Buffer, from: number, end: number): number {
  let i = from
  while (i < end && (bytes[i] as number) >= 0x30 && (bytes[i] as number) <= 0x39) i++
  return i
}
