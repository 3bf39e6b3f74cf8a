import { intAttribute, type Node, operatorName } from '../../../ir/index.ts'
import type { Affine } from '../codes/affine.ts'
import { type ObservedChannels, peaksOf } from '../units/observed.ts'
import type { PlanContext } from '../units/plan-context.ts'
import { activationSlots, type NodeFacts, quantizeRules } from '../units/quantize-rules.ts'
import { standIn, type Unit } from '../units/unit.ts'

/**
 * Codes whose channels (axis 1) stand under multipliers of their own: real = channels[c] · scale · (code − zeroPoint).
 * Integer kernels know one scale a value only; they see x/m, and the products around it have m in their weights.
 */
export interface Codes extends Affine {
  readonly channels?: Float32Array | undefined
}

/** The smallest multiplier: a channel that calibration hardly saw awake must not be cut off when it wakes. */
const FLOOR = 1 / 16

/**
 * Gives every channel the room that it needs: multipliers for the values whose makers and readers can take them in.
 *
 * A product takes those of its input into its weights' columns, those of its output into their rows (at no cost: rows
 * have scales of their own); QuantizeLinear and DequantizeLinear take one scale a channel, so float operators of any
 * kind may lie between, but for those that the runtime would make an integer kernel of. What is positively homogeneous
 * and works channel by channel (Relu, LeakyRelu, PRelu, pools, Resize, Add, Max and Min of equally scaled values, Concat) passes them on.
 * Where anything else reads the codes they stay at 1. This is cross-layer equalisation (Nagel et al. 2019, 1906.04721)
 * without its need that only homogeneous functions lie between.
 *
 * `strength` is the power that the ratio of ranges is raised to: 1 fills the codes of every channel, less leaves the
 * weights more even (as in SmoothQuant; Xiao et al. 2023).
 */
export function equaliseChannels(
  codes: ReadonlyMap<string, Affine>,
  units: ReadonlyMap<Node, Unit>,
  { graph, facts, ranges }: Pick<PlanContext, 'graph' | 'facts' | 'ranges'>,
  channels: ReadonlyMap<string, ObservedChannels>,
  strength: number,
): ReadonlyMap<string, Codes> {
  const classes = new ChannelClasses()
  for (const name of codes.keys()) {
    const seen = channels.get(name)
    if (seen?.axis === 1) classes.add(name, seen.min.length)
  }
  for (const unit of units.values()) joinThrough(unit, classes, facts, (name) => ranges.get(name)?.elements)
  for (const node of graph.nodes)
    if (!units.has(node) && wouldFuse(node, codes, facts))
      for (const name of [...node.inputs, ...node.outputs]) classes.pin(name)
  for (const [name, affine] of codes) {
    const seen = channels.get(name)
    if (seen) classes.ask(name, neededShares(affine, seen))
  }
  return new Map(
    [...codes].map(([name, affine]) => {
      const shares = classes.shares(name)
      if (!shares || shares.every((share) => share === 1)) return [name, affine]
      return [name, { ...affine, channels: Float32Array.from(shares, (s) => Math.max(s, FLOOR) ** strength) }]
    }),
  )
}

/**
 * The share of the codes' reach that each channel needs, 0 … 1: what calibration saw, widened to what other rows may
 * hold. A channel that never woke says nothing of how far it goes: it is given what a middling one needs.
 */
function neededShares({ scale, zeroPoint }: Affine, seen: ObservedChannels): Float64Array {
  const [low, high] = [-zeroPoint * scale, (255 - zeroPoint) * scale]
  const shares = peaksOf(seen).map((peak, c) => {
    if (peak === 0) return 0
    const above = high > 0 ? seen.max[c]! / high : 0
    const below = low < 0 ? seen.min[c]! / low : 0
    return Math.min(1, Math.max(0, above, below) * Math.max(1, seen.reach[c]! / peak))
  })
  const awake = shares.filter((share) => share > 0).sort()
  const middle = awake[awake.length >> 1] ?? 1
  return shares.map((share) => (share > 0 ? share : middle))
}

/** Left in float, but between codes on every side: the runtime makes its integer kernel all the same, of one scale. */
function wouldFuse(node: Node, codes: ReadonlyMap<string, Affine>, facts: NodeFacts): boolean {
  const rule = quantizeRules[operatorName(node)]
  if (!rule || ['product', 'slopes', 'choice'].includes(rule.kind)) return false
  const reads = activationSlots(node).map((slot) => node.inputs[slot]!)
  return [...reads.filter((name) => !facts.constant(name)), node.outputs[0]!].every((name) => codes.has(name))
}

const PER_CHANNEL = new Set(['LeakyRelu', 'PRelu', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'Resize'])

/** What a unit demands of the channels of the values that it reads and writes. */
function joinThrough(
  unit: Unit,
  classes: ChannelClasses,
  facts: NodeFacts,
  elements: (name: string) => number | undefined,
): void {
  const { node } = unit
  const name = operatorName(node)
  const output = unit.writes[0]!
  const inputs = activationSlots(node).map((slot) => node.inputs[slot]!)
  const pinAll = () => {
    for (const value of [...unit.reads, ...unit.writes]) classes.pin(value)
  }
  if (name === 'Conv') return
  if (PER_CHANNEL.has(name) || standIn(node) === 'relu' || unit.rule.kind === 'scale') {
    if (!classes.join(unit.reads[0]!, output)) pinAll()
    return
  }
  const constant = inputs.some((input) => facts.constant(input))
  if (name === 'Concat' && !constant) {
    const axis = intAttribute(node, 'axis', 0)
    const joined =
      axis === 1 ? classes.joinParts(inputs, output) : axis > 1 && inputs.every((i) => classes.join(i, output))
    if (!joined) pinAll()
    return
  }
  const same = inputs.every((input) => elements(input) === elements(output))
  if ((name === 'Add' || unit.rule.kind === 'choice') && !constant && same) {
    if (!inputs.every((input) => classes.join(input, output))) pinAll()
    return
  }
  if (name === 'Mul' && !constant && inputs.length === 2) {
    // A gate of one number a channel and a row; the gated value passes its multipliers on.
    const whole = inputs.findIndex((input) => elements(input) === elements(output))
    const gate = inputs[1 - whole]
    if (
      whole >= 0 &&
      gate !== undefined &&
      elements(gate) === classes.channels(gate) &&
      classes.join(inputs[whole]!, output)
    ) {
      classes.pin(gate)
      return
    }
  }
  pinAll()
}

/** Channels of values in classes that must share a multiplier (union-find over single channels). */
class ChannelClasses {
  readonly #first = new Map<string, number>()
  readonly #counts = new Map<string, number>()
  readonly #parent: number[] = []
  readonly #pinned: boolean[] = []
  readonly #share: number[] = []

  add(name: string, count: number): void {
    this.#first.set(name, this.#parent.length)
    this.#counts.set(name, count)
    for (let c = 0; c < count; c++) {
      this.#parent.push(this.#parent.length)
      this.#pinned.push(false)
      this.#share.push(0)
    }
  }

  channels(name: string): number | undefined {
    return this.#counts.get(name)
  }

  pin(name: string): void {
    for (let c = 0; c < (this.#counts.get(name) ?? 0); c++) this.#pinned[this.#root(this.#first.get(name)! + c)] = true
  }

  join(a: string, b: string): boolean {
    const count = this.#counts.get(a)
    if (count === undefined || count !== this.#counts.get(b)) return false
    for (let c = 0; c < count; c++) this.#union(this.#first.get(a)! + c, this.#first.get(b)! + c)
    return true
  }

  /** The parts, one behind the other, are the whole. */
  joinParts(parts: readonly string[], whole: string): boolean {
    const counts = parts.map((part) => this.#counts.get(part) ?? Number.NaN)
    if (counts.reduce((sum, count) => sum + count, 0) !== this.#counts.get(whole)) return false
    let at = this.#first.get(whole)!
    for (const [i, part] of parts.entries())
      for (let c = 0; c < counts[i]!; c++) this.#union(this.#first.get(part)! + c, at++)
    return true
  }

  /** Widens the classes of this value's channels, once all are joined, to what it needs. */
  ask(name: string, shares: ArrayLike<number>): void {
    const first = this.#first.get(name)
    if (first === undefined) return
    for (let c = 0; c < shares.length; c++) {
      const root = this.#root(first + c)
      this.#share[root] = Math.max(this.#share[root]!, shares[c]!)
    }
  }

  /** The share of each channel's class, 1 where it is pinned; undefined for a value that has no channels. */
  shares(name: string): Float64Array | undefined {
    const [first, count] = [this.#first.get(name), this.#counts.get(name)]
    if (first === undefined || count === undefined) return undefined
    return Float64Array.from({ length: count }, (_, c) => {
      const root = this.#root(first + c)
      return this.#pinned[root] ? 1 : this.#share[root]!
    })
  }

  #root(item: number): number {
    let root = item
    while (this.#parent[root] !== root) root = this.#parent[root]!
    for (let at = item; at !== root; ) [at, this.#parent[at]] = [this.#parent[at]!, root]
    return root
  }

  #union(a: number, b: number): void {
    const [x, y] = [this.#root(a), this.#root(b)]
    if (x === y) return
    this.#parent[y] = x
    this.#pinned[x] ||= this.#pinned[y]!
  }
}
