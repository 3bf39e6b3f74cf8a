import { operatorName } from '../../../../ir/index.ts'
import type { PlanContext } from '../../units/plan-context.ts'
import { isCarrier, type Unit } from '../../units/unit.ts'
import { isNarrow } from './ratio-values.ts'

/**
 * Values that Exp gives, also moved, scaled or shifted: most are so small beside the largest that their codes would be 0, while
 * their sum may be as large as it. Attention without a Softmax multiplies them as features, and divides by their sum behind it.
 * Divided by it before, as by a Softmax, they are numbers like others.
 */
export function exponentials({ graph, facts, ranges }: PlanContext): ReadonlySet<string> {
  const made = new Set<string>()
  for (const node of graph.nodes) {
    const name = operatorName(node)
    const from = node.inputs.filter((input) => made.has(input))
    const shifted = name === 'Add' && node.inputs.every((input) => made.has(input) || facts.constant(input))
    if (name === 'Exp' || (from.length > 0 && (name === 'Mul' || shifted || isCarrier(node))))
      for (const output of node.outputs) made.add(output)
  }
  const wide = (name: string) => {
    const range = ranges.get(name)
    return range !== undefined && range.min >= 0 && !isNarrow(range)
  }
  return new Set([...made].filter(wide))
}

/** Why a unit that reads or gives such values stays in float. */
export function holdsExponentials({ reads, writes }: Unit, values: ReadonlySet<string>): string | undefined {
  const name = [...reads, ...writes].find((value) => values.has(value))
  return name && `${name} is what Exp gives, and codes would leave only the largest of it`
}
