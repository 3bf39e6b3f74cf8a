import type { Node } from '../../ir/index.ts'
import { type Affine, affineOf, type ChannelAxis, composeAffine, type RuleContext } from '../../rewrite/index.ts'

/**
 * How many times as much as a rounding of levelled values one of the raw values may disturb: two bits of eight. The
 * channels of an image, whose deviations are alike, stay far below it.
 */
const MOST = 4

/**
 * Whether `node` ends what brings the channels of a graph input to one size, as tables of features are standardised: a
 * column of 0 to 1 beside one of thousands. Without it one scale for all columns leaves the small ones no codes, and the
 * weights that take it in differ as much: in integers such a model answers at random, for one or two small nodes saved.
 */
export function levelsInput(node: Node, axis: ChannelAxis, { editor, constant }: RuleContext): boolean {
  let whole: Affine | undefined
  for (let step: Node | undefined = node; step; step = editor.producer(whole?.input ?? '')) {
    if (step.domain === '' && step.opType === 'Cast' && whole) {
      whole = { ...whole, input: step.inputs[0]! }
      continue
    }
    const affine = affineOf(step, constant, axis)
    if (!affine) return false
    whole = whole ? composeAffine(affine, whole) : affine
  }
  return whole !== undefined && editor.isInput(whole.input) && lostByOneScale(whole) > MOST
}

/**
 * With outputs of one size, channel c is of size 1/|s_c|, one scale for all is as coarse as the largest of them asks, and
 * a rounding comes out |s_c| times as large: the root of its mean square, in units of what levelled channels have.
 */
function lostByOneScale({ scale }: Affine): number {
  const sizes = Array.from(scale, Math.abs).filter((size) => size > 0)
  const meanSquare = sizes.reduce((sum, size) => sum + size * size, 0) / sizes.length
  return Math.sqrt(meanSquare) / Math.min(...sizes)
}
