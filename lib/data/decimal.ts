/** Decimal numbers read from bytes, without a string for each. */

// Clinger, "How to read floating point numbers accurately", PLDI 1990: an integer up to 2^53 times or divided by a power
// of ten up to 10^22 is a single rounding of two exact operands, hence the float64 nearest to the decimal.
const powersOfTen = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))
const exactLimit = (2 ** 53 - 9) / 10

/**
 * The float64 nearest to the decimal in bytes start … end − 1, of the form [+−]digits[.digits][e[+−]digits] with at
 * least one digit before the exponent; NaN when they are anything else. Beyond the range of float64 it is infinite.
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  let i = start
  const sign = bytes[i]
  if (sign === 0x2d || sign === 0x2b) i++
  let mantissa = 0
  let exponent = 0
  let exact = true
  let digits = 0
  let c = 0
  for (; i < end; i++, digits++) {
    c = (bytes[i] as number) - 0x30
    if (c < 0 || c > 9) break
    if (mantissa < exactLimit) mantissa = mantissa * 10 + c
    else exact = false
  }
  if (i < end && bytes[i] === 0x2e) {
    for (i++; i < end; i++, digits++) {
      c = (bytes[i] as number) - 0x30
      if (c < 0 || c > 9) break
      exponent--
      if (mantissa < exactLimit) mantissa = mantissa * 10 + c
      else exact = false
    }
  }
  if (digits === 0) return Number.NaN
  if (i < end && ((bytes[i] as number) | 0x20) === 0x65) {
    i++
    const exponentSign = bytes[i]
    if (exponentSign === 0x2d || exponentSign === 0x2b) i++
    if (i >= end) return Number.NaN
    let written = 0
    for (; i < end; i++) {
      c = (bytes[i] as number) - 0x30
      if (c < 0 || c > 9) return Number.NaN
      if (written < 100000) written = written * 10 + c
    }
    exponent += exponentSign === 0x2d ? -written : written
  }
  if (i < end) return Number.NaN
  if (!exact || exponent < -22 || exponent > 22) return Number(latin1(bytes, start, end))
  const value =
    exponent < 0 ? mantissa / (powersOfTen[-exponent] as number) : mantissa * (powersOfTen[exponent] as number)
  return sign === 0x2d ? -value : value
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}
