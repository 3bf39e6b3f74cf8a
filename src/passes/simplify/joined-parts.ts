/*
 * What a value is joined of along an axis: by a Concat, by a ScatterND that writes a whole block of it, or cut out of
 * that by a Slice.
 */
import { intAttribute, type Node, sliceBounds, stringAttribute, tensorShape, toNumbers } from '../../ir/index.ts'
import type { RuleContext } from '../../rewrite/index.ts'

/** Places `from` to `to` of a value along the axis that is looked at; of all that it has where `whole`. */
export interface Part {
  readonly value: string
  readonly from: number
  readonly to: number
  readonly whole: boolean
}

/** A block of what a ScatterND writes into: all of it but for one axis, from here to there. */
export interface Block {
  readonly axis: number
  readonly from: number
  readonly to: number
}

/**
 * The block that a ScatterND writes in order, each place once, as `cache[:, :, 2:6] = x` is exported; undefined where it
 * writes other places, or nobody knows which.
 */
export function writtenBlock(node: Node, { constant, types }: RuleContext): Block | undefined {
  const indices = constant(node.inputs[1]!)
  const shape = tensorShape(types.get(node.inputs[0]!))
  if (!indices || !shape || stringAttribute(node, 'reduction', 'none') !== 'none') return undefined
  const rank = indices.dims.at(-1)!
  const counts = indices.dims.slice(0, -1)
  if (rank < 1 || counts.length !== rank || counts.includes(0)) return undefined
  const sizes = shape.slice(0, rank)
  const at = toNumbers(indices)
  const first = [...at.subarray(0, rank)].map((place, axis) => {
    const size = sizes[axis]
    return place < 0 && typeof size === 'number' ? place + size : place
  })
  const partial = sizes.flatMap((size, axis) => (size === counts[axis] && first[axis] === 0 ? [] : [axis]))
  if (partial.length > 1) return undefined
  const axis = partial[0] ?? 0
  if (first[axis]! < 0) return undefined
  // In order: the last axis turns first.
  for (let tuple = 0, tuples = at.length / rank; tuple < tuples; tuple++)
    for (let i = rank - 1, rest = tuple; i >= 0; rest = Math.floor(rest / counts[i]!), i--) {
      const size = sizes[i]
      const place = at[tuple * rank + i]!
      const positive = place < 0 && typeof size === 'number' ? place + size : place
      if (positive !== first[i]! + (rest % counts[i]!)) return undefined
    }
  return { axis, from: first[axis]!, to: first[axis]! + counts[axis]! }
}

/** How many places a value has along an axis; undefined where that is not known. */
export function placesAlong(value: string, axis: number, context: RuleContext): number | undefined {
  const size = tensorShape(context.types.get(value))?.[axis]
  if (typeof size === 'number') return size
  const cut = cutBy(context.editor.producer(value, 'Slice'), axis, context)
  return cut && cut.to - cut.from
}

/** What a Slice takes along this axis, where it cuts no other and takes every place. */
export function cutBy(node: Node | undefined, axis: number, context: RuleContext): Omit<Block, 'axis'> | undefined {
  const bounds = node && sliceBounds(node, context)
  if (bounds?.length !== 1 || bounds[0]!.step !== 1) return undefined
  const { start, end, axis: own } = bounds[0]!
  const rank = tensorShape(context.types.get(node!.inputs[0]!))?.length
  if (own !== axis && (rank === undefined || own + rank !== axis)) return undefined
  const places = placesAlong(node!.inputs[0]!, axis, context)
  if (places === undefined) return undefined
  const inside = (place: number) => Math.min(places, Math.max(0, place < 0 ? place + places : place))
  return { from: inside(start), to: inside(end) }
}

/** What these places of a value are, followed back to values that are joined of nothing themselves. */
export function partsOf(
  value: string,
  axis: number,
  from: number,
  to: number,
  context: RuleContext,
): readonly Part[] | undefined {
  if (from >= to) return []
  const inner = joinedOf(context.editor.producer(value), axis, context)
  if (!inner) {
    const places = placesAlong(value, axis, context)
    return places === undefined ? undefined : [{ value, from, to, whole: from === 0 && to === places }]
  }
  const parts: Part[] = []
  let start = 0
  for (const part of inner) {
    const end = start + part.to - part.from
    const own = partsOf(
      part.value,
      axis,
      part.from + Math.max(0, from - start),
      part.from + Math.min(end, to) - start,
      context,
    )
    if (!own) return undefined
    parts.push(...own)
    start = end
  }
  return parts
}

/** What the one output of a node is joined of, one behind the other; undefined where it is no such node. */
function joinedOf(
  node: Node | undefined,
  axis: number,
  context: RuleContext,
): readonly Omit<Part, 'whole'>[] | undefined {
  if (node?.domain !== '') return undefined
  const places = (value: string) => placesAlong(value, axis, context)
  if (node.opType === 'Slice') {
    const cut = cutBy(node, axis, context)
    return cut && [{ value: node.inputs[0]!, ...cut }]
  }
  if (node.opType === 'Concat') {
    const own = intAttribute(node, 'axis', 0)
    if (own < 0 ? own + rankOf(node, context) !== axis : own !== axis) return undefined
    const sizes = node.inputs.map(places)
    return sizes.includes(undefined)
      ? undefined
      : node.inputs.map((value, i) => ({ value, from: 0, to: sizes[i] as number }))
  }
  const block = node.opType === 'ScatterND' ? writtenBlock(node, context) : undefined
  const size = places(node.inputs[0]!)
  if (block?.axis !== axis || size === undefined) return undefined
  const [before, written] = [node.inputs[0]!, node.inputs[2]!]
  return [
    { value: before, from: 0, to: block.from },
    { value: written, from: 0, to: block.to - block.from },
    { value: before, from: block.to, to: size },
  ]
}

const rankOf = (node: Node, { types }: RuleContext): number =>
  [...node.inputs, ...node.outputs].map((name) => tensorShape(types.get(name))?.length).find((rank) => rank) ??
  Number.NaN
