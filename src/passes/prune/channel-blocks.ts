import type { ChannelGroup } from './channel-groups.ts'

/**
 * Widths of an axis that the runtime's kernels want, the widest first: blocked convolutions compute 8 channels at once
 * with AVX2 and take no value that is not a multiple of 4 (`nchwc_transformer.cc` of ONNX Runtime). With AVX-512 they
 * compute 16, but a choice as coarse as that cost more than it gained: `resnet-fashion` at half of its work, three times
 * over 7,200 rows, was 1.40 instead of 1.34 times as fast and answered 87.3 instead of 88.5 of 100 rows.
 */
export const BLOCKS = [8, 4, 1] as const
const WIDEST = BLOCKS[0]

/**
 * How many channels of a group must go or stay together so that what is kept of it fills whole blocks of at most
 * `widest`, as far as the group is wide enough to choose between two of them. A channel that takes several places of an
 * axis, such as a head of attention, fills a block, or a part of it, by itself.
 */
export function blockOf({ channels }: ChannelGroup, widest: number = WIDEST): number {
  const places = Math.min(...(channels[0]?.weights ?? []).map((home) => home.places.length))
  for (const block of BLOCKS) {
    const together = block / commonDivisor(block, Number.isFinite(places) ? places : 1)
    if (block <= widest && channels.length >= 2 * together) return together
  }
  return 1
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b))
