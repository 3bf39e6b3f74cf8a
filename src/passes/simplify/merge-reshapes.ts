/*
 * y = Reshape(Reshape(x, a), b)                ⇒  y = Reshape(x, b)       where b has no 0 ("as the input")
 * y = Reshape(Reshape(x, {-1, 64, 256}), {0, 0, 8, 32})  ⇒  y = Reshape(x, {-1, 64, 8, 32})
 * y = Reshape(Reshape(x, {0, 0, -1, 2}), {0, 0, -1})     ⇒  y = Reshape(x, {0, 0, -1}), as what both copy is x's own
 * y = Reshape(Flatten(x), b), also after Squeeze and Unsqueeze            ⇒  y = Reshape(x, b)
 * y = Squeeze<axes>(Unsqueeze<axes>(x))        ⇒  x
 * Illegal: b copies a size (0) that is not known, and x does not have it in this place; axes that differ. Names of sizes
 * are trusted on the first axis alone: an encoder's and a decoder's lengths are often called the same, and are not.
 * Source: a row-major reshape depends on the number of elements only.
 */
import { type Dim, fromNumbers, intAttribute, type Node, namedAxes, tensorShape, toNumbers } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const mergeReshapes = rulePass(
  'mergeReshapes',
  'Merges reshapes that follow each other, and takes away pairs that undo each other.',
  [
    { roots: ['Reshape'], apply: mergeReshape },
    { roots: ['Squeeze'], apply: cancelSqueeze },
  ],
)

function mergeReshape(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant } = context
  const first = editor.producer(node.inputs[0]!, 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze')
  if (!first) return false
  const target = constant(node.inputs[1]!)
  if (!target) return false
  const keepsZero = intAttribute(node, 'allowzero', 0) === 1
  const sizes = [...toNumbers(target)]
  const copies = !keepsZero && sizes.includes(0)
  const own = copies ? sizesFor(first, node, sizes, context) : sizes
  if (!own) return { refused: 'its shape copies a size of the reshape before it' }
  const shape = own.every((size, i) => size === sizes[i])
    ? node.inputs[1]!
    : editor.addConstant(fromNumbers('int64', [own.length], own), `${node.outputs[0]!}_shape`)
  editor.replace(node, { ...node, inputs: [first.inputs[0]!, shape] })
  editor.removeUnused(first)
  return true
}

/** `sizes` with no copy of a size that `x` does not have: as a number, where it is known, or as what is left (-1). */
function sizesFor(
  first: Node,
  node: Node,
  sizes: readonly number[],
  { types, constant }: RuleContext,
): readonly number[] | undefined {
  const x = first.inputs[0]!
  const dimsOf = (name: string): readonly Dim[] => tensorShape(types.get(name)) ?? []
  const [before, between] = [dimsOf(x), dimsOf(node.inputs[0]!)]
  const own = sizes.map((size, i) => {
    const dim = between[i]
    return size === 0 && typeof dim === 'number' && dim > 0 ? dim : size
  })
  const copied = first.opType === 'Reshape' && intAttribute(first, 'allowzero', 0) === 0 && constant(first.inputs[1]!)
  const kept = copied ? [...toNumbers(copied)] : []
  const open = own.flatMap((size, i) => (size === 0 && kept[i] !== 0 ? [i] : []))
  if (open.length === 0) return own
  const [place] = open
  if (open.length > 1) return undefined
  const isOfRows = place === 0 && typeof between[0] === 'string' && between[0] === before[0]
  if (isOfRows) return own
  return own.includes(-1) || between[place!] === 0 ? undefined : own.with(place!, -1)
}

function cancelSqueeze(node: Node, context: RuleContext): RuleOutcome {
  const first = context.editor.producer(node.inputs[0]!, 'Unsqueeze')
  if (!first) return false
  const [axes, added] = [node, first].map((each) => namedAxes(each, context.constant))
  if (!axes || !added || axes.length !== added.length || axes.some((axis) => !added.includes(axis))) return false
  return context.editor.bypass(node.outputs[0]!, first.inputs[0]!) || { refused: 'it connects an input with an output' }
}
