/*
 * y = Gather<axis = 2>(Relu(Conv<pads = [4, 0], dilations = [2]>(x, W)), {-1}), x: float[N, C, 256], three taps
 *   ⇒  s = Slice<start = 251, end = 256, step = 2, axis = 2>(x); y = Gather<axis = 2>(Relu(Conv(s, W)), {0})
 * Of a temporal network whose last step is all that is read, as classifiers of sounds and forecasts have them, most
 * places of most layers are computed in vain: from the end on, each layer needs those alone that the windows behind
 * it read, and these lie as far apart as their taps. Each number is made of the same ones as before.
 * Followed are convolutions along their lines or pictures, elementwise operators, and Concat of other axes.
 * Illegal: values that are read elsewhere, or are outputs; lengths that are not known; auto_pad; windows of nothing but
 * padding. Left alone: layers of which more than three quarters of the places are needed; where the copies of what is
 * read take longer than what they save.
 * Source: the definition of Conv; the places are those of the "fast" generation of WaveNets (Le Paine and others,
 * 2016), for one step.
 */
import {
  ELEMENTWISE,
  fromNumbers,
  intAttribute,
  makeNode,
  type Node,
  operatorName,
  type Shape,
  sliceBounds,
  tensorShape,
} from '../../ir/index.ts'
import { type GraphEditor, type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'
import { axesOfOperands } from './axes-of-operands.ts'
import {
  bothPlaces,
  lastOf,
  type Places,
  placesBetween,
  type ReadByConv,
  readByConv,
  samePlaces,
} from './places-in-steps.ts'

export const computeKeptPlaces = rulePass(
  'computeKeptPlaces',
  'Computes of convolutions over lines the places alone that are read, such as those that the last step looks back at.',
  [{ roots: ['Gather', 'Slice'], apply }],
)

/** Of a longer part, what is saved is little beside the copy. */
const MOST_OF_A_LENGTH = 3 / 4
/** Integer kernels with VNNI; in float a quarter of it, so that what pays in integers pays there. */
const MACS_PER_NS = 200
const NS_PER_COPY = 2000
const NS_PER_NUMBER = 1

/** A node that makes these places alone. */
interface Kept {
  readonly places: Places
  /** What it reads of each input; null: all of it. */
  readonly reads: readonly (Places | null)[]
  readonly attributes: Node['attributes']
}

function apply(root: Node, context: RuleContext): RuleOutcome {
  const { editor, types } = context
  const value = root.inputs[0]!
  const asked = keptBy(root, context)
  if (!asked || editor.soleConsumer(value) !== root || !editor.producer(value)) return false
  const kept = keptBefore(root, value, asked, context)
  if (![...kept.keys()].some((node) => node.opType === 'Conv')) return false

  const names = new Map<string, string>()
  // Made where they pay: what is refused leaves no constants behind.
  const nodes: (() => Node)[] = []
  let cost = 0
  const part = (name: string, places: Places): string => {
    const maker = editor.producer(name)
    const made = maker && kept.get(maker)?.places
    if (made && samePlaces(made, places)) return names.get(name)!
    const shape = tensorShape(types.get(name))!
    if (!made && places.count === shape[places.axis]) return name
    const key = `${name} ${places.axis} ${places.first} ${places.count} ${places.step}`
    const known = names.get(key)
    if (known !== undefined) return known
    const output = editor.freshName(`${name}_part`)
    names.set(key, output)
    const from = made ? names.get(name)! : name
    nodes.push(() => slice(from, output, made ? within(places, made) : places, editor))
    cost += NS_PER_COPY + NS_PER_NUMBER * numbers(shape, places)
    return output
  }
  for (const [node, { reads, attributes }] of [...kept].reverse()) {
    const inputs = node.inputs.map((name, i) => (reads[i] ? part(name, reads[i]) : name))
    const output = editor.freshName(`${node.outputs[0]}_kept`)
    names.set(node.outputs[0]!, output)
    nodes.push(() => ({ ...node, inputs, outputs: [output], attributes }))
  }
  if (savedMacs(kept, context) / MACS_PER_NS <= cost) return { refused: 'copies would take longer than what they save' }

  const last = names.get(value)!
  const dropped = root.opType === 'Gather' && context.constant(root.inputs[1]!)!.dims.length === 0
  const end = dropped
    ? { ...root, inputs: [last, editor.addConstant(fromNumbers('int64', [], [0]), `${last}_at`)] }
    : makeNode('Identity', [last], root.outputs, { name: root.name })
  editor.replace(root, ...nodes.map((make) => make()), end)
  editor.removeUnused(editor.producer(value)!)
  return true
}

/** The places that a Gather of one or a Slice along one axis takes, where its length is known. */
function keptBy(root: Node, context: RuleContext): Places | undefined {
  const shape = tensorShape(context.types.get(root.inputs[0]!))
  const along = (axis: number): readonly [number, number] | undefined => {
    const positive = axis < 0 ? axis + (shape?.length ?? 0) : axis
    const length = shape?.[positive]
    return typeof length === 'number' ? [positive, length] : undefined
  }
  if (root.opType === 'Gather') {
    const index = context.constant(root.inputs[1]!)
    const known = along(intAttribute(root, 'axis', 0))
    const at = index && index.dims.length <= 1 ? scalarValue(index) : undefined
    if (!known || at === undefined) return undefined
    const place = at < 0 ? at + known[1] : at
    return placesBetween(known[0], place, place, 0)
  }
  const bounds = sliceBounds(root, context)
  const known = bounds?.length === 1 ? along(bounds[0]!.axis) : undefined
  if (!bounds || !known || bounds[0]!.step < 1) return undefined
  const [axis, length] = known
  const counted = (bound: number) => Math.min(length, Math.max(0, bound < 0 ? bound + length : bound))
  const { start, end, step } = bounds[0]!
  const count = Math.ceil((counted(end) - counted(start)) / step)
  return count < 1 ? undefined : placesBetween(axis, counted(start), counted(start) + (count - 1) * step, step)
}

/** What need make but a part of its places for the root, the last first. */
function keptBefore(root: Node, value: string, asked: Places, context: RuleContext): ReadonlyMap<Node, Kept> {
  const { editor, types } = context
  const kept = new Map<Node, Kept>()
  // Null: all of it is read, or parts along two axes.
  const needed = new Map<string, Places | null>([[value, asked]])
  for (const node of [...madeBefore(value, editor)].reverse()) {
    const output = node.outputs[0]!
    const places = needed.get(output)
    const length = places && tensorShape(types.get(output))?.[places.axis]
    if (!places || typeof length !== 'number' || places.count > MOST_OF_A_LENGTH * length) continue
    if (editor.isOutput(output) || !editor.consumers(output).every((user) => user === root || kept.has(user))) continue
    const rule = readFor(node, places, context)
    if (!rule) continue
    kept.set(node, { places, ...rule })
    for (const [i, input] of node.inputs.entries()) {
      const [before, reads] = [needed.get(input), rule.reads[i] ?? null]
      needed.set(input, before === undefined ? reads : (before && reads && bothPlaces(before, reads)) || null)
    }
  }
  return kept
}

const followed = (node: Node): boolean =>
  node.outputs.length === 1 && (['Conv', 'Concat'].includes(operatorName(node)) || ELEMENTWISE.has(operatorName(node)))

/** The nodes that may be followed, each behind those that it reads. */
function madeBefore(value: string, editor: GraphEditor): ReadonlySet<Node> {
  const order = new Set<Node>()
  const seen = new Set<Node>()
  const open = [value]
  while (open.length > 0) {
    const node = editor.producer(open.at(-1)!)
    const fresh = node && !seen.has(node) && followed(node)
    if (fresh) {
      seen.add(node)
      open.push(...node.inputs)
      continue
    }
    if (node && seen.has(node)) order.add(node)
    open.pop()
  }
  return order
}

/** What a node reads for some places of its output; undefined where it is not known to read a part. */
function readFor(node: Node, places: Places, { types }: RuleContext): Omit<Kept, 'places'> | undefined {
  const shapes = node.inputs.map((name) => tensorShape(types.get(name)))
  const out = tensorShape(types.get(node.outputs[0]!))!
  const { attributes } = node
  if (node.opType === 'Conv') {
    const read: ReadByConv | undefined = readByConv(node, places, shapes)
    return read && { reads: [read.places], attributes: read.attributes }
  }
  if (node.opType === 'Concat') {
    const axis = intAttribute(node, 'axis', 0)
    return (axis < 0 ? axis + out.length : axis) === places.axis
      ? undefined
      : { reads: node.inputs.map(() => places), attributes }
  }
  const axes = axesOfOperands(node, places.axis, out, shapes)
  return axes && { reads: axes.map((axis) => (axis === null ? null : { ...places, axis })), attributes }
}

/** Places counted among those that were made. */
const within = (places: Places, made: Places): Places =>
  placesBetween(
    places.axis,
    (places.first - made.first) / (made.step || 1),
    (lastOf(places) - made.first) / (made.step || 1),
    places.step / (made.step || 1),
  )

function slice(from: string, to: string, places: Places, editor: GraphEditor): Node {
  const one = (number: number, word: string) => editor.addConstant(fromNumbers('int64', [1], [number]), `${to}_${word}`)
  const inputs = [one(places.first, 'from'), one(lastOf(places) + 1, 'to'), one(places.axis, 'axis')]
  return makeNode('Slice', [from, ...inputs, one(places.step || 1, 'step')], [to], { name: to })
}

/** How many numbers some places hold; sizes that are but names count as 1. */
function numbers(shape: Shape, { axis, count }: Places): number {
  return shape.reduce<number>((all, size, i) => all * (i === axis ? count : typeof size === 'number' ? size : 1), 1)
}

function savedMacs(kept: ReadonlyMap<Node, Kept>, { types }: RuleContext): number {
  let saved = 0
  for (const [node, { places }] of kept) {
    if (node.opType !== 'Conv') continue
    const [weights, out] = [node.inputs[1]!, node.outputs[0]!].map((name) => tensorShape(types.get(name))!)
    const left = (out![places.axis] as number) - places.count
    saved +=
      numbers(out!, { ...places, count: left }) * numbers([1, ...weights!.slice(1)], { ...places, axis: 0, count: 1 })
  }
  return saved
}
