import { type Model, makeNode, operatorName, tensorOf } from '../../../ir/index.ts'
import type { Evidence } from '../../../rewrite/index.ts'
import type { Affine } from '../codes/affine.ts'
import { QdqWriter } from '../static/nodes/qdq-writer.ts'
import { planOf, type StaticInt8Options } from '../static/quantize-static-int8.ts'
import type { StaticPlan } from '../static/static-plan.ts'
import { keepsCodes } from '../units/unit.ts'

/** A value that is rounded, and under what. */
export interface RoundedValue {
  readonly name: string
  readonly codes: Affine
  /** The initializer whose exponential multiplies the scale; absent where the operator fixes the range. */
  readonly logScale?: string
}

/** A float model that rounds, and which of its values it does that to. */
export interface RoundedValues {
  readonly model: Model
  readonly values: readonly RoundedValue[]
}

/**
 * The float model with values rounded where static int8 with these options would round them:
 *
 *     v = Op(…)  ⇒  r = Op(…)   c = QuantizeLinear(r, s, z)   v = DequantizeLinear(c, s, z)
 *
 * A value that only codes exist of is the rounded one under its own name; one that float nodes make is rounded for its
 * integer readers alone. What is only moved was rounded before. With `learnScales` s = s₀·exp(t), t an initializer that
 * starts at 0: in the logarithm a scale stays positive, and a step changes it by a share of itself.
 */
export function roundValues(
  model: Model,
  options: StaticInt8Options,
  evidence: readonly Evidence[],
  learnScales = false,
): RoundedValues {
  const plan = planOf(model, options, evidence)
  const writer = new QdqWriter(model.graph)
  const values: RoundedValue[] = []
  const readAs = new Map<string, string>()
  const round = (name: string, from: string, to: string) => {
    const { scale, zeroPoint } = plan.codes.get(name)!
    let [own, zero] = writer.scalars({ scale, zeroPoint }, name)
    const learned = learnScales && !hasFixedRange(plan, name)
    const logScale = writer.freshName(`${name}_log_scale`)
    if (learned) {
      writer.initializers.set(logScale, tensorOf('float32', [], Float32Array.of(0), logScale))
      const [factor, start] = [writer.freshName(`${name}_factor`), own]
      own = writer.freshName(`${name}_learned_scale`)
      writer.nodes.push(makeNode('Exp', [logScale], [factor]), makeNode('Mul', [start, factor], [own]))
    }
    const coded = writer.freshName(`${name}_codes`)
    writer.nodes.push(
      makeNode('QuantizeLinear', [from, own, zero], [coded]),
      makeNode('DequantizeLinear', [coded, own, zero], [to]),
    )
    values.push({ name, codes: { scale, zeroPoint }, ...(learned ? { logScale } : {}) })
  }
  const roundForReaders = (name: string) => {
    if (plan.makers.has(name) || !plan.codes.has(name)) return
    const rounded = writer.freshName(`${name}_rounded`)
    readAs.set(name, rounded)
    round(name, name, rounded)
  }
  for (const { name } of model.graph.inputs) roundForReaders(name)
  for (const node of model.graph.nodes) {
    const integer = plan.units.has(node)
    const raw = new Map(
      node.outputs.filter((name) => isCoded(plan, name)).map((name) => [name, writer.freshName(`${name}_float`)]),
    )
    writer.nodes.push({
      ...node,
      inputs: integer ? node.inputs.map((name) => readAs.get(name) ?? name) : node.inputs,
      outputs: node.outputs.map((name) => raw.get(name) ?? name),
    })
    for (const [name, from] of raw) round(name, from, name)
    for (const name of node.outputs) roundForReaders(name)
  }
  const graph = { ...model.graph, nodes: writer.nodes, initializers: writer.initializers }
  return { model: { ...model, graph }, values }
}

/** Whether only codes of the value exist: an integer kernel computes it, and gives no float. */
function isCoded(plan: StaticPlan, name: string): boolean {
  const maker = plan.makers.get(name)
  if (!maker || keepsCodes(maker)) return false
  const users = plan.index.consumers.get(name) ?? []
  return !maker.floatOutput || users.some((user) => plan.units.get(user)?.reads.includes(name))
}

/** What the operator says of its own range needs no learning, and its codes would not follow. */
function hasFixedRange(plan: StaticPlan, name: string): boolean {
  const maker = plan.makers.get(name)?.node
  return maker !== undefined && ['Softmax', 'Sigmoid', 'HardSigmoid', 'Tanh'].includes(operatorName(maker))
}
