import type { Dataset } from '../../data/index.ts'
import { type ChannelsOptions, channelsOf } from '../evidence/channels.ts'
import { advance, type Trail } from '../trail.ts'

interface SmoothedOptions extends ChannelsOptions {
  /**
   * How much of the difficulty moves from activations into weights, 0 … 1 (`smoothInputs`); `outliers`: as much as brings
   * the channels that stand out down to others, for integers taken in each run (`divideOutliers`).
   */
  readonly alpha: number | 'outliers'
  readonly keepFloat?: readonly string[] | undefined
}

/**
 * The same function with outlier channels moved into weights, by what rows of `data` say about
 * channels; the trail as it was where nothing can take the scales.
 */
export async function smoothed(
  trail: Trail,
  data: Dataset,
  { alpha, keepFloat, ...options }: SmoothedOptions,
): Promise<Trail> {
  const evidence = [{ report: await channelsOf(trail.model, data, options) }]
  const kept = keepFloat?.length ? { keepFloat } : {}
  if (alpha === 'outliers') return advance(trail, { pass: 'divideOutliers', options: kept, evidence })
  return advance(trail, { pass: 'smoothInputs', options: { alpha, ...kept }, evidence })
}
