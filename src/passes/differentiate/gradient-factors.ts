import { makeNode, type Node, tensorOf } from '../../ir/index.ts'
import type { Differentiation } from './differentiate.ts'

/** Gradients times a number each, by the value that they are gradients by; the others stay. */
export function withFactors(made: Differentiation, factors: ReadonlyMap<string, number>): Differentiation {
  const nodes: Node[] = []
  const initializers = new Map(made.model.graph.initializers)
  const renamed = new Map<string, string>()
  const gradients = new Map(
    [...made.gradients].map(([value, gradient]): [string, string] => {
      const factor = factors.get(value)
      if (factor === undefined) return [value, gradient]
      const [scaled, number] = [`${gradient}/scaled`, `${gradient}/factor`]
      initializers.set(number, tensorOf('float32', [], Float32Array.of(factor), number))
      nodes.push(makeNode('Mul', [gradient, number], [scaled]))
      renamed.set(gradient, scaled)
      return [value, scaled]
    }),
  )
  if (nodes.length === 0) return made
  const { graph } = made.model
  const outputs = graph.outputs.map((output) => ({ ...output, name: renamed.get(output.name) ?? output.name }))
  const scaled = { ...graph, nodes: [...graph.nodes, ...nodes], initializers, outputs }
  return { ...made, gradients, model: { ...made.model, graph: scaled } }
}
