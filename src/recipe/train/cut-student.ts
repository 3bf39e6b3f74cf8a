import type { Dataset } from '../../data/index.ts'
import { inferTypes, type Model } from '../../ir/index.ts'
import {
  channelGroups,
  dropBlocks,
  narrowChannels,
  onHalfGrid,
  type PrunableChannels,
  type Removal,
  residualBlocks,
} from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { advance, type Trail } from '../trail.ts'
import { channelImportance, type Importance } from './channel-importance.ts'
import type { ImportanceOptions } from './importance-gradients.ts'
import { mustCheck } from './must-check.ts'
import { rowTypes } from './proof-rows.ts'

/**
 * How much of a teacher its student keeps, each above 0 and at most 1: of its channels, of its residual blocks, and of
 * the resolution behind its first convolution.
 */
export interface Shares {
  readonly width: number
  readonly depth: number
  readonly resolution: number
}

/**
 * The teacher with fewer blocks, on a coarser grid, then with fewer channels in each layer: the most important ones
 * stay, all with their weights.
 *
 * @throws UserError `unsupported` where the model has nothing of the kind that could go.
 */
export async function cutStudent(
  teacher: Trail,
  { width, depth, resolution, importance }: Shares & { readonly importance: Importance },
  evidence: ImportanceOptions,
): Promise<{ readonly trail: Trail; readonly recipe: string }> {
  const { data } = evidence
  const form = teacher.model
  const blocks = residualBlocks(form)
  const gone = Math.round(blocks.length * (1 - depth))
  // Spread evenly, the last of each run going: what follows a change of size is needed more.
  const dropped = blocks.filter(
    (_, i) => Math.floor(((i + 1) * gone) / blocks.length) > Math.floor((i * gone) / blocks.length),
  )
  if (depth < 1 && gone === 0)
    throw new UserError('unsupported', 'no block of this model can be left out', {
      where: `${blocks.length} residual blocks`,
      hint: 'cut its channels with --width 0.5, or give a student with --student FILE',
    })
  let trail = teacher
  if (dropped.length > 0) {
    mustCheck(dropBlocks(form, dropped), form)
    trail = await advance(trail, {
      pass: 'leaveOutBlocks',
      options: { blocks: dropped.map(({ add }) => add.outputs[0]!) },
    })
  }
  const words = blocks.length === 0 ? [] : [`${blocks.length - dropped.length} of ${blocks.length} residual blocks`]
  if (resolution < 1) {
    const times = Math.log2(1 / resolution)
    checkGrid(trail.model, times, data)
    trail = await advance(trail, { pass: 'halveGrid', options: { times } })
    words.push(`${resolution} of the resolution behind the first convolution`)
  }
  if (width === 1) return { trail, recipe: words.join(', ') || 'all of the teacher' }
  const channels = channelGroups(trail.model, rowTypes(trail.model, data))
  if (channels.groups.length === 0)
    throw new UserError('unsupported', 'no channel of this model can be removed', {
      where: channels.held.map(({ node, reason }) => `${node}: ${reason}`)[0] ?? form.graph.name,
      hint: 'give a student with --student FILE',
    })
  const { scores } = await channelImportance(trail.model, channels, importance, evidence)
  const removal = narrowChannels(channels, width, scores)
  words.push(`${channelsLeft(channels, removal)}, the most important by ${importance}`)
  return { trail: await cutChannels(trail, removal), recipe: words.join(', ') }
}

/** `96 of 128 channels`. */
export function channelsLeft({ groups }: PrunableChannels, removal: Removal): string {
  const all = groups.reduce((sum, { channels }) => sum + channels.length, 0)
  const removed = [...removal.values()].reduce((sum, { size }) => sum + size, 0)
  return `${all - removed} of ${all} channels`
}

/** The model without these channels, by the pass that a recipe names. */
export async function cutChannels(trail: Trail, removal: Removal): Promise<Trail> {
  const remove = Object.fromEntries([...removal].map(([id, places]) => [id, [...places].sort((a, b) => a - b)]))
  const next = await advance(trail, { pass: 'pruneChannels', options: { remove } })
  const [refused] = next.runs.at(-1)!.refused
  if (refused) throw new Error(`internal: channels of ${refused.node} were not removed: ${refused.reason}`)
  mustCheck(next.model, trail.model)
  return next
}

/** The outputs must keep their sizes, for rows as the data has them. */
function checkGrid(model: Model, times: number, data: Dataset): void {
  const half = onHalfGrid(model, times)
  const sizes = (form: Model) => {
    const [types, open] = [rowTypes(form, data), inferTypes(form)]
    return JSON.stringify(form.graph.outputs.map(({ name }) => types.get(name) ?? open.get(name)))
  }
  if (half && sizes(half) === sizes(model)) return
  throw new UserError('unsupported', 'this model cannot work on a coarser grid', {
    where: half ? 'its outputs would change their sizes' : 'it has no convolution',
    hint: 'cut its channels with --width 0.5, or give a student with --student FILE',
  })
}
