import { type ChannelGroup, macsAfter, type PrunableChannels, type Removal, savings } from './channel-groups.ts'

export interface ChooseOptions {
  /** Share of the multiply-accumulates that may be left. */
  readonly macs: number
  /** One number a channel, by group: what is lost without it. */
  readonly importance: ReadonlyMap<string, ArrayLike<number>>
  /**
   * `across`: importances of different groups are on one scale (a change of the loss), and count against the work that
   * a channel costs. `within`: they only rank the channels of a group.
   */
  readonly scale: 'across' | 'within'
  /** What is kept of a group of at least twice that many is a multiple of this (8), since kernels work in blocks. */
  readonly block?: number
}

/** The least share of a group that stays, so that no layer becomes a bottleneck. */
const LEAST = 0.125

/**
 * The least important channels, as many as it takes to come down to the share asked for; null where even the least
 * that may stay of each group costs more. Ties go by order, so the choice depends on the numbers alone.
 */
export function chooseChannels(channels: PrunableChannels, options: ChooseOptions): Removal | null {
  const target = macsAfter(channels, new Map()) * options.macs
  const order = ranking(channels, options)
  const removalOf = (count: number) => removalAt(channels.groups, order, count, options)
  const within = (count: number) => macsAfter(channels, removalOf(count)) <= target
  if (!within(order.length)) return null
  let [low, high] = [0, order.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (within(middle)) high = middle
    else low = middle + 1
  }
  return givenBack(channels, removalOf(low), order, target, options.block ?? 8)
}

/** Whole blocks take the cost below what was asked: the most important of what went comes back as far as it fits. */
function givenBack(
  channels: PrunableChannels,
  removal: Removal,
  order: ReturnType<typeof ranking>,
  target: number,
  block: number,
): Removal {
  const current = new Map(removal)
  const best = new Map(order.map(({ id, score }) => [id, score]))
  const ids = channels.groups.map(({ id }) => id).sort((a, b) => best.get(b)! - best.get(a)!)
  for (let changed = true; changed; ) {
    changed = false
    for (const id of ids) {
      const gone = [...current.get(id)!]
      if (gone.length === 0) continue
      const size = channels.groups.find((group) => group.id === id)!.channels.length >= 2 * block ? block : 1
      // Channels went in the order of their importance, so the last ones are the most important.
      const trial = new Map(current).set(id, new Set(gone.slice(0, Math.max(0, gone.length - size))))
      if (macsAfter(channels, trial) > target) continue
      current.set(id, trial.get(id)!)
      changed = true
    }
  }
  return current
}

/** The same share of every group, the most important channels staying: how a narrower student is cut. */
export function narrowChannels(
  { groups }: PrunableChannels,
  width: number,
  importance: ReadonlyMap<string, ArrayLike<number>>,
): Removal {
  return new Map(
    groups.map(({ id, channels }) => {
      const keep = Math.max(1, Math.round(channels.length * width))
      const scores = importance.get(id)!
      const order = channels.map((_, i) => i).sort((a, b) => scores[a]! - scores[b]! || a - b)
      return [id, new Set(order.slice(0, channels.length - keep))]
    }),
  )
}

function ranking(channels: PrunableChannels, { importance, scale }: ChooseOptions) {
  const saved = savings(channels)
  return channels.groups
    .flatMap(({ id, channels: own }) => {
      const scores = Array.from(importance.get(id)!)
      const mean = scores.reduce((a, b) => a + b, 0) / scores.length || 1
      return own.map((_, channel) => ({
        id,
        channel,
        score: scale === 'across' ? scores[channel]! / Math.max(1, saved.get(id)![channel]!) : scores[channel]! / mean,
      }))
    })
    .sort((a, b) => a.score - b.score)
}

function removalAt(
  groups: readonly ChannelGroup[],
  order: ReturnType<typeof ranking>,
  count: number,
  { block = 8 }: ChooseOptions,
): Removal {
  const wanted = new Map<string, number[]>(groups.map(({ id }) => [id, []]))
  for (const { id, channel } of order.slice(0, count)) wanted.get(id)!.push(channel)
  return new Map(
    groups.map(({ id, channels }) => {
      const total = channels.length
      const asked = Math.max(total - wanted.get(id)!.length, Math.ceil(total * LEAST), 1)
      const keep = total >= 2 * block ? Math.min(total, Math.ceil(asked / block) * block) : asked
      return [id, new Set(wanted.get(id)!.slice(0, total - keep))]
    }),
  )
}
