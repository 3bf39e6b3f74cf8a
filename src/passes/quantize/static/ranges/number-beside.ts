import { scalarValue } from '../../../../rewrite/index.ts'
import type { NodeFacts } from '../../units/quantize-rules.ts'
import type { Unit } from '../../units/unit.ts'

/**
 * The one finite number of float32 that a unit reads beside a single value; undefined where it does more, were it to give
 * the value more axes.
 */
export function numberBeside({ node, activation, reads }: Unit, { constant, shape }: NodeFacts): number | undefined {
  if (activation || reads.length !== 1) return undefined
  const tensor = node.inputs.map((name) => constant(name)).find((known) => known !== undefined)
  const value = tensor?.dtype === 'float32' ? scalarValue(tensor) : undefined
  if (value === undefined || !Number.isFinite(value)) return undefined
  return tensor!.dims.length <= (shape?.(reads[0]!)?.length ?? 0) ? value : undefined
}
