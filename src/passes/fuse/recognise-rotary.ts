/*
 * (a, b) = the halves of x along its last axis, or the pairs of neighbours that x of […, n, 2] holds
 * y = Add(Mul(x, c), Mul(Concat(Neg(b), a), s)), where both halves of c are the same, and those of s
 * y = Concat(Sub(Mul(a, c), Mul(b, s)), Add(Mul(a, s), Mul(b, c)))
 *   ⇒  y = com.microsoft.RotaryEmbedding(x, p, c, s), where p counts the rows of c and s
 * Seven to eleven operators of each query and each key become one, and their number is most of what they cost where one
 * token is decoded (stories260K-kv, 128 tokens in the cache: 0.30 ms, then 0.24). The kernel gets the factors as the model
 * made them, one row a place: whatever the model does with positions stays as it was. Nothing holds a caller to the names
 * of sizes, so one row of positions may be given for many of x: counted places are repeated, as the sums had done.
 * Illegal: an inner value is read elsewhere or is an output; factors that differ between heads; sizes that are not known
 * to be the same; other types than float32.
 * Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021); ONNX Runtime's
 * ContribOperators, RotaryEmbedding.
 */
import {
  type Dim,
  fromNumbers,
  int,
  makeNode,
  type Node,
  type Shape,
  sameSize,
  tensorDtype,
  tensorShape,
} from '../../ir/index.ts'
import {
  type GraphEditor,
  type Match,
  match,
  perGraph,
  type RuleContext,
  type RuleOutcome,
  replaceFound,
  rulePass,
} from '../../rewrite/index.ts'
import { distinct } from './last-axis.ts'
import { hasEqualHalves, turnedHalves, turnedPairs } from './rotary-patterns.ts'

export const recogniseRotary = rulePass(
  'recogniseRotary',
  'Writes the turning of pairs of numbers by the angle of their place, as of queries and keys, as one operator.',
  [{ roots: ['Add', 'Concat'], apply }],
)

/** What queries and keys of all layers read alike, by what it is made of. */
const sharedValues = perGraph(() => new Map<string, string>())

function apply(node: Node, context: RuleContext): RuleOutcome {
  const output = node.outputs[0]!
  if (context.opset < 13) return false
  const pattern = node.opType === 'Add' ? turnedHalves(context) : turnedPairs(context)
  const matched = match(context.editor, output, pattern)
  return replaceFound(matched && distinct(matched), context, (found) => rotation(found, node, context))
}

function rotation(found: Match, node: Node, context: RuleContext) {
  const { editor, types } = context
  const [x, cos, sin] = [found.value('x'), found.value('cos'), found.value('sin')]
  if ([x, cos, sin].some((value) => tensorDtype(types.get(value)) !== 'float32'))
    return { refused: 'only float32 is recognised' }
  const whole = tensorShape(types.get(x))!
  const interleaved = found.nodes.some(({ opType }) => opType === 'Unsqueeze')
  // Of pairs that lie in an axis of their own, that axis belongs to the one before it.
  const shape = interleaved ? whole.slice(0, -1) : whole
  const half = interleaved ? shape.at(-1)! : Number(shape.at(-1)) / 2
  const width = node.opType === 'Add' ? whole.at(-1)! : half
  const [one, other] = [cos, sin].map((factors) => placesOf(tensorShape(types.get(factors)), shape, width))
  if (typeof half !== 'number' || !one || !other || one.shared !== other.shared || one.headsFirst !== other.headsFirst)
    return { refused: 'its factors are not known to be one row a place, the same for all heads' }
  if (node.opType === 'Add' && !(hasEqualHalves(cos, context) && hasEqualHalves(sin, context)))
    return { refused: 'both halves of its factors are not known to be the same' }
  return turned(found, node.outputs[0]!, { ...one, half, whole, interleaved }, editor)
}

interface Places {
  /** Heads stand before places: [row, head, place, size]; else [row, place, head, size]. */
  readonly headsFirst: boolean
  /** All rows have the same places. */
  readonly shared: boolean
}

/** How factors of `shape` fit to x of [row, head, place, size] or [row, place, head, size]; undefined where they may not. */
function placesOf(shape: Shape | null | undefined, x: Shape, width: Dim): Places | undefined {
  if (!shape || shape.length > 4 || x.length !== 4) return undefined
  const [row, first, second, size] = [...Array(4 - shape.length).fill(1), ...shape] as [Dim, Dim, Dim, Dim]
  if (!sameSize(width, size) || !(row === 1 || sameSize(x[0], row))) return undefined
  const shared = row === 1
  if (first === 1 && sameSize(x[2], second)) return { headsFirst: true, shared }
  return second === 1 && sameSize(x[1], first) && typeof x[2] === 'number' ? { headsFirst: false, shared } : undefined
}

interface Form extends Places {
  /** Pairs a head. */
  readonly half: number
  /** The shape of x as it is now. */
  readonly whole: Shape
  /** Pairs are neighbours, in an axis of their own. */
  readonly interleaved: boolean
}

function turned(found: Match, output: string, form: Form, editor: GraphEditor): readonly Node[] {
  const shared = sharedValues(editor)
  const nodes: Node[] = []
  const add = (opType: string, inputs: readonly string[], hint: string, more: Parameters<typeof makeNode>[3] = {}) => {
    const value = hint === '' ? output : editor.freshName(`${output}_${hint}`)
    nodes.push(makeNode(opType, inputs, [value], more))
    return value
  }
  const once = (key: string, make: () => string) => {
    const known = shared.get(key) ?? make()
    shared.set(key, known)
    return known
  }
  const integers = (numbers: readonly number[], hint: string, dims = [numbers.length]) =>
    once(`${numbers} ${dims}`, () => editor.addConstant(fromNumbers('int64', dims, numbers), `${output}_${hint}`))
  const { headsFirst, interleaved, whole, half } = form
  const twice = found.nodes[0]!.opType === 'Add'
  const rows = (factors: string, hint: string) =>
    once(`rows ${factors} ${half} ${twice}`, () => {
      const bounds = [[0], [half], [-1]].map((bound) => integers(bound, 'bound'))
      const single = twice ? add('Slice', [factors, ...bounds], `${hint}_half`) : factors
      return add('Reshape', [single, integers([-1, half], 'rows')], hint)
    })
  const sizes = (value: string, row: number, place: number) =>
    add('Gather', [add('Shape', [value], 'shape'), integers([row, place], 'axes')], 'sizes')
  /** [row, place] ↦ the row of the factors: 0, 1, 2, …; again for each row of x where the factors have but one. */
  const counted = (cos: string) =>
    once(`places ${cos} ${headsFirst}`, () => {
      const given = sizes(cos, -4, headsFirst ? -2 : -3)
      const count = add('ReduceProd', [given], 'count', { attributes: { keepdims: int(0) } })
      const range = add('Range', [integers([0], 'from', []), count, integers([1], 'step', [])], 'range')
      const places = add('Reshape', [range, given], 'places')
      return add('Expand', [places, sizes(found.value('x'), 0, headsFirst ? 2 : 1)], 'positions')
    })
  const [cos, sin] = [rows(found.value('cos'), 'cos'), rows(found.value('sin'), 'sin')]
  const positions = form.shared ? integers([0], 'positions') : counted(found.value('cos'))
  // The kernel takes [row, head, place, size], or [row, place, heads · size].
  const fits = headsFirst && !interleaved
  const joined = integers(headsFirst ? [0, 0, 0, -1] : [0, 0, -1], 'joined')
  const x = fits ? found.value('x') : add('Reshape', [found.value('x'), joined], 'x')
  const options = { domain: 'com.microsoft', attributes: interleaved ? { interleaved: int(1) } : {} }
  const y = add('RotaryEmbedding', [x, positions, cos, sin], fits ? '' : 'turned', options)
  if (!fits) {
    const apart = whole.map((size, axis) => (axis < 2 || (headsFirst && axis === 2) ? 0 : Number(size)))
    add('Reshape', [y, integers(apart, 'apart')], '')
  }
  return nodes
}
