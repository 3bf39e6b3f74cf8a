/*
 * w of float32       ⇒   w = Cast<to = float>(w₁₆)
 * y = Op(x, w)       ⇒   y = Cast<to = float>(Op(Cast<to = float16>(x), w₁₆))          with `compute: 'float16'`
 * Half the size, with 11 bits of each number. A runtime widens the weights when it loads the model; where it computes
 * in float16, casts between two such nodes cancel. Graph inputs and outputs keep their types.
 * Illegal: weights beyond ±65504, which would become infinite, and those so small that few of their bits are left: their
 * tensor keeps float32, and the report names it.
 * Left alone: weights of a few elements where they are only stored; operators that the runtime does not take float16
 * in, where it is computed in. Weights that become 0 are counted in the notes.
 * Source: IEEE 754 binary16, rounded half to even.
 */
import {
  type Attribute,
  elementCount,
  elementType,
  type Graph,
  inferTypes,
  makeNode,
  NameSupply,
  type Node,
  nodeLabel,
  type Tensor,
} from '../../../ir/index.ts'
import { exactly, oneOf, optional } from '../../../report/index.ts'
import type { Pass, PassResult } from '../../../rewrite/index.ts'
import { mapNestedGraphs } from '../../../rewrite/index.ts'
import { KEEP_FLOAT, keptAsAsked } from '../kept-as-asked.ts'
import { computeInHalf } from './float16-compute.ts'
import { type Conversion, halved } from './float16-constant.ts'

export interface Float16Options {
  /**
   * `float32` (default): weights are stored as float16 and widened when the model is loaded; half the size at the
   * speed of float32. `float16`: nodes compute in float16, for processors that have it; CPUs mostly have not.
   */
  readonly compute?: 'float32' | 'float16' | undefined
  /** Node names, first outputs or operator names that keep float32. */
  readonly keepFloat?: readonly string[] | undefined
}

/** Constants of fewer elements are not worth a Cast node of their own. */
const FEWEST_ELEMENTS = 64

export const convertFloat16: Pass<Float16Options> = {
  id: 'convertFloat16',
  summary: 'weights in 16-bit floating point: half the size',
  options: exactly<Float16Options>({ compute: optional(oneOf('float32', 'float16')), keepFloat: KEEP_FLOAT }),
  run(model, options): PassResult {
    const state: Conversion = {
      names: new NameSupply(model.graph),
      kept: keptAsAsked(options.keepFloat),
      refused: [],
      vanished: 0,
      applied: 0,
    }
    const graph =
      options.compute === 'float16' ? computeInHalf(model, state, inferTypes(model)) : storeAsHalf(model.graph, state)
    const notes = state.vanished > 0 ? [`${state.vanished} weights are too small for float16 and became 0`] : []
    const report = { id: 'convertFloat16', applied: state.applied, refused: state.refused, options, notes }
    return { model: graph === model.graph ? model : { ...model, graph }, report }
  },
}

/** Every large float32 constant as float16 behind a Cast, in this graph and those inside it. */
function storeAsHalf(graph: Graph, state: Conversion): Graph {
  const overridable = new Set(graph.inputs.map((value) => value.name))
  const outputs = new Set(graph.outputs.map((value) => value.name))
  const kept = new Set(graph.nodes.filter(state.kept).flatMap((node) => node.inputs))
  const casts: Node[] = []
  const initializers = new Map<string, Tensor>()
  for (const [name, tensor] of graph.initializers) {
    const small = tensor.dtype !== 'float32' || elementCount(tensor.dims) < FEWEST_ELEMENTS
    const half =
      small || overridable.has(name) || outputs.has(name)
        ? null
        : kept.has(name)
          ? refuseKept(name, state)
          : halved(tensor, name, state)
    if (!half) {
      initializers.set(name, tensor)
      continue
    }
    const stored = state.names.fresh(`${name}_float16`)
    initializers.set(stored, { ...half, name: stored })
    casts.push(
      makeNode('Cast', [stored], [name], { name: `${stored}_Cast`, attributes: { to: elementType('float32') } }),
    )
    state.applied++
  }
  const nodes = graph.nodes.map((node) => constantAsHalf(node, state, casts)).filter((node) => node !== null)
  const changed = casts.length > 0 ? { ...graph, initializers, nodes: [...casts, ...nodes] } : graph
  return mapNestedGraphs(changed, (nested) => storeAsHalf(nested, state))
}

function refuseKept(name: string, state: Conversion): null {
  state.refused.push({ node: name, reason: 'kept in float32 as asked' })
  return null
}

/** A large `Constant` node moves its value behind a Cast at the head of the graph: null where it is replaced. */
function constantAsHalf(node: Node, state: Conversion, casts: Node[]): Node | null {
  const attribute = node.attributes.get('value')
  if (node.opType !== 'Constant' || attribute?.type !== 'tensor' || state.kept(node)) return node
  const tensor = attribute.value
  if (tensor.dtype !== 'float32' || elementCount(tensor.dims) < FEWEST_ELEMENTS) return node
  const half = halved(tensor, nodeLabel(node), state)
  if (!half) return node
  const stored = state.names.fresh(`${node.outputs[0]}_float16`)
  const value: Attribute = { type: 'tensor', value: half }
  casts.push(
    { ...node, outputs: [stored], attributes: new Map([['value', value]]) },
    makeNode('Cast', [stored], [node.outputs[0]!], {
      name: `${stored}_Cast`,
      attributes: { to: elementType('float32') },
    }),
  )
  state.applied++
  return null
}
