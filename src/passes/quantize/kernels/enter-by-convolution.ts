/*
 * y = Q(Add(D(a), D(b)))    a = Q(Conv(…)) of codes, b = QuantizeLinear(x) of a float, perhaps behind a Pad of codes
 *   ⇒   b′ = Q(Conv<group = C>(D(b), 1)) under the scale of b, and y = Q(Add(D(a), D(b′)))
 * Integer convolutions work with channels last, and the runtime moves the changes of layout around them through a sum
 * only where all that it adds lies so. Codes that are made of a float do not: then every later sum of a chain of
 * residual blocks stays in plain order, with a Transpose in front of each convolution and behind it, and pools between
 * them lose their kernel (a detector of hands, 36 such sums: 76 Transposes and a tenth to a fifth of its time; 5 with
 * this; a mesh of faces with slopes behind its sums 36 and 4). A convolution of one tap lies as the others do.
 * Illegal: a number of channels that is not known; more than one scale. Left alone: sums that begin no chain,
 * where one convolution more costs what two Transposes did (a small ResNet: 0.120 ms, 0.125 with it).
 * Source: a tap of code 1 and scale 1 gives the same codes; `transpose_optimization` of ONNX Runtime.
 */
import { fromNumbers, int, makeNode, type Node, tensorOf, tensorShape } from '../../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { isFromIntegers } from './from-integers.ts'

export const enterByConvolution = rulePass(
  'enterByConvolution',
  'Codes of a float reach a chain of integer sums through a convolution of one tap, in the layout of its kernels.',
  [{ roots: ['Add'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, types } = context
  if (!beginsChain(node, editor)) return false
  const makers = node.inputs.map((name) => codesBehind(name, editor))
  const slot = makers.findIndex((maker, i) => maker && isEntry(maker, editor) && isOfConv(makers[1 - i], editor))
  const maker = makers[slot]
  if (!maker) return false
  const pad = maker.opType === 'Pad' ? maker : undefined
  const coder = pad ? editor.producer(pad.inputs[0]!)! : maker
  const [x, scale, zero] = coder.inputs as [string, string, string]
  const shape = tensorShape(types.get(x)!)
  if (shape?.length !== 4 || typeof shape[1] !== 'number') return false
  if (constant(scale)?.dims.length !== 0 || !constant(zero)) return false
  if (pad && !editor.soleConsumer(pad.outputs[0]!)) return false
  const codes = coder.outputs[0]!
  const fresh = (word: string) => editor.freshName(`${codes}_${word}`)
  const [read, taps, same, entered] = [fresh('read'), fresh('taps'), fresh('same'), fresh('entered')]
  const ones = fromNumbers('int8', [shape[1], 1, 1, 1], new Array<number>(shape[1]).fill(1))
  const one = editor.addConstant(tensorOf('float32', [], Float32Array.of(1)), `${codes}_tap_scale`)
  const none = editor.addConstant(fromNumbers('int8', [], [0]), `${codes}_tap_zero`)
  const entering = [
    makeNode('DequantizeLinear', [codes, scale, zero], [read], { name: read }),
    makeNode('DequantizeLinear', [editor.addConstant(ones, `${codes}_tap_codes`), one, none], [taps], { name: taps }),
    makeNode('Conv', [read, taps], [same], { name: same, attributes: { group: int(shape[1]) } }),
    makeNode('QuantizeLinear', [same, scale, zero], [entered], { name: entered }),
  ]
  if (pad) {
    editor.replace(pad, ...entering, { ...pad, inputs: [entered, ...pad.inputs.slice(1)] })
    return true
  }
  const decoded = fresh('decoded')
  const inputs = node.inputs.map((name, i) => (i === slot ? decoded : name))
  const reader = makeNode('DequantizeLinear', [entered, scale, zero], [decoded], { name: decoded })
  editor.replace(node, ...entering, reader, { ...node, inputs })
  return true
}

/** What makes the codes that this float is read from. */
function codesBehind(value: string, editor: RuleContext['editor']): Node | undefined {
  const reader = editor.producer(value, 'DequantizeLinear')
  return reader && editor.producer(reader.inputs[0]!)
}

/** Whether codes begin here, or are padded right behind their beginning. */
function isEntry(maker: Node, editor: RuleContext['editor']): boolean {
  const coder = maker.opType === 'Pad' ? editor.producer(maker.inputs[0]!) : maker
  return coder?.opType === 'QuantizeLinear' && !isFromIntegers(coder.inputs[0]!, editor)
}

/** Whether an integer convolution makes these codes. */
function isOfConv(maker: Node | undefined, editor: RuleContext['editor']): boolean {
  const conv = maker?.opType === 'QuantizeLinear' ? editor.producer(maker.inputs[0]!) : undefined
  return conv?.opType === 'Conv' && codesBehind(conv.inputs[0]!, editor) !== undefined
}

/**
 * Whether an integer convolution and a later sum both read the codes of this one, or codes that slopes choose from them:
 * one block alone saves too little.
 */
function beginsChain(sum: Node, editor: RuleContext['editor']): boolean {
  const coder = editor.soleConsumer(sum.outputs[0]!, 'QuantizeLinear')
  if (!coder) return false
  const values = chosenFrom(coder.outputs[0]!, editor)
    .flatMap((codes) => editor.consumers(codes))
    .flatMap(({ opType, outputs }) => (opType === 'DequantizeLinear' ? [outputs[0]!] : []))
  const isRead = (operator: string) =>
    values.some((value) =>
      editor.consumers(value).some(({ opType, inputs }) => opType === operator && inputs.includes(value)),
    )
  return isRead('Conv') && isRead('Add')
}

/** These codes, and those of slopes that read them: the greater or the lesser of them and their products. */
function chosenFrom(codes: string, editor: RuleContext['editor']): readonly string[] {
  const chosen = editor
    .consumers(codes)
    .flatMap(({ opType, outputs }) => (opType === 'Max' || opType === 'Min' ? [outputs[0]!] : []))
  return [codes, ...chosen.flatMap((name) => chosenFrom(name, editor))]
}
