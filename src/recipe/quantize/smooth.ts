import type { Dataset } from '../../data/index.ts'
import { type ChannelsOptions, channelsOf } from '../evidence/channels.ts'
import { advance, type Trail } from '../trail.ts'

interface SmoothedOptions extends ChannelsOptions {
  /** How much of the difficulty moves from activations into weights, 0 … 1. */
  readonly alpha: number
  readonly keepFloat?: readonly string[] | undefined
}

/**
 * The same function with outlier channels moved into weights (see `smoothInputs`), by what rows of `data` say about
 * channels; the trail as it was where nothing can take the scales.
 */
export async function smoothed(
  trail: Trail,
  data: Dataset,
  { alpha, keepFloat, ...options }: SmoothedOptions,
): Promise<Trail> {
  const evidence = [{ report: await channelsOf(trail.model, data, options) }]
  const choices = { alpha, ...(keepFloat?.length ? { keepFloat } : {}) }
  return advance(trail, { pass: 'smoothInputs', options: choices, evidence })
}
