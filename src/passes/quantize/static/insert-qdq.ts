import {
  float,
  floatAttribute,
  fromNumbers,
  type Graph,
  makeNode,
  type Node,
  nodeLabel,
  operatorName,
  readsOf,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../../ir/index.ts'
import { type Affine, affineU8, biasScale, quantizeBias, quantizeU8, rangeOf, UNIT } from '../affine.ts'
import { channelAxis } from '../channel-axis.ts'
import type { CodedChannels } from '../channel-weights.ts'
import { corrected, meanShift, productChannels, underMultipliers } from '../units/product-channels.ts'
import { activationSlots, overPicture, poolAttributes, without } from '../units/quantize-rules.ts'
import { channelSlopes } from '../units/slopes.ts'
import { standIn, takesNoKernel, type Unit } from '../units/unit.ts'
import { keptApart, scalesApart } from './between-codes.ts'
import type { Codes } from './equalise-channels.ts'
import { productWeights } from './product-weights.ts'
import { QdqWriter } from './qdq-writer.ts'
import { slopesInCodes } from './slopes-in-codes.ts'
import type { StaticPlan } from './static-plan.ts'
import { unitBias } from './unit-bias.ts'

/**
 * Writes a plan into the graph: codes stand once behind the value they are made from, and every integer unit reads
 * them through a DequantizeLinear of its own, as the runtime's fusions want it. A value keeps its name as the float
 * that other nodes, graph outputs and per-layer comparisons read.
 */
export function insertQdq(plan: StaticPlan, pairSafe: boolean): { graph: Graph; planned: Record<string, number> } {
  return new Insertion(plan, pairSafe).run()
}

class Insertion {
  readonly #plan: StaticPlan
  readonly #pairSafe: boolean
  readonly #writer: QdqWriter
  /** The codes of each value that has some so far. */
  readonly #coded = new Map<string, string>()
  /** Values of integer units that stand as floats under their own name. */
  readonly #named = new Set<string>()
  /** What values that have codes are called as floats under one scale a channel. */
  readonly #underChannels = new Map<string, string>()
  readonly #weights = new Map<string, CodedChannels>()
  readonly #planned: Record<string, number> = {}

  constructor(plan: StaticPlan, pairSafe: boolean) {
    this.#plan = plan
    this.#pairSafe = pairSafe
    this.#writer = new QdqWriter(plan.graph)
  }

  run(): { graph: Graph; planned: Record<string, number> } {
    const { graph, units, covered } = this.#plan
    for (const node of graph.nodes) {
      const unit = units.get(node)
      if (unit) this.#emit(unit)
      else if (!covered.has(node)) this.#writer.nodes.push(...this.#float(node))
    }
    return { graph: this.#finish(), planned: this.#planned }
  }

  /** A float node; one that only wants the shape reads it off the codes. */
  #float(node: Node): readonly Node[] {
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

  #emit(unit: Unit): void {
    const stand = standIn(unit.node)
    if (stand === 'hard-swish' || stand === 'silu') this.#emitGate(unit, stand)
    else if (stand === 'hard-sigmoid') this.#emitHardSigmoid(unit)
    else if (stand === 'tanh') this.#emitTanh(unit)
    else if (unit.node.opType === 'Pad') this.#emitPad(unit)
    else if (takesNoKernel(unit)) this.#emitKept(unit)
    else if (unit.rule.kind === 'slopes') this.#emitSlopes(unit)
    else if (unit.rule.kind === 'choice') this.#emitChoice(unit)
    else this.#emitDirect(unit, stand === 'relu')
  }

  #emitDirect(unit: Unit, isRelu: boolean): void {
    const { node } = unit
    const inputs = [...node.inputs]
    for (const slot of activationSlots(node)) inputs[slot] = this.#read(inputs[slot]!, node)
    let emitted: Node = { ...node, inputs }
    if (isRelu)
      emitted = makeNode('LeakyRelu', inputs, node.outputs, { name: node.name, attributes: { alpha: float(0) } })
    else if (node.opType === 'GlobalMaxPool') emitted = { ...overPicture(node, this.#plan.facts), inputs }
    else if (unit.rule.kind === 'product') emitted = this.#product(unit, inputs)
    else if (unit.rule.kind === 'pool') emitted = { ...emitted, attributes: poolAttributes(node) }
    if (node.outputs.length > 1) this.#giveSeveral(unit, emitted)
    else this.#give(unit, emitted)
  }

  /** Codes with codes around them: the runtime leaves a Pad between conversions in float. */
  #emitPad(unit: Unit): void {
    const { node, writes } = unit
    const [name, codes] = [writes[0]!, this.#plan.codes.get(writes[0]!)!]
    const [, zero] = this.#writer.scalars(codes, name)
    const inputs = [this.#codesOf(node.inputs[0]!), node.inputs[1]!, zero, ...node.inputs.slice(3)]
    const padded = this.#writer.freshName(`${name}_codes`)
    this.#writer.nodes.push({ ...node, inputs, outputs: [padded] })
    this.#count(unit, true)
    this.#standAs(name, padded, codes)
  }

  /** The codes that it reads, under another scale or zero point, which is not all of a sum: floats of that are made of it. */
  #emitKept({ node, reads, writes, rule }: Unit): void {
    const [from, name] = [reads[0]!, writes[0]!]
    const coded = this.#codesOf(from)
    if (rule.kind === 'scale') this.#standAs(name, coded, this.#plan.codes.get(name)!)
    this.#coded.set(name, coded)
    if (rule.kind === 'scale' || !this.#readAsFloat(name)) return
    this.#named.add(name)
    const float = this.#writer.freshName(`${from}_dequantized`)
    this.#writer.dequantize(coded, this.#plan.codes.get(from)!, float, from)
    this.#writer.nodes.push({ ...node, inputs: node.inputs.map((input) => (input === from ? float : input)) })
  }

  #emitSlopes({ node, reads, writes, rule }: Unit): void {
    const [input, name] = [reads[0]!, writes[0]!]
    const { codes, facts } = this.#plan
    const [from, to] = [codes.get(input)!, codes.get(name)!]
    const slopes = channelSlopes(node, facts)
    if (typeof slopes === 'string') throw new Error(`internal: ${nodeLabel(node)} has no slopes: ${slopes}`)
    const read = { name: this.#codesOf(input), codes: from }
    const made = slopesInCodes(this.#writer, nodeLabel(node), read, to, slopes)
    this.#planned[rule.kernel] = (this.#planned[rule.kernel] ?? 0) + made.convolutions
    this.#standAs(name, made.codes, to)
  }

  /** The greatest or the least of codes under one scale; what has another is brought to it by a table. */
  #emitChoice(unit: Unit): void {
    const [node, name] = [unit.node, unit.writes[0]!]
    const to = this.#plan.codes.get(name)!
    const inputs = node.inputs.map((input) => {
      const from = this.#plan.codes.get(input)!
      if (from.scale === to.scale && from.zeroPoint === to.zeroPoint) return this.#codesOf(input)
      return this.#rescaled(this.#read(input, node), to, `${nodeLabel(node)}_${input}`)
    })
    const chosen = this.#writer.freshName(`${name}_codes`)
    this.#writer.nodes.push({ ...node, inputs, outputs: [chosen] })
    this.#count(unit, true)
    this.#standAs(name, chosen, to)
  }

  #rescaled(read: string, to: Affine, hint: string): string {
    this.#planned.QLinearLeakyRelu = (this.#planned.QLinearLeakyRelu ?? 0) + 1
    return this.#writer.rescale(read, to, hint)
  }

  /** Codes read as float by one integer unit. */
  #read(name: string, node: Node): string {
    const constant = this.#plan.facts.constant(name)
    if (constant) return this.#readConstant(name, constant)
    const codes = this.#plan.codes.get(name)
    if (!codes) throw new Error(`internal: ${node.name} reads ${name}, which has no codes`)
    // The first reader's float takes the value's own name where nobody else wants it, so that layers can be compared.
    const whole = !codes.channels && this.#plan.rest(name) === 0
    const free = this.#plan.makers.has(name) && !this.#named.has(name) && whole
    if (free) this.#named.add(name)
    const output = free ? name : this.#writer.freshName(`${name}_dequantized`)
    // Integer kernels see the channels under their multipliers.
    return this.#writer.dequantize(this.#codesOf(name), { ...codes, channels: undefined }, output, name)
  }

  #codesOf(name: string): string {
    const known = this.#coded.get(name)
    if (known) return known
    const made = this.#writer.quantize(name, this.#plan.codes.get(name)!, name)
    this.#coded.set(name, made)
    return made
  }

  /** A constant beside activations, in Add, Mul or Concat: unsigned codes, which fuse on every processor. */
  #readConstant(name: string, constant: Tensor): string {
    const values = tensorValues(constant) as Float32Array
    const codes = affineU8(this.#plan.masked.get(name) ?? rangeOf(values) ?? { min: 0, max: 0 })
    const coded = this.#writer.constant(tensorOf('uint8', constant.dims, quantizeU8(values, codes)), `${name}_codes`)
    return this.#writer.dequantize(coded, codes, this.#writer.freshName(`${name}_dequantized`), name)
  }

  #product(unit: Unit, inputs: string[]): Node {
    const { node } = unit
    const weight = this.#plan.facts.constant(node.inputs[1]!)
    if (!weight) return { ...node, inputs }
    const inputScale = this.#plan.codes.get(node.inputs[0]!)!.scale
    const bias = unitBias(unit, this.#plan)
    const weights = this.#weightCodes(unit, weight, bias && { values: bias.values, inputScale })
    inputs[1] = weights.name
    if (node.opType !== 'MatMul') {
      if (bias) inputs[2] = this.#biasCodes(corrected(bias, weights.shift), inputScale, weights.scales)
      return { ...node, inputs: inputs.slice(0, bias ? 3 : 2), attributes: without(node, 'alpha', 'beta') }
    }
    return { ...node, inputs }
  }

  /** Weights quantized once, also where several nodes share them, unless a bias asks for larger scales. */
  #weightCodes(
    unit: Unit,
    weight: Tensor,
    bias: { values: Float32Array; inputScale: number } | undefined,
  ): CodedChannels {
    const { node } = unit
    const axis = channelAxis(node, weight)
    const alpha = node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1
    // A 32-bit bias must hold its value with room for the sum of products.
    const atLeast = bias?.values.map((value) => Math.abs(value) / (bias.inputScale * 2 ** 30))
    const [input, output] = [node.inputs[0]!, unit.writes[0]!]
    const [above, below] = [this.#plan.codes.get(input)?.channels, this.#plan.codes.get(output)?.channels]
    const means = this.#plan.means(input)
    const key = [node.inputs[1], axis, alpha, above || means ? input : '', below ? output : ''].join(' ')
    const known = this.#weights.get(key)
    if (known && (atLeast?.every((bound, c) => bound <= known.scales[c]!) ?? true)) return known
    const values = tensorValues(weight) as Float32Array
    const channels = productChannels(node, weight)
    const factored = alpha === 1 ? values : values.map((value) => value * alpha)
    const scaled = channels ? underMultipliers(factored, channels, above, below) : factored
    const quantized = productWeights(this.#plan, node, weight, { values, scaled, atLeast, pairSafe: this.#pairSafe })
    const four = this.#plan.weightBits === 4
    const codes = four
      ? fromNumbers('int4', weight.dims, quantized.codes)
      : tensorOf('int8', weight.dims, quantized.codes)
    const name = this.#writer.dequantizeConstant(codes, quantized.scales, axis, node.inputs[1]!)
    const shift = means && channels ? meanShift(scaled, quantized, channels, means, above) : undefined
    const result = { ...quantized, name, shift }
    this.#weights.set(key, result)
    return result
  }

  #biasCodes(bias: { name: string; values: Float32Array }, inputScale: number, weightScales: Float32Array): string {
    const scales = weightScales.map((scale) => biasScale(inputScale, scale))
    const codes = tensorOf('int32', [bias.values.length], quantizeBias(bias.values, inputScale, weightScales))
    return this.#writer.dequantizeConstant(codes, scales, 0, bias.name)
  }

  /** The unit's node with its bias, then codes of the output, then the float of the old name where somebody reads it. */
  #give(unit: Unit, emitted: Node): void {
    const writer = this.#writer
    const plan = this.#plan
    const name = unit.writes[0]!
    const coded = !unit.floatOutput || this.#readAsCodes(name)
    const raw = coded ? writer.freshName(`${name}_float`) : name
    let last = emitted
    let output = raw
    if (unit.biasAdd) {
      output = unit.node.outputs[0]!
      writer.nodes.push({ ...emitted, outputs: [output] })
      const bias = unitBias(unit, this.#plan)!
      const scale = plan.codes.get(unit.node.inputs[0]!)!.scale
      const weights = this.#weightCodes(unit, plan.facts.constant(unit.node.inputs[1]!)!, {
        values: bias.values,
        inputScale: scale,
      })
      last = {
        ...unit.biasAdd.node,
        inputs: [output, this.#biasCodes(corrected(bias, weights.shift), scale, weights.scales)],
      }
    }
    // Without codes behind it nothing saturates, so the activation stays a node.
    if (!coded && unit.activation) {
      const between = unit.activation.node.inputs[0]!
      writer.nodes.push({ ...last, outputs: [between] }, unit.activation.node)
    } else writer.nodes.push({ ...last, outputs: [raw] })
    this.#count(unit, coded)
    if (!coded) return
    this.#code(name, raw)
  }

  #giveSeveral(unit: Unit, emitted: Node): void {
    const raw = new Map(unit.writes.map((name) => [name, this.#writer.freshName(`${name}_float`)]))
    this.#writer.nodes.push({ ...emitted, outputs: emitted.outputs.map((name) => raw.get(name) ?? name) })
    this.#count(unit, true)
    for (const [name, float] of raw) this.#code(name, float)
  }

  /** `raw` → codes of `name`. */
  #code(name: string, raw: string): void {
    const codes = this.#plan.codes.get(name)!
    this.#standAs(name, this.#writer.quantize(raw, { ...codes, channels: undefined }, name), codes)
  }

  /** These are the codes of a value, and its float where a float node or the graph's output wants it. */
  #standAs(name: string, coded: string, codes: Codes): void {
    this.#coded.set(name, coded)
    if (!this.#readAsFloat(name)) return
    this.#named.add(name)
    this.#writer.dequantize(coded, codes, name, name)
  }

  #users(name: string): readonly Node[] {
    return this.#plan.index.consumers.get(name) ?? []
  }

  #readAsCodes(name: string): boolean {
    return this.#users(name).some((user) => this.#plan.units.get(user)?.reads.includes(name))
  }

  #readAsFloat(name: string): boolean {
    const { units, covered, index } = this.#plan
    const floatReader = (user: Node) => !units.has(user) && !covered.has(user) && operatorName(user) !== 'Shape'
    return index.outputs.has(name) || this.#users(name).some(floatReader)
  }

  #count(unit: Unit, coded: boolean): void {
    const bare = unit.node.opType === 'MatMul' && !coded ? 'MatMulIntegerToFloat' : unit.rule.kernel
    const name = unit.biasAdd ? 'QGemm' : bare
    this.#planned[name] = (this.#planned[name] ?? 0) + 1
  }

  /** clip(αx + β, 0, 1): the codes of x under scale 1/(255 α) and zero point 255 β (rounded: half a step off at most). */
  #hardSigmoidCodes(input: string, node: Node, alpha: number, beta: number, hint: string): string {
    const shifted: Affine = {
      scale: Math.fround(1 / (255 * alpha)),
      zeroPoint: Math.min(255, Math.max(0, Math.round(255 * beta))),
    }
    return this.#rescaled(this.#read(input, node), shifted, hint)
  }

  #emitHardSigmoid(unit: Unit): void {
    const { node } = unit
    const name = unit.writes[0]!
    const [alpha, beta] = [floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)]
    this.#standAs(name, this.#hardSigmoidCodes(node.inputs[0]!, node, alpha, beta, name), UNIT)
  }

  #sigmoidCodes(read: string, codes: Affine, name: string): string {
    const raw = this.#writer.freshName(`${name}_float`)
    this.#writer.nodes.push(makeNode('Sigmoid', [read], [raw], { name }))
    this.#planned.QLinearSigmoid = (this.#planned.QLinearSigmoid ?? 0) + 1
    return this.#writer.quantize(raw, codes, name)
  }

  /** tanh(x) = 2σ(2x) − 1: a sigmoid of the same codes under twice the scale, whose codes stand for the result. */
  #emitTanh({ node, writes }: Unit): void {
    const [input, name] = [node.inputs[0]!, writes[0]!]
    const doubled = { ...this.#plan.codes.get(input)!, channels: undefined }
    const read = this.#writer.freshName(`${name}_doubled`)
    this.#writer.dequantize(this.#codesOf(input), { ...doubled, scale: 2 * doubled.scale }, read, read)
    const codes = this.#plan.codes.get(name)!
    const halved = { scale: codes.scale / 2, zeroPoint: codes.zeroPoint - Math.round(1 / codes.scale) }
    this.#standAs(name, this.#sigmoidCodes(read, halved, nodeLabel(node)), codes)
  }

  /** x · gate(x): a table, then QLinearMul. */
  #emitGate(unit: Unit, kind: 'hard-swish' | 'silu'): void {
    const { node } = unit
    const [input, name] = [node.inputs[0]!, unit.writes[0]!]
    const hint = this.#writer.freshName(`${name}_gate`)
    let gate: string
    if (kind === 'hard-swish') gate = this.#hardSigmoidCodes(input, node, 1 / 6, 0.5, hint)
    else gate = this.#sigmoidCodes(this.#read(input, node), UNIT, hint)
    const factor = this.#writer.dequantize(gate, UNIT, this.#writer.freshName(`${hint}_dequantized`), hint)
    const raw = this.#writer.freshName(`${name}_float`)
    this.#writer.nodes.push(
      makeNode('Mul', [this.#read(input, node), factor], [raw], { name: node.name || `${hint}_product` }),
    )
    this.#planned.QLinearMul = (this.#planned.QLinearMul ?? 0) + 1
    this.#code(name, raw)
  }

  #finish(): Graph {
    const { graph } = this.#plan
    const used = new Set(graph.outputs.map((value) => value.name))
    for (const node of this.#writer.nodes) for (const name of readsOf(node)) used.add(name)
    const needed = (node: Node) => node.opType !== 'Constant' || node.outputs.some((name) => used.has(name))
    const nodes = this.#writer.nodes.filter(needed)
    const initializers = new Map(
      [...this.#writer.initializers].filter(([name]) => used.has(name) || !this.#wasRead(name)),
    )
    const made = new Set(nodes.flatMap((node) => node.outputs))
    const valueInfos = new Map([...graph.valueInfos].filter(([name]) => made.has(name)))
    return { ...graph, nodes, initializers, valueInfos }
  }

  /** Whether a constant was there for nodes that now read its codes. */
  #wasRead(name: string): boolean {
    return this.#plan.graph.initializers.has(name) && this.#users(name).length > 0
  }
}
