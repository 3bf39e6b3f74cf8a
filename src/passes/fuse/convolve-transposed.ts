/*
 * y = ConvTranspose<group = g, pads = p>(x, w, b)   ⇒   y = Conv<group = g, pads = d·(k − 1) − p>(x, w', b)
 * w: float[C, M/g, k…], w'[m, c, i] = w[c, m, k − 1 − i] within each group. With a stride of 1 a transposed convolution is one
 * with its windows turned round, for which the runtime has blocked and integer kernels and activations within them. GTCRN,
 * whose decoder has nine: 0.49 ms, then 0.47 (by turns, busy, least tenth).
 * The same products in another order of sums.
 * Illegal: other strides; padding that is computed, or cuts off more than windows reach; weights that are not constant.
 * Left alone: windows that make far more places than there were, nearly all of whose products would be with zeros.
 * Source: y[m, o] = Σ_c Σ_i w[c, m, i] · x[c, o + p − d·i].
 */
import {
  type Attribute,
  elementCount,
  floatOperands,
  intAttribute,
  ints,
  intsAttribute,
  type Node,
  type Tensor,
  tensorOf,
  tensorShape,
  tensorValues,
  windowsOf,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const convolveTransposed = rulePass(
  'convolveTransposed',
  'Makes convolutions of transposed ones that have no stride, with their windows turned round.',
  [{ roots: ['ConvTranspose'], apply }],
)

/** Places that it makes of one, up to which the products with zeros cost less than the faster kernel saves. */
const MOST_PLACES = 1.5

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, types } = context
  const { weight } = floatOperands(node, constant) ?? {}
  const shape = tensorShape(types.get(node.inputs[0]!))
  if (!weight || weight.dims.length < 3 || !shape) return false
  const kernel = weight.dims.slice(2)
  const windows = windowsOf(node, kernel)
  const room = intsAttribute(node, 'output_padding', [])
  if (!windows || windows.strides.some((stride) => stride !== 1) || room.some((places) => places !== 0)) return false
  if (node.attributes.has('output_shape')) return false
  const reach = windows.dilations.map((step, axis) => step * (kernel[axis]! - 1))
  const pads = [...reach, ...reach].map((places, side) => places - windows.pads[side]!)
  if (pads.some((pad) => pad < 0)) return { refused: 'its padding cuts off more than its windows reach' }
  const growth = kernel.map((_, axis) => {
    const more = pads[axis]! + pads[axis + kernel.length]! - reach[axis]!
    const size = shape[axis + 2]
    if (more <= 0) return 1
    return typeof size === 'number' ? (size + more) / size : Number.POSITIVE_INFINITY
  })
  if (growth.reduce((all, one) => all * one, 1) > MOST_PLACES)
    return { refused: 'it makes far more places than there are, mostly of zeros' }

  const turned = editor.addConstant(turnedRound(weight, intAttribute(node, 'group', 1)), `${node.inputs[1]}_turned`)
  const attributes = new Map<string, Attribute>(node.attributes)
  for (const name of ['auto_pad', 'output_padding']) attributes.delete(name)
  attributes.set('pads', ints(pads))
  const [x, , ...bias] = node.inputs
  editor.replace(node, { ...node, opType: 'Conv', inputs: [x!, turned, ...bias], attributes })
  return true
}

/** Weights [C, M / groups, k…] as those [M, C / groups, k…] of a convolution, each window from its end to its start. */
function turnedRound(weight: Tensor, groups: number): Tensor {
  const [reads, makes, ...kernel] = weight.dims as [number, number, ...number[]]
  const taps = elementCount(kernel)
  const own = reads / groups
  const values = tensorValues(weight) as Float32Array
  const turned = new Float32Array(values.length)
  for (let group = 0; group < groups; group++)
    for (let m = 0; m < makes; m++)
      for (let c = 0; c < own; c++) {
        const from = ((group * own + c) * makes + m) * taps
        const to = ((group * makes + m) * own + c) * taps
        for (let tap = 0; tap < taps; tap++) turned[to + tap] = values[from + taps - 1 - tap]!
      }
  return tensorOf('float32', [groups * makes, own, ...kernel], turned)
}
