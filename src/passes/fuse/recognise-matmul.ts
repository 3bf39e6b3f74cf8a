/*
 * y = Einsum<equation = "abc,cd->abd">(x, W)   ⇒   y = MatMul(x, W)
 * y = Einsum<equation = "abc,cde->abde">(x, W), W: float[C, D, E]
 *   ⇒  y = Reshape(MatMul(x, Reshape(W, {C, D·E})), {0, 0, D, E})
 * y = Einsum<equation = "aecd,abcd->acbe">(k, q)
 *   ⇒  y = MatMul(Transpose<perm = [0,2,1,3]>(q), Transpose<perm = [0,2,3,1]>(k))
 * Any product of two operands, also with an ellipsis: what both have and the result keeps are batches, what is summed
 * stands last on the left and in front of the columns on the right, where weights go. Attention of Keras, of Flax and by
 * einops is spelled so. The runtime's Einsum packs no weights ahead, takes no bias in and has no integer kernel.
 * Illegal: what `contractionOf` refuses: an axis that stands twice in an operand, or is summed in one alone; nothing that
 * is summed, or sizes of it that may differ, as one of 1 would be repeated; activations with several axes that are
 * summed, or several columns.
 * Source: ONNX, Einsum, MatMul.
 */
import { ints, type Node, stringAttribute, tensorShape } from '../../ir/index.ts'
import { type Pieces, piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { type Contraction, contractionOf, type Lettered } from './contraction.ts'

export const recogniseMatMul = rulePass(
  'recogniseMatMul',
  'Writes an Einsum of two operands as the matrix product that it is.',
  [{ roots: ['Einsum'], apply }],
)

function apply(node: Node, { editor, types, constant, opset }: RuleContext): RuleOutcome {
  const operands = node.inputs.map((name) => {
    const shape = tensorShape(types.get(name))
    return shape && { name, shape, isConstant: constant(name) !== undefined }
  })
  const [a, b] = operands
  if (node.inputs.length !== 2 || (a?.isConstant && b?.isConstant)) return false
  if (!a || !b) return { refused: 'the ranks of its operands are not known' }
  if (opset < 13) return { refused: `opset ${opset} takes no axes as an input` }
  const found = contractionOf(stringAttribute(node, 'equation', ''), [a, b])
  if ('refused' in found) return found
  const nodes = productOf(found, piecesOf(node.outputs[0]!, editor))
  editor.replace(node, ...nodes.with(-1, { ...nodes.at(-1)!, name: node.name, outputs: node.outputs }))
  return true
}

/** Ones, or what stands in both, are repeated by MatMul itself: `right` may have fewer axes in front. */
function productOf(found: Contraction, pieces: Pieces): readonly Node[] {
  const { left, right, outer, row, columns, summed, result } = found
  const nodes: Node[] = []
  const step = (part: string, opType: string, inputs: readonly string[], perm?: readonly number[]): string => {
    const [value] = pieces.values(part)
    nodes.push(pieces.make(opType, inputs, value, perm && { perm: ints(perm) }))
    return value
  }
  /** `value`, whose axes are `from`, with those of `to`. */
  const turned = (value: string, from: string, to: string, part: string) =>
    from === to
      ? value
      : step(
          part,
          'Transpose',
          [value],
          [...to].map((letter) => from.indexOf(letter)),
        )
  const told = (value: string, sizes: readonly number[], part: string) =>
    step(part, 'Reshape', [value, pieces.integers(sizes, `${part}_shape`)])
  const withOnes = (value: string, axes: readonly number[], part: string) =>
    axes.length === 0 ? value : step(part, 'Unsqueeze', [value, pieces.integers(axes, `${part}_axes`)])

  let x = turned(left.name, left.letters, outer + row + summed, 'left')
  if (summed.length > 1) x = told(x, [...Array(outer.length + row.length).fill(0), sizeOf(right, summed)], 'left_rows')
  if (row === '') x = withOnes(x, [-2], 'left_row')

  const batches = [...outer].filter((letter) => right.letters.includes(letter))
  let w = turned(right.name, right.letters, batches.join('') + summed + columns, 'right')
  if (summed.length > 1 || columns.length > 1)
    w = told(
      w,
      [...batches.map((letter) => sizeOf(right, letter)), sizeOf(right, summed), sizeOf(right, columns)],
      'right_rows',
    )
  else if (columns === '') w = withOnes(w, [-1], 'right_column')
  const from = outer.indexOf(batches[0] ?? '')
  const absent = [...outer.slice(from)].flatMap((letter, i) => (batches.includes(letter) ? [] : [i]))
  if (batches.length > 0) w = withOnes(w, absent, 'right_batches')

  let y = step('product', 'MatMul', [x, w])
  const flat = [row === '' ? [-2] : [], columns === '' ? [-1] : []].flat()
  if (flat.length > 0) y = step('flat', 'Squeeze', [y, pieces.integers(flat, 'flat_axes')])
  if (columns.length > 1)
    y = told(
      y,
      [...Array(outer.length + row.length).fill(0), ...[...columns].map((letter) => sizeOf(right, letter))],
      'columns',
    )
  turned(y, outer + row + columns, result, 'turned')
  return nodes
}

/** How many elements these axes of a constant have together. */
const sizeOf = ({ letters, shape }: Lettered, axes: string): number =>
  [...axes].reduce((size, letter) => size * (shape[letters.indexOf(letter)] as number), 1)
