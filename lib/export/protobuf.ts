/** Fields in the wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding/), as far as the exports need it. */

export const varint = (field: number, value: number): Buffer => Buffer.concat([key(field, 0), varintBytes(value)])
export const bytes = (field: number, value: Uint8Array): Buffer =>
  Buffer.concat([key(field, 2), varintBytes(value.length), value])
export const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value))
/** A message as a field of another. */
export const message = (field: number, ...parts: Buffer[]): Buffer => bytes(field, Buffer.concat(parts))

export function double(field: number, value: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeDoubleLE(value)
  return Buffer.concat([key(field, 1), out])
}

export function float(field: number, value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeFloatLE(value)
  return Buffer.concat([key(field, 5), out])
}

const key = (field: number, wire: number) => varintBytes(field * 8 + wire)

/** `value` is a whole number from 0 to 2^53. */
function varintBytes(value: number): Buffer {
  const out: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    out.push(rest > 0 ? low + 128 : low)
  } while (rest > 0)
  return Buffer.from(out)
}
