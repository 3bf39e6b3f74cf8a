import {
  elementType,
  float,
  type Graph,
  int,
  makeNode,
  NameSupply,
  type Node,
  type Tensor,
  tensorOf,
} from '../../../../ir/index.ts'
import type { Affine } from '../../codes/affine.ts'
import type { Codes } from '../equalise-channels.ts'

/** Collects the nodes and constants of a graph that is written anew, with names that nothing else has. */
export class QdqWriter {
  readonly nodes: Node[] = []
  readonly initializers: Map<string, Tensor>
  readonly #names: NameSupply
  readonly #scalars = new Map<string, readonly [scale: string, zeroPoint: string]>()

  constructor(graph: Graph) {
    this.#names = new NameSupply(graph)
    this.initializers = new Map(graph.initializers)
  }

  freshName(hint: string): string {
    return this.#names.fresh(hint)
  }

  constant(tensor: Tensor, hint: string): string {
    const name = this.freshName(hint)
    this.initializers.set(name, { ...tensor, name })
    return name
  }

  /** Names of the scalar scale and zero point; one pair of constants for each distinct pair of numbers. */
  scalars({ scale, zeroPoint }: Affine, hint: string): readonly [string, string] {
    const key = `${scale} ${zeroPoint}`
    const known = this.#scalars.get(key)
    if (known) return known
    const pair = [
      this.constant(tensorOf('float32', [], [scale]), `${hint}_scale`),
      this.constant(tensorOf('uint8', [], [zeroPoint]), `${hint}_zero_point`),
    ] as const
    this.#scalars.set(key, pair)
    return pair
  }

  /** `output = QuantizeLinear(input)`; returns the name of the codes. */
  quantize(input: string, codes: Codes, hint: string): string {
    const output = this.freshName(`${hint}_codes`)
    this.#convert('QuantizeLinear', input, codes, output, hint)
    return output
  }

  /** The codes of a value under another scale: LeakyRelu of slope 1 is the table kernel that rescales. */
  rescale(read: string, { scale, zeroPoint }: Affine, hint: string): string {
    const raw = this.freshName(`${hint}_float`)
    this.nodes.push(makeNode('LeakyRelu', [read], [raw], { name: `${hint}_table`, attributes: { alpha: float(1) } }))
    return this.quantize(raw, { scale, zeroPoint }, hint)
  }

  dequantize(input: string, codes: Codes, output: string, hint: string): string {
    this.#convert('DequantizeLinear', input, codes, output, hint)
    return output
  }

  /** A conversion; where channels have multipliers, with one scale a channel of axis 1. */
  #convert(operator: string, input: string, codes: Codes, output: string, hint: string): void {
    const { channels, zeroPoint } = codes
    let [scale, zero] = ['', '']
    if (channels) {
      const scales = channels.map((multiplier) => multiplier * codes.scale)
      scale = this.constant(tensorOf('float32', [channels.length], scales), `${hint}_scales`)
      const zeros = new Uint8Array(channels.length).fill(zeroPoint)
      zero = this.constant(tensorOf('uint8', [channels.length], zeros), `${hint}_zero_points`)
    } else [scale, zero] = this.scalars(codes, hint)
    this.nodes.push(
      makeNode(operator, [input, scale, zero], [output], {
        name: `${output}_${operator}`,
        ...(channels && { attributes: { axis: int(1) } }),
      }),
    )
  }

  /**
   * `codes` (int4, int8 or int32, zero point 0) as float, one scale an index of `axis`, or one for all. No kernel reads
   * int4; behind a Cast, which the runtime folds when it loads the model, they are int8 like others.
   */
  dequantizeConstant(codes: Tensor, scales: Float32Array, axis: number, hint: string): string {
    const stored = this.constant(codes, `${hint}_codes`)
    const narrow = codes.dtype === 'int4'
    const input = narrow ? this.freshName(`${hint}_wide`) : stored
    if (narrow)
      this.nodes.push(makeNode('Cast', [stored], [input], { name: input, attributes: { to: elementType('int8') } }))
    const dtype = narrow ? 'int8' : codes.dtype
    const perChannel = scales.length > 1
    const scale = this.constant(tensorOf('float32', perChannel ? [scales.length] : [], scales), `${hint}_scale`)
    const zeros = dtype === 'int8' ? new Int8Array(scales.length) : new Int32Array(scales.length)
    const zero = this.constant(tensorOf(dtype, perChannel ? [scales.length] : [], zeros), `${hint}_zero_point`)
    const output = this.freshName(`${hint}_dequantized`)
    const attributes = perChannel ? { axis: int(axis) } : {}
    this.nodes.push(
      makeNode('DequantizeLinear', [input, scale, zero], [output], { name: `${output}_DequantizeLinear`, attributes }),
    )
    return output
  }
}
