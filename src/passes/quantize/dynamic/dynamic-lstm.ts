import { elementCount, intAttribute, type Node, tensorOf, tensorValues } from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { rangeOf } from '../codes/affine.ts'
import { quantizeChannels, quantizeWhole } from '../codes/channel-weights.ts'
import { without } from '../units/quantize-rules.ts'
import type { CodedWeights, CodingOptions } from './dynamic-matmul.ts'

/**
 * LSTM(x, W, R, B, …)  ⇒  com.microsoft.DynamicQuantizeLSTM with int8 W and R, one scale a gate row or one a direction. That operator
 * wants the weights as [directions, inputs, 4·hidden], the standard one holds [directions, 4·hidden, inputs].
 *
 * @param known Weights that are coded already, by their name: layers that share them share their codes.
 */
export function dynamicLstm(
  node: Node,
  options: CodingOptions,
  editor: GraphEditor,
  known: Map<string, CodedWeights>,
): Node | { refused: string } {
  const codedOnce = (name: string) => {
    const coded = known.get(name) ?? codedWeights(name, options, editor)
    if (!('refused' in coded)) known.set(name, coded)
    return coded
  }
  const weights = codedOnce(node.inputs[1]!)
  if ('refused' in weights) return weights
  const recurrent = codedOnce(node.inputs[2]!)
  if ('refused' in recurrent) return recurrent
  if (intAttribute(node, 'layout', 0) !== 0) return { refused: 'its layout attribute has no integer kernel' }
  const slot = (i: number) => node.inputs[i] ?? ''
  return {
    ...node,
    opType: 'DynamicQuantizeLSTM',
    domain: 'com.microsoft',
    // The integer operator has no word for the layout that both take without one.
    attributes: without(node, 'layout'),
    inputs: [
      slot(0),
      weights.codes,
      recurrent.codes,
      ...[3, 4, 5, 6, 7].map(slot),
      weights.scale,
      weights.zero,
      recurrent.scale,
      recurrent.zero,
    ],
  }
}

function codedWeights(
  name: string,
  { pairSafe, oneScale }: CodingOptions,
  editor: GraphEditor,
): CodedWeights | { refused: string } {
  const tensor = editor.constant(name)
  if (tensor?.dtype !== 'float32' || tensor.dims.length !== 3)
    return { refused: 'its weights are not constant float32' }
  const values = tensorValues(tensor) as Float32Array
  if (!rangeOf(values)) return { refused: 'its weights are not finite' }
  const [directions, gates, inputs] = tensor.dims as [number, number, number]
  const size = gates * inputs
  const coded = Array.from({ length: directions }, (_, d) =>
    (oneScale ? quantizeWhole : quantizeChannels)(values.subarray(d * size, (d + 1) * size), [gates, inputs], 0, {
      pairSafe,
    }),
  )
  const turned = new Int8Array(elementCount(tensor.dims))
  for (const [d, { codes }] of coded.entries())
    for (let g = 0; g < gates; g++)
      for (let i = 0; i < inputs; i++) turned[(d * inputs + i) * gates + g] = codes[g * inputs + i]!
  const form = oneScale ? [directions] : [directions, gates]
  const scales = Float32Array.from(coded.flatMap((part) => [...part.scales]))
  return {
    codes: editor.addConstant(tensorOf('int8', [directions, inputs, gates], turned), `${name}_codes`),
    scale: editor.addConstant(tensorOf('float32', form, scales), `${name}_scale`),
    zero: editor.addConstant(tensorOf('int8', form, new Int8Array(scales.length)), `${name}_zero_point`),
  }
}
