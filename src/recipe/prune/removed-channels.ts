import type { Dataset } from '../../data/index.ts'
import type { Model } from '../../ir/index.ts'
import {
  channelGroups,
  chooseChannels,
  leastMacs,
  macsAfter,
  type PrunableChannels,
  type Removal,
} from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { losslessSteps } from '../simplify.ts'
import { advanceAll, type Trail } from '../trail.ts'
import { channelImportance, type Importance } from '../train/channel-importance.ts'
import { cutChannels } from '../train/cut-student.ts'
import type { ImportanceOptions } from '../train/importance-gradients.ts'
import { rowTypes } from '../train/proof-rows.ts'
import { trainedTrail } from '../train/trained-trail.ts'
import type { Pruning } from './pruning.ts'

/** How much of the multiply-accumulates may be left, and what tells which channels matter. */
interface ChannelAim {
  readonly macs: number
  readonly importance: Importance
}

interface LeastImportantCut {
  readonly channels: PrunableChannels
  readonly removal: Removal
  readonly cut: Trail
}

/**
 * The least important channels go, with all that depends on them, until the multiply-accumulates are down to the share
 * asked for.
 *
 * @throws UserError `unsupported` where no channel can go, or not enough of them.
 */
export async function cutLeastImportant(
  whole: Trail,
  data: Dataset,
  { macs, importance }: ChannelAim,
  evidence: () => Promise<ImportanceOptions>,
): Promise<LeastImportantCut> {
  const form: Model = whole.model
  const channels = channelGroups(form, rowTypes(form, data))
  if (channels.groups.length === 0)
    throw new UserError('unsupported', 'no channel of this model can be removed', {
      where: channels.held.map(({ node, reason }) => `${node}: ${reason}`)[0] ?? form.graph.name,
      hint: 'whet distil --student FILE trains another model towards its answers',
    })
  const { scores, scale } = await channelImportance(form, channels, importance, await evidence())
  const removal = chooseChannels(channels, { macs, importance: scores, scale })
  if (removal === null) {
    // Rounded up, so that what the hint names can be had.
    const least = Math.ceil(100 * leastMacs(channels, { importance: scores, scale })) / 100
    throw new UserError('unsupported', `channels alone do not bring the work down to ${macs} of what it was`, {
      where: `${channels.groups.length} groups of channels, an eighth of each stays`,
      hint:
        least < 1
          ? `--macs ${least} is the least; or distil a student with whet distil`
          : 'distil a student with whet distil',
    })
  }
  return { channels, removal, cut: await cutChannels(whole, removal) }
}

/** What that is as a pruning. */
export async function removedChannels(
  whole: Trail,
  data: Dataset,
  aim: ChannelAim,
  evidence: () => Promise<ImportanceOptions>,
): Promise<Pruning> {
  const { channels, removal, cut } = await cutLeastImportant(whole, data, aim, evidence)
  const left = macsAfter(channels, removal) / macsAfter(channels, new Map())
  return {
    unit: 'channels',
    asked: aim.macs,
    student: cut.model,
    groups: channels.groups.map(({ id, nodes, channels: own }) => {
      const removed = removal.get(id)?.size ?? 0
      return { nodes, kept: own.length - removed, removed }
    }),
    held: channels.held,
    sentence: (_, __, speed) => `${Math.round(left * 100)} % of the work is left${speed ? `, ${speed}` : ''}.`,
    unlearned: 'no epochs: the channels were removed and nothing has learned again',
    finish: async (learned, about) =>
      learned ? trainedTrail(cut, learned, about) : { trail: await advanceAll(cut, losslessSteps), tensors: new Map() },
  }
}
