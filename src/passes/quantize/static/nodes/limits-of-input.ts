import { type Node, operatorName } from '../../../../ir/index.ts'
import { clipBounds } from '../../../../rewrite/index.ts'
import { quantizeU8 } from '../../codes/affine.ts'
import type { Codes } from '../equalise-channels.ts'
import type { StaticPlan } from '../static-plan.ts'

/**
 * The Clip of a graph input that makes this value, where codes of what it reads are the same as codes of what it gives:
 * its limits are at the ends of the codes, or beyond, and there they saturate. So the codes are made of the input itself.
 * Elsewhere the runtime takes such a Clip away; in front of an input ONNX Runtime before 1.24 tries to, and then refuses
 * the file ("Should be unreachable if CanRemoveNodeAndMergeEdges …").
 *
 * Source: onnxruntime, `clip_quantizelinear.cc`; pull request 27016.
 */
export function limitsOfInput({ index, facts }: StaticPlan, name: string, codes: Codes): Node | null {
  const node = index.producer.get(name)
  if (!node || operatorName(node) !== 'Clip' || !index.inputs.has(node.inputs[0]!) || codes.channels) return null
  const bounds = clipBounds(node, facts.constant)
  if (!bounds || !(bounds.low <= bounds.high)) return null
  const [first, last] = quantizeU8([bounds.low, bounds.high], codes)
  return first === 0 && last === 255 ? node : null
}
