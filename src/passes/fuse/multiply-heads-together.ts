/*
 * r = Reshape(Expand(Unsqueeze(k, 2), {1, 1, G, 1, 1}), {N, K·G, T, D}); y = MatMul(a, r), a: float[N, K·G, L, T]
 *   ⇒  y = Reshape(MatMul(Reshape(a, {0, K, -1, 0}), k), {0, K·G, -1, 0})
 * Also where r is transposed before it is multiplied. In grouped-query attention G heads of queries share the keys and
 * values of one: their rows lie one behind the other, so they are multiplied as the rows of one matrix, and neither keys
 * nor values are written out G times, for the whole cache in each run (three layers of 8 heads that share 2, one token
 * behind 511 in the cache: 0.42 ms, then 0.36, by processor time on a busy machine). A scale behind the product stays
 * right behind it, where the runtime makes one kernel of the two.
 * Illegal: sizes not known to be those above; heads of a that are not written out. Numbers are summed in the same order.
 * Source: Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models" (2023); row-major order.
 */
import { intAttribute, intsAttribute, makeNode, type Node, sameSize, tensorShape, toNumbers } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'

export const multiplyHeadsTogether = rulePass(
  'multiplyHeadsTogether',
  'Multiplies the queries of all heads that share keys and values as one matrix, in place of copies of these.',
  [{ roots: ['MatMul'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types } = context
  const [left, right] = [node.inputs[0]!, node.inputs[1]!]
  const transpose = editor.producer(right, 'Transpose')
  if (transpose && `${intsAttribute(transpose, 'perm', null)}` !== '0,1,3,2') return false
  const found = repeated(transpose ? transpose.inputs[0]! : right, context)
  if (!found) return false
  const { heads, groups, source, copies } = found
  if (tensorShape(types.get(left))?.[1] !== heads || tensorShape(types.get(left))?.length !== 4)
    return { refused: 'what it multiplies is not known to have as many heads' }

  const output = node.outputs[0]!
  const scale = scaleBehind(output, context)
  const last = scale ?? node
  const { values, make, integers } = piecesOf(last.outputs[0]!, editor)
  const [rows, turned, product, scaled] = values('rows', 'turned', 'product', 'scaled')
  const apart = makeNode('Reshape', [scale ? scaled : product, integers([0, heads, -1, 0], 'heads')], last.outputs, {
    name: editor.freshName(`${last.outputs[0]}_apart`),
  })
  const factor = transpose ? turned : source
  editor.replace(
    node,
    make('Reshape', [left, integers([0, groups, -1, 0], 'groups')], rows),
    ...(transpose ? [{ ...transpose, inputs: [source], outputs: [turned], name: turned }] : []),
    makeNode('MatMul', [rows, factor], [product], { name: node.name }),
    ...(scale ? [] : [apart]),
  )
  if (scale) {
    const inputs = scale.inputs.map((name) => (name === output ? product : name))
    editor.replace(scale, { ...scale, inputs, outputs: [scaled] }, apart)
  }
  for (const copy of transpose ? [transpose, ...copies] : copies) if (editor.has(copy)) editor.removeUnused(copy)
  return true
}

interface Repeated {
  /** Heads that read, and those that there are. */
  readonly heads: number
  readonly groups: number
  /** [N, groups, T, D], each head for the heads that read it. */
  readonly source: string
  /** What writes them out, the last first. */
  readonly copies: readonly Node[]
}

/** Reshape(Expand(Unsqueeze(k, 2))) that repeats heads alone, each right behind itself. */
function repeated(value: string, { editor, types, constant }: RuleContext): Repeated | undefined {
  const reshape = editor.producer(value, 'Reshape')
  const expand = editor.producer(reshape?.inputs[0] ?? '', 'Expand')
  const unsqueeze = editor.producer(expand?.inputs[0] ?? '', 'Unsqueeze')
  if (!reshape || !expand || !unsqueeze) return undefined
  const shapeOf = (name: string) => tensorShape(types.get(name))
  const [few, one, many, flat] = [unsqueeze.inputs[0]!, expand.inputs[0]!, reshape.inputs[0]!, value].map(shapeOf)
  if (few?.length !== 4 || one?.length !== 5 || many?.length !== 5 || flat?.length !== 4) return undefined
  const [groups, times, heads] = [few[1], many[2], flat[1]]
  if (typeof groups !== 'number' || typeof times !== 'number' || heads !== groups * times) return undefined
  if (one[1] !== groups || one[2] !== 1 || many[1] !== groups) return undefined
  const numbers = (name: string) => {
    const tensor = constant(name)
    return tensor ? [...toNumbers(tensor)] : []
  }
  const [grown, told] = [numbers(expand.inputs[1]!), numbers(reshape.inputs[1]!)]
  // A size that an Expand is told to be 1 stays what it was.
  if (![0, 3, 4].every((axis) => grown.at(axis - 5) === 1 || sameSize(one[axis], many[axis]))) return undefined
  // What is told of all sizes but one settles that one.
  const copied = told[0] === 0 && intAttribute(reshape, 'allowzero', 0) === 0
  const kept = [copied || sameSize(flat[0], many[0]), sameSize(flat[2], many[3]), sameSize(flat[3], many[4])]
  return kept.filter((known) => !known).length < 2
    ? { heads, groups, source: unsqueeze.inputs[0]!, copies: [reshape, expand, unsqueeze] }
    : undefined
}

/** The scaling by one number that alone reads a product. */
function scaleBehind(product: string, { editor, constant }: RuleContext): Node | undefined {
  const node = editor.soleConsumer(product, 'Mul', 'Div')
  const other = node?.inputs.findIndex((name) => name !== product) ?? -1
  if (!node || other < 0 || (node.opType === 'Div' && other === 0)) return undefined
  const factor = constant(node.inputs[other]!)
  return scalarValue(factor) !== undefined && factor!.dims.length <= 4 ? node : undefined
}
