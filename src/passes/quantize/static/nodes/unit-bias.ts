import { floatAttribute, outputsAxis, tensorValues } from '../../../../ir/index.ts'
import type { Unit } from '../../units/unit.ts'
import { weightSums } from '../ranges/shifts.ts'
import type { StaticPlan } from '../static-plan.ts'

/**
 * The bias of a product in real units, with Gemm's factor beta, one number a channel, and what the codes of its input
 * leave of a shift; zeros where it has none of its own and somebody may add to it, else undefined.
 */
export function unitBias(unit: Unit, plan: StaticPlan): { name: string; values: Float32Array } | undefined {
  const { node } = unit
  const input = node.inputs[0]!
  const given =
    node.opType === 'MatMul' ? (unit.biasAdd ? unit.biasAdd.node.name || 'bias' : '') : (node.inputs[2] ?? '')
  const rest = plan.rest(input)
  const correctable = node.opType !== 'MatMul' && (plan.means(input) !== undefined || rest !== 0)
  if (given === '' && !correctable) return undefined
  const weight = plan.facts.constant(node.inputs[1]!)!
  const channels = weight.dims[outputsAxis(node, weight)]!
  const tensor = given === '' ? undefined : (unit.biasAdd?.bias ?? plan.facts.constant(given)!)
  const values = tensor ? (tensorValues(tensor) as Float32Array) : Float32Array.of(0)
  const [alpha, beta] = ['alpha', 'beta'].map((factor) =>
    node.opType === 'Gemm' ? floatAttribute(node, factor, 1) : 1,
  ) as [number, number]
  const multipliers = plan.codes.get(unit.writes[0]!)?.channels
  const sums = rest === 0 ? undefined : weightSums(node, plan.facts)
  return {
    name: given === '' ? `${unit.writes[0]}_bias` : given,
    values: Float32Array.from({ length: channels }, (_, i) => {
      const value = values[values.length === 1 ? 0 : i]! * beta + (sums ? rest * alpha * sums[i]! : 0)
      return value / (multipliers?.[i] ?? 1)
    }),
  }
}
