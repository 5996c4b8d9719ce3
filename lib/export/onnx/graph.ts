/** ONNX graphs as protocol buffers; field numbers from onnx.proto (IR version 8, operator set 17). */
import { bytes, message, text, varint } from '../protobuf'

/** The name of a value that flows from one node to others. */
export interface Wire {
  readonly name: string
  readonly type: ElementType
}

/** TensorProto.DataType */
const elementTypes = { float: 1, int64: 7, string: 8, boolean: 9, double: 11 } as const
export type ElementType = keyof typeof elementTypes

const irVersion = 8
const operatorSet = 17
/** AttributeProto.AttributeType.INT */
const intAttribute = 2

export const attribute = (name: string, value: number): Buffer =>
  message(5, text(1, name), varint(3, value), varint(20, intAttribute))

export class Graph {
  readonly #nodes: Buffer[] = []
  readonly #constants: Buffer[] = []
  readonly #inputs: Buffer[] = []
  readonly #outputs: Buffer[] = []

  input(name: string, type: ElementType, shape: readonly (number | string)[]): Wire {
    this.#inputs.push(valueInfo(11, name, type, shape))
    return { name, type }
  }

  /** Names a value as one that the graph gives. */
  output(name: string, type: ElementType, shape: readonly (number | string)[], from: Wire): Wire {
    this.#outputs.push(valueInfo(12, name, type, shape))
    this.#add('Identity', [from], name)
    return { name, type }
  }

  /** The first output of an operator; it has the type of its last input. */
  node(operator: string, inputs: readonly Wire[], ...attributes: Buffer[]): Wire {
    const name = `${operator} ${this.#nodes.length}`
    this.#add(operator, inputs, name, attributes)
    return { name, type: (inputs.at(-1) as Wire).type }
  }

  cast(from: Wire, type: ElementType): Wire {
    if (from.type === type) return from
    return { ...this.node('Cast', [from], attribute('to', elementTypes[type])), type }
  }

  constant(name: string, shape: readonly number[], values: Float32Array | Float64Array): Wire {
    const type = values.BYTES_PER_ELEMENT === 4 ? 'float' : 'double'
    // Raw data are little-endian, as the machines that this package runs on.
    this.#tensor(name, type, shape, bytes(9, Buffer.from(values.buffer, values.byteOffset, values.byteLength)))
    return { name, type }
  }

  /** n × 1 as n numbers. */
  flat(from: Wire): Wire {
    const name = 'flat'
    this.#tensor(name, 'int64', [1], bytes(9, Buffer.from(BigInt64Array.of(-1n).buffer)))
    return { ...this.node('Reshape', [from, { name, type: 'int64' }]), type: from.type }
  }

  texts(name: string, values: readonly string[]): Wire {
    this.#tensor(name, 'string', [values.length], ...values.map((value) => text(6, value)))
    return { name, type: 'string' }
  }

  /** A zero of the type of `like`. */
  zero({ type }: Wire): Wire {
    return this.constant('zero', [], type === 'float' ? new Float32Array(1) : new Float64Array(1))
  }

  /** The file of a graph. */
  model({
    producer,
    version,
    metadata,
  }: {
    producer: string
    version: string
    metadata: Record<string, string>
  }): Buffer {
    const graph = [...this.#nodes, text(2, 'model'), ...this.#constants, ...this.#inputs, ...this.#outputs]
    return Buffer.concat([
      varint(1, irVersion),
      text(2, producer),
      text(3, version),
      message(7, ...graph),
      message(8, text(1, ''), varint(2, operatorSet)),
      ...Object.entries(metadata).map(([name, value]) => message(14, text(1, name), text(2, value))),
    ])
  }

  #add(operator: string, inputs: readonly Wire[], output: string, attributes: readonly Buffer[] = []): void {
    const names = inputs.map(({ name }) => text(1, name))
    this.#nodes.push(message(1, ...names, text(2, output), text(3, output), text(4, operator), ...attributes))
  }

  #tensor(name: string, type: ElementType, shape: readonly number[], ...data: Buffer[]): void {
    const dimensions = shape.map((length) => varint(1, length))
    this.#constants.push(message(5, ...dimensions, varint(2, elementTypes[type]), text(8, name), ...data))
  }
}

/** A dimension is a length, or a name where it is any. */
function valueInfo(field: number, name: string, type: ElementType, shape: readonly (number | string)[]): Buffer {
  const dimensions = shape.map((length) => message(1, typeof length === 'number' ? varint(1, length) : text(2, length)))
  return message(field, text(1, name), message(2, message(1, varint(1, elementTypes[type]), message(2, ...dimensions))))
}
