import type { Dataset } from '../../data/index.ts'
import { type ChannelsOptions, channelsOf } from '../evidence/channels.ts'
import { advance, type Trail } from '../trail.ts'

interface EasedOptions extends ChannelsOptions {
  /** Products that stay as they are. */
  readonly keepFloat?: readonly string[] | undefined
}

interface SmoothedOptions extends EasedOptions {
  /** How much of the difficulty moves from activations into weights, 0 … 1; see `smoothInputs`. */
  readonly alpha: number
}

/**
 * The same function with outlier channels moved into weights, by what rows of `data` say about
 * channels; the trail as it was where nothing can take the scales.
 */
export async function smoothed(
  trail: Trail,
  data: Dataset,
  { alpha, keepFloat, ...looked }: SmoothedOptions,
): Promise<Trail> {
  const evidence = [{ report: await channelsOf(trail.model, data, looked) }]
  return advance(trail, { pass: 'smoothInputs', options: { alpha, ...kept(keepFloat) }, evidence })
}

/** The same function with channels that stand out brought down to others, for integers taken in each run; see `divideOutliers`. */
export async function outliersDivided(
  trail: Trail,
  data: Dataset,
  { keepFloat, ...looked }: EasedOptions,
): Promise<Trail> {
  const evidence = [{ report: await channelsOf(trail.model, data, looked) }]
  return advance(trail, { pass: 'divideOutliers', options: kept(keepFloat), evidence })
}

const kept = (keepFloat: EasedOptions['keepFloat']) => (keepFloat?.length ? { keepFloat } : {})
