import { type Attribute, indexGraph, inferTypes, type Node, nodeLabel, operatorName } from '../../../ir/index.ts'
import type { CalibrationReport } from '../../../report/index.ts'
import { planOf } from '../static/quantize-static-int8.ts'
import { partsBehind, standIn } from '../units/unit.ts'
import { type CostProbes, EVERYWHERE } from './unit-costs.ts'

/**
 * What decides the cost of every unit on this machine, by the label of its node: its operators with their attributes,
 * the types and shapes of what they read and make (constants too, but not their values), and the operators around them,
 * which decide what the runtime fuses and in which layout it computes. Two models have the same costs where these are
 * the same. `inputShapes` are those of the rows that are run.
 */
export function unitSignatures(
  { float, curves }: CostProbes,
  ranges: CalibrationReport,
  inputShapes: Readonly<Record<string, readonly number[]>>,
): ReadonlyMap<string, string> {
  const { units, facts } = planOf(float, EVERYWHERE, [{ report: ranges }])
  const index = indexGraph(float.graph)
  const types = inferTypes(float, { inputShapes })
  const portOf = (name: string) => {
    const constant = name === '' ? undefined : facts.constant(name)
    if (constant) return ['constant', constant.dtype, constant.dims]
    const type = types.get(name)
    return type?.kind === 'tensor' ? [type.dtype, type.shape] : null
  }
  const formOf = (node: Node) => [
    operatorName(node),
    [...node.attributes].map(([name, attribute]) => [name, plain(attribute)]).sort(),
    node.inputs.map(portOf),
    node.outputs.map(portOf),
  ]
  return new Map(
    [...units.values()].map((unit) => {
      const around = [
        unit.reads.map((name) => index.producer.get(name)?.opType ?? 'input').sort(),
        unit.writes.map((name) => (index.consumers.get(name) ?? []).map(({ opType }) => opType).sort()),
      ]
      const form = standIn(unit.node) === 'hard-swish' && curves ? [curves] : []
      return [nodeLabel(unit.node), JSON.stringify([[unit.node, ...partsBehind(unit)].map(formOf), around, ...form])]
    }),
  )
}

/** An attribute as JSON can hold it. */
function plain(attribute: Attribute): unknown {
  const text = JSON.stringify(attribute, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item))
  return JSON.parse(text)
}
