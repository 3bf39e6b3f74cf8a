import { int, intAttribute, makeNode, type Node, tensorShape } from '../../ir/index.ts'
import { type Adapter, changed, rankOf, type Surroundings } from './adapter.ts'

/**
 * Softmax, LogSoftmax and Hardmax 13 work along one axis. Before, they saw their input as a matrix, all axes from
 * `axis` (default 1) on in one row: along one axis where at most one of them is longer than 1, else said by a Flatten
 * before and a Reshape after.
 */
export const alongOneAxis: Adapter = (node, around) => {
  const axis = intAttribute(node, 'axis', 1)
  const single = singleAxis(node, axis, around)
  if (single !== undefined) return [changed(node, { set: { axis: int(single) } })]
  const input = node.inputs[0]!
  const output = node.outputs[0]!
  const [flat, result, shape] = ['flat', 'rows', 'shape'].map((hint) => around.freshName(`${output}_${hint}`))
  const inner: Node = changed(node, { inputs: [flat!], outputs: [result!], set: { axis: int(1) } })
  const allowZero = around.target >= 14 ? { allowzero: int(1) } : {}
  return [
    makeNode('Flatten', [input], [flat!], { attributes: { axis: int(axis) } }),
    inner,
    makeNode('Shape', [input], [shape!]),
    makeNode('Reshape', [result!, shape!], [output], { attributes: allowZero }),
  ]
}

function singleAxis(node: Node, axis: number, around: Surroundings): number | undefined {
  if (axis === -1) return -1
  const rank = rankOf(node.inputs[0]!, around) ?? rankOf(node.outputs[0]!, around)
  if (rank === undefined) return undefined
  const first = axis < 0 ? axis + rank : axis
  if (first === rank - 1) return axis
  const shape = tensorShape(around.typeOf(node.inputs[0]!)) ?? tensorShape(around.typeOf(node.outputs[0]!))
  const long = shape?.flatMap((dim, i) => (i >= first && dim !== 1 ? [i] : []))
  return long && long.length <= 1 ? (long[0] ?? rank - 1) : undefined
}
