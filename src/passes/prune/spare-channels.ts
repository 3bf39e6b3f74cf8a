import { type Model, type Tensor, tensorOf, tensorValues } from '../../ir/index.ts'
import type { Refusal } from '../../report/index.ts'
import { outputPower } from '../../rewrite/index.ts'
import { blockOf } from './channel-blocks.ts'
import { type PrunableChannels, type Removal, savings } from './channel-groups.ts'
import { type ChannelReader, channelReaders } from './channel-readers.ts'
import { MakeUp } from './make-up.ts'
import { heldNoise, type ReaderEvidence, type Unread } from './reader-evidence.ts'

/** Channels that others make up for, and the weights that do. */
export interface SpareChannels {
  readonly removal: Removal
  /** Weights and biases of the readers, in the sizes that they have, with zeros for these channels. */
  readonly weights: ReadonlyMap<string, Tensor>
  /** Whose channels stay whole without being looked at, or since other rows do not bear it out. */
  readonly whole: readonly Refusal[]
}

/** Windows that a fit needs for each number that it sets. */
export const WINDOWS_PER_WEIGHT = 4
/** Held-out windows may show so many times the noise; where they show more, the fit is asked for less, twice at most. */
const HELD_OUT = 2
const LESS = [1, 1 / 2, 1 / 4]
interface Fitted {
  readonly reader: ChannelReader
  readonly before: Float64Array
  readonly evidence: ReaderEvidence
  readonly untouched: MakeUp
  /** Power of what it gives. */
  readonly power: number
}

/**
 * Channels that others can make up for: without them and with the weights of whatever reads them fitted anew, no
 * reader's outputs change by more than `noise`, a share of their power about the mean. The one goes first that costs
 * least for the work that it saves. What windows that nothing was fitted to do not bear out stays as it is.
 *
 * Groups that share no reader are looked at by themselves, each against what its readers get in the model as it is.
 *
 * @returns What to ask for a noise: what is costly is done once, when it is first asked for.
 */
export function spareChannels(
  model: Model,
  channels: PrunableChannels,
  evidence: ReadonlyMap<string, ReaderEvidence | Unread>,
): (noise: number) => SpareChannels {
  const { readers, groups, others } = channelReaders(model, channels)
  const parts = partsOf(readers, groups)
  const fitted = new Map<ChannelReader, Fitted | null>()
  const fit = (reader: ChannelReader) => {
    if (!fitted.has(reader)) fitted.set(reader, fitOf(model, reader, evidence.get(reader.weight)))
    return fitted.get(reader) ?? null
  }
  return (noise) => {
    const removal = new Map<string, ReadonlySet<number>>()
    const weights = new Map<string, Tensor>()
    const whole = [...others]
    for (const part of parts) {
      const refuse = (reasonOf: (reader: ChannelReader) => string | null) => {
        const refused = part.readers.flatMap((reader) => {
          const reason = reasonOf(reader)
          return reason === null ? [] : [{ node: reader.node, reason }]
        })
        whole.push(...refused)
        return refused.length > 0
      }
      // Fits are dear: none is made for a part that stays whole anyway.
      if (refuse((reader) => lacking(reader, evidence.get(reader.weight)))) continue
      if (refuse((reader) => (fit(reader) ? null : 'it gives the same whatever the row'))) continue
      const made = borneOut(
        channels,
        part.groups,
        part.readers.map((reader) => fit(reader)!),
        noise,
      )
      if (!made) refuse(() => 'other rows do not bear out what was fitted')
      for (const [group, places] of made?.chosen ?? []) removal.set(group, places)
      for (const { fit, after } of made?.fits ?? [])
        for (const [name, tensor] of tensorsOf(model, fit, after)) weights.set(name, tensor)
    }
    return { removal, weights, whole }
  }
}

/** Why nothing can be fitted to what is known of what a reader reads; null where that is enough. */
function lacking({ width, taps }: ChannelReader, evidence: ReaderEvidence | Unread | undefined): string | null {
  if (!evidence) return 'nobody looked at what it reads'
  if ('unread' in evidence) return evidence.unread
  const needed = WINDOWS_PER_WEIGHT * width * taps
  return evidence.windows < needed
    ? `the rows show ${evidence.windows} windows of it, and a fit of its ${width * taps} inputs needs ${needed}`
    : null
}

/** What goes of these groups, as far as windows that nothing was fitted to bear it out; null where they never do. */
function borneOut(
  channels: PrunableChannels,
  groups: ReadonlySet<string>,
  fits: readonly Fitted[],
  noise: number,
): {
  readonly chosen: Removal
  readonly fits: readonly { readonly fit: Fitted; readonly after: Float64Array }[]
} | null {
  for (const less of LESS) {
    const chosen = choose(channels, groups, fits, less * noise)
    if (chosen.size === 0) return less === 1 ? { chosen, fits: [] } : null
    const made = fits.map((fit) => ({ fit, after: remade(fit, chosen) }))
    if (
      made.every(
        ({ fit, after }) => heldNoise(fit.evidence, fit.before, after, fit.reader.bias !== null) <= HELD_OUT * noise,
      )
    )
      return { chosen, fits: made }
  }
  return null
}

interface Part {
  readonly groups: ReadonlySet<string>
  readonly readers: readonly ChannelReader[]
}

/** Groups together with all others that share a reader with them. */
function partsOf(readers: readonly ChannelReader[], groups: ReadonlySet<string>): readonly Part[] {
  let parts: Part[] = []
  for (const reader of readers) {
    const own = new Set(reader.channels.flatMap((at) => (at && groups.has(at[0]) ? [at[0]] : [])))
    if (own.size === 0) continue
    const meets = (part: Part) => [...part.groups].some((group) => own.has(group))
    const met = parts.filter(meets)
    parts = [
      ...parts.filter((part) => !meets(part)),
      {
        groups: new Set([...met.flatMap((part) => [...part.groups]), ...own]),
        readers: [...met.flatMap((part) => part.readers), reader],
      },
    ]
  }
  return parts
}

function fitOf(model: Model, reader: ChannelReader, evidence: ReaderEvidence | Unread | undefined): Fitted | null {
  if (!evidence || 'unread' in evidence) return null
  const before = weightsOf(model, reader)
  const untouched = MakeUp.of(evidence.h, before)
  const power = outputPower(evidence.h, before, reader.width * reader.taps)
  return untouched && power > 0 ? { reader, before, evidence, untouched, power } : null
}

/** The weights of a reader as W [channels · taps, outputs]. */
function weightsOf(model: Model, { weight, outputs, width, taps, made }: ChannelReader): Float64Array {
  const values = tensorValues(model.graph.initializers.get(weight)!) as Float32Array
  if (outputs === 1) return Float64Array.from(values)
  const size = width * taps
  const turned = new Float64Array(size * made)
  for (let o = 0; o < made; o++) for (let k = 0; k < size; k++) turned[k * made + o] = values[o * size + k]!
  return turned
}

function inputsOf({ channels, taps }: ChannelReader): ReadonlyMap<string, ReadonlyMap<number, readonly number[]>> {
  const found = new Map<string, Map<number, number[]>>()
  for (const [place, at] of channels.entries()) {
    if (!at) continue
    const group = found.get(at[0]) ?? new Map<number, number[]>()
    const inputs = group.get(at[1]) ?? []
    for (let tap = 0; tap < taps; tap++) inputs.push(place * taps + tap)
    group.set(at[1], inputs)
    found.set(at[0], group)
  }
  return found
}

/** A channel that may go, and what it cost when that was last looked at. */
interface Offer {
  readonly id: string
  readonly channel: number
  rate: number
}

/**
 * Takes channels away for as long as every reader stays within the noise; what is left fills whole blocks. Costs hardly
 * ever fall while others go, so that only the least of them need be looked at again.
 */
function choose(
  channels: PrunableChannels,
  ids: ReadonlySet<string>,
  fits: readonly Fitted[],
  noise: number,
): Map<string, ReadonlySet<number>> {
  const saved = savings(channels)
  const states = fits.map(({ reader, untouched, power }) => ({
    state: untouched.copy(),
    inputs: inputsOf(reader),
    power,
    spent: 0,
  }))
  const groups = channels.groups.filter(({ id }) => ids.has(id))
  const gone = new Map(groups.map(({ id }): [string, number[]] => [id, []]))
  /** What it costs for the work that it saves; endless where a reader would be disturbed too much. */
  const rateOf = (id: string, channel: number) => {
    let sum = 0
    for (const { state, inputs, power, spent } of states) {
      const asked = inputs.get(id)?.get(channel)
      if (!asked) continue
      const share = state.costOf(asked) / power
      if (spent + share > noise) return Number.POSITIVE_INFINITY
      sum += share
    }
    return sum / Math.max(1, saved.get(id)![channel]!)
  }
  let offers = groups.flatMap(({ id, channels: own }): Offer[] =>
    own.map((_, channel) => ({ id, channel, rate: rateOf(id, channel) })),
  )
  for (;;) {
    const full = new Map(groups.map(({ id, channels: own }) => [id, own.length - gone.get(id)!.length]))
    // What others were taken for is dearer still from now on.
    offers = offers.filter(({ id, rate }) => rate < Number.POSITIVE_INFINITY && full.get(id)! > 1)
    offers.sort((a, b) => a.rate - b.rate)
    const [best, next] = offers
    if (!best) break
    best.rate = rateOf(best.id, best.channel)
    if (best.rate > (next?.rate ?? best.rate)) continue
    if (best.rate === Number.POSITIVE_INFINITY) break
    offers.shift()
    gone.get(best.id)!.push(best.channel)
    for (const each of states)
      for (const input of each.inputs.get(best.id)?.get(best.channel) ?? [])
        each.spent += each.state.take(input) / each.power
  }
  const chosen = new Map<string, ReadonlySet<number>>()
  for (const group of groups) {
    const block = blockOf(group)
    const count = group.channels.length
    const kept = Math.min(count, Math.ceil((count - gone.get(group.id)!.length) / block) * block)
    // The last ones were the dearest.
    if (kept < count) chosen.set(group.id, new Set(gone.get(group.id)!.slice(0, count - kept)))
  }
  return chosen
}

/** The weights of a reader without these channels. */
function remade({ reader, untouched }: Fitted, chosen: Removal): Float64Array {
  const state = untouched.copy()
  for (const [id, own] of inputsOf(reader))
    for (const channel of chosen.get(id) ?? []) for (const input of own.get(channel) ?? []) state.take(input)
  return state.weights
}

/** The reader's weights, zeros where channels go, and its bias with what those gave on average. */
function tensorsOf(
  model: Model,
  { reader: { weight, outputs, bias, width, taps, made }, before, evidence }: Fitted,
  after: Float64Array,
): ReadonlyMap<string, Tensor> {
  const size = width * taps
  const values = new Float32Array(size * made)
  for (let k = 0; k < size; k++)
    for (let o = 0; o < made; o++) values[outputs === 1 ? k * made + o : o * size + k] = after[k * made + o]!
  const { dims } = model.graph.initializers.get(weight)!
  const found = new Map([[weight, tensorOf('float32', dims, values, weight)]])
  if (bias === null) return found
  const constant = model.graph.initializers.get(bias)!
  const sums = Float64Array.from(tensorValues(constant) as Float32Array)
  for (let k = 0; k < size; k++)
    for (let o = 0; o < made; o++) sums[o]! += evidence.mean[k]! * (before[k * made + o]! - after[k * made + o]!)
  return found.set(bias, tensorOf('float32', constant.dims, Float32Array.from(sums), bias))
}
