/*
 * y = Slice<start = s, end = −e, axis = 2>(Conv<pads = a, b, strides = t>(x))  ⇒  y = Conv<pads = a − s·t, b − e·t>(x)
 * Causal convolutions of PyTorch are padded on both sides and lose what the far side added behind it, those of even
 * width lose one place. Without the Slice nothing is computed in vain, and the activation behind it is a part of the
 * kernel (a temporal network of five blocks has ten Slices fewer).
 * Illegal: more is cut off than the padding made; the uncropped value is read elsewhere; bounds that vary or count from
 * an end that is not known; auto_pad; steps; a size that is not known where the window may be wider than what is left.
 * Source: the operators' definitions.
 */
import {
  ints,
  intsAttribute,
  type Node,
  type SliceBound,
  sliceBounds,
  stringAttribute,
  TO_THE_END,
  tensorShape,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const cropByPadding = rulePass(
  'cropByPadding',
  'Lets a convolution pad less where what its padding made is cut off behind it.',
  [{ roots: ['Slice'], apply }],
)

function apply(slice: Node, context: RuleContext): RuleOutcome {
  const { editor, types } = context
  const conv = editor.producer(slice.inputs[0]!, 'Conv')
  if (!conv) return false
  const bounds = sliceBounds(slice, context)
  if (!bounds) return { refused: 'its bounds are not constant' }
  const shape = tensorShape(types.get(slice.inputs[0]!))
  const kernel = tensorShape(types.get(conv.inputs[1]!))?.slice(2)
  if (!shape || !kernel) return { refused: 'how many axes it has is not known' }
  if (stringAttribute(conv, 'auto_pad', 'NOTSET') !== 'NOTSET')
    return { refused: 'the convolution chooses its padding itself (auto_pad)' }
  if (editor.soleConsumer(slice.inputs[0]!) !== slice) return { refused: 'the whole value is also read elsewhere' }

  const spatial = shape.length - 2
  const pads = [...intsAttribute(conv, 'pads', Array<number>(2 * spatial).fill(0))]
  const strides = intsAttribute(conv, 'strides', Array<number>(spatial).fill(1))
  const dilations = intsAttribute(conv, 'dilations', Array<number>(spatial).fill(1))
  for (const bound of bounds) {
    const axis = (bound.axis < 0 ? bound.axis + shape.length : bound.axis) - 2
    const size = shape[axis + 2]
    const cut = axis < 0 ? undefined : cutOff(bound, size)
    if (!cut) return { refused: 'it cuts off something else than the ends of lines' }
    pads[axis]! -= cut.begin * strides[axis]!
    pads[axis + spatial]! -= cut.end * strides[axis]!
    if (pads[axis]! < 0 || pads[axis + spatial]! < 0) return { refused: 'more is cut off than the padding made' }
    // With as much padding as the window reaches there is a place for every number that is read.
    const [taps, padding] = [kernel[axis], pads[axis]! + pads[axis + spatial]!]
    const fits = typeof taps === 'number' && padding >= (taps - 1) * dilations[axis]!
    const left = typeof size === 'number' ? size > cut.begin + cut.end : fits
    if (!left) return { refused: 'nothing may be left of short lines' }
  }
  const attributes = new Map(conv.attributes).set('pads', ints(pads))
  editor.replace(slice, { ...conv, outputs: [slice.outputs[0]!], attributes })
  editor.removeUnused(conv)
  return true
}

/** How many places a Slice takes away at either end of an axis of this size; undefined where that is not known. */
function cutOff(
  { start, end, step }: SliceBound,
  size: unknown,
): { readonly begin: number; readonly end: number } | undefined {
  const known = typeof size === 'number' ? size : undefined
  if (step !== 1) return undefined
  const begin = start >= 0 ? start : known === undefined ? undefined : Math.max(0, known + start)
  const cut = end < 0 ? -end : end >= TO_THE_END ? 0 : known === undefined ? undefined : Math.max(0, known - end)
  return begin === undefined || cut === undefined ? undefined : { begin, end: cut }
}
