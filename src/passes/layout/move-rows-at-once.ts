/*
 * a = Concat<axis = 1>(Slice(x, 2:), Slice(x, :2)); b = Concat<axis = 2>(Slice(a, 2:), Slice(a, :2)); y = Transpose(Reshape(b))
 *   ⇒  y = Reshape(Gather(Reshape(x, {R, C}), order), sizes)
 * Slices, joints and transposes that follow each other and leave runs of C elements whole are one movement of such rows:
 * the window of a Swin block is shifted and cut up in one copy instead of five (56 × 56 places of 96 features, windows of
 * 7: 0.14 ms, then 0.06).
 * Illegal: anything but movements in between; a second source, as the zeros of padding; an inner value that is read
 * elsewhere; sizes that are not known, but for the first one, where every row of it is moved alike and none is cut off.
 * Left alone: a single copy; rows of fewer than 16 elements, which Gather moves slower.
 * Source: the order is what the same operators make of 0, 1, 2, …
 */
import {
  type Dim,
  elementCount,
  evaluateNode,
  fromNumbers,
  int,
  makeNode,
  type Node,
  type Shape,
  type Tensor,
  tensorOf,
  tensorShape,
  toNumbers,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const moveRowsAtOnce = rulePass(
  'moveRowsAtOnce',
  'Makes one copy of slices, joints and transposes that follow each other.',
  [{ roots: ['Concat', 'Transpose', 'Reshape', 'Slice'], apply }],
)

/** Movements that copy, and those that only see the same elements under other sizes. */
const COPIES: ReadonlySet<string> = new Set(['Slice', 'Concat', 'Transpose'])
const VIEWS: ReadonlySet<string> = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'])
const FEWEST_COPIES = 2
const SHORTEST_ROW = 16
/** Beyond this it would take long to follow each element. */
const MOST_ELEMENTS = 1 << 23

function apply(end: Node, context: RuleContext): RuleOutcome {
  const { editor, types } = context
  if (!moves(end, context)) return false
  // What another movement takes in is seen from there.
  const value = end.outputs[0]!
  const readers = editor.consumers(value)
  if (!editor.isOutput(value) && readers.length > 0 && readers.every((node) => moves(node, context))) return false
  const region = regionOf(end, context)
  if (region.filter(({ opType }) => COPIES.has(opType)).length < FEWEST_COPIES) return false
  const inside = new Set(region.flatMap(({ outputs }) => outputs))
  const sources = new Set(region.flatMap((node) => dataOf(node)).filter((name) => !inside.has(name)))
  if (sources.size !== 1) return false
  const [source] = sources as unknown as readonly [string]
  const [from, to] = [source, value].map((name) => tensorShape(types.get(name)))
  if (!from || !to || from.length === 0) return false
  const free = typeof from[0] !== 'number'
  if (from.slice(1).some((dim) => typeof dim !== 'number')) return false
  const order = orderOf(region, source, value, from, context)
  if (!order) return false
  const row = rowLength(order, free ? from.slice(1) : from)
  if (row < SHORTEST_ROW) return false
  const sizes = targetOf(to)
  if (!sizes) return { refused: 'its sizes are known only when it runs' }

  const rows = order.filter((_, i) => i % row === 0).map((at) => at / row)
  const count = elementCount((free ? from.slice(1) : from) as number[]) / row
  const constant = (part: string, numbers: ArrayLike<number>) =>
    editor.addConstant(fromNumbers('int64', [numbers.length], numbers), `${value}_${part}`)
  const reshaped = (from: string) =>
    makeNode('Reshape', [from, constant('sizes', sizes)], [value], { name: `${value}_reshaped` })
  const [flat, moved] = [editor.freshName(`${value}_flat`), editor.freshName(`${value}_moved`)]
  // Moves that undo each other, as of an axis of one, leave other sizes at most.
  if (rows.length === count && rows.every((at, i) => at === i)) editor.replace(end, reshaped(source))
  else
    editor.replace(
      end,
      makeNode('Reshape', [source, constant('rows', free ? [0, count, row] : [count, row])], [flat], { name: flat }),
      makeNode('Gather', [flat, constant('order', rows)], [moved], {
        name: moved,
        attributes: { axis: int(free ? 1 : 0) },
      }),
      reshaped(moved),
    )
  for (const node of region.slice(1)) if (editor.has(node)) editor.removeUnused(node)
  return true
}

/** The values that a movement moves. */
const dataOf = (node: Node): readonly string[] => (node.opType === 'Concat' ? node.inputs : node.inputs.slice(0, 1))

function moves(node: Node, context: RuleContext): boolean {
  const { constant } = context
  if (node.domain !== '' || !(COPIES.has(node.opType) || VIEWS.has(node.opType))) return false
  const settings = node.opType === 'Concat' ? [] : node.inputs.slice(1)
  if (!settings.every((name) => name === '' || constant(name) !== undefined)) return false
  return node.opType !== 'Slice' || cutsKnownSizes(node, context)
}

/** A bound along an axis of open size may lie beyond the batches that are followed, and cut none but larger ones. */
function cutsKnownSizes({ inputs }: Node, { constant, types }: RuleContext): boolean {
  const shape = tensorShape(types.get(inputs[0]!))
  const [starts, axes] = [1, 3].map((slot) => constant(inputs[slot] ?? ''))
  const sizes = axes ? [...toNumbers(axes)].map((axis) => shape?.at(axis)) : shape?.slice(0, starts?.dims[0])
  return sizes?.every((size) => typeof size === 'number') ?? false
}

/** The end and all movements in front of it that serve nothing else, each behind what reads it. */
function regionOf(end: Node, context: RuleContext): readonly Node[] {
  const { editor } = context
  const region = [end]
  const known = new Set(region)
  const serves = (node: Node) =>
    node.outputs.every((name) => !editor.isOutput(name) && editor.consumers(name).every((user) => known.has(user)))
  // Each new node is looked behind in its turn; one that still served others is met again from its last reader.
  for (let i = 0; i < region.length; i++)
    for (const name of dataOf(region[i]!)) {
      const node = editor.producer(name)
      if (!node || known.has(node) || !moves(node, context) || !serves(node)) continue
      known.add(node)
      region.push(node)
    }
  return region
}

/** Which element of one row of the source stands at each place of the end; undefined where rows are not moved alike. */
function orderOf(
  region: readonly Node[],
  source: string,
  end: string,
  from: Shape,
  context: RuleContext,
): readonly number[] | undefined {
  const inner = from.slice(1) as readonly number[]
  if (typeof from[0] === 'number') return followed(region, source, end, [from[0], ...inner], context)
  const [one, two] = [1, 2].map((batch) => followed(region, source, end, [batch, ...inner], context))
  const count = elementCount(inner)
  const alike =
    one && two?.length === 2 * one.length && one.every((at, i) => two[i] === at && two[i + one.length] === at + count)
  return alike ? one : undefined
}

function followed(
  region: readonly Node[],
  source: string,
  end: string,
  dims: readonly number[],
  { editor, opset }: RuleContext,
): readonly number[] | undefined {
  const count = elementCount(dims)
  if (count === 0 || count > MOST_ELEMENTS) return undefined
  const values = new Map<string, Tensor>([
    [
      source,
      tensorOf(
        'int32',
        dims,
        Int32Array.from({ length: count }, (_, i) => i),
      ),
    ],
  ])
  const pending = new Set(region)
  while (pending.size > 0) {
    const node = [...pending].find((one) => dataOf(one).every((name) => values.has(name)))
    if (!node) return undefined
    pending.delete(node)
    const inputs = node.inputs.map((name) => (name === '' ? undefined : (values.get(name) ?? editor.constant(name))))
    const result = evaluateNode(node, inputs, { opset })?.[0]
    if (!result) return undefined
    values.set(node.outputs[0]!, result)
  }
  return [...toNumbers(values.get(end)!)]
}

/** The longest run of elements, a whole number of times in the source's last sizes, that stays together everywhere. */
function rowLength(order: readonly number[], sizes: readonly Dim[]): number {
  let best = 1
  let length = 1
  for (const size of [...(sizes as readonly number[])].reverse()) {
    length *= size
    if (order.length % length !== 0 || !staysWhole(order, length)) break
    best = length
  }
  return best
}

const staysWhole = (order: readonly number[], length: number): boolean =>
  order.every((at, i) => (i % length === 0 ? at % length === 0 : at === order[i - 1]! + 1))

/** What a Reshape is told: -1 for one size that is not known. */
function targetOf(to: Shape): readonly number[] | undefined {
  const target = to.map((dim) => (typeof dim === 'number' ? dim : -1))
  return target.filter((dim) => dim === -1).length > 1 ? undefined : target
}
