/*
 * y = Reshape(f(Reshape(a, T), Reshape(b, T)), S), a, b: S          ⇒  y = f(a, b)
 * y = Unsqueeze(f(ReduceMean<keepdims = 0>(a, axes)), axes)         ⇒  y = f(ReduceMean<keepdims = 1>(a, axes))
 * where f is elementwise operators, up to 32 of them, that read nothing else but constants of one element. Where several
 * such ways back begin in one f, each gets an f of its own, and those are the same. A Transpose that moves axes of one
 * element alone is a reshape.
 * JAX takes the axis that it has averaged over away, or moves it, and puts it back in front of what the average is taken
 * from: no norm can be recognised there.
 * Illegal: S or T is not known; an inner value is an output, or is read by others than ways back to S, since it would be
 * computed twice.
 * Source: elementwise operators commute with a reshape of all that they read.
 */
import {
  int,
  intAttribute,
  intsAttribute,
  type Node,
  reducedPlaces,
  type Shape,
  sameShape,
  tensorShape,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { operandsOf } from './elementwise.ts'

export const cancelReshapes = rulePass(
  'cancelReshapes',
  'Takes away reshapes that undo each other around elementwise operators.',
  [{ roots: ['Reshape', 'Unsqueeze', 'Squeeze', 'Transpose'], apply }],
)

const RESHAPES = ['Reshape', 'Unsqueeze', 'Squeeze', 'Flatten']
const REDUCTIONS = 'ReduceMean ReduceSum ReduceMax ReduceMin ReduceL1 ReduceL2 ReduceSumSquare ReduceProd'.split(' ')
const MOST_BETWEEN = 32

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const [value, back] = [node.inputs[0]!, node.outputs[0]!]
  const detour = new Detour(node, context)
  if (!detour.isReshape(node) || !detour.reaches(value)) return false
  const inner = detour.computed
  if (inner.length === 0) return false
  const inside = new Set(inner)
  for (const { outputs } of inner) {
    if (editor.isOutput(outputs[0]!)) return { refused: `inner value ${outputs[0]} is a graph output` }
    const other = editor.consumers(outputs[0]!).find((user) => !inside.has(user) && !detour.isWayBack(user))
    if (other) return { refused: `inner value ${outputs[0]} is also read by ${other.opType}` }
  }
  const last = editor.producer(value)!
  editor.replace(node, ...detour.straight(back))
  editor.removeUnused(last)
  return true
}

/** What lies between a reshape and those before it that it undoes. */
class Detour {
  /** What is computed on the way, in order: elementwise operators, and reductions that can keep their axes. */
  readonly computed: Node[] = []
  readonly #context: RuleContext
  readonly #end: Node
  /** For what a reshape gives on the way: what it reshapes. */
  readonly #sources = new Map<string, string>()

  constructor(end: Node, context: RuleContext) {
    this.#end = end
    this.#context = context
  }

  /** Whether all ways to `value` begin in the shape that the reshape goes back to. */
  reaches(value: string): boolean {
    const { editor } = this.#context
    const maker = editor.producer(value)
    if (!maker || !this.#isInner(value)) return false
    if (this.#sources.has(value) || this.computed.includes(maker)) return true
    if (this.isReshape(maker)) {
      if (!this.isOuter(this.#shape(maker.inputs[0]!))) return false
      this.#sources.set(value, maker.inputs[0]!)
      return true
    }
    if (this.computed.length === MOST_BETWEEN) return false
    if (!this.#canKeepItsAxes(maker)) {
      const operands = operandsOf(maker, editor)
      if (!operands?.length || !operands.every((name) => this.reaches(name))) return false
    }
    this.computed.push(maker)
    return true
  }

  /** Whether a node goes back to the same shape from what is computed on the way. */
  isWayBack(node: Node): boolean {
    return this.isReshape(node) && this.isOuter(this.#shape(node.outputs[0]!))
  }

  isReshape(node: Node): boolean {
    if (node.domain !== '') return false
    if (node.opType !== 'Transpose') return RESHAPES.includes(node.opType)
    const moved = intsAttribute(node, 'perm', []).filter((axis) => this.#shape(node.inputs[0]!)?.[axis] !== 1)
    return moved.length > 0 && moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)
  }

  isOuter(shape: Shape | null): boolean {
    return sameShape(shape, this.#shape(this.#end.outputs[0]!))
  }

  /** The nodes that compute the same without a detour, the last one giving `output`. */
  straight(output: string): readonly Node[] {
    const { editor } = this.#context
    const names = new Map(this.#sources)
    const last = this.computed.at(-1)!
    return this.computed.map((node) => {
      const [value, name] =
        node === last
          ? [output, this.#end.name]
          : [editor.freshName(`${node.outputs[0]}_straight`), node.name && editor.freshName(`${node.name}_straight`)]
      const inputs = node.inputs.map((name) => names.get(name) ?? name)
      names.set(node.outputs[0]!, value)
      const fresh = { ...node, name, inputs, outputs: [value] }
      return REDUCTIONS.includes(node.opType)
        ? { ...fresh, attributes: new Map(node.attributes).set('keepdims', int(1)) }
        : fresh
    })
  }

  #isInner(value: string): boolean {
    return sameShape(this.#shape(value), this.#shape(this.#end.inputs[0]!))
  }

  #canKeepItsAxes(node: Node): boolean {
    if (node.domain !== '' || !REDUCTIONS.includes(node.opType) || intAttribute(node, 'keepdims', 1) === 1) return false
    const whole = this.#shape(node.inputs[0]!)
    const places = whole ? reducedPlaces(node, whole.length, this.#context.constant) : []
    return places.length > 0 && this.isOuter(whole!.map((dim, i) => (places.includes(i) ? 1 : dim)))
  }

  #shape(value: string): Shape | null {
    return tensorShape(this.#context.types.get(value))
  }
}
