/*
 * y = Add(Reshape(MatMul(x, W), {0, 0, H, D}), b), b: float[H, D]
 *   ⇒  y = Reshape(Add(MatMul(x, W), Reshape(b, {H·D})), {0, 0, H, D})
 * y = Mul(Transpose(Reshape(Add(MatMul(x, W), b))), s)  ⇒  y = Transpose(Reshape(Mul(Add(MatMul(x, W), b), s)))
 * Also Sub, Mul and Div, and Gemm for the product. Projections to heads have their bias, and queries their scale, behind
 * the heads: in front of these the product takes both in.
 * Exact: each number meets the same one.
 * Illegal: a constant with an axis that is not cut from the columns of the product, or with more axes than its result; a
 * value on the way that is an output, or that somebody else reads. One number passes transposes as well.
 * Source: row-major order; what works number by number commutes with a move.
 */
import {
  elementCount,
  fromNumbers,
  isFloating,
  type Node,
  type Shape,
  type Tensor,
  tensorShape,
  toNumbers,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { linearOf } from './linear.ts'

export const affineBeforeReshape = rulePass(
  'affineBeforeReshape',
  'Puts a bias or a scale behind the heads of a product right behind the product, which takes it in.',
  [{ roots: ['Add', 'Sub', 'Mul', 'Div'], apply }],
)

const MOVES = ['Reshape', 'Transpose', 'Unsqueeze', 'Squeeze'] as const

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types } = context
  const side = node.inputs.findIndex((name) => editor.constant(name) !== undefined)
  const other = editor.constant(node.inputs[side] ?? '')
  if (node.domain !== '' || node.inputs.length !== 2 || !other || !isFloating(other.dtype)) return false
  if (node.opType === 'Div' && side === 0) return false
  const moves: Node[] = []
  const step = () => editor.producer(moves.at(-1)?.inputs[0] ?? node.inputs[1 - side]!)
  for (let next = step(); next && (MOVES as readonly string[]).includes(next.opType); next = step()) moves.push(next)
  const source = moves.at(-1)?.inputs[0]
  if (source === undefined || !isProduct(source, context)) return false
  const columns = tensorShape(types.get(source))?.at(-1)
  const shape = tensorShape(types.get(moves[0]!.outputs[0]!))
  if (typeof columns !== 'number' || !shape || other.dims.length > shape.length) return false
  const one = elementCount(other.dims) === 1
  const numbers = one ? toNumbers(other) : perColumn(other, moves, shape, columns)
  if (!numbers) return { refused: 'its constant has an axis that is not cut from the columns of the product' }
  const read = [source, ...moves.map(({ outputs }) => outputs[0]!)]
  if (read.some((name) => !editor.soleConsumer(name)))
    return { refused: 'the product before it is also read elsewhere' }

  const constant = editor.addConstant(fromNumbers(other.dtype, one ? [] : [columns], numbers), node.inputs[side]!)
  const moved = editor.freshName(source)
  const inputs = side === 0 ? [constant, source] : [source, constant]
  const [last, first] = [moves[0]!, moves.at(-1)!]
  editor.remove(node)
  editor.replace(first, { ...node, inputs, outputs: [moved] }, { ...first, inputs: first.inputs.with(0, moved) })
  const end = editor.producer(last.outputs[0]!)!
  editor.replace(end, { ...end, outputs: node.outputs })
  return true
}

/** Whether a product with constant weights gives this value, or one with its bias. */
function isProduct(value: string, context: RuleContext): boolean {
  const { editor, constant } = context
  const node = editor.producer(value)
  const side = node?.opType === 'Add' ? node.inputs.findIndex((name) => constant(name) !== undefined) : -1
  const linear = linearOf(side < 0 ? node : editor.producer(node!.inputs[1 - side]!), context)
  return linear !== undefined && !('refused' in linear) && linear.output.fromEnd === 0
}

/** One number for each column, where the last axes of the reshaped value are cut from the columns alone. */
function perColumn(tensor: Tensor, moves: readonly Node[], shape: Shape, columns: number): Float64Array | undefined {
  const { dims } = tensor
  let start = shape.length
  for (let size = 1; size < columns && start > 0; ) size *= Number(shape[--start])
  const cut = shape.slice(start).map(Number)
  if (moves.length > 1 || moves[0]!.opType !== 'Reshape' || elementCount(cut) !== columns) return undefined
  const aligned = [...Array(shape.length - dims.length).fill(1), ...dims]
  const own = aligned.slice(start)
  if (aligned.slice(0, start).some((dim) => dim !== 1) || own.some((dim, i) => dim !== 1 && dim !== cut[i]))
    return undefined
  const numbers = toNumbers(tensor)
  // Along an axis of one element the number there holds for all.
  return Float64Array.from({ length: columns }, (_, column) => {
    let [rest, at, stride] = [column, 0, 1]
    for (let i = cut.length - 1; i >= 0; i--) {
      at += own[i] === 1 ? 0 : (rest % cut[i]!) * stride
      rest = Math.floor(rest / cut[i]!)
      stride *= own[i]!
    }
    return numbers[at]!
  })
}
