import { fromNumbers, type Node, stringAttribute } from '../../ir/index.ts'
import type { RuleContext, RuleOutcome } from '../../rewrite/index.ts'
import { type ShapeValue, sizesOf } from './shape-values.ts'

/**
 * y = Resize(x, , , {n, c, 2·h, 2·w})   ⇒   y = Resize(x, , {1, 1, 2, 2})          with x: float[n, c, h, w]
 * Sizes that are whole multiples of the input's become factors: these are constants even where the batch is not known,
 * and kernels and rewrites that repeat pixels look for factors.
 */
export function fixFactors(node: Node, target: ShapeValue | undefined, context: RuleContext): RuleOutcome {
  const { editor, types } = context
  if (!target || target.scalar || node.attributes.has('axes')) return false
  const stretched = stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') === 'stretch'
  if (!stretched || stringAttribute(node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize') return false
  const sizes = sizesOf(node.inputs[0]!, types)
  if (sizes?.length !== target.sizes.length) return false
  const factors = target.sizes.map((size, axis) => {
    const before = sizes[axis]!
    if (size !== null && size === before) return 1
    return typeof size === 'number' && typeof before === 'number' && before > 0 ? size / before : Number.NaN
  })
  if (!factors.every((factor) => Number.isInteger(factor) && factor > 0)) return false
  const scales = editor.addConstant(fromNumbers('float32', [factors.length], factors), `${node.outputs[0]}_factors`)
  const maker = editor.producer(node.inputs[3]!)
  editor.replace(node, { ...node, inputs: [node.inputs[0]!, node.inputs[1]!, scales] })
  if (maker) editor.removeUnused(maker)
  return true
}
