/*
 * y = Resize<coordinate_transformation_mode = "pytorch_half_pixel">(x, , s)
 *   ⇒  y = Resize<coordinate_transformation_mode = "half_pixel">(x, , s)
 * Both read place (i + ½) / s − ½, but for an output of one pixel. The runtime interpolates in blocks of channels, between
 * convolutions, only under the second name (64 channels from 16×16 to 64×64, with what puts them into plain order and
 * back: 0.33 ms, 0.1).
 * Illegal: an axis that changes and may end with one pixel.
 * Source: ONNX, Resize, coordinate_transformation_mode.
 */
import { type Node, sameSize, string, stringAttribute, toNumbers } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

const MODE = 'coordinate_transformation_mode'

export const halfPixels = rulePass(
  'halfPixels',
  'Names the coordinates of a Resize as the runtime knows them, where two names mean the same.',
  [{ roots: ['Resize'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  if (stringAttribute(node, MODE, 'half_pixel') !== 'pytorch_half_pixel') return false
  if (!grows(node, context) && !hasPixels(node, context)) return { refused: 'its output may be one pixel wide or high' }
  context.editor.replace(node, {
    ...node,
    attributes: new Map([...node.attributes, [MODE, string('half_pixel')]]),
  })
  return true
}

/** Whether every axis stays as it is or at least doubles. */
function grows(node: Node, { constant }: RuleContext): boolean {
  const scales = node.inputs[3] ? undefined : constant(node.inputs[2] ?? '')
  return scales !== undefined && [...toNumbers(scales)].every((scale) => Number(scale) === 1 || Number(scale) >= 2)
}

/** Whether every axis that changes is known to keep more than one place. */
function hasPixels(node: Node, { types }: RuleContext): boolean {
  const [before, after] = [types.get(node.inputs[0]!), types.get(node.outputs[0]!)]
  if (before?.kind !== 'tensor' || after?.kind !== 'tensor' || !before.shape || !after.shape) return false
  return after.shape.every(
    (size, axis) => (typeof size === 'number' && size > 1) || sameSize(size, before.shape![axis]),
  )
}
