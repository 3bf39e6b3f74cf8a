/*
 * y = Conv(Relu(Conv(x, w, b)), v)   ⇒   y = Conv(Relu(Conv(x, w', b')), v')      w', b', v' without some channels
 * Weights and work shrink for good, with whatever depends on a channel: additions, joints, gates, groups of
 * convolutions (`channel-groups.ts`). It is another function; which channels go is chosen before (`choose-channels.ts`,
 * `spare-channels.ts`).
 * Illegal: a group that the model does not have, a place beyond it, all channels of a group.
 * Source: Li et al. 2017, 1608.08710 (whole filters, with the weights that read what they make).
 */
import type { Model } from '../../ir/index.ts'
import { exactly, integer, list, record, within } from '../../report/index.ts'
import type { Pass } from '../../rewrite/index.ts'
import { channelGroups } from './channel-groups.ts'
import { removeChannels } from './remove-channels.ts'

export interface PruneChannelsOptions {
  /** Places in the group of the channels that go, by the group's id. */
  readonly remove: Readonly<Record<string, readonly number[]>>
}

export const pruneChannels: Pass<PruneChannelsOptions> = {
  id: 'pruneChannels',
  summary: 'Removes channels for good, so that weights and work shrink.',
  options: exactly<PruneChannelsOptions>({ remove: record(list(within(integer, 0))) }),
  run(model: Model, options) {
    const found = channelGroups(model)
    const sizes = new Map(found.groups.map(({ id, channels }) => [id, channels.length]))
    const refused: { node: string; reason: string }[] = []
    const removal = new Map<string, ReadonlySet<number>>()
    for (const [id, places] of Object.entries(options.remove)) {
      const size = sizes.get(id)
      const unique = new Set(places)
      if (size === undefined) refused.push({ node: id, reason: 'the model has no such group of channels' })
      else if (places.some((place) => !Number.isInteger(place) || place < 0 || place >= size))
        refused.push({ node: id, reason: `the group has ${size} channels` })
      else if (unique.size >= size) refused.push({ node: id, reason: 'no channel would be left' })
      else if (unique.size > 0) removal.set(id, unique)
    }
    const after = removeChannels(model, found, removal)
    const applied = [...removal.values()].reduce((sum, { size }) => sum + size, 0)
    return { model: after, report: { id: this.id, applied, refused } }
  },
}
