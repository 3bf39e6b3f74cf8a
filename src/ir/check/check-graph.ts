import { nestedGraphs } from '../attribute.ts'
import { type Graph, type Node, nodeLabel } from '../model.ts'
import { checkNode } from './check-node.ts'
import { checkAttributeTensors, checkSparse, checkTensor } from './check-tensor.ts'
import type { GraphContext, Report } from './problem.ts'

/** The names that a graph has made so far, and those of the graphs around it. */
export class Names {
  readonly #own = new Set<string>()
  readonly #outer: Names | undefined

  constructor(outer: Names | undefined) {
    this.#outer = outer
  }

  hasOwn(name: string): boolean {
    return this.#own.has(name)
  }

  has(name: string): boolean {
    return this.#own.has(name) || (this.#outer?.has(name) ?? false)
  }

  add(name: string): void {
    this.#own.add(name)
  }
}

/** Checks one graph and the graphs inside it. */
export function checkGraph(graph: Graph, context: GraphContext, names: Names): void {
  const { report } = context
  for (const { name } of graph.inputs) {
    if (names.hasOwn(name)) report(name, `is an input of '${graph.name}' twice`)
    names.add(name)
  }
  checkConstants(graph, context, names)
  const made = new Set(graph.nodes.flatMap((node) => node.outputs))
  for (const node of graph.nodes) {
    checkReads(node, graph, names, made, report)
    checkNode(node, context)
    checkAttributeTensors(node, report)
    for (const [, nested] of nestedGraphs(node)) checkGraph(nested, context, new Names(names))
    for (const name of node.outputs) {
      if (name === '') continue
      if (names.hasOwn(name)) report(name, `is made twice, the second time by ${nodeLabel(node)}`)
      else if (names.has(name)) report(name, `is made in '${graph.name}' although the graph around it has that name`)
      names.add(name)
    }
  }
  const outputs = new Set<string>()
  for (const { name } of graph.outputs) {
    if (!names.has(name)) report(name, `is an output of '${graph.name}' that nothing makes`)
    if (outputs.has(name)) report(name, `is an output of '${graph.name}' twice`)
    outputs.add(name)
  }
}

function checkConstants(graph: Graph, { report, irVersion, parameters }: GraphContext, names: Names): void {
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  for (const [name, tensor] of graph.initializers) {
    if (name === '') report(graph.name, 'has a constant without a name')
    if (irVersion < 4 && parameters === null && !inputs.has(name))
      report(name, `is a constant that is no input, which IR version ${irVersion} does not allow`)
    if (!inputs.has(name) && names.has(name)) report(name, `is a constant of '${graph.name}' and has been made before`)
    checkTensor(name, tensor, report)
    names.add(name)
  }
  for (const sparse of graph.sparseInitializers ?? []) {
    const { name } = sparse.values
    if (names.hasOwn(name)) report(name, 'is a sparse constant and has been made before')
    checkSparse(name, sparse, report)
    names.add(name)
  }
}

function checkReads(node: Node, graph: Graph, names: Names, made: ReadonlySet<string>, report: Report): void {
  for (const name of node.inputs) {
    if (name === '' || names.has(name)) continue
    const late = made.has(name)
    report(
      nodeLabel(node),
      late ? `reads '${name}' before it is made` : `reads '${name}', which nothing makes in '${graph.name}'`,
    )
  }
}
