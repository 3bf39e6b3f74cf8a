import { constantValue, nestedGraphs } from './attribute.ts'
import { DTYPES } from './dtype.ts'
import { readsOf } from './graph-index.ts'
import { sizesOf } from './macs.ts'
import { type Graph, type Model, type Node, operatorName, type ValueType } from './model.ts'
import { elementCount, type Tensor, tensorByteLength } from './tensor.ts'

type Types = ReadonlyMap<string, ValueType>

/** Their output shares the memory of their input. */
const VIEWS: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])

/**
 * The most bytes that values made by nodes take at one time, when nodes run in the model's order and each value is
 * freed after its last reader. Views take nothing, graphs inside a node count on top of what is alive around it;
 * inputs and constants are not counted, nor what a kernel needs for itself. Null where a size is unknown.
 */
export function activationPeakBytes(model: Model, types: Types): number | null {
  const peak = graphPeak(model.graph, types)
  return Number.isNaN(peak) ? null : peak
}

function graphPeak(graph: Graph, types: Types): number {
  const owner = ownersOf(graph)
  const lastUse = new Map<string, number>()
  graph.nodes.forEach((node, at) => {
    for (const name of [...readsOf(node), ...node.outputs]) lastUse.set(owner.get(name) ?? name, at)
  })
  // Outputs stay to the end.
  for (const { name } of graph.outputs) lastUse.set(owner.get(name) ?? name, graph.nodes.length)
  const freedAfter = new Map<number, string[]>()
  for (const [name, at] of lastUse) freedAfter.set(at, [...(freedAfter.get(at) ?? []), name])
  const alive = new Map<string, number>()
  let bytes = 0
  let peak = 0
  graph.nodes.forEach((node, at) => {
    if (node.opType !== 'Constant')
      for (const name of node.outputs) {
        if (name === '' || owner.has(name)) continue
        const size = valueBytes(types, name)
        alive.set(name, size)
        bytes += size
      }
    const inside = Math.max(0, ...[...nestedGraphs(node)].map(([, nested]) => graphPeak(nested, types)))
    // Of NaN, an unknown size, Math.max makes NaN.
    peak = Math.max(peak, bytes + inside)
    for (const name of freedAfter.get(at) ?? []) {
      bytes -= alive.get(name) ?? 0
      alive.delete(name)
    }
  })
  return peak
}

/** For every view, the value whose memory it shows. */
function ownersOf(graph: Graph): ReadonlyMap<string, string> {
  const owner = new Map<string, string>()
  for (const node of graph.nodes) {
    const [from, to] = [node.inputs[0], node.outputs[0]]
    if (from && to && isView(node)) owner.set(to, owner.get(from) ?? from)
  }
  return owner
}

const isView = (node: Node): boolean => VIEWS.has(operatorName(node))

function valueBytes(types: Types, name: string): number {
  const type = types.get(name)
  const sizes = sizesOf(types, name)
  if (!sizes || type?.kind !== 'tensor' || DTYPES[type.dtype].bits === 0) return Number.NaN
  return tensorByteLength(type.dtype, sizes)
}

/** Learned numbers of the model and the bytes they take. */
export interface ParameterCount {
  readonly count: number
  readonly bytes: number
}

/**
 * Counts the elements of all constants, those of nested graphs and functions included. Integers of 64 bits, truth
 * values and text are left out: they are shapes, indices and names, not weights.
 */
export function countParameters(model: Model): ParameterCount {
  let count = 0
  let bytes = 0
  const add = (tensor: Tensor) => {
    if (NOT_WEIGHTS.has(tensor.dtype)) return
    count += elementCount(tensor.dims)
    bytes += tensorByteLength(tensor.dtype, tensor.dims)
  }
  const visitNodes = (nodes: readonly Node[]) => {
    for (const node of nodes) {
      const value = constantValue(node)
      if (value) add(value)
      for (const [, graph] of nestedGraphs(node)) visit(graph)
    }
  }
  const visit = (graph: Graph) => {
    for (const tensor of graph.initializers.values()) add(tensor)
    for (const sparse of graph.sparseInitializers ?? []) add(sparse.values)
    visitNodes(graph.nodes)
  }
  visit(model.graph)
  for (const fn of model.functions) visitNodes(fn.nodes)
  return { count, bytes }
}

const NOT_WEIGHTS: ReadonlySet<string> = new Set(['int64', 'bool', 'string', 'undefined'])
