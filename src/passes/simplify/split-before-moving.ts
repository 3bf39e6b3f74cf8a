/*
 * r = Reshape(x, {N, T, 3, H, D}); t = Transpose<perm = 2, 0, 3, 1, 4>(r); q = Gather<axis = 0>(t, 0); k = …(t, 1); v = …(t, 2)
 *   ⇒  a, b, c = Split<axis = -1>(x); q = Transpose<perm = 0, 2, 1, 3>(Reshape(a, {N, T, H, D})); k = …(b); v = …(c)
 * x: float[N, T, 3·H·D]. Queries, keys and values of one projection are told apart while they lie side by side, so each
 * is moved once, as it is needed, and where that moves axes of size 1 alone it is a Reshape. Squeeze and Unsqueeze in
 * between are followed; a Split into single slices stands for Gathers of each.
 * Illegal: another reader in between; a slice that is not constant; sizes that a Reshape could not be told.
 * Source: the operators' definitions; row-major order.
 */
import {
  type Dim,
  fromNumbers,
  int,
  intAttribute,
  ints,
  intsAttribute,
  makeNode,
  type Node,
  namedAxes,
  sameSize,
  tensorShape,
} from '../../ir/index.ts'
import { type GraphEditor, type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'

export const splitBeforeMoving = rulePass(
  'splitBeforeMoving',
  'Takes what lies side by side apart before it is moved, and not after.',
  [{ roots: ['Reshape'], apply }],
)

/** An axis of what is moved: its place in the reshaped value, or null for one of size 1 that was put in. */
type Axis = number | null

/** What is told apart: `part` of the slices, under this name; `keeps` its axis, of size 1. */
interface Slice {
  readonly node: Node
  readonly output: string
  readonly part: number
  readonly keeps: boolean
}

function apply(reshape: Node, context: RuleContext): RuleOutcome {
  const { editor, types, opset } = context
  const [before, after] = [reshape.inputs[0]!, reshape.outputs[0]!].map((name) => tensorShape(types.get(name)))
  if (!before || !after || !context.constant(reshape.inputs[1]!) || after.length <= before.length) return false
  const apart = before.length - 1
  const [width, count] = [before[apart], after[apart]]
  if (typeof width !== 'number' || typeof count !== 'number' || count < 2) return false
  if (before.slice(0, apart).some((dim, i) => !sameSize(dim, after[i]))) return false

  const { order, last } = follow(reshape, context)
  const slices = slicesOf(last, order, apart, count, context)
  if (!slices) return false
  if (opset < 13) return { refused: `Split has other inputs in opset ${opset}` }
  const names = Array.from({ length: count }, (_, i) => editor.freshName(`${reshape.inputs[0]}_part_${i}`))
  const parts = slices.map((slice) => ({
    slice,
    nodes: movedPart(slice, names[slice.part]!, { before, after, apart, order }, editor),
  }))
  if (parts.some(({ nodes }) => nodes === undefined))
    return { refused: 'its parts have sizes that no Reshape can be told' }

  const sizes = editor.addConstant(
    fromNumbers('int64', [count], Array(count).fill(width / count)),
    `${reshape.inputs[0]}_sizes`,
  )
  const attributes = { axis: int(apart) }
  editor.insertBefore(reshape, makeNode('Split', [reshape.inputs[0]!, sizes], names, { name: names[0]!, attributes }))
  for (const node of new Set(slices.map((slice) => slice.node)))
    editor.replace(node, ...parts.filter(({ slice }) => slice.node === node).flatMap(({ nodes }) => nodes!))
  editor.removeUnused(last)
  return true
}

/** The axes after all movements behind the reshape, each of which nothing else reads, and the last of these nodes. */
function follow(reshape: Node, { editor, constant, types }: RuleContext): { order: readonly Axis[]; last: Node } {
  let order: readonly Axis[] = (tensorShape(types.get(reshape.outputs[0]!)) ?? []).map((_, axis) => axis)
  let last = reshape
  for (let next = editor.soleConsumer(last.outputs[0]!); next; next = editor.soleConsumer(last.outputs[0]!)) {
    const moved = movedAxes(next, order, constant)
    if (!moved) break
    order = moved
    last = next
  }
  return { order, last }
}

function movedAxes(node: Node, order: readonly Axis[], constant: RuleContext['constant']): readonly Axis[] | undefined {
  if (node.domain !== '') return undefined
  if (node.opType === 'Transpose') return intsAttribute(node, 'perm', null)?.map((axis) => order[axis]!)
  const axes = ['Squeeze', 'Unsqueeze'].includes(node.opType) ? namedAxes(node, constant) : undefined
  if (!axes) return undefined
  if (node.opType === 'Squeeze') {
    const gone = new Set(axes.map((axis) => (axis < 0 ? axis + order.length : axis)))
    return order.filter((_, i) => !gone.has(i))
  }
  const rank = order.length + axes.length
  const fresh = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)))
  const rest = [...order]
  return Array.from({ length: rank }, (_, i) => (fresh.has(i) ? null : rest.shift()!))
}

/** What reads single slices along the axis that is taken apart, if nothing else reads the value. */
function slicesOf(
  last: Node,
  order: readonly Axis[],
  apart: number,
  count: number,
  { editor, constant }: RuleContext,
): readonly Slice[] | undefined {
  const [axis, rank] = [order.indexOf(apart), order.length]
  const value = last.outputs[0]!
  if (axis < 0 || editor.isOutput(value)) return undefined
  const readers = editor.consumers(value)
  const slices: Slice[] = []
  for (const node of readers) {
    if (node.domain !== '' || node.inputs[0] !== value) return undefined
    const own = intAttribute(node, 'axis', 0)
    if ((own < 0 ? own + rank : own) !== axis) return undefined
    if (node.opType === 'Split' && node.outputs.length === count && readers.length === 1)
      slices.push(...node.outputs.map((output, part) => ({ node, output, part, keeps: true })))
    else if (node.opType === 'Gather') {
      const index = constant(node.inputs[1]!)
      const at = index?.dims.length === 0 ? scalarValue(index) : undefined
      if (at === undefined) return undefined
      slices.push({ node, output: node.outputs[0]!, part: at < 0 ? at + count : at, keeps: false })
    } else return undefined
  }
  return slices.length > 1 ? slices.filter(({ output }) => output !== '') : undefined
}

interface Movement {
  readonly before: readonly Dim[]
  readonly after: readonly Dim[]
  /** The axis that is taken apart, in the reshaped value. */
  readonly apart: number
  readonly order: readonly Axis[]
}

/** The part under the slice's name, moved as the slice was. */
function movedPart(
  slice: Slice,
  part: string,
  { before, after, apart, order }: Movement,
  editor: GraphEditor,
): readonly Node[] | undefined {
  const source = after.flatMap((_, axis) => (axis === apart ? [] : [axis]))
  const final = order.filter((axis) => axis !== apart)
  const kept = final.filter((axis) => axis !== null)
  const sizeOf = (axis: Axis): Dim => (axis === null ? 1 : after[axis]!)
  const nodes: Node[] = []
  let [value, dims]: [string, readonly Dim[]] = [
    part,
    [...before.slice(0, apart), (before[apart] as number) / (after[apart] as number)],
  ]
  const step = (operator: string, inputs: readonly string[], sizes: readonly Dim[], perm?: readonly number[]) => {
    const output = editor.freshName(`${slice.output}_moved`)
    nodes.push(
      makeNode(operator, inputs, [output], { name: output, ...(perm ? { attributes: { perm: ints(perm) } } : {}) }),
    )
    ;[value, dims] = [output, sizes]
  }
  const shapeTo = (sizes: readonly Dim[]): boolean => {
    if (sizes.length === dims.length && sizes.every((size, i) => size === dims[i])) return true
    const target = targetOf(dims, sizes)
    if (!target) return false
    step(
      'Reshape',
      [value, editor.addConstant(fromNumbers('int64', [target.length], target), `${slice.output}_shape`)],
      sizes,
    )
    return true
  }
  const wide = kept.filter((axis) => after[axis] !== 1)
  if (wide.some((axis, i) => i > 0 && axis < wide[i - 1]!)) {
    if (!shapeTo(source.map(sizeOf))) return undefined
    const all = [...kept, ...source.filter((axis) => !kept.includes(axis))]
    step(
      'Transpose',
      [value],
      all.map(sizeOf),
      all.map((axis) => source.indexOf(axis)),
    )
  }
  if (!shapeTo(final.map(sizeOf))) return undefined
  if (slice.keeps) {
    const axes = editor.addConstant(fromNumbers('int64', [1], [order.indexOf(apart)]), `${slice.output}_axes`)
    step(
      'Unsqueeze',
      [value, axes],
      order.map((axis) => (axis === apart ? 1 : sizeOf(axis))),
    )
  }
  if (nodes.length === 0) step('Identity', [value], dims)
  return [...nodes.slice(0, -1), { ...nodes.at(-1)!, outputs: [slice.output] }]
}

/** What a Reshape is told: 0 for a size that stays in its place, -1 for one other that is not known. */
function targetOf(from: readonly Dim[], to: readonly Dim[]): readonly number[] | undefined {
  const target = to.map((size, i) => (typeof size === 'number' ? size : size !== null && size === from[i] ? 0 : -1))
  return target.filter((size) => size === -1).length > 1 ? undefined : target
}
