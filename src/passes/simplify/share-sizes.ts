/*
 * n = Gather(Shape(x), 0); m = Gather(Shape(y), 0); x: float[N, 3], y: float[N, 8]    ⇒  m = n
 * s = Concat(Gather(Shape(x), 0), {4}); t = Slice(Shape(z), 0, 2); z: float[N, 4, 2]    ⇒  t = s
 * Exporters ask every layer for its sizes anew; whatever is the same list of sizes, by number or by name, is computed once.
 * Illegal: a size that has neither number nor name; a name that two inputs have in common, unless it is that of the rows:
 * an encoder's and a decoder's lengths are often called the same, and are not; another element type; a result that is a
 * graph output.
 * Source: ONNX, standard onnx-data-propagation: equal names of dimensions are equal sizes.
 */
import { inferTypes, type Model, type Node, tensorDtype, type ValueInfo } from '../../ir/index.ts'
import { type Pass, perGraph, type RuleContext, type RuleOutcome, runRules } from '../../rewrite/index.ts'
import { shapeValues } from './shape-values.ts'

export const shareSizes: Pass = {
  id: 'shareSizes',
  summary: 'Computes sizes that are known to be equal once, wherever the graph asks for them.',
  run: (model) => runRules(model, 'shareSizes', [{ roots: '*', apply }], () => inferTypes(withOwnNames(model))),
}

const followed = perGraph(shapeValues)
/** By type and sizes: the first value that holds them. */
const firstOf = perGraph(() => new Map<string, string>())

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const value = followed(editor).learn(node, context)
  if (!value || value.sizes.includes(null)) return false
  const output = node.outputs[0]!
  const dtype = tensorDtype(context.types.get(output))
  if (!dtype) return false
  const key = JSON.stringify([dtype, value.scalar, value.sizes])
  // Nodes are met in the order in which they run, so the first of a kind comes before all others.
  const earlier = firstOf(editor)
  const first = earlier.get(key)
  if (first === undefined || first === output || !editor.producer(first)) {
    earlier.set(key, output)
    return false
  }
  return !editor.isOutput(output) && editor.bypass(output, first)
}

/** The model with names of sizes, but for the first axis, that belong to one input each. */
function withOwnNames(model: Model): Model {
  const { graph } = model
  const owners = new Map<string, Set<string>>()
  for (const { name, type } of graph.inputs)
    if (type.kind === 'tensor')
      for (const dim of type.shape?.slice(1) ?? [])
        if (typeof dim === 'string') owners.set(dim, (owners.get(dim) ?? new Set()).add(name))
  const own = (input: ValueInfo): ValueInfo => {
    const { name, type } = input
    if (type.kind !== 'tensor' || !type.shape) return input
    const shape = type.shape.map((dim, axis) =>
      axis > 0 && typeof dim === 'string' && owners.get(dim)!.size > 1 ? `${dim}@${name}` : dim,
    )
    return { ...input, type: { ...type, shape } }
  }
  // What the file says of inner values is in the old names; inference finds it anew.
  return { ...model, graph: { ...graph, inputs: graph.inputs.map(own), valueInfos: new Map() } }
}
