import { BLOCKS, blockOf } from './channel-blocks.ts'
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
}

/** The least share of a group that stays, so that no layer becomes a bottleneck. */
const LEAST = 0.125

/** Blocks that leave less than this share of the work that may be left are too coarse for a small network. */
const NEAR = 0.9

/**
 * The least important channels, as many as it takes to come down to the share asked for; null where even the least
 * that may stay of each group costs more. What is kept fills whole blocks of channels, the widest with which the share
 * is reached without going far below. Ties go by order, so the choice depends on the numbers alone.
 */
export function chooseChannels(channels: PrunableChannels, options: ChooseOptions): Removal | null {
  const target = macsAfter(channels, new Map()) * options.macs
  const order = ranking(channels, options)
  let nearest: { readonly removal: Removal; readonly left: number } | null = null
  for (const widest of BLOCKS) {
    const blocks = blocksOf(channels, widest)
    const removalOf = (count: number) => removalAt(channels.groups, order.slice(0, count), blocks)
    const within = (count: number) => macsAfter(channels, removalOf(count)) <= target
    if (!within(order.length)) continue
    let [low, high] = [0, order.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (within(middle)) high = middle
      else low = middle + 1
    }
    const removal = givenBack(channels, removalOf(low), order, target, blocks)
    const left = macsAfter(channels, removal)
    if (left >= NEAR * target) return removal
    if (!nearest || left > nearest.left) nearest = { removal, left }
  }
  return nearest?.removal ?? null
}

/** The least share of the multiply-accumulates that `chooseChannels` can come down to. */
export function leastMacs(channels: PrunableChannels, options: Omit<ChooseOptions, 'macs'>): number {
  const all = removalAt(channels.groups, ranking(channels, options), blocksOf(channels, 1))
  return macsAfter(channels, all) / macsAfter(channels, new Map())
}

/** Channels that go or stay together, by group. */
type Blocks = ReadonlyMap<string, number>

const blocksOf = ({ groups }: PrunableChannels, widest: number): Blocks =>
  new Map(groups.map((group) => [group.id, blockOf(group, widest)]))

/** Whole blocks take the cost below what was asked: the most important of what went comes back as far as it fits. */
function givenBack(
  channels: PrunableChannels,
  removal: Removal,
  order: ReturnType<typeof ranking>,
  target: number,
  blocks: Blocks,
): Removal {
  const current = new Map(removal)
  const best = new Map(order.map(({ id, score }) => [id, score]))
  const ids = channels.groups.map(({ id }) => id).sort((a, b) => best.get(b)! - best.get(a)!)
  for (let changed = true; changed; ) {
    changed = false
    for (const id of ids) {
      const gone = [...current.get(id)!]
      if (gone.length === 0) continue
      // Channels went in the order of their importance, so the last ones are the most important.
      const trial = new Map(current).set(id, new Set(gone.slice(0, Math.max(0, gone.length - blocks.get(id)!))))
      if (macsAfter(channels, trial) > target) continue
      current.set(id, trial.get(id)!)
      changed = true
    }
  }
  return current
}

/**
 * The same share of every group, the most important channels staying: how a narrower student is cut. What is kept fills
 * whole blocks of channels, the widest with which anything goes at all.
 */
export function narrowChannels(
  channels: PrunableChannels,
  width: number,
  importance: ReadonlyMap<string, ArrayLike<number>>,
): Removal {
  let removal: Removal = new Map()
  for (const widest of BLOCKS) {
    const blocks = blocksOf(channels, widest)
    removal = new Map(
      channels.groups.map(({ id, channels: own }) => {
        const block = blocks.get(id)!
        const keep = Math.min(own.length, block * Math.max(1, Math.round((own.length * width) / block)))
        const scores = importance.get(id)!
        const order = own.map((_, i) => i).sort((a, b) => scores[a]! - scores[b]! || a - b)
        return [id, new Set(order.slice(0, own.length - keep))]
      }),
    )
    if ([...removal.values()].some(({ size }) => size > 0)) break
  }
  return removal
}

function ranking(channels: PrunableChannels, { importance, scale }: Omit<ChooseOptions, 'macs'>) {
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

/** What of these, the least important first, can go in whole blocks. */
function removalAt(groups: readonly ChannelGroup[], least: ReturnType<typeof ranking>, blocks: Blocks): Removal {
  const wanted = new Map<string, number[]>(groups.map(({ id }) => [id, []]))
  for (const { id, channel } of least) wanted.get(id)!.push(channel)
  return new Map(
    groups.map(({ id, channels }) => {
      const total = channels.length
      const block = blocks.get(id)!
      const asked = Math.max(total - wanted.get(id)!.length, Math.ceil(total * LEAST), 1)
      const keep = Math.min(total, Math.ceil(asked / block) * block)
      return [id, new Set(wanted.get(id)!.slice(0, total - keep))]
    }),
  )
}
