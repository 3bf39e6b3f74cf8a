import { type Node, operatorName } from '../../../../ir/index.ts'
import { type Affine, SMALLEST_SCALE } from '../../codes/affine.ts'
import type { NodeFacts, OperatorRule } from '../../units/quantize-rules.ts'
import type { Unit } from '../../units/unit.ts'
import { numberBeside } from './number-beside.ts'

/** No kernel at all: whatever reads the product reads the codes of what is multiplied, under another scale. */
const SCALE: OperatorRule = { kernel: '', kind: 'scale' }

/**
 * z = c·x with one positive number c for all costs nothing in integers, whatever reads it: with x = s·(q − p) the codes
 * of x stand for z under the scale c·s. Weighted sums of a BiFPN are full of them, as are scaled residuals. A negative
 * number would turn the codes around.
 */
export function withScales(candidates: ReadonlyMap<Node, Unit>, facts: NodeFacts): ReadonlyMap<Node, Unit> {
  return new Map(
    [...candidates].map(([node, unit]) => [node, scaleOf(unit, facts) === undefined ? unit : { ...unit, rule: SCALE }]),
  )
}

/** The codes of c·x from those of x. */
export function scaledCodes({ scale, zeroPoint }: Affine, unit: Unit, facts: NodeFacts): Affine {
  return { scale: Math.max(Math.fround(scale * scaleOf(unit, facts)!), SMALLEST_SCALE), zeroPoint }
}

/** The positive number that a unit multiplies one value by, if that is all that it does. */
function scaleOf(unit: Unit, facts: NodeFacts): number | undefined {
  const number = operatorName(unit.node) === 'Mul' ? numberBeside(unit, facts) : undefined
  return number !== undefined && number > 0 ? number : undefined
}
