import { type Graph, hasNestedGraphs, isFloating, operatorName } from '../../../../ir/index.ts'
import type { NodeFacts } from '../../units/quantize-rules.ts'

/** What these give hangs on the shape of what they read, not on its numbers. */
export const OF_SHAPES: ReadonlySet<string> = new Set(['Shape', 'Size'])

/** Float values that hang on the numbers a model is given; neither constants nor arithmetic on shapes. */
export function dataValues({ inputs, nodes }: Graph, { dtype }: NodeFacts): ReadonlySet<string> {
  const given = new Set(inputs.map(({ name }) => name))
  for (const node of nodes) {
    if (OF_SHAPES.has(operatorName(node))) continue
    // What a branch or body reads of the graph around it is none of its node's inputs.
    if (hasNestedGraphs(node) || node.inputs.some((name) => given.has(name)))
      for (const name of node.outputs) if (name !== '') given.add(name)
  }
  return new Set([...given].filter((name) => isFloating(dtype?.(name) ?? 'undefined')))
}
