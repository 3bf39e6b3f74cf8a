/*
 * Conv<group = g>(DQ(x₈), DQ(w₈), b)   ⇒   Conv<group = g / m>(DQ(x₈), DQ(w'₈), b)
 * m groups become one, whose weights are those of the groups on the diagonal and zeros elsewhere: more is multiplied, and
 * the same sums come out to the bit. The runtime's integer convolution copies patches group by group, so that groups of a
 * few channels take far longer than the products that are saved: 64 channels in 32 groups, 3×3 over 48×48, took 1.9 ms,
 * 0.2 as one group; 128 in 32 groups over 28×28 0.7 ms, 0.15 in groups of 32 channels.
 * Illegal: weights whose 16-bit sums could saturate only among the zeros (`kernel-pairs.ts`). Left alone: groups of one
 * channel, which have a kernel of their own, and groups that are wide enough.
 * Source: a sum of products with zeros; widths measured on onnxruntime 1.30.
 */
import { int, intAttribute, mergedGroups, type Node } from '../../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { leavesBits } from '../codes/kernel-pairs.ts'
import { recoding } from '../drop-unread.ts'
import { codedWeights, dropCoded, recode } from './coded-weights.ts'

export const mergeGroups = recoding(
  rulePass('mergeGroups', 'Integer convolutions of narrow groups get wide ones.', [{ roots: ['Conv'], apply }]),
)

/** Channels that a merged group reads and makes at most. */
const WIDE = 32
/** As many channels in all are one group: without groups the kernel reads pixels where they lie. */
const WHOLE = 64

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const groups = intAttribute(node, 'group', 1)
  if (groups === 1 || !editor.producer(node.inputs[0]!, 'DequantizeLinear')) return false
  if (!editor.soleConsumer(node.outputs[0]!, 'QuantizeLinear')) return false
  const weight = codedWeights(node.inputs[1]!, 0, context)
  if (!weight) return false
  const [outputs, reads] = weight.codes.dims as [number, number]
  const makes = outputs / groups
  if (reads === 1 && makes === 1) return false
  const whole = Math.max(outputs, reads * groups) <= WHOLE
  const factor = whole ? groups : widest(groups, Math.max(reads, makes))
  if (factor === 1) return false
  const codes = mergedGroups(weight.codes, groups, factor)
  if (!leavesBits(weight.codes) && leavesBits(codes))
    return { refused: 'its weights keep within 16 bits only in groups as narrow as they are' }
  const inputs = [node.inputs[0]!, recode(weight, { codes }, 'merged', context), ...node.inputs.slice(2)]
  editor.replace(node, { ...node, inputs, attributes: new Map(node.attributes).set('group', int(groups / factor)) })
  dropCoded({ weight }, context)
  return true
}

/** The most groups of this width that make no more than a wide one, and leave no group over. */
function widest(groups: number, width: number): number {
  let factor = 1
  for (let m = 2; m <= groups && m * width <= WIDE; m++) if (groups % m === 0) factor = m
  return factor
}
