import { type Node, roundHalfEven } from '../../../../ir/index.ts'
import { type Affine, affineU8, type Range, rangeOfU8 } from '../../codes/affine.ts'
import { standIn, type Unit } from '../../units/unit.ts'

/** Codes between two limits, and what they stand for there. */
interface Limits {
  readonly low: number
  readonly high: number
  readonly under: Affine
}

/** The gate of HardSwish, clip(x/6 + 1/2, 0, 1), is 0 up to −3 and 1 from 3 on. */
const REACH = 3

/** How far from a code a limit may lie, in steps: what it is off by would be the same for a whole value. */
const NEAR = 0.01

/**
 * The gate of HardSwish as codes of x that are held between two limits. Where −3 and 3 are codes themselves, so many
 * steps from zero (see `withCodesAtLimits`), those between them are those of the gate, under the scale s/6 and with the
 * code of −3 for a zero point: nothing is rounded but x itself. Null where they lie between codes, or −3 below them all.
 */
export function limitedCodes({ scale, zeroPoint }: Affine): Limits | null {
  const steps = Math.round(REACH / scale)
  const low = zeroPoint - steps
  if (Math.abs(REACH / scale - steps) > NEAR || low < 0) return null
  return {
    low,
    high: Math.min(255, low + 2 * steps),
    under: { scale: Math.fround(scale / (2 * REACH)), zeroPoint: low },
  }
}

/** Steps from 0 to 3 of which one less makes codes little coarser, by a sixteenth at most. */
const FEWEST = 16

/** Ranges under whose codes both limits of the gate of each HardSwish are codes. */
export function withCodesAtLimits<R extends Range>(
  ranges: ReadonlyMap<string, R>,
  units: ReadonlyMap<Node, Unit>,
): ReadonlyMap<string, R> {
  const widened = new Map(ranges)
  for (const { node, reads } of units.values()) {
    if (standIn(node) !== 'hard-swish') continue
    const range = widened.get(reads[0]!)!
    const steps = Math.floor(REACH / affineU8(range).scale + NEAR)
    if (steps < FEWEST) continue
    const scale = REACH / steps
    const zeroPoint = Math.min(255, Math.max(0, roundHalfEven(-Math.min(0, range.min) / scale)))
    widened.set(reads[0]!, { ...range, ...rangeOfU8({ scale, zeroPoint }) })
  }
  return widened
}
