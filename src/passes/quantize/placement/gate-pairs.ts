import type { GraphIndex, Node } from '../../../ir/index.ts'
import type { Unit } from '../units/unit.ts'

/** Sigmoid and the product with its own input: one kernel in float, so both stand on one side. */
export function gatePairs(
  candidates: ReadonlyMap<Node, Unit>,
  index: GraphIndex,
): readonly (readonly [gate: Unit, product: Unit])[] {
  return [...candidates].flatMap(([node, unit]) => {
    const [product, ...others] = node.opType === 'Sigmoid' ? (index.consumers.get(node.outputs[0]!) ?? []) : []
    const own = product?.opType === 'Mul' && product.inputs.includes(node.inputs[0]!) && others.length === 0
    const user = own && !index.outputs.has(node.outputs[0]!) ? candidates.get(product) : undefined
    return user ? [[unit, user] as const] : []
  })
}
