/*
 * y = Conv(Mul(x, s), W, b)          ⇒  y = Conv(x, s·W, b)
 * y = Conv(Add(x, t), W, b)          ⇒  y = Conv(x, W, b + Σ W·t)          only without padding
 * y = Conv(Add(Mul(x, s), t), W, b)  ⇒  y = Conv(Add(x, t/s), s·W, b)      with padding: one node less
 * Also Sub, Div and Neg, ConvTranspose (scale only), Gemm and MatMul, and several readers when each can take it in.
 * Illegal: a shift before a padded Conv, for the border is padded with zeros and not with t; a reader that cannot take
 * it in; a result that is an output; constants that vary along another axis, widen the value, or are not finite; the γ
 * and β of a normalization in pieces, which the runtime fuses as a whole; what brings columns of a graph input to one
 * size (`levelsInput`).
 * Source: linearity, A(s·x + t) = (A·s)(x) + A·t.
 */
import { fromNumbers, makeNode, type Node } from '../../ir/index.ts'
import {
  type Affine,
  affineOf,
  atChannel,
  isAllOnes,
  isAllZeros,
  type RuleContext,
  type RuleOutcome,
  rulePass,
} from '../../rewrite/index.ts'
import { absorbInto, keepsShape, linearReaders, replaceReaders } from './absorb.ts'
import { endsNormalization } from './normalization-patterns.ts'

export const fuseAffineBefore = rulePass(
  'fuseAffineBefore',
  'Folds scaling and shifting by constants into the weights of the convolutions or matrix products after it.',
  [{ roots: ['Add', 'Sub', 'Mul', 'Div', 'Neg'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  if (node.opType !== 'Neg' && node.inputs.every((name) => editor.constant(name) === undefined)) return false
  if (!linearReaders(node.outputs[0]!, context)) return false
  if (endsNormalization(node, editor))
    return { refused: 'it ends a normalization, which the runtime makes one kernel of' }
  const outcome = absorbInto(node, context)
  if (outcome === true || outcome === false) return outcome
  return splitScale(node, context) || outcome
}

/** s·x + t before readers that take in s only: x + t/s stays, s goes into them. */
function splitScale(add: Node, context: RuleContext): boolean {
  const { editor } = context
  const side = add.inputs.findIndex((name) => editor.constant(name) === undefined)
  const mul = editor.producer(add.inputs[side] ?? '', 'Mul')
  if (add.opType !== 'Add' || !mul || editor.soleConsumer(mul.outputs[0]!) !== add) return false
  const readers = linearReaders(add.outputs[0]!, context)
  if (!readers || 'refused' in readers) return false
  const scales: Affine[] = []
  let sum: { input: string; shift: Float64Array; dims: readonly number[] } | undefined
  for (const reader of readers) {
    const shift = affineOf(add, context.constant, reader.input)
    const scale = affineOf(mul, context.constant, reader.input)
    if (!shift || !scale || !isAllZeros(scale.shift) || !isAllOnes(shift.scale)) return false
    if (!keepsShape(add, shift.input, reader.input, context)) return false
    if (!keepsShape(mul, scale.input, reader.input, context)) return false
    const length = Math.max(shift.shift.length, scale.scale.length)
    const moved = Float64Array.from({ length }, (_, i) => atChannel(shift.shift, i) / atChannel(scale.scale, i))
    if (!moved.every(Number.isFinite)) return false
    const dims = length === 1 ? [1] : [length, ...Array<number>(reader.input.fromEnd).fill(1)]
    sum ??= { input: scale.input, shift: moved, dims }
    scales.push({ input: add.outputs[0]!, scale: scale.scale, shift: Float64Array.of(0) })
  }
  if (replaceReaders(readers, scales, add, context) !== true) return false
  const dtype = editor.constant(add.inputs[1 - side]!)!.dtype
  const moved = editor.addConstant(fromNumbers(dtype, sum!.dims, sum!.shift), add.inputs[1 - side]!)
  editor.replace(add, makeNode('Add', [sum!.input, moved], add.outputs, { name: add.name }))
  editor.removeUnused(mul)
  return true
}
