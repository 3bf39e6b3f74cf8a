/*
 * y = ScatterND(x, [[[0, 2], [0, 3]]], u)   x: float[1, 8]   ⇒   y = Concat<axis = 1>(Slice(x, 0:2), u, Slice(x, 4:8))
 * z = Slice(y, 2:4)                                          ⇒   z = u
 * `cache[:, 2:4] = u`, as PyTorch exports it: indices of every place, which the kernel follows one by one, 12 ns each.
 * Where one block after the other is written until all of x is, they are joined at once and nothing is copied but they;
 * what is read from a part of what is joined is read from that part, so that the rest need not be there by then.
 * GTCRN, one step of speech whose caches are written by 18 such operators: 0.66 ms, then 0.49 (by turns, busy, least tenth),
 * and 535 KB, then 255, since indices are stored. Copies, so the same numbers.
 * Left alone: few places that are written into many, since the runtime writes them in place and copies nothing.
 * Illegal: a reduction; places that are no block in order, or not known.
 * Source: the operators' definitions.
 */
import { fromNumbers, int, intAttribute, makeNode, type Node, operatorName, tensorShape } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'
import { cutBy, type Part, partsOf, placesAlong, writtenBlock } from './joined-parts.ts'

/** Nanoseconds that an index, a number in the copies of a Slice and of a Concat, and a Slice by itself take. */
const [INDEX, COPIES, CUT] = [12, 0.5, 2000]

export const joinScattered = rulePass(
  'joinScattered',
  'Joins blocks that were written into a value place by place, and reads parts of it from where they come from.',
  [
    { roots: ['ScatterND'], apply: join },
    { roots: ['Slice', 'Gather'], apply: readPart },
  ],
)

function join(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types, constant, opset } = context
  const block = writtenBlock(node, context)
  const data = node.inputs[0]!
  const shape = tensorShape(types.get(data))
  const places = block && placesAlong(data, block.axis, context)
  if (!block || !shape || places === undefined || opset < 13) return false
  const { axis } = block
  const [before, behind] = [partsOf(data, axis, 0, block.from, context), partsOf(data, axis, block.to, places, context)]
  if (!before || !behind) return false
  const written = { value: node.inputs[2]!, from: 0, to: block.to - block.from, whole: true }
  const parts = [...before, written, ...behind]
  if (!pays(parts, constant(node.inputs[1]!)!.dims.slice(0, -1), axis, shape)) return false
  const { make } = piecesOf(node.outputs[0]!, editor, node)
  const cuts = parts.map((part) => (part.whole ? null : cut(part, axis, context)))
  const joined = parts.map((part, i) => cuts[i]?.outputs[0] ?? part.value)
  const last =
    parts.length === 1
      ? make('Identity', joined, node.outputs[0]!)
      : make('Concat', joined, node.outputs[0]!, { axis: int(axis) })
  editor.replace(node, ...cuts.flatMap((slice) => slice ?? []), last)
  const maker = editor.producer(data)
  if (maker) editor.removeUnused(maker)
  return true
}

/** Whether indices take longer than what is copied of the value as it was. */
function pays(
  parts: readonly Part[],
  counts: readonly number[],
  axis: number,
  shape: readonly (number | string | null)[],
): boolean {
  const cuts = parts.filter(({ whole }) => !whole)
  if (cuts.length === 0) return true
  const others = shape.filter((_, i) => i !== axis)
  if (!others.every((dim) => typeof dim === 'number')) return false
  const numbers = cuts.reduce((sum, { from, to }) => sum + to - from, 0) * others.reduce((a, b) => a * b, 1)
  return counts.reduce((a, b) => a * b, INDEX) > COPIES * numbers + CUT * cuts.length
}

function cut({ value, from, to }: Part, axis: number, { editor }: RuleContext): Node {
  const bound = (place: number, hint: string) =>
    editor.addConstant(fromNumbers('int64', [1], [place]), `${value}_${hint}`)
  const output = editor.freshName(`${value}_part`)
  const bounds = [bound(from, 'from'), bound(to, 'to'), bound(axis, 'axis')]
  return makeNode('Slice', [value, ...bounds], [output], { name: output })
}

/** A Slice, or a Gather of one place, of a single part of what is joined. */
function readPart(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types, opset } = context
  const joined = editor.producer(node.inputs[0]!, 'Concat', 'ScatterND')
  const rank = tensorShape(types.get(node.inputs[0]!))?.length
  if (!joined || rank === undefined || opset < 13) return false
  const found =
    operatorName(joined) === 'ScatterND' ? writtenBlock(joined, context)?.axis : intAttribute(joined, 'axis', 0)
  if (found === undefined) return false
  const axis = found < 0 ? found + rank : found
  const read = node.opType === 'Slice' ? cutBy(node, axis, context) : placeOf(node, axis, rank, context)
  const parts = read && partsOf(node.inputs[0]!, axis, read.from, read.to, context)
  const part = parts?.[0]
  if (!part || parts.length !== 1 || part.value === node.inputs[0]) return false
  if (node.opType === 'Slice' && part.whole) {
    if (!editor.bypass(node.outputs[0]!, part.value)) return false
  } else if (node.opType === 'Slice') {
    const slice = cut(part, axis, context)
    editor.replace(node, { ...slice, name: node.name, outputs: node.outputs })
  } else {
    const index = context.constant(node.inputs[1]!)!
    const at = editor.addConstant(fromNumbers('int64', index.dims, [part.from]), `${node.outputs[0]}_at`)
    editor.replace(node, { ...node, inputs: [part.value, at] })
  }
  editor.removeUnused(joined)
  return true
}

/** The place that a Gather reads, where it is one along this axis. */
function placeOf(
  node: Node,
  axis: number,
  rank: number,
  context: RuleContext,
): { from: number; to: number } | undefined {
  const own = intAttribute(node, 'axis', 0)
  const index = scalarValue(context.constant(node.inputs[1]!))
  const places = placesAlong(node.inputs[0]!, axis, context)
  if ((own < 0 ? own + rank : own) !== axis || index === undefined || places === undefined) return undefined
  const from = index < 0 ? index + places : index
  return { from, to: from + 1 }
}
