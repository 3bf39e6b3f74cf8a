import type { Node } from '../../../../ir/index.ts'
import { type Affine, affineU8, type Range, rangeOfU8 } from '../../codes/affine.ts'
import type { ObservedRange } from '../../units/observed.ts'
import type { Unit } from '../../units/unit.ts'

/** Without multipliers of channels: they are the same on both sides, and a slope is what it was under them. */
export const plain = ({ scale, zeroPoint }: Affine): Affine => ({ scale, zeroPoint })

/** Ranges under which the codes of what a PRelu reads hold what it gives as well: of slopes below zero that is more. */
export function withRoomForSlopes(
  ranges: ReadonlyMap<string, ObservedRange>,
  units: ReadonlyMap<Node, Unit>,
): ReadonlyMap<string, ObservedRange> {
  const widened = new Map(ranges)
  for (const { rule, reads, writes } of units.values()) {
    if (rule.kind !== 'slopes') continue
    const [input, output] = [widened.get(reads[0]!)!, widened.get(writes[0]!)!]
    widened.set(reads[0]!, { ...input, min: Math.min(input.min, output.min), max: Math.max(input.max, output.max) })
  }
  return widened
}

/** The codes of what a PRelu gives: those of what it reads, unless they do not hold it. */
export function slopedCodes(input: Affine, range: Range): Affine {
  const ends = rangeOfU8(input)
  const holds = range.min >= ends.min - input.scale && range.max <= ends.max + input.scale
  return holds ? plain(input) : affineU8(range)
}
