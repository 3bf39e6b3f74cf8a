import { type GraphIndex, isPadded, type Node, tensorValues } from '../../../../ir/index.ts'
import type { Affine, Range } from '../../codes/affine.ts'
import { productChannels } from '../../units/product-channels.ts'
import type { NodeFacts, OperatorRule } from '../../units/quantize-rules.ts'
import type { Unit } from '../../units/unit.ts'
import { numberBeside } from './number-beside.ts'

/**
 * No kernel at all: whatever reads the sum reads the codes of what the number was added to, under another zero point.
 */
const SHIFT: OperatorRule = { kernel: '', kind: 'shift' }

/** A padding of zeros must have a code; the codes of a value are widened for it by at most this share. */
const MOST_WIDER = 1 / 8

/**
 * z = x + b with one number b for all, read by products alone, costs nothing in integers: with x = s·(q − p) the codes
 * of x stand for z under the zero point p − b/s. That is no whole number; what is left of b goes into the biases of the
 * readers (see `shiftedCodes`). So the zeros of a padding keep a code, which a bias alone could not give them.
 */
export function withShifts(
  candidates: ReadonlyMap<Node, Unit>,
  index: GraphIndex,
  facts: NodeFacts,
  ranges: ReadonlyMap<string, Range>,
): ReadonlyMap<Node, Unit> {
  return new Map(
    [...candidates].map(([node, unit]) => {
      const by = shiftOf(unit, facts)
      const readers = index.consumers.get(unit.writes[0]!) ?? []
      const taken =
        by !== undefined &&
        !index.outputs.has(unit.writes[0]!) &&
        readers.some((reader) => candidates.has(reader)) &&
        readers.every((reader) => takesIn(reader, unit.writes[0]!)) &&
        (!readers.some(isPadded) || hasRoom(ranges.get(unit.reads[0]!)!, -by))
      return [node, taken ? { ...unit, rule: SHIFT } : unit]
    }),
  )
}

/** The number that a unit adds to one value, if that is all that it does. */
export const shiftOf = (unit: Unit, facts: NodeFacts): number | undefined =>
  unit.node.opType === 'Add' ? numberBeside(unit, facts) : undefined

/** Ranges in which what becomes zero by a shift has a code, where somebody pads with it. */
export function withRoomForZeros<R extends Range>(
  ranges: ReadonlyMap<string, R>,
  units: ReadonlyMap<Node, Unit>,
  index: GraphIndex,
  facts: NodeFacts,
): ReadonlyMap<string, R> {
  const widened = new Map(ranges)
  for (const unit of units.values()) {
    if (unit.rule !== SHIFT || !(index.consumers.get(unit.writes[0]!) ?? []).some(isPadded)) continue
    const zero = -shiftOf(unit, facts)!
    const range = widened.get(unit.reads[0]!)!
    widened.set(unit.reads[0]!, { ...range, min: Math.min(range.min, zero), max: Math.max(range.max, zero) })
  }
  return widened
}

/** Codes of x + b from those of x, and what is left of b: real = scale · (code − zeroPoint) + rest. */
export function shiftedCodes(
  { scale, zeroPoint }: Affine,
  by: number,
): { readonly codes: Affine; readonly rest: number } {
  const shifted = Math.min(255, Math.max(0, zeroPoint - Math.round(by / scale)))
  return { codes: { scale, zeroPoint: shifted }, rest: by - scale * (zeroPoint - shifted) }
}

/** Σ over the weights of each output: what a number that is added to every input adds to it, away from paddings. */
export function weightSums(node: Node, facts: NodeFacts): Float64Array {
  const weight = facts.constant(node.inputs[1]!)!
  const channels = productChannels(node, weight)!
  const sums = new Float64Array(channels.outputs)
  const values = tensorValues(weight) as Float32Array
  channels.each((_, output, from, to) => {
    for (let t = from; t < to; t++) sums[output]! += values[t]!
  })
  return sums
}

/** Products with a bias of their own. */
function takesIn({ opType, inputs }: Node, name: string): boolean {
  return (opType === 'Conv' || opType === 'Gemm') && inputs[0] === name && !inputs.includes(name, 1)
}

function hasRoom({ min, max }: Range, value: number): boolean {
  const [low, high] = [Math.min(0, min), Math.max(0, max)]
  const room = MOST_WIDER * (high - low)
  return value >= low - room && value <= high + room
}
