import { elementCount, type NumericArray } from '../../../ir/index.ts'
import type { Evidence } from '../../../rewrite/index.ts'
import { type ChannelOptions, type ChannelWeights, nearestCodes } from './channel-weights.ts'

/** What was learned about the weights of one initializer. */
export interface LearnedWeight {
  /** The code of each weight less its zero point, as the weights lie. */
  readonly codes?: Int8Array | undefined
  /** One a channel; without codes, every weight gets the nearest code under them. */
  readonly scales?: Float32Array | undefined
}

/** By the name of the float weights; empty where nothing was learned. */
export function learnedWeightsOf(evidence: readonly Evidence[]): ReadonlyMap<string, LearnedWeight> {
  const learned = new Map<string, LearnedWeight>()
  for (const { report, tensors } of evidence) {
    if (report.kind !== 'learned-weights') continue
    const held = <A extends NumericArray>(ref: { readonly digest: string } | undefined) =>
      ref && (tensors?.get(ref.digest) as A | undefined)
    for (const [name, { codes, scales }] of Object.entries(report.weights))
      if (codes || scales) learned.set(name, { codes: held<Int8Array>(codes), scales: held<Float32Array>(scales) })
  }
  return learned
}

/**
 * Weights under what was learned of them, scales along `axis`; undefined where nothing fits: sizes are others, or a
 * bias asks for larger scales (`atLeast`, one a channel). No code is larger than `most` (127).
 */
export function learnedChannels(
  values: ArrayLike<number>,
  dims: readonly number[],
  axis: number,
  learned: LearnedWeight | undefined,
  { atLeast, most = 127 }: Pick<ChannelOptions, 'atLeast' | 'most'>,
): ChannelWeights | undefined {
  const { scales, codes } = learned ?? {}
  if (!scales || scales.length !== dims[axis] || (codes && codes.length !== values.length)) return undefined
  if (!scales.every((scale, c) => scale > 0 && Number.isFinite(scale) && scale >= (atLeast?.[c] ?? 0))) return undefined
  return { scales, codes: codes ?? nearestCodes(values, scales, elementCount(dims.slice(axis + 1)), most) }
}
