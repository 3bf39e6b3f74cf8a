import {
  DTYPES,
  elementType,
  type Graph,
  type Model,
  makeNode,
  type Node,
  nodeLabel,
  operatorName,
  readsOf,
  type Tensor,
  tensorDtype,
  type ValueType,
} from '../../../ir/index.ts'
import { type Conversion, halved } from './float16-constant.ts'

/** Operators that compute in float16: those that the runtime's CPU provider runs, with casts where it must. */
const HALF_OPERATORS = new Set(
  (
    'Conv ConvTranspose MatMul Gemm Add Sub Mul Div Relu LeakyRelu PRelu Sigmoid Tanh HardSigmoid HardSwish Clip Softmax ' +
    'LogSoftmax BatchNormalization InstanceNormalization LayerNormalization AveragePool MaxPool GlobalAveragePool ' +
    'GlobalMaxPool ReduceMean ReduceSum ReduceMax Concat Reshape Flatten Transpose Slice Squeeze Unsqueeze Split Gather ' +
    'Pad Expand Tile Identity Erf Exp Sqrt Pow Neg Abs Where Gelu DepthToSpace SpaceToDepth Dropout Elu Softplus Log'
  ).split(' '),
)

/**
 * Nodes of the main graph in float16, with casts where halves and floats meet: each value is cast at most once a way,
 * and keeps its name as float32 where a graph output or a float node reads it.
 */
export function computeInHalf({ graph }: Model, state: Conversion, types: ReadonlyMap<string, ValueType>): Graph {
  const isFloat = (name: string) => tensorDtype(types.get(name)) === 'float32'
  const chosen = chooseNodes(graph, state, isFloat)
  const nodes = withCasts(graph, chosen, state, isFloat)
  state.applied += chosen.nodes.size

  const initializers = new Map(graph.initializers)
  for (const half of chosen.constants.values()) initializers.set(half.name, half)
  const read = new Set(nodes.flatMap((node) => [...readsOf(node)]))
  for (const output of graph.outputs) read.add(output.name)
  for (const [name, half] of chosen.constants) {
    if (!read.has(name)) initializers.delete(name)
    if (!read.has(half.name)) initializers.delete(half.name)
  }
  const made = new Set(nodes.flatMap((node) => node.outputs))
  return {
    ...graph,
    nodes,
    initializers,
    valueInfos: new Map([...graph.valueInfos].filter(([name]) => made.has(name))),
  }
}

interface Halves {
  /** Those that compute in float16. */
  readonly nodes: ReadonlySet<Node>
  /** Their constants in float16, under names of their own, by the name of the float32 one. */
  readonly constants: ReadonlyMap<string, Tensor>
}

function chooseNodes(graph: Graph, state: Conversion, isFloat: (name: string) => boolean): Halves {
  const overridable = new Set(graph.inputs.map((value) => value.name))
  const constants = new Map<string, Tensor>()
  /** Takes the node's constants in as float16; false where one of them is beyond its range. */
  const constantsFit = (node: Node): boolean => {
    for (const name of node.inputs) {
      const tensor = overridable.has(name) ? undefined : graph.initializers.get(name)
      if (tensor?.dtype !== 'float32' || constants.has(name)) continue
      const half = halved(tensor, nodeLabel(node), state)
      if (!half) return false
      constants.set(name, { ...half, name: state.names.fresh(`${name}_float16`) })
    }
    return true
  }
  const nodes = new Set<Node>()
  for (const node of graph.nodes) {
    const reason = keptReason(node, state, isFloat)
    if (reason === null && constantsFit(node)) nodes.add(node)
    else if (reason) state.refused.push({ node: nodeLabel(node), reason })
  }
  return { nodes, constants }
}

/** All nodes in order, the chosen ones over halves, and the casts between. */
function withCasts(graph: Graph, chosen: Halves, state: Conversion, isFloat: (name: string) => boolean): Node[] {
  const asFloat = new Set(graph.outputs.map((value) => value.name))
  for (const node of graph.nodes) if (!chosen.nodes.has(node)) for (const name of readsOf(node)) asFloat.add(name)

  const nodes: Node[] = []
  const halves = new Map([...chosen.constants].map(([name, half]) => [name, half.name]))
  const cast = (from: string, to: string, dtype: 'float16' | 'float32') =>
    nodes.push(
      makeNode('Cast', [from], [to], {
        name: `${from}_Cast_${DTYPES[dtype].code}`,
        attributes: { to: elementType(dtype) },
      }),
    )
  const toHalf = (name: string): string => {
    if (name === '' || !isFloat(name)) return name
    const known = halves.get(name)
    if (known) return known
    const half = state.names.fresh(`${name}_float16`)
    cast(name, half, 'float16')
    halves.set(name, half)
    return half
  }
  for (const node of graph.nodes) {
    if (!chosen.nodes.has(node)) {
      nodes.push(node)
      continue
    }
    const inputs = node.inputs.map(toHalf)
    const turned = node.outputs.filter((name) => name !== '' && isFloat(name))
    for (const name of turned) halves.set(name, state.names.fresh(`${name}_float16`))
    nodes.push({
      ...node,
      inputs,
      outputs: node.outputs.map((name) => (turned.includes(name) ? halves.get(name)! : name)),
    })
    for (const name of turned) if (asFloat.has(name)) cast(halves.get(name)!, name, 'float32')
  }
  return nodes
}

/** Why a node keeps float32; '' where it has nothing to do with float32, null where it can be in float16. */
function keptReason(node: Node, state: Conversion, isFloat: (name: string) => boolean): string | null {
  if (![...node.inputs, ...node.outputs].some((name) => name !== '' && isFloat(name))) return ''
  if (state.kept(node)) return 'kept in float32 as asked'
  if (node.domain !== '' || !HALF_OPERATORS.has(node.opType)) return `${operatorName(node)} is kept in float32`
  return null
}
