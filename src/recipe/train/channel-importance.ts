import { spreadRows } from '../../data/index.ts'
import { openIsolated } from '../../engine/index.ts'
import { feedsOf } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import {
  addActivation,
  addTaylor,
  type PrunableChannels,
  scaleImportance,
  weightImportance,
} from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { dynamicBatch } from '../dynamic-batch.ts'
import { BATCH, eachGradient, type ImportanceOptions, ROWS } from './importance-gradients.ts'
import { readRows } from './learning-rows.ts'

/**
 * What tells how much a channel matters: what the loss would lose with it (to first order), the size of its weights, the
 * scale of its BatchNormalization, or the size of what it gives.
 */
export const IMPORTANCE = ['taylor', 'l1', 'bn', 'activation'] as const
export type Importance = (typeof IMPORTANCE)[number]

/** One number a channel by group, and whether numbers of different groups are on one scale. */
export async function channelImportance(
  model: Model,
  { groups }: PrunableChannels,
  kind: Importance,
  options: ImportanceOptions,
): Promise<{ readonly scores: ReadonlyMap<string, Float64Array>; readonly scale: 'across' | 'within' }> {
  if (kind === 'l1') return { scores: weightImportance(model, groups), scale: 'within' }
  if (kind === 'bn') {
    const scores = scaleImportance(model, groups)
    const bare = groups.find(({ id }) => scores.get(id) === null)
    if (bare)
      throw new UserError('unsupported', 'these channels have no BatchNormalization to tell their importance', {
        where: bare.nodes.join(', '),
        hint: 'normalisations are often folded into convolutions on export; use --importance taylor',
      })
    return { scores: scores as ReadonlyMap<string, Float64Array>, scale: 'within' }
  }
  const sums = new Map(groups.map(({ id, channels }) => [id, new Float64Array(channels.length)]))
  if (kind === 'taylor') await byGradient(model, groups, sums, options)
  else await byActivation(model, groups, sums, options)
  return { scores: sums, scale: kind === 'taylor' ? 'across' : 'within' }
}

type Groups = PrunableChannels['groups']
type Sums = ReadonlyMap<string, Float64Array>

async function byGradient(model: Model, groups: Groups, sums: Sums, options: ImportanceOptions): Promise<void> {
  const weights = groups.flatMap(({ channels }) => channels[0]!.weights.map(({ name }) => name))
  await eachGradient(model, weights, options, (gradients) => addTaylor(model, groups, gradients, sums))
}

async function byActivation(model: Model, groups: Groups, sums: Sums, options: ImportanceOptions): Promise<void> {
  const names = [...new Set(groups.flatMap(({ channels }) => channels[0]!.values.map(({ name }) => name)))]
  const open = options.open ?? openIsolated
  const session = await open((await dynamicBatch(model, options.data, open)).model)
  try {
    const rows = spreadRows(options.data, options.rows, ROWS / 4)
    for await (const part of readRows(options.data, session.inputs, rows, BATCH)) {
      options.signal?.throwIfAborted()
      const results = await session.run(feedsOf(part, session.inputs, options.data), names)
      const values = new Map(
        Object.entries(results).map(([name, { dims, data }]) => [name, { dims, data: data as Float32Array }] as const),
      )
      addActivation(groups, values, sums)
    }
  } finally {
    await session.close()
  }
}
