/*
 * y = ConvTranspose<kernel_shape = strides = [s, s]>(x, w, b)
 *   ⇒  y = DepthToSpace<blocksize = s, mode = "CRD">(Conv(x, w', b'))
 *      w'[m·s² + i·s + j, c, 0, 0] = w[c, m, i, j]        b'[m·s² + i·s + j] = b[m]
 * Where the kernel is as large as its step, patches do not overlap: each is a product of one pixel. Convolutions have
 * integer kernels and blocked float ones, transposed ones have neither. An activation behind it moves in front of
 * DepthToSpace, where the runtime computes it within the convolution.
 * Illegal: pads, output padding, a shape that is asked for, dilations, groups; weights that are not constant float32;
 * an operator set older than 11 (DepthToSpace has no mode).
 * Source: the sum of ONNX's ConvTranspose, which has one term here; Shi et al., "Is the deconvolution layer the same as
 * a convolutional layer?" (2016).
 */
import {
  fromNumbers,
  int,
  intAttribute,
  ints,
  intsAttribute,
  makeNode,
  type Node,
  string,
  stringAttribute,
  tensorValues,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const spreadWithoutOverlap = rulePass(
  'spreadWithoutOverlap',
  'Writes a transposed convolution whose patches do not overlap as a convolution and a rearrangement.',
  [{ roots: ['ConvTranspose'], apply }],
)

/** What computes each element on its own and may be told in front of a rearrangement as well as behind it. */
const ELEMENTWISE = ['Relu', 'LeakyRelu', 'Clip', 'HardSwish', 'HardSigmoid', 'Sigmoid']

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, opset } = context
  const weight = constant(node.inputs[1]!)
  if (opset < 11 || weight?.dims.length !== 4) return false
  const [channels, outputs, step, wide] = weight.dims as [number, number, number, number]
  const all = (name: string, value: number, byDefault = value) =>
    intsAttribute(node, name, [byDefault]).every((item) => item === value)
  if (step !== wide || step < 2 || !all('strides', step, 1)) return false
  const bias = node.inputs[2] ? constant(node.inputs[2]) : undefined
  if (weight.dtype !== 'float32' || (node.inputs[2] && bias?.dtype !== 'float32'))
    return { refused: 'its weights are not constant float32' }
  const plain =
    all('pads', 0) &&
    all('output_padding', 0) &&
    all('dilations', 1) &&
    intAttribute(node, 'group', 1) === 1 &&
    !node.attributes.has('output_shape') &&
    ['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET'))
  if (!plain) return { refused: 'it has pads, dilations, groups or a shape that is asked for' }

  const [values, shifts] = [tensorValues(weight), bias && tensorValues(bias)] as [Float32Array, Float32Array?]
  const area = step * step
  const spread = new Float32Array(outputs * area * channels)
  for (let c = 0; c < channels; c++)
    for (let o = 0; o < outputs * area; o++) spread[o * channels + c] = values[c * outputs * area + o]!
  const rows = outputs * area
  const inputs = [
    node.inputs[0]!,
    editor.addConstant(fromNumbers('float32', [rows, channels, 1, 1], spread), `${node.inputs[1]}_spread`),
  ]
  if (shifts)
    inputs.push(
      editor.addConstant(
        fromNumbers(
          'float32',
          [rows],
          Float32Array.from({ length: rows }, (_, o) => shifts[Math.floor(o / area)]!),
        ),
        `${node.inputs[2]}_spread`,
      ),
    )
  const output = node.outputs[0]!
  const patches = editor.freshName(`${output}_patches`)
  const conv = makeNode('Conv', inputs, [patches], {
    name: node.name,
    attributes: { kernel_shape: ints([1, 1]) },
  })
  const user = editor.soleConsumer(output)
  const activation = user && user.domain === '' && ELEMENTWISE.includes(user.opType) ? user : undefined
  const active = activation ? editor.freshName(`${output}_active`) : patches
  const rearranged = makeNode('DepthToSpace', [active], [activation ? activation.outputs[0]! : output], {
    name: editor.freshName(`${node.name || output}_rearranged`),
    attributes: { blocksize: int(step), mode: string('CRD') },
  })
  if (!activation) editor.replace(node, conv, rearranged)
  else {
    editor.replace(node, conv)
    editor.replace(
      activation,
      { ...activation, inputs: [patches, ...activation.inputs.slice(1)], outputs: [active] },
      rearranged,
    )
  }
  return true
}
