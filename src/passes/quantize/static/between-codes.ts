import { makeNode, type Node, operatorName } from '../../../ir/index.ts'
import { activationSlots, quantizeRules } from '../units/quantize-rules.ts'
import type { StaticPlan } from './static-plan.ts'

/** Whether nothing but integer units read this float, at most behind a clamp, which the runtime makes part of codes. */
export function feedsCodes(plan: StaticPlan, value: string): boolean {
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
  if (!plan.apart.has(node) || !rule || ['movement', 'slopes'].includes(rule.kind) || node.outputs.length > 1)
    return [node]
  if (!activationSlots(node).every((slot) => coded.has(node.inputs[slot]!)) || !feedsCodes(plan, output!)) return [node]
  const float = fresh()
  return [{ ...node, outputs: [float] }, makeNode('Max', [float], [output!])]
}
