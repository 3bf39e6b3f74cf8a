import { type GraphIndex, operatorName } from '../../../ir/index.ts'
import { activationSlots, type NodeFacts } from '../units/quantize-rules.ts'
import type { Unit } from '../units/unit.ts'

/**
 * Why a unit of a file that is quantized in part is left as it is: codes of codes would round twice, and weights that are
 * codes would be rounded in each run, to one scale for all of them.
 */
export function codedAlready({ node, rule, reads, writes }: Unit, index: GraphIndex, facts: NodeFacts) {
  const codesOf = (name: string) => {
    const maker = index.producer.get(name)
    return maker && operatorName(maker) === 'DequantizeLinear' ? maker.inputs[0] : undefined
  }
  const constant = reads.find((name) => facts.constant(codesOf(name) ?? ''))
  if (constant !== undefined) return `its constant ${constant} is codes already`
  const reachesCodes = () =>
    writes.every((name) => {
      const users = index.consumers.get(name) ?? []
      return users.length > 0 && users.every((user) => operatorName(user) === 'QuantizeLinear')
    })
  const fromCodes = activationSlots(node).every((slot) => codesOf(node.inputs[slot]!) !== undefined)
  // Convolutions and Gemm with weights in float are not integers, whatever stands around them.
  const becomes = rule.kind === 'product' ? node.opType === 'MatMul' : reachesCodes()
  return fromCodes && becomes ? 'it stands between codes already' : undefined
}
