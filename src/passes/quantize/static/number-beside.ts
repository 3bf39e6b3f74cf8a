import { scalarValue } from '../../../rewrite/index.ts'
import type { NodeFacts } from '../units/quantize-rules.ts'
import type { Unit } from '../units/unit.ts'

/** The one finite number of float32, and its axes, that a unit reads beside a single value; undefined where it does more. */
export function numberBeside(
  { node, activation, reads }: Unit,
  { constant }: NodeFacts,
): { readonly value: number; readonly axes: number } | undefined {
  if (activation || reads.length !== 1) return undefined
  const tensor = node.inputs.map((name) => constant(name)).find((known) => known !== undefined)
  const value = tensor?.dtype === 'float32' ? scalarValue(tensor) : undefined
  return value !== undefined && Number.isFinite(value) ? { value, axes: tensor!.dims.length } : undefined
}
