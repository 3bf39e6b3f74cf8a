import { elementCount, type Node, operatorName, type Tensor } from '../../../../ir/index.ts'
import { type ObservedChannels, type ObservedRange, peaksOf } from '../../units/observed.ts'
import { productChannels } from '../../units/product-channels.ts'
import type { Codes } from '../equalise-channels.ts'

/** So many numbers of a row in each channel: of fewer, on the few rows that channels are seen on, the largest tells little. */
const ENOUGH_PLACES = 16

/**
 * Whether what was seen of channels tells how far they reach: enough numbers of each were seen, and nothing in the range of
 * their value, which is seen on more rows, goes beyond what is expected of any of them.
 */
export function isTelling(seen: ObservedChannels, range: ObservedRange | undefined): boolean {
  if (!range) return true
  const places = (range.elements ?? Number.POSITIVE_INFINITY) / seen.max.length
  return places >= ENOUGH_PLACES && range.max <= seen.reach.reduce((one, other) => Math.max(one, other), 0)
}

/**
 * The largest code that each channel of a value is expected to have, as a share of 255: that of the largest number seen
 * in it, and beyond it as much as the magnitudes of other rows are expected to reach beyond those that were seen. At
 * least the code of zero, which padding has.
 */
export function reachedCodes({ scale, zeroPoint, channels }: Codes, seen: ObservedChannels): Float64Array {
  return peaksOf(seen).map((peak, c) => {
    const beyond = peak > 0 ? Math.max(1, seen.reach[c]! / peak) : 1
    const code = zeroPoint + Math.ceil((seen.max[c]! * beyond) / (scale * (channels?.[c] ?? 1)))
    return Math.min(255, Math.max(zeroPoint, code)) / 255
  })
}

/** A value that products read: under which codes, and what was seen of its channels. */
export interface ReadValue {
  readonly codes: Codes
  readonly seen: ObservedChannels
}

/**
 * The same for every weight of a product, by the channel of the value that it is multiplied with; where products of
 * several values share their weights, the largest that any of them brings. Undefined where the channels that were seen are
 * not those.
 */
export function reachedByWeights(node: Node, weight: Tensor, values: readonly ReadValue[]): Float64Array | undefined {
  const channels = productChannels(node, weight)
  const axis = operatorName(node) === 'Conv' ? 1 : -1
  const isRead = ({ seen }: ReadValue) => seen.axis === axis && seen.max.length === channels?.inputs
  if (!channels || !values.every(isRead)) return undefined
  const reached = new Float64Array(channels.inputs)
  for (const { codes, seen } of values)
    for (const [c, share] of reachedCodes(codes, seen).entries()) reached[c] = Math.max(reached[c]!, share)
  const shares = new Float64Array(elementCount(weight.dims))
  channels.each((input, _, from, to) => shares.fill(reached[input]!, from, to))
  return shares
}
