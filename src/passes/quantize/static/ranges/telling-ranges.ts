import { floatAttribute, type GraphIndex, type Node, operatorName } from '../../../../ir/index.ts'
import { clipBounds } from '../../../../rewrite/index.ts'
import type { Range } from '../../codes/affine.ts'
import type { ObservedRange } from '../../units/observed.ts'
import { type NodeFacts, onlyMoves } from '../../units/quantize-rules.ts'

/**
 * Where a result is this near to its end, nobody is told anything any more: so small a part of one of its 255 steps that
 * it does not count where thousands of values are off by it to the same side.
 */
const UNTOLD = 1 / 64 / 255

/**
 * Ranges of values that are read by nothing but curves that are flat somewhere, ended where these begin to be flat: all
 * that lies beyond −3 is 0 behind a HardSwish, and codes for it would be as many fewer for the rest. What a convolution in
 * front of HardSwish gives reaches from −14 to 12 where −3 to 12 is told apart: steps of little more than half the size.
 *
 * Limits are curves that are flat beyond themselves, and what a LeakyRelu is asked for is asked of its input over its
 * slope: of one that ends at −0.4 with a slope of 0.2, nothing below −2.
 *
 * Exact for limits, HardSwish and HardSigmoid; to a sixty-fourth of a step of the result for Sigmoid and Tanh. A SiLU falls to
 * nothing so slowly that where its end lies was a matter of luck (a YOLOX: 0.5 dB to the better, 2.3 to the worse).
 */
export function tellingRanges(
  ranges: ReadonlyMap<string, ObservedRange>,
  index: GraphIndex,
  facts: NodeFacts,
): ReadonlyMap<string, ObservedRange> {
  const told = new Map<string, Range | null>()
  const within = (name: string): Range | null => {
    const known = told.get(name)
    if (known !== undefined) return known
    const readers = index.outputs.has(name) ? [] : (index.consumers.get(name) ?? [])
    const all = readers.map((node) => toldBy(node, name))
    const joined = all.reduce(
      (sum, one) => sum && one && { min: Math.min(sum.min, one.min), max: Math.max(sum.max, one.max) },
      all[0] ?? null,
    )
    told.set(name, joined ?? null)
    return joined ?? null
  }
  const toldBy = (node: Node, name: string): Range | null => {
    if (onlyMoves(node) && node.inputs[0] === name) return node.outputs.length === 1 ? within(node.outputs[0]!) : null
    const behind = MONOTONE.has(operatorName(node)) ? (within(node.outputs[0]!) ?? EVERYTHING) : EVERYTHING
    const told = toldOf(node, behind, facts)
    return told && (told.min > EVERYTHING.min || told.max < EVERYTHING.max) ? told : null
  }
  return new Map([...ranges].map(([name, range]) => [name, endedAt(range, within(name))]))
}

const EVERYTHING: Range = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY }

/** What asks its input for no more than it is asked for. */
const MONOTONE: ReadonlySet<string> = new Set(['Relu', 'Clip', 'LeakyRelu'])

/** What of x a curve tells apart of which this much is told apart; null where it is unknown. */
function toldOf(node: Node, behind: Range, facts: NodeFacts): Range | null {
  switch (operatorName(node)) {
    case 'Relu':
      return { min: Math.max(behind.min, 0), max: Math.max(behind.max, 0) }
    case 'Clip': {
      const bounds = clipBounds(node, facts.constant)
      if (!bounds || bounds.low > bounds.high) return null
      const [min, max] = [behind.min, behind.max].map((end) => Math.min(Math.max(end, bounds.low), bounds.high))
      return { min: min!, max: max! }
    }
    case 'LeakyRelu': {
      const alpha = floatAttribute(node, 'alpha', 0.01)
      const before = (end: number) => (end < 0 ? end / alpha : end)
      return alpha > 0 ? { min: before(behind.min), max: before(behind.max) } : null
    }
    case 'HardSwish':
      return { min: -3, max: Number.POSITIVE_INFINITY }
    case 'HardSigmoid': {
      const [alpha, beta] = [floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)]
      return alpha > 0 ? { min: -beta / alpha, max: (1 - beta) / alpha } : null
    }
    case 'Sigmoid': {
      const end = Math.log(1 / UNTOLD - 1)
      return { min: -end, max: end }
    }
    case 'Tanh': {
      const end = Math.atanh(1 - 2 * UNTOLD)
      return { min: -end, max: end }
    }
    default:
      return null
  }
}

/** The range, ended where more is not told: a step beyond, so that the outermost code lies there whatever rounding does. */
function endedAt(range: ObservedRange, told: Range | null): ObservedRange {
  if (!told) return range
  const [min, max] = [range.min, range.max].map((end) => Math.min(Math.max(end, told.min), told.max)) as [
    number,
    number,
  ]
  const step = (Math.max(0, max) - Math.min(0, min)) / 254
  return { ...range, min: min > range.min ? min - step : min, max: max < range.max ? max + step : max }
}
