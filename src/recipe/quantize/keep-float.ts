import { allNodes, type Graph, type Model, operatorName } from '../../ir/index.ts'
import { didYouMean, UserError } from '../../platform/index.ts'

/**
 * Sees that every name which is to stay in float is one: of a node, of its first output or of an operator, in the model
 * as it came or as the lossless passes left it. Gives those that the lossless passes took away, which keep nothing.
 *
 * @throws UserError `bad-argument` for a name that neither has, with the nearest one.
 */
export function goneFromFloat(names: readonly string[], model: Model, lossless: Model): readonly string[] {
  if (names.length === 0) return []
  const [before, after] = [namesIn(model.graph), namesIn(lossless.graph)]
  for (const name of names) {
    if (before.has(name) || after.has(name)) continue
    throw new UserError('bad-argument', `no node and no operator is named "${name}", so it can keep nothing in float`, {
      where: '--keep-float',
      hint: `${didYouMean(name, [...before, ...after])}whet inspect lists the operators`,
    })
  }
  return names.filter((name) => !after.has(name))
}

/** What a report says of those. */
export const keepsNothing = (name: string): string =>
  `${name} was asked to stay in float, but the lossless passes left no such node: it keeps nothing`

function namesIn(graph: Graph): ReadonlySet<string> {
  const names = new Set<string>()
  for (const node of allNodes(graph))
    for (const name of [node.name, node.outputs[0] ?? '', node.opType, operatorName(node)]) if (name) names.add(name)
  return names
}
