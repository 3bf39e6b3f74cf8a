/*
 * w = DequantizeLinear(w₈, s, z) of constants        ⇒  w, the constant (w₈ − z)·s
 * y = DequantizeLinear(QuantizeLinear(x, s, z), s, z)  ⇒  y = Clip(x, (least − z)·s, (most − z)·s), least and most the
 * codes that there are, where x is a sum: quantizers leave a Relu or Clip out whose bounds the codes have; elsewhere ⇒  x
 * Illegal: scales or zero points that are not constants, differ, or, of values in a run, are not one number each; codes
 * of blocks.
 * Source: ONNX, QuantizeLinear and DequantizeLinear.
 */
import { fromNumbers, INTEGER_RANGES, intAttribute, makeNode, type Node } from '../../ir/index.ts'
import { type GraphEditor, type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'
import { channelWeights } from './float-weights.ts'

/**
 * A file in integers with ranges that are known beforehand, written as Quantize and Dequantize, in float again: for
 * whoever chooses anew what shall be integer, and with which ranges.
 */
export const undoStaticInt8 = rulePass(
  'undoStaticInt8',
  'Integers between QuantizeLinear and DequantizeLinear in float again, with the bounds that their codes had.',
  [{ roots: ['DequantizeLinear'], apply }],
)

/** What an activation may have been left out behind. */
const SUMS = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'Add', 'Sub', 'Mul', 'Div']

function apply(node: Node, { editor }: RuleContext): RuleOutcome {
  const [codes, scale, zero = ''] = node.inputs as [string, string, string?]
  const constant = editor.constant(codes)
  if (intAttribute(node, 'block_size', 0) !== 0) return { refused: 'codes of blocks' }
  if (constant) {
    const [steps, origin] = [editor.constant(scale), zero === '' ? null : editor.constant(zero)]
    if (!steps || origin === undefined) return { refused: 'its scales are computed' }
    const weights = channelWeights(constant, steps, origin, intAttribute(node, 'axis', 1))
    if (!weights) return { refused: 'its scales go along another axis' }
    if (editor.isOutput(node.outputs[0]!)) return { refused: 'it is an output' }
    editor.replaceByConstants(node, [weights])
    return true
  }
  const rounding = editor.producer(codes, 'QuantizeLinear')
  if (!rounding) return false
  const range = sameRange(editor, node, rounding)
  if ('refused' in range) return range
  const x = rounding.inputs[0]!
  const [output] = node.outputs as [string]
  if (editor.producer(x, ...SUMS)) {
    const bounds = range.bounds.map((bound, i) =>
      editor.addConstant(fromNumbers('float32', [], [bound]), `${output}_${i === 0 ? 'least' : 'most'}`),
    )
    editor.replace(node, makeNode('Clip', [x, ...bounds], [output], { name: node.name }))
  } else if (!editor.bypass(output, x)) return { refused: 'it gives an output what is an input' }
  const unread = editor.producer(codes)
  if (unread) editor.removeUnused(unread)
  return true
}

/** The bounds of what both sides of a pair of conversions can hold, or why they are none. */
function sameRange(
  editor: GraphEditor,
  back: Node,
  there: Node,
): { readonly bounds: readonly [number, number] } | { readonly refused: string } {
  const [left, right] = [there, back].map(({ inputs }) => {
    const [scale, zero] = [editor.constant(inputs[1]!), inputs[2] ? editor.constant(inputs[2]) : undefined]
    const dtype = zero?.dtype ?? 'uint8'
    return { step: scalarValue(scale), float: scale?.dtype, origin: inputs[2] ? scalarValue(zero) : 0, dtype }
  }) as [Side, Side]
  if (left.step === undefined || left.origin === undefined) return { refused: 'its scale is not one constant number' }
  if (left.step !== right.step || left.origin !== right.origin) return { refused: 'it is dequantized by another scale' }
  const codes = INTEGER_RANGES[left.dtype as keyof typeof INTEGER_RANGES]
  if (left.float !== 'float32' || !codes || left.dtype !== right.dtype || there.attributes.has('output_dtype'))
    return { refused: 'it is no integer of float32' }
  return { bounds: [(codes[0] - left.origin) * left.step, (codes[1] - left.origin) * left.step] }
}

interface Side {
  readonly step: number | undefined
  readonly origin: number | undefined
  readonly float: string | undefined
  readonly dtype: string
}
