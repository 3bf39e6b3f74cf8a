/*
 * y = Add(f(x), x)   ⇒   x in the place of y          for the blocks that are named by their y
 * The weights and the work of f are saved, and what stands behind keeps its sizes. It is another function, to be
 * learned again.
 * Illegal: an addition with a constant side, one whose sides differ in type, one of which neither side is made of the
 * other.
 * Source: f taken as 0; Veit et al. 2016, 1605.06431 (residual networks without some of their blocks).
 */
import { type Graph, indexGraph, inferTypes, type Model, type Node, readsOf } from '../../ir/index.ts'
import { exactly, list, text } from '../../report/index.ts'
import type { Pass } from '../../rewrite/index.ts'

/** A residual block: y = f(x) + x, where `around` is x. */
export interface ResidualBlock {
  readonly add: Node
  readonly around: string
}

/** The residual blocks whose branch may be left out: the sides of the sum have one type, one is made of the other. */
export function residualBlocks(model: Model): readonly ResidualBlock[] {
  const types = inferTypes(model)
  const index = indexGraph(model.graph)
  const sameType = (a: string, b: string) => JSON.stringify(types.get(a)) === JSON.stringify(types.get(b))
  return model.graph.nodes.flatMap((add): readonly ResidualBlock[] => {
    if (add.opType !== 'Add' || add.domain !== '') return []
    const [a, b] = add.inputs as [string, string]
    if (a === b || model.graph.initializers.has(a) || model.graph.initializers.has(b) || !sameType(a, b)) return []
    if (comesFrom(model.graph, index, a, b)) return [{ add, around: b }]
    if (comesFrom(model.graph, index, b, a)) return [{ add, around: a }]
    return []
  })
}

/** The model in which these blocks do nothing; what only they needed is gone. */
export function dropBlocks(model: Model, blocks: readonly ResidualBlock[]): Model {
  const dropped = new Map(blocks.map(({ add, around }) => [add.outputs[0]!, around]))
  const outputs = new Set(model.graph.outputs.map(({ name }) => name))
  const resolve = (name: string): string => (dropped.has(name) ? resolve(dropped.get(name)!) : name)
  const rewired = model.graph.nodes.flatMap((node): readonly Node[] => {
    const output = node.outputs[0]!
    if (node.opType === 'Add' && dropped.has(output))
      return outputs.has(output)
        ? [{ ...node, opType: 'Identity', inputs: [resolve(dropped.get(output)!)], attributes: new Map() }]
        : []
    return [{ ...node, inputs: node.inputs.map(resolve) }]
  })
  const wanted = new Set(outputs)
  const nodes: Node[] = []
  for (const node of rewired.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue
    for (const name of readsOf(node)) wanted.add(name)
    nodes.push(node)
  }
  return {
    ...model,
    graph: {
      ...model.graph,
      nodes: nodes.reverse(),
      initializers: new Map([...model.graph.initializers].filter(([name]) => wanted.has(name))),
      valueInfos: new Map(),
    },
  }
}

interface LeaveOutBlocksOptions {
  /** Outputs of the additions that end the blocks. */
  readonly blocks: readonly string[]
}

export const leaveOutBlocks: Pass<LeaveOutBlocksOptions> = {
  id: 'leaveOutBlocks',
  summary: 'Leaves residual blocks out, so that only what goes around them is left.',
  options: exactly<LeaveOutBlocksOptions>({ blocks: list(text) }),
  run(model, { blocks }) {
    const known = new Map(residualBlocks(model).map((block) => [block.add.outputs[0]!, block]))
    const found = blocks.flatMap((name) => known.get(name) ?? [])
    const refused = blocks
      .filter((name) => !known.has(name))
      .map((name) => ({ node: name, reason: 'it ends no residual block whose sides have one size' }))
    return {
      model: found.length > 0 ? dropBlocks(model, found) : model,
      report: { id: this.id, applied: found.length, refused },
    }
  },
}

function comesFrom(graph: Graph, index: ReturnType<typeof indexGraph>, value: string, source: string): boolean {
  const seen = new Set<string>()
  const waiting = [value]
  while (waiting.length > 0) {
    const name = waiting.pop()!
    if (name === source) return true
    if (seen.has(name) || graph.initializers.has(name)) continue
    seen.add(name)
    const producer = index.producer.get(name)
    if (producer) waiting.push(...readsOf(producer))
  }
  return false
}
