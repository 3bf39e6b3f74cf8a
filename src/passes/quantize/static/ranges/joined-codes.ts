import type { GraphIndex, Node } from '../../../../ir/index.ts'
import { type Affine, affineU8, type Range, rangeOfU8 } from '../../codes/affine.ts'
import type { PlanContext } from '../../units/plan-context.ts'
import { standIn, type Unit } from '../../units/unit.ts'

/** A part under the codes of the whole loses a bit where the whole is so many times as wide. */
const MOST_WIDER = 2

/**
 * Codes that parts of a Concat share with the whole, so that it copies bytes instead of rescaling each (24 and 24
 * channels at 96×96: 0.036 ms for 0.105), and those of a Max or Min, so that it compares bytes. A part keeps codes of its
 * own where those of the whole are much wider, where its kernel knows one scale only, or where the ends of its codes
 * stand for a Relu or Clip. What is only moved has the codes of what it is moved from.
 *
 * A value that is only chosen from takes them whatever its range: below all that a Max gives, none of it is looked at,
 * and what is coarser in the whole is no finer in its parts.
 */
export function joinedCodes(
  { graph, index, ranges }: Pick<PlanContext, 'graph' | 'index' | 'ranges'>,
  units: ReadonlyMap<Node, Unit>,
  makers: ReadonlyMap<string, Unit>,
): ReadonlyMap<string, Affine> {
  const joined = new Map<string, Affine>()
  const source = (name: string): string => {
    const maker = makers.get(name)
    return maker?.rule.kind === 'movement' ? source(maker.reads[0]!) : name
  }
  // From the last, so that a part that is a Concat itself hands on what it was given.
  for (const node of [...graph.nodes].reverse()) {
    const unit = units.get(node)
    const chooses = unit?.rule.kind === 'choice'
    if (!unit || (unit.node.opType !== 'Concat' && !chooses)) continue
    const output = unit.writes[0]!
    const codes = joined.get(output) ?? affineU8(ranges.get(output)!)
    for (const part of new Set(unit.reads.map(source))) {
      const range = ranges.get(part)
      const maker = makers.get(part)
      if (!range || joined.has(part) || (maker && !takes(maker, codes))) continue
      if ((chooses && isOnlyRead(part, unit, units, index)) || fits(range, codes)) joined.set(part, codes)
    }
  }
  return joined
}

/** Whether nothing but this unit reads a value, where it is or where it is moved to. */
function isOnlyRead(name: string, by: Unit, units: ReadonlyMap<Node, Unit>, index: GraphIndex): boolean {
  return (
    !index.outputs.has(name) &&
    (index.consumers.get(name) ?? []).every((user) => {
      const unit = units.get(user)
      return (
        unit === by || (unit?.rule.kind === 'movement' && unit.writes.every((to) => isOnlyRead(to, by, units, index)))
      )
    })
  )
}

/** Whether a value of this range loses no more than a bit, and nothing at the ends, under these codes. */
function fits(range: Range, codes: Affine): boolean {
  const ends = rangeOfU8(codes)
  const [min, max] = [Math.min(0, range.min), Math.max(0, range.max)]
  const step = codes.scale
  return ends.max - ends.min <= MOST_WIDER * (max - min) && min >= ends.min - step && max <= ends.max + step
}

/** Whether the unit's kernel may give these codes: some know one scale only, and a clamp is what the codes' ends do. */
function takes({ node, activation }: Unit, codes: Affine): boolean {
  if (['Sigmoid', 'Softmax', 'Tanh'].includes(node.opType) || standIn(node) === 'hard-sigmoid') return false
  if (!activation) return true
  const { min, max } = rangeOfU8(codes)
  return min >= activation.low && max <= activation.high
}
