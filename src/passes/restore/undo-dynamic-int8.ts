/*
 * (c, s, z) = DynamicQuantizeLinear(x)
 * y = Mul(Cast<float>(ConvInteger(c, w₈, z, zw)), Mul(s, sw))              ⇒  y = Conv(x, (w₈ − zw)·sw)
 * y = Mul(Cast<float>(MatMulInteger(c, w₈, z, zw)), Mul(s, sw))            ⇒  y = MatMul(x, (w₈ − zw)·sw)
 * y = Mul(Cast<float>(Add(ConvInteger(…), b rounded to s·sw)), Mul(s, sw)) ⇒  y = Conv(x, (w₈ − zw)·sw, b)
 * y = DynamicQuantizeMatMul(x, w₈, sw, zw, b), MatMulIntegerToFloat(c, w₈, s, sw, z, zw, b)  ⇒  Add(MatMul(x, …), b)
 * y = DynamicQuantizeLSTM(x, w₈, r₈, …)                                    ⇒  y = LSTM(x, w, r, …)
 * Illegal: weights, scales or zero points that are no constants; scales that go along another axis than the outputs.
 * Source: ONNX, DynamicQuantizeLinear, ConvInteger and MatMulInteger; ONNX Runtime, contrib operators.
 */
import { fromNumbers, intAttribute, makeNode, type Node } from '../../ir/index.ts'
import {
  any,
  constant,
  either,
  type GraphEditor,
  type Match,
  match,
  op,
  type RuleContext,
  type RuleOutcome,
  rulePass,
} from '../../rewrite/index.ts'
import { castsTo } from './casts.ts'
import { floatWeights, gateWeights } from './float-weights.ts'

/**
 * Products whose inputs are rounded anew in each run, in float again: weights keep the values of their codes, inputs
 * are no longer rounded, so answers change by as much as that did to them. ConvInteger was measured 4 to 10 times slower
 * than float, and ranges that are known beforehand make faster integers of all of them.
 */
export const undoDynamicInt8 = rulePass(
  'undoDynamicInt8',
  'Products whose inputs are rounded anew in each run, in float again with the weights as they are stored.',
  [
    { roots: ['Mul'], apply: undoProduct },
    { roots: ['com.microsoft.DynamicQuantizeMatMul', 'com.microsoft.MatMulIntegerToFloat'], apply: undoFused },
    { roots: ['com.microsoft.DynamicQuantizeLSTM'], apply: undoLstm },
  ],
)

const scales = op('Mul', [any('scale'), constant('weightScale')])
const rounding = (pattern: typeof scales) => either(op('Floor', [pattern]), op('Round', [pattern]))
const roundedBias = op('Reshape', [op('Cast', [rounding(op('Div', [constant('bias'), scales]))]), constant('shape')])
const product = op('Mul', [
  op('Cast', [either(op('Add', [any('sums'), roundedBias]), any('sums'))], (node) => castsTo(node, 'float32')),
  op('Mul', [any('scale'), constant('weightScale')]),
])

function undoProduct(node: Node, { editor }: RuleContext): RuleOutcome {
  const found = match(editor, node.outputs[0]!, product)
  if (!found) return false
  const integer = editor.producer(found.value('sums'), 'ConvInteger', 'MatMulInteger')
  if (!integer) return false
  const [codes, stored, zero = '', weightZero = ''] = integer.inputs as [string, string, string?, string?]
  const x = roundedFrom(editor, codes, found.value('scale'), zero)
  if (x === undefined) return { refused: 'its input is not rounded by one DynamicQuantizeLinear' }
  const weights = weightsAt(editor, integer, stored, found.value('weightScale'), weightZero)
  if ('refused' in weights) return weights
  const float = integer.opType === 'ConvInteger' ? 'Conv' : 'MatMul'
  const inputs = [x, weights.name, ...biasOf(found)]
  replaceAll(editor, node, [
    { ...makeNode(float, inputs, [node.outputs[0]!], { name: integer.name }), attributes: integer.attributes },
  ])
  return true
}

const biasOf = ({ values }: Match): readonly string[] => {
  const bias = values.get('bias')
  return bias === undefined ? [] : [bias]
}

/** The value behind codes, where codes, scale and zero point are those of one DynamicQuantizeLinear. */
function roundedFrom(editor: GraphEditor, codes: string, scale: string, zero: string): string | undefined {
  const node = editor.producer(codes, 'DynamicQuantizeLinear')
  if (!node) return undefined
  return node.outputs[0] === codes && node.outputs[1] === scale && node.outputs[2] === zero ? node.inputs[0] : undefined
}

/** The constant of float weights behind the codes of an integer product. */
function weightsAt(
  editor: GraphEditor,
  { opType }: Pick<Node, 'opType'>,
  stored: string,
  scale: string,
  zero: string,
): { readonly name: string } | { readonly refused: string } {
  const codes = editor.constant(stored)
  const steps = editor.constant(scale)
  const origin = zero === '' ? null : editor.constant(zero)
  if (!codes || !steps || origin === undefined) return { refused: 'its weights are not constant' }
  const convolves = opType === 'ConvInteger'
  const floats = floatWeights(
    codes,
    steps,
    origin,
    convolves ? 'rows' : 'columns',
    convolves ? codes.dims.length - 1 : 1,
  )
  if (!floats) return { refused: 'its scales are none for single outputs' }
  return { name: editor.addConstant(floats, `${stored}_float`) }
}

function undoFused(node: Node, { editor }: RuleContext): RuleOutcome {
  const fused = node.opType === 'DynamicQuantizeMatMul'
  const [first, stored] = node.inputs as [string, string]
  const slot = (i: number) => node.inputs[i] ?? ''
  const [scale, zero, bias] = fused ? [slot(2), slot(3), slot(4)] : [slot(3), slot(5), slot(6)]
  const x = fused ? first : roundedFrom(editor, first, slot(2), slot(4))
  if (x === undefined) return { refused: 'its input is not rounded by one DynamicQuantizeLinear' }
  const weights = weightsAt(editor, node, stored, scale, zero)
  if ('refused' in weights) return weights
  const [output] = node.outputs as [string]
  const bare = bias === '' ? output : editor.freshName(`${output}_product`)
  replaceAll(editor, node, [
    makeNode('MatMul', [x, weights.name], [bare], { name: node.name }),
    ...(bias === '' ? [] : [makeNode('Add', [bare, bias], [output], { name: editor.freshName(`${output}_bias`) })]),
  ])
  return true
}

/** The weights of that operator are [directions, inputs, 4·hidden], of the standard one [directions, 4·hidden, inputs]. */
function undoLstm(node: Node, { editor }: RuleContext): RuleOutcome {
  if (intAttribute(node, 'layout', 0) !== 0) return { refused: 'its layout attribute is not understood' }
  const parts = [
    [1, 8],
    [2, 10],
  ].map(([stored, scale]) => {
    const [codes, steps] = [editor.constant(node.inputs[stored!] ?? ''), editor.constant(node.inputs[scale!] ?? '')]
    const zero = node.inputs[scale! + 1] ?? ''
    const origin = zero === '' ? null : editor.constant(zero)
    return codes && steps && origin !== undefined ? gateWeights(codes, steps, origin) : null
  })
  const [weights, recurrent] = parts
  if (!weights || !recurrent) return { refused: 'its weights are not constant' }
  const names = [weights, recurrent].map((values, i) =>
    editor.addConstant(fromNumbers('float32', values.dims, values.numbers), `${node.inputs[i + 1]!}_float`),
  )
  const inputs = [node.inputs[0]!, ...names, ...node.inputs.slice(3, 8)]
  while (inputs.at(-1) === '') inputs.pop()
  const { name, outputs, attributes } = node
  replaceAll(editor, node, [{ ...makeNode('LSTM', inputs, outputs, { name }), attributes }])
  return true
}

/** Puts these in the node's place; what was there for it alone goes. */
function replaceAll(editor: GraphEditor, node: Node, fresh: readonly Node[]): void {
  const makers = node.inputs.flatMap((name) => editor.producer(name) ?? [])
  editor.replace(node, ...fresh)
  for (const maker of makers) editor.removeUnused(maker)
}
