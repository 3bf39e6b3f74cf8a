import {
  arrayTypeOf,
  elementCount,
  int,
  type Model,
  type Node,
  type NumericArray,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../ir/index.ts'
import type { PrunableChannels, Removal } from './channel-groups.ts'
import type { SizeFix } from './trace.ts'

/** The model without these channels: weights cut, groups of convolutions counted anew, constant sizes set right. */
export function removeChannels(model: Model, channels: PrunableChannels, removal: Removal): Model {
  const { trace, roots } = channels
  const gone = new Set<number>()
  for (const [group, places] of removal) for (const place of places) gone.add(roots.get(group)![place]!)
  if (gone.size === 0) return model
  const stays = (atom: number) => !gone.has(trace.atoms.find(atom))
  const initializers = new Map(model.graph.initializers)
  for (const [name, tensor] of model.graph.initializers) {
    let cut = tensor
    for (const [axis, atoms] of (trace.axes.get(name) ?? []).entries()) {
      if (!atoms || atoms.every(stays)) continue
      cut = take(
        cut,
        axis,
        [...atoms.keys()].filter((place) => stays(atoms[place]!)),
      )
    }
    if (cut !== tensor) initializers.set(name, cut)
  }
  const fixesByNode = new Map<Node, SizeFix[]>()
  for (const fix of trace.fixes) fixesByNode.set(fix.node, [...(fixesByNode.get(fix.node) ?? []), fix])
  const nodes = model.graph.nodes.map((before) => {
    let node = before
    const groups = trace.grouped.get(before)
    if (groups) {
      const left = groups.filter((atoms) => stays(atoms[0]!)).length
      node = { ...node, attributes: new Map([...node.attributes, ['group', int(left)]]) }
    }
    for (const { input, index, atoms } of fixesByNode.get(before) ?? []) {
      const old = initializers.get(node.inputs[input]!)!
      const numbers = Array.from(tensorValues(old), Number)
      const size = atoms.filter(stays).length
      if (numbers[index] === size || numbers[index]! <= 0) continue
      numbers[index] = size
      const name = fresh(initializers, old.name || node.inputs[input]!)
      initializers.set(name, tensorOf('int64', old.dims, numbers, name))
      node = { ...node, inputs: node.inputs.map((each, i) => (i === input ? name : each)) }
    }
    return node
  })
  // A part of a Split that lost all channels would be empty; groups keep at least one, so that cannot be.
  const used = new Set(nodes.flatMap((node) => node.inputs))
  const outputs = new Set(model.graph.outputs.map(({ name }) => name))
  const cutNames = new Set(trace.fixes.map(({ node, input }) => node.inputs[input]!))
  for (const name of cutNames) if (!used.has(name) && !outputs.has(name)) initializers.delete(name)
  return {
    ...model,
    graph: {
      ...model.graph,
      nodes,
      initializers,
      // What the file said of inner sizes is no longer so; it is inferred where it is wanted.
      valueInfos: new Map(),
    },
  }
}

/** The tensor's rows at `places` of an axis. */
function take(tensor: Tensor, axis: number, places: readonly number[]): Tensor {
  const values = tensorValues(tensor)
  const inner = elementCount(tensor.dims.slice(axis + 1))
  const outer = elementCount(tensor.dims.slice(0, axis))
  const size = tensor.dims[axis]!
  const made = new (arrayTypeOf(tensor.dtype))(outer * places.length * inner) as Float32Array
  let to = 0
  for (let row = 0; row < outer; row++)
    for (let i = 0; i < places.length; i++) {
      const from = (row * size + places[i]!) * inner
      for (let at = from; at < from + inner; at++) made[to++] = (values as Float32Array)[at]!
    }
  const dims = tensor.dims.map((dim, i) => (i === axis ? places.length : dim))
  return tensorOf(tensor.dtype, dims, made as NumericArray, tensor.name)
}

function fresh(taken: ReadonlyMap<string, unknown>, hint: string): string {
  for (let i = 1; ; i++) if (!taken.has(`${hint}_kept${i}`)) return `${hint}_kept${i}`
}
