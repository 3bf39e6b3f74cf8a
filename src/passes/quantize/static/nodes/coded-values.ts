import { type Node, operatorName, type Tensor, tensorOf, tensorValues } from '../../../../ir/index.ts'
import { affineU8, quantizeU8, rangeOf } from '../../codes/affine.ts'
import type { Unit } from '../../units/unit.ts'
import type { Codes } from '../equalise-channels.ts'
import type { StaticPlan } from '../static-plan.ts'
import { keptApart, scalesApart } from './between-codes.ts'
import { limitsOfInput } from './limits-of-input.ts'
import type { QdqWriter } from './qdq-writer.ts'

/**
 * The values of a graph that is written with codes: which have some so far, and which stand as floats. Codes stand once
 * behind the value they are made from, and every integer unit reads them through a DequantizeLinear of its own, as the
 * runtime's fusions want it. A value keeps its name as the float that other nodes, graph outputs and per-layer
 * comparisons read.
 */
export class CodedValues {
  readonly #plan: StaticPlan
  readonly #writer: QdqWriter
  /** The codes of each value that has some so far. */
  readonly #coded = new Map<string, string>()
  /** Values of integer units that stand as floats under their own name. */
  readonly #named = new Set<string>()
  /** What values that have codes are called as floats under one scale a channel. */
  readonly #underChannels = new Map<string, string>()
  /** Float nodes in whose place stand the codes that are made of what they read; needed where others read them. */
  readonly replaced = new Set<Node>()

  constructor(plan: StaticPlan, writer: QdqWriter) {
    this.#plan = plan
    this.#writer = writer
  }

  /** The name of a value's codes, which are made where it has none yet. */
  codesOf(name: string): string {
    const known = this.#coded.get(name)
    if (known) return known
    const codes = this.#plan.codes.get(name)!
    const limits = limitsOfInput(this.#plan, name, codes)
    if (limits) this.replaced.add(limits)
    const made = this.#writer.quantize(limits?.inputs[0] ?? name, codes, name)
    this.#coded.set(name, made)
    return made
  }

  /** Codes read as float by one integer unit: the name of that float. */
  read(name: string, node: Node): string {
    const constant = this.#plan.facts.constant(name)
    if (constant) return this.#readConstant(name, constant)
    const codes = this.#plan.codes.get(name)
    if (!codes) throw new Error(`internal: ${node.name} reads ${name}, which has no codes`)
    // The first reader's float takes the value's own name where nothing else wants it, so that layers can be compared.
    const whole = !codes.channels && this.#plan.rest(name) === 0
    const free = this.#plan.makers.has(name) && !this.#named.has(name) && whole
    if (free) this.#named.add(name)
    const output = free ? name : this.#writer.freshName(`${name}_dequantized`)
    // Integer kernels see the channels under their multipliers.
    return this.#writer.dequantize(this.codesOf(name), { ...codes, channels: undefined }, output, name)
  }

  /** A constant beside activations, in Add, Mul or Concat: unsigned codes, which fuse on every processor. */
  #readConstant(name: string, constant: Tensor): string {
    const values = tensorValues(constant) as Float32Array
    const codes = affineU8(this.#plan.masked.get(name) ?? rangeOf(values) ?? { min: 0, max: 0 })
    const coded = this.#writer.constant(tensorOf('uint8', constant.dims, quantizeU8(values, codes)), `${name}_codes`)
    return this.#writer.dequantize(coded, codes, this.#writer.freshName(`${name}_dequantized`), name)
  }

  /** Codes of `name` are made of the float `raw`. */
  code(name: string, raw: string): void {
    const codes = this.#plan.codes.get(name)!
    this.standAs(name, this.#writer.quantize(raw, { ...codes, channels: undefined }, name), codes)
  }

  /** These are the codes of a value, and its float where a float node or the graph's output wants it. */
  standAs(name: string, coded: string, codes: Codes): void {
    this.#coded.set(name, coded)
    if (!this.#readAsFloat(name)) return
    this.#named.add(name)
    this.#writer.dequantize(coded, codes, name, name)
  }

  /**
   * What takes no kernel: the codes that it reads, under another scale or zero point, which is not all of a sum: floats
   * of that are made of it.
   */
  keep({ node, reads, writes, rule }: Unit): void {
    const [from, name] = [reads[0]!, writes[0]!]
    const coded = this.codesOf(from)
    if (rule.kind === 'scale') {
      this.standAs(name, coded, this.#plan.codes.get(name)!)
      return
    }
    this.#coded.set(name, coded)
    if (!this.#readAsFloat(name)) return
    this.#named.add(name)
    const float = this.#writer.freshName(`${from}_dequantized`)
    this.#writer.dequantize(coded, this.#plan.codes.get(from)!, float, from)
    this.#writer.nodes.push({ ...node, inputs: node.inputs.map((input) => (input === from ? float : input)) })
  }

  /** Writes a float node; one that only wants the shape reads it off the codes. */
  float(node: Node): void {
    this.#writer.nodes.push(...this.#floatNodes(node))
  }

  #floatNodes(node: Node): readonly Node[] {
    const codes = this.#coded.get(node.inputs[0]!)
    if (codes && operatorName(node) === 'Shape') return [{ ...node, inputs: [codes] }]
    if (!codes) return [node]
    const scales = scalesApart(this.#plan, node)
    if (scales === 0)
      return keptApart(this.#plan, node, this.#coded, () => this.#writer.freshName(`${node.outputs[0]}_apart`))
    return [{ ...node, inputs: [this.#channelsOf(node.inputs[0]!, codes, scales), ...node.inputs.slice(1)] }]
  }

  /** The float of a value under one scale for each of its channels, all equal; once for all that read it so. */
  #channelsOf(name: string, codes: string, scales: number): string {
    const known = this.#underChannels.get(name)
    if (known) return known
    const output = this.#writer.freshName(`${name}_channels`)
    this.#underChannels.set(name, output)
    const held = this.#plan.codes.get(name)!
    return this.#writer.dequantize(codes, { channels: new Float32Array(scales).fill(1), ...held }, output, name)
  }

  /** Whether an integer unit reads the codes of a value. */
  readAsCodes(name: string): boolean {
    return this.#users(name).some((user) => this.#plan.units.get(user)?.reads.includes(name))
  }

  #readAsFloat(name: string): boolean {
    const { units, covered, index } = this.#plan
    const floatReader = (user: Node) => !units.has(user) && !covered.has(user) && operatorName(user) !== 'Shape'
    return index.outputs.has(name) || this.#users(name).some(floatReader)
  }

  #users(name: string): readonly Node[] {
    return this.#plan.index.consumers.get(name) ?? []
  }
}
