import { type Graph, int, makeNode, type Node, type Tensor, tensorOf } from '../../ir/index.ts'
import type { Affine } from './affine.ts'
import { NameSupply } from './name-supply.ts'

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
  quantize(input: string, codes: Affine, hint: string): string {
    const output = this.freshName(`${hint}_codes`)
    const [scale, zero] = this.scalars(codes, hint)
    this.nodes.push(makeNode('QuantizeLinear', [input, scale, zero], [output], { name: `${output}_QuantizeLinear` }))
    return output
  }

  dequantize(input: string, codes: Affine, output: string, hint: string): string {
    const [scale, zero] = this.scalars(codes, hint)
    this.nodes.push(
      makeNode('DequantizeLinear', [input, scale, zero], [output], { name: `${output}_DequantizeLinear` }),
    )
    return output
  }

  /** As `dequantize`, with the same scale and zero point written once a channel of axis 1. */
  dequantizeByChannel(input: string, codes: Affine, channels: number, output: string, hint: string): void {
    const scales = new Float32Array(channels).fill(codes.scale)
    const zeros = new Uint8Array(channels).fill(codes.zeroPoint)
    const scale = this.constant(tensorOf('float32', [channels], scales), `${hint}_scales`)
    const zero = this.constant(tensorOf('uint8', [channels], zeros), `${hint}_zero_points`)
    this.nodes.push(
      makeNode('DequantizeLinear', [input, scale, zero], [output], {
        name: `${output}_DequantizeLinear`,
        attributes: { axis: int(1) },
      }),
    )
  }

  /** `codes` (int8 or int32, zero point 0) as float, one scale an index of `axis`, or one for all. */
  dequantizeConstant(codes: Tensor, scales: Float32Array, axis: number, hint: string): string {
    const input = this.constant(codes, `${hint}_codes`)
    const perChannel = scales.length > 1
    const scale = this.constant(tensorOf('float32', perChannel ? [scales.length] : [], scales), `${hint}_scale`)
    const zeros = codes.dtype === 'int8' ? new Int8Array(scales.length) : new Int32Array(scales.length)
    const zero = this.constant(tensorOf(codes.dtype, perChannel ? [scales.length] : [], zeros), `${hint}_zero_point`)
    const output = this.freshName(`${hint}_dequantized`)
    const attributes = perChannel ? { axis: int(axis) } : {}
    this.nodes.push(
      makeNode('DequantizeLinear', [input, scale, zero], [output], { name: `${output}_DequantizeLinear`, attributes }),
    )
    return output
  }
}
