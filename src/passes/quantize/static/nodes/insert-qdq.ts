import { float, type Graph, makeNode, type Node, nodeLabel, readsOf } from '../../../../ir/index.ts'
import { activationSlots, overPicture, poolAttributes } from '../../units/quantize-rules.ts'
import { channelSlopes } from '../../units/slopes.ts'
import { standIn, takesNoKernel, type Unit } from '../../units/unit.ts'
import type { StaticPlan } from '../static-plan.ts'
import { CodedProducts } from './coded-products.ts'
import { CodedValues } from './coded-values.ts'
import { emitGate, emitHardSigmoid, emitTanh, type Insertion, rescaled } from './curves-in-codes.ts'
import { QdqWriter } from './qdq-writer.ts'
import { slopesInCodes } from './slopes-in-codes.ts'

/** Writes a plan into the graph: each integer unit between codes, with the kernels that are meant to come of it. */
export function insertQdq(plan: StaticPlan, pairSafe: boolean): { graph: Graph; planned: Record<string, number> } {
  return new GraphInsertion(plan, pairSafe).run()
}

class GraphInsertion implements Insertion {
  readonly plan: StaticPlan
  readonly writer: QdqWriter
  readonly values: CodedValues
  readonly #products: CodedProducts
  readonly #planned: Record<string, number> = {}

  constructor(plan: StaticPlan, pairSafe: boolean) {
    this.plan = plan
    this.writer = new QdqWriter(plan.graph)
    this.values = new CodedValues(plan, this.writer)
    this.#products = new CodedProducts(plan, this.writer, pairSafe)
  }

  readonly count = (kernel: string, times = 1): void => {
    this.#planned[kernel] = (this.#planned[kernel] ?? 0) + times
  }

  run(): { graph: Graph; planned: Record<string, number> } {
    const { graph, units, covered } = this.plan
    for (const node of graph.nodes) {
      const unit = units.get(node)
      if (unit) this.#emit(unit)
      else if (!covered.has(node)) this.values.float(node)
    }
    return { graph: this.#finish(), planned: this.#planned }
  }

  #emit(unit: Unit): void {
    const stand = standIn(unit.node)
    if (stand === 'hard-swish' || stand === 'silu') emitGate(unit, stand, this)
    else if (stand === 'hard-sigmoid') emitHardSigmoid(unit, this)
    else if (stand === 'tanh') emitTanh(unit, this)
    else if (unit.node.opType === 'Pad') this.#emitPad(unit)
    else if (takesNoKernel(unit)) this.values.keep(unit)
    else if (unit.rule.kind === 'slopes') this.#emitSlopes(unit)
    else if (unit.rule.kind === 'choice') this.#emitChoice(unit)
    else this.#emitDirect(unit, stand === 'relu')
  }

  #emitDirect(unit: Unit, isRelu: boolean): void {
    const { node } = unit
    const inputs = [...node.inputs]
    // Weights get codes of their own.
    const hasWeights = unit.rule.kind === 'product' && this.plan.facts.constant(inputs[1]!)
    for (const slot of hasWeights ? [0] : activationSlots(node)) inputs[slot] = this.values.read(inputs[slot]!, node)
    let emitted: Node = { ...node, inputs }
    if (isRelu)
      emitted = makeNode('LeakyRelu', inputs, node.outputs, { name: node.name, attributes: { alpha: float(0) } })
    else if (node.opType === 'GlobalMaxPool') emitted = { ...overPicture(node, this.plan.facts), inputs }
    else if (unit.rule.kind === 'product') emitted = this.#products.product(unit, inputs)
    else if (unit.rule.kind === 'pool') emitted = { ...emitted, attributes: poolAttributes(node) }
    if (node.outputs.length > 1) this.#giveSeveral(unit, emitted)
    else this.#give(unit, emitted)
  }

  /** Codes with codes around them: the runtime leaves a Pad between conversions in float. */
  #emitPad(unit: Unit): void {
    const { node, writes } = unit
    const [name, codes] = [writes[0]!, this.plan.codes.get(writes[0]!)!]
    const [, zero] = this.writer.scalars(codes, name)
    const inputs = [this.values.codesOf(node.inputs[0]!), node.inputs[1]!, zero, ...node.inputs.slice(3)]
    const padded = this.writer.freshName(`${name}_codes`)
    this.writer.nodes.push({ ...node, inputs, outputs: [padded] })
    this.#countUnit(unit, true)
    this.values.standAs(name, padded, codes)
  }

  #emitSlopes({ node, reads, writes, rule }: Unit): void {
    const [input, name] = [reads[0]!, writes[0]!]
    const { codes, facts } = this.plan
    const [from, to] = [codes.get(input)!, codes.get(name)!]
    const slopes = channelSlopes(node, facts)
    if (typeof slopes === 'string') throw new Error(`internal: ${nodeLabel(node)} has no slopes: ${slopes}`)
    const read = { name: this.values.codesOf(input), codes: from }
    const made = slopesInCodes(this.writer, nodeLabel(node), read, to, slopes)
    this.count(rule.kernel, made.convolutions)
    this.values.standAs(name, made.codes, to)
  }

  /** The greatest or the least of codes under one scale; what has another is brought to it by a table. */
  #emitChoice(unit: Unit): void {
    const [node, name] = [unit.node, unit.writes[0]!]
    const to = this.plan.codes.get(name)!
    const inputs = node.inputs.map((input) => {
      const from = this.plan.codes.get(input)!
      if (from.scale === to.scale && from.zeroPoint === to.zeroPoint) return this.values.codesOf(input)
      return rescaled(this.values.read(input, node), to, `${nodeLabel(node)}_${input}`, this)
    })
    const chosen = this.writer.freshName(`${name}_codes`)
    this.writer.nodes.push({ ...node, inputs, outputs: [chosen] })
    this.#countUnit(unit, true)
    this.values.standAs(name, chosen, to)
  }

  /** The unit's node with its bias, then codes of the output, then the float of the old name where somebody reads it. */
  #give(unit: Unit, emitted: Node): void {
    const { writer, values } = this
    const name = unit.writes[0]!
    const coded = !unit.floatOutput || values.readAsCodes(name)
    const raw = coded ? writer.freshName(`${name}_float`) : name
    let last = emitted
    if (unit.biasAdd) {
      const product = unit.node.outputs[0]!
      writer.nodes.push({ ...emitted, outputs: [product] })
      last = { ...unit.biasAdd.node, inputs: [product, this.#products.addedBias(unit)] }
    }
    // Without codes behind it nothing saturates, so the activation stays a node.
    if (!coded && unit.activation) {
      const between = unit.activation.node.inputs[0]!
      writer.nodes.push({ ...last, outputs: [between] }, unit.activation.node)
    } else writer.nodes.push({ ...last, outputs: [raw] })
    this.#countUnit(unit, coded)
    if (coded) values.code(name, raw)
  }

  #giveSeveral(unit: Unit, emitted: Node): void {
    const raw = new Map(unit.writes.map((name) => [name, this.writer.freshName(`${name}_float`)]))
    this.writer.nodes.push({ ...emitted, outputs: emitted.outputs.map((name) => raw.get(name) ?? name) })
    this.#countUnit(unit, true)
    for (const [name, float] of raw) this.values.code(name, float)
  }

  #countUnit(unit: Unit, coded: boolean): void {
    const bare = unit.node.opType === 'MatMul' && !coded ? 'MatMulIntegerToFloat' : unit.rule.kernel
    this.count(unit.biasAdd ? 'QGemm' : bare)
  }

  #finish(): Graph {
    const { graph } = this.plan
    const used = new Set(graph.outputs.map((value) => value.name))
    const { replaced } = this.values
    const read = (node: Node) => {
      for (const name of readsOf(node)) used.add(name)
    }
    for (const node of this.writer.nodes) if (!replaced.has(node)) read(node)
    const wanted = (node: Node) => node.outputs.some((name) => used.has(name))
    const left = this.writer.nodes.filter((node) => !replaced.has(node) || wanted(node))
    for (const node of left) if (replaced.has(node)) read(node)
    const nodes = left.filter((node) => node.opType !== 'Constant' || wanted(node))
    const initializers = new Map(
      [...this.writer.initializers].filter(([name]) => used.has(name) || !this.#wasRead(name)),
    )
    const made = new Set(nodes.flatMap((node) => node.outputs))
    const valueInfos = new Map([...graph.valueInfos].filter(([name]) => made.has(name)))
    return { ...graph, nodes, initializers, valueInfos }
  }

  /** Whether a constant was there for nodes that now read its codes. */
  #wasRead(name: string): boolean {
    const { graph, index } = this.plan
    return graph.initializers.has(name) && (index.consumers.get(name) ?? []).length > 0
  }
}
