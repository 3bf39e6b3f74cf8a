import { randomNumbers } from '../src/data/index.ts'
import {
  type Attribute,
  elementCount,
  float,
  int,
  ints,
  type Model,
  makeNode,
  type Node,
  parseModel,
  type Tensor,
  tensorOf,
} from '../src/ir/index.ts'

/** A network to train, with the shape of a row; `peers/train.py` holds the same ones under the same names. */
export interface TrainedNetwork {
  readonly name: string
  readonly model: Model
  readonly row: readonly number[]
}

export const CLASSES = 10

/** Nodes and weights from a seed, one behind the other. */
export class NetworkWriter {
  readonly nodes: Node[] = []
  readonly initializers = new Map<string, Tensor>()
  readonly #random = randomNumbers(1)
  #count = 0

  op(type: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const output = `v${++this.#count}`
    this.nodes.push(makeNode(type, inputs, [output], { attributes }))
    return output
  }

  weight(dims: readonly number[], fan: number): string {
    const values = Float32Array.from({ length: elementCount(dims) }, () => (2 * this.#random() - 1) / Math.sqrt(fan))
    return this.keep(tensorOf('float32', dims, values, ''))
  }

  filled(size: number, value: number): string {
    return this.keep(tensorOf('float32', [size], new Float32Array(size).fill(value), ''))
  }

  shape(values: readonly number[]): string {
    return this.keep(tensorOf('int64', [values.length], values, ''))
  }

  keep(tensor: Tensor): string {
    const name = `w${++this.#count}`
    this.initializers.set(name, { ...tensor, name })
    return name
  }

  conv(x: string, from: number, to: number, { kernel = 3, stride = 1, group = 1 } = {}): string {
    const pad = (kernel - 1) / 2
    const weight = this.weight([to, from / group, kernel, kernel], (from / group) * kernel * kernel)
    const attributes = {
      pads: ints([pad, pad, pad, pad]),
      strides: ints([stride, stride]),
      kernel_shape: ints([kernel, kernel]),
      group: int(group),
    }
    const y = this.op('Conv', [x, weight], attributes)
    const [scale, shift, mean, variance] = [1, 0, 0, 1].map((value) => this.filled(to, value))
    return this.op('BatchNormalization', [y, scale!, shift!, mean!, variance!])
  }

  linear(x: string, from: number, to: number): string {
    return this.op('Add', [this.op('MatMul', [x, this.weight([from, to], from)]), this.filled(to, 0)])
  }

  finish(name: string, last: string, row: readonly number[]): TrainedNetwork {
    const empty = parseModel(
      `<ir_version: 10, opset_import: ["" : 20]> ${name} (float[N,${row}] x) => (float[N,${CLASSES}] ${last}) { ${last} = Identity(x) }`,
    )
    const graph = { ...empty.graph, nodes: this.nodes, initializers: this.initializers }
    return { name, model: { ...empty, graph }, row }
  }
}

function residual(): TrainedNetwork {
  const write = new NetworkWriter()
  let x = write.op('Relu', [write.conv('x', 1, 16)])
  for (const [from, to] of [
    [16, 16],
    [16, 32],
    [32, 64],
  ] as const) {
    const stride = from === to ? 1 : 2
    const a = write.op('Relu', [write.conv(x, from, to, { stride })])
    const around = from === to ? x : write.conv(x, from, to, { kernel: 1, stride })
    x = write.op('Relu', [write.op('Add', [write.conv(a, to, to), around])])
  }
  return write.finish('residual', head(write, x, 64), [1, 32, 32])
}

function depthwise(): TrainedNetwork {
  const write = new NetworkWriter()
  let x = write.op('Relu', [write.conv('x', 1, 32, { stride: 2 })])
  for (const [from, to, stride] of [
    [32, 32, 1],
    [32, 64, 2],
    [64, 128, 2],
  ] as const) {
    x = write.op('Relu', [write.conv(x, from, from, { stride, group: from })])
    x = write.op('Relu', [write.conv(x, from, to, { kernel: 1 })])
  }
  return write.finish('depthwise', head(write, x, 128), [1, 32, 32])
}

function head(write: NetworkWriter, x: string, channels: number): string {
  return write.linear(write.op('Flatten', [write.op('GlobalAveragePool', [x])]), channels, CLASSES)
}

function transformer(): TrainedNetwork {
  const [write, tokens, width] = [new NetworkWriter(), 32, 64]
  const seen = encoder(write, write.linear('x', width, width), { tokens, width, layers: 2 })
  return write.finish('transformer', write.linear(seen, width, CLASSES), [tokens, width])
}

/** Layers of attention with four heads and of two linear maps, normalised before; then the mean over the tokens. */
export function encoder(
  write: NetworkWriter,
  entered: string,
  { tokens, width, layers }: { readonly tokens: number; readonly width: number; readonly layers: number },
): string {
  const heads = 4
  const norm = (x: string) =>
    write.op('LayerNormalization', [x, write.filled(width, 1), write.filled(width, 0)], {
      axis: int(-1),
      epsilon: float(1e-5),
    })
  let x = entered
  for (let layer = 0; layer < layers; layer++) {
    const seen = norm(x)
    const [q, k, v] = ['q', 'k', 'v'].map((which) => {
      const split = write.op('Reshape', [
        write.linear(seen, width, width),
        write.shape([0, tokens, heads, width / heads]),
      ])
      return write.op('Transpose', [split], { perm: ints(which === 'k' ? [0, 2, 3, 1] : [0, 2, 1, 3]) })
    })
    const scale = write.keep(tensorOf('float32', [], [1 / Math.sqrt(width / heads)], ''))
    const shares = write.op('Softmax', [write.op('Mul', [write.op('MatMul', [q!, k!]), scale])], { axis: int(-1) })
    const mixed = write.op('Transpose', [write.op('MatMul', [shares, v!])], { perm: ints([0, 2, 1, 3]) })
    const joined = write.op('Reshape', [mixed, write.shape([0, tokens, width])])
    x = write.op('Add', [x, write.linear(joined, width, width)])
    const inner = write.op('Gelu', [write.linear(norm(x), width, 4 * width)])
    x = write.op('Add', [x, write.linear(inner, 4 * width, width)])
  }
  return write.op('ReduceMean', [x, write.shape([1])], { keepdims: int(0) })
}

/** A residual network, a depthwise one as MobileNet has it, a small transformer; normalisations as in training. */
export const trainedNetworks = (): readonly TrainedNetwork[] => [residual(), depthwise(), transformer()]
