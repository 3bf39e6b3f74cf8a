import { intAttribute, makeNode, type Node, operatorName } from '../../../../ir/index.ts'
import { productChannels } from '../../units/product-channels.ts'
import { activationSlots, quantizeRules } from '../../units/quantize-rules.ts'
import type { StaticPlan } from '../static-plan.ts'

/**
 * How many scales, all equal, keep the runtime from quantizing the weights of a float product that reads codes: it does so
 * by itself, with one scale for all weights, where the input has one scale. Releases 1.20 and 1.21 do wherever codes are
 * read, newer ones where codes stand behind the product as well. 0 where nothing is to be kept from it: scales of columns
 * cost 2 ns a number, so they stand in front of a Gemm only where they must, and scales of channels cost nothing.
 */
export function scalesApart(plan: StaticPlan, node: Node): number {
  const weight = plan.facts.constant(node.inputs[1] ?? '')
  if (!weight) return 0
  const operator = operatorName(node)
  if (operator === 'ConvTranspose') return weight.dims[0]!
  const isGemm = operator === 'Gemm' && intAttribute(node, 'transA', 0) === 0 && feedsCodes(plan, node.outputs[0]!)
  return operator === 'Conv' || isGemm ? productChannels(node, weight)!.inputs : 0
}

/** Whether nothing but integer units read this float, at most behind a clamp, which the runtime makes part of codes. */
function feedsCodes(plan: StaticPlan, value: string): boolean {
  const users = plan.index.consumers.get(value) ?? []
  if (plan.index.outputs.has(value) || users.length === 0) return false
  if (users.every((user) => plan.units.get(user)?.reads.includes(value))) return true
  const [user] = users
  return users.length === 1 && ['Relu', 'Clip'].includes(operatorName(user!)) && feedsCodes(plan, user!.outputs[0]!)
}

/**
 * A node that must stay in float, with what keeps it there. Between codes the runtime would make it an integer kernel
 * whatever the report says; a Max of one value behind it changes nothing, costs one copy, and no fusion sees through it.
 */
export function keptApart(
  plan: StaticPlan,
  node: Node,
  coded: ReadonlyMap<string, string>,
  fresh: () => string,
): Node[] {
  const rule = quantizeRules[operatorName(node)]
  const [output] = node.outputs
  if (!plan.apart.has(node) || !rule || ['movement', 'slopes', 'choice'].includes(rule.kind) || node.outputs.length > 1)
    return [node]
  if (!activationSlots(node).every((slot) => coded.has(node.inputs[slot]!)) || !feedsCodes(plan, output!)) return [node]
  const float = fresh()
  return [{ ...node, outputs: [float] }, makeNode('Max', [float], [output!])]
}
