/*
 * y = Conv<pads = q>(Pad(x, p, 0))             ⇒  y = Conv<pads = p + q>(x)
 * y = AveragePool<pads = q>(Pad(x, p, 0))      ⇒  y = AveragePool<pads = p + q, count_include_pad = 1>(x)
 * y = MaxPool<pads = q>(Pad(x, p, −∞))         ⇒  y = MaxPool<pads = p + q>(x)
 * Illegal: another mode or value; padding of batch or channels; negative padding; auto_pad; an AveragePool that has
 * padding of its own which it does not count; padding that is not smaller than a pooling window; others who read the
 * padded value (it would be made anyway).
 * Source: the operators' definitions.
 */
import {
  floatAttribute,
  int,
  intAttribute,
  ints,
  intsAttribute,
  type Node,
  stringAttribute,
  toNumbers,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'

export const mergePads = rulePass(
  'mergePads',
  'Moves padding into the convolution or pooling that follows, which pads for free.',
  [{ roots: ['Conv', 'AveragePool', 'MaxPool'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const pad = editor.producer(node.inputs[0]!, 'Pad')
  if (!pad) return false
  const padding = readPad(pad, context)
  if ('refused' in padding) return padding
  const wanted = node.opType === 'MaxPool' ? -Infinity : 0
  if (padding.value !== wanted && !(wanted === -Infinity && padding.value <= -3.4e38))
    return { refused: `it pads with ${padding.value}, not ${wanted}` }
  if (editor.soleConsumer(node.inputs[0]!) !== node) return { refused: 'the padded value is also read elsewhere' }
  if (!['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET')))
    return { refused: `${node.opType} chooses its padding itself (auto_pad)` }
  if (node.outputs.length > 1) return { refused: `${node.opType} hands out positions in the padded value` }
  const spatial = padding.begins.length - 2
  const outer = [...padding.begins.slice(0, 2), ...padding.ends.slice(0, 2)]
  if (outer.some((size) => size !== 0)) return { refused: 'it pads batch or channels' }
  const own = intsAttribute(node, 'pads', Array<number>(2 * spatial).fill(0))
  if (stringAttribute(node, 'auto_pad', 'NOTSET') === 'VALID' && own.some((size) => size !== 0)) return false
  const pads = [...padding.begins.slice(2), ...padding.ends.slice(2)].map((size, i) => size + (own[i] ?? 0))
  if (pads.some((size) => size < 0) || [...padding.begins, ...padding.ends].some((size) => size < 0))
    return { refused: 'it crops' }
  const attributes = new Map(node.attributes).set('pads', ints(pads))
  attributes.delete('auto_pad')
  if (node.opType !== 'Conv') {
    const kernel = intsAttribute(node, 'kernel_shape', [])
    if (pads.some((size, i) => size >= kernel[i % spatial]!))
      return { refused: 'the padding is as large as the pooling window' }
    if (intAttribute(node, 'ceil_mode', 0) === 1)
      return { refused: 'a pooling that rounds its size up sees other windows' }
  }
  if (node.opType === 'AveragePool') {
    if (intAttribute(node, 'count_include_pad', 0) === 0 && own.some((size) => size !== 0))
      return { refused: 'AveragePool has padding of its own that it does not count' }
    attributes.set('count_include_pad', int(1))
  }
  editor.replace(node, { ...node, inputs: [pad.inputs[0]!, ...node.inputs.slice(1)], attributes })
  editor.removeUnused(pad)
  return true
}

type Padding = { begins: readonly number[]; ends: readonly number[]; value: number } | { refused: string }

/** The pads as attribute (before opset 11) or constant input, for every axis. */
function readPad(pad: Node, { constant }: RuleContext): Padding {
  const mode = stringAttribute(pad, 'mode', 'constant')
  if (mode !== 'constant') return { refused: `it pads by ${mode}` }
  if ((pad.inputs[3] ?? '') !== '') return { refused: 'it pads chosen axes' }
  const tensor = constant(pad.inputs[1] ?? '')
  const pads = intsAttribute(pad, 'pads', undefined) ?? (tensor && [...toNumbers(tensor)])
  if (!pads) return { refused: 'its padding is not constant' }
  const input = pad.inputs[2] ?? ''
  const value = input === '' ? floatAttribute(pad, 'value', 0) : scalarValue(constant(input))
  if (value === undefined) return { refused: 'its value is not constant' }
  const rank = pads.length / 2
  return { begins: pads.slice(0, rank), ends: pads.slice(rank), value }
}
