import {
  elementCount,
  float,
  type Graph,
  indexGraph,
  type Model,
  makeNode,
  type Node,
  nodeLabel,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../../ir/index.ts'
import type { NoiseSource } from '../../../report/index.ts'
import type { Evidence } from '../../../rewrite/index.ts'
import { type Affine, UNIT } from '../codes/affine.ts'
import { QdqWriter } from '../static/nodes/qdq-writer.ts'
import { weightLayout, weightsAsTheyStand } from '../static/nodes/weights-ahead.ts'
import { planOf, type StaticInt8Options } from '../static/quantize-static-int8.ts'
import type { StaticPlan } from '../static/static-plan.ts'
import { mostCode } from '../units/plan-options.ts'
import { keepsCodes, standIn } from '../units/unit.ts'

/** A rounding, the value that it changes, and the value that holds by how much. */
export interface RoundingError {
  readonly source: NoiseSource
  readonly at: string
  readonly error: string
}

/**
 * Adds, beside a model that stays exact, what every rounding of static int8 with these options would change:
 *
 *     e = DQ(Q(x)) − x      e = DQ(w₈) − w (a constant)      e = x·DQ(Q(g(x))) − x·g(x)
 *
 * for values, for weights (of a convolution what that does to what it makes), and for the gates of HardSwish and SiLU. Nothing
 * reads these values yet.
 */
export function roundingErrors(
  model: Model,
  options: StaticInt8Options,
  evidence: readonly Evidence[],
): { readonly model: Model; readonly errors: readonly RoundingError[] } {
  const plan = planOf(model, { ...options, placement: 'everywhere', noiseBudget: undefined }, evidence)
  return new Errors(model, plan).run()
}

class Errors {
  readonly #model: Model
  readonly #plan: StaticPlan
  readonly #writer: QdqWriter
  readonly #errors: RoundingError[] = []
  readonly #done = new Set<string>()
  readonly #readers: ReadonlyMap<string, readonly Node[]>

  constructor(model: Model, plan: StaticPlan) {
    this.#model = model
    this.#readers = indexGraph(model.graph).consumers
    this.#plan = plan
    this.#writer = new QdqWriter(model.graph)
  }

  run(): { model: Model; errors: readonly RoundingError[] } {
    const { graph } = this.#model
    for (const { name } of graph.inputs) this.#value(name)
    for (const node of graph.nodes) {
      this.#writer.nodes.push(node)
      const unit = this.#plan.units.get(node)
      const weight = unit?.rule.kind === 'product' ? this.#plan.facts.constant(node.inputs[1]!) : undefined
      if (weight) this.#weight(node, weight)
      const stand = standIn(node)
      if (unit && (stand === 'hard-swish' || stand === 'silu')) this.#gate(node, stand)
      for (const name of node.outputs) this.#value(name)
    }
    const result: Graph = { ...graph, nodes: this.#writer.nodes, initializers: this.#writer.initializers }
    return { model: { ...this.#model, graph: result }, errors: this.#errors }
  }

  #value(name: string): void {
    const codes = this.#codesOf(name)
    if (!codes) return
    const rounded = this.#rounded(name, codes, name)
    this.#errors.push({ source: { kind: 'value', name }, at: name, error: this.#difference(rounded, name, name) })
  }

  /** The codes under which a value is rounded, once: what is only moved or shifted was rounded before. */
  #codesOf(name: string): Affine | undefined {
    const maker = this.#plan.makers.get(name)
    return maker && keepsCodes(maker) ? undefined : this.#plan.codes.get(name)
  }

  #weight(node: Node, weight: Tensor): void {
    const at = node.inputs[1]!
    // Weights that several nodes share are rounded once; the gradient by them sums over the nodes.
    if (this.#done.has(at)) return
    this.#done.add(at)
    const values = tensorValues(weight) as Float32Array
    const layout = weightLayout(node, weight)
    const rounding = { balanced: this.#plan.balanceSums && layout.inOrder, most: mostCode(this.#plan) }
    const { codes, scales } = weightsAsTheyStand(weight, layout, rounding)
    const inner = elementCount(layout.dims.slice(layout.axis + 1))
    const error = values.map((value, i) => codes[i]! * scales[Math.floor(i / inner) % scales.length]! - value)
    const name = this.#writer.constant(tensorOf('float32', weight.dims, error), `${at}_error`)
    const source = { kind: 'node', name: nodeLabel(node) } as const
    const convolution = node.opType === 'Conv' || node.opType === 'ConvTranspose'
    if (!convolution || this.#readers.get(at)!.length > 1) return void this.#errors.push({ source, at, error: name })
    // The same sum either way, ⟨∂/∂w, e⟩ = ⟨∂/∂y, x ∗ e⟩; but the gradient of its weights reads every window of x once
    // more for each place in it, and takes three times as long.
    const [x, y] = [node.inputs[0]!, node.outputs[0]!]
    const changed = this.#writer.freshName(`${y}_changed`)
    this.#writer.nodes.push({ ...node, name: '', inputs: [x, name], outputs: [changed] })
    this.#errors.push({ source, at: y, error: changed })
  }

  #gate(node: Node, kind: 'hard-swish' | 'silu'): void {
    const [x, y] = [node.inputs[0]!, node.outputs[0]!]
    const gate = this.#writer.freshName(`${y}_gate`)
    this.#writer.nodes.push(
      kind === 'silu'
        ? makeNode('Sigmoid', [x], [gate])
        : makeNode('HardSigmoid', [x], [gate], { attributes: { alpha: float(1 / 6), beta: float(0.5) } }),
    )
    const product = this.#writer.freshName(`${y}_gated`)
    this.#writer.nodes.push(makeNode('Mul', [x, this.#rounded(gate, UNIT, gate)], [product]))
    this.#errors.push({
      source: { kind: 'node', name: nodeLabel(node) },
      at: y,
      error: this.#difference(product, y, gate),
    })
  }

  #rounded(name: string, codes: Affine, hint: string): string {
    const coded = this.#writer.quantize(name, codes, hint)
    return this.#writer.dequantize(coded, codes, this.#writer.freshName(`${hint}_rounded`), hint)
  }

  #difference(rounded: string, exact: string, hint: string): string {
    const error = this.#writer.freshName(`${hint}_error`)
    this.#writer.nodes.push(makeNode('Sub', [rounded, exact], [error]))
    return error
  }
}
