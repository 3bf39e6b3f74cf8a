import {
  type Graph,
  type GraphIndex,
  type Node,
  operatorName,
  readsOf,
  type Tensor,
  tensorValues,
} from '../../../../ir/index.ts'
import type { Range } from '../../codes/affine.ts'
import type { ObservedRange } from '../../units/observed.ts'
import { type NodeFacts, onlyMoves } from '../../units/quantize-rules.ts'

/**
 * So far below the least score that is not masked, all masked ones of a row of 128 together weigh less than half of the
 * last place of 8 bits: ln(2 · 256 · 128).
 */
const DEPTH = Math.log(2 * 256 * 128)

/** Operators whose results come from weights or from two activations: scores, and no mask. */
const PRODUCTS = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Einsum', 'LSTM', 'GRU', 'RNN', 'Attention'])

/**
 * Softmax(s + m) where m hides places by a number like −10 000: that number would take the whole range of the sum, and
 * one step of 8 bits would be larger than every difference of scores. Softmax knows differences alone, and a score
 * `DEPTH` below the least that is not masked counts for nothing, so ranges of values that nothing but such a Softmax
 * reads end there, and masked places saturate. The same for Where(c, s, m).
 *
 * A mask is what no product has a part in: constants and what is computed from inputs by other operators. It is taken to
 * leave something of every row: to reach its highest value there, which is seen in each row of a constant. Gives the
 * ranges that become narrower, and constants' among them.
 */
export function maskedRanges(
  graph: Graph,
  index: GraphIndex,
  facts: NodeFacts,
  ranges: ReadonlyMap<string, ObservedRange>,
): ReadonlyMap<string, ObservedRange> {
  return new MaskedRanges(index, facts, ranges).all(graph)
}

class MaskedRanges {
  readonly #index: GraphIndex
  readonly #facts: NodeFacts
  readonly #ranges: ReadonlyMap<string, ObservedRange>
  readonly #lowest = new Map<string, number | null>()
  /** Values that a product has a part in. */
  readonly #computed = new Set<string>()

  constructor(index: GraphIndex, facts: NodeFacts, ranges: ReadonlyMap<string, ObservedRange>) {
    this.#index = index
    this.#facts = facts
    this.#ranges = ranges
  }

  all(graph: Graph): ReadonlyMap<string, ObservedRange> {
    const narrower = new Map<string, ObservedRange>()
    if (!graph.nodes.some(isSoftmax)) return narrower
    for (const node of graph.nodes)
      if (PRODUCTS.has(node.opType) || [...readsOf(node)].some((read) => this.#computed.has(read)))
        for (const name of node.outputs) this.#computed.add(name)
    for (const name of new Set([...this.#ranges.keys(), ...this.#index.consumers.keys()])) {
      const lowest = this.#lowestOf(name)
      // Hardly a constant is a mask, and of the others none need be looked through.
      const range = lowest === null ? undefined : this.#rangeOf(name)
      if (lowest === null || !range || range.min >= lowest) continue
      // Where steps were so large, the observed end at the top may have been given up for the masked one.
      const max = Math.max(range.max, lowest, this.#unmasked(name)?.max ?? Number.NEGATIVE_INFINITY)
      narrower.set(name, { ...range, min: lowest, max })
    }
    return narrower
  }

  #rangeOf(name: string): ObservedRange | undefined {
    const seen = this.#ranges.get(name)
    const constant = seen ? undefined : this.#facts.constant(name)
    return seen ?? (constant?.dtype === 'float32' ? extremes(tensorValues(constant) as Float32Array) : undefined)
  }

  /** Below this, what becomes of the value is the same; null where somebody may tell. */
  #lowestOf(name: string): number | null {
    const known = this.#lowest.get(name)
    if (known !== undefined) return known
    const readers = this.#index.outputs.has(name) ? [] : (this.#index.consumers.get(name) ?? [])
    const all = readers.map((node) => this.#through(node, name))
    const lowest = all.length === 0 || all.includes(null) ? null : Math.min(...(all as number[]))
    this.#lowest.set(name, lowest)
    return lowest
  }

  #through(node: Node, name: string): number | null {
    if (isSoftmax(node)) {
      const range = this.#unmasked(name)
      return range ? range.min - DEPTH : null
    }
    if (onlyMoves(node) && node.inputs[0] === name) {
      const all = node.outputs.filter((output) => output !== '').map((output) => this.#lowestOf(output))
      return all.includes(null) ? null : Math.min(...(all as number[]))
    }
    const sum = this.#sum(node)
    const lowest = sum || this.#isSumOfMasks(node) ? this.#lowestOf(node.outputs[0]!) : null
    if (lowest === null) return null
    if (!sum) {
      const other = this.#rangeOf(node.inputs.find((input) => input !== name) ?? name)
      return other ? lowest - other.max : null
    }
    if (name === sum.scores) return lowest - this.#top(sum.mask)!
    const scores = this.#unmasked(sum.scores) ?? this.#rangeOf(sum.scores)
    return scores ? lowest - scores.max : null
  }

  /** The scores that a mask has left as they were: the range of what Softmax can tell apart. */
  #unmasked(name: string): Range | null {
    const maker = this.#index.producer.get(name)
    if (!maker) return null
    if (onlyMoves(maker)) return this.#unmasked(maker.inputs[0]!)
    if (operatorName(maker) === 'Where') {
      const [, yes, no] = maker.inputs as [string, string, string]
      if (this.#isMask(yes) === this.#isMask(no)) return null
      const scores = this.#isMask(yes) ? no : yes
      return this.#unmasked(scores) ?? this.#rangeOf(scores) ?? null
    }
    const sum = this.#sum(maker)
    if (!sum) return null
    const scores = this.#unmasked(sum.scores) ?? this.#rangeOf(sum.scores)
    const top = this.#top(sum.mask)!
    return scores ? { min: scores.min + top, max: scores.max + top } : null
  }

  /** The two sides of an Add of which one alone is a mask whose highest value is known. */
  #sum(node: Node): { readonly scores: string; readonly mask: string } | null {
    if (operatorName(node) !== 'Add') return null
    const [left, right] = node.inputs as [string, string]
    if (this.#isMask(left) === this.#isMask(right)) return null
    const [scores, mask] = this.#isMask(left) ? [right, left] : [left, right]
    return this.#top(mask) === undefined ? null : { scores, mask }
  }

  /** A mask of several: of padding, of what comes later, and what is learned of distances. */
  #isSumOfMasks(node: Node): boolean {
    return operatorName(node) === 'Add' && node.inputs.every((input) => this.#isMask(input))
  }

  /** What a mask reaches in every row: the least of the highest in each, where it is constant. */
  #top(mask: string): number | undefined {
    const constant = this.#facts.constant(mask)
    return constant ? leastOfHighest(constant) : this.#ranges.get(mask)?.max
  }

  #isMask(name: string): boolean {
    return !this.#computed.has(name)
  }
}

const isSoftmax = (node: Node) => operatorName(node) === 'Softmax'

function leastOfHighest({ dtype, dims, ...tensor }: Tensor): number | undefined {
  if (dtype !== 'float32') return undefined
  const values = tensorValues({ dtype, dims, ...tensor }) as Float32Array
  const width = dims.at(-1) ?? 1
  let least = Number.POSITIVE_INFINITY
  for (let from = 0; from < values.length; from += width)
    least = Math.min(least, extremes(values.subarray(from, from + width)).max)
  return Number.isFinite(least) ? least : undefined
}

function extremes(values: Float32Array): Range {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    min = Math.min(min, value)
    max = Math.max(max, value)
  }
  return { min, max }
}
