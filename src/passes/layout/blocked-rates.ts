import type { ChannelBlock } from '../../report/index.ts'

/** Multiplications a nanosecond of one block of channels, of two at once, and of more (AVX-512, one thread). */
const WIDE = [60, 76, 82] as const

/** Blocks that the AVX2 kernel makes at once, and multiplications a nanosecond of so many (one thread). */
const SET = 4
const NARROW = 47

/**
 * What of the time of a whole set one, two or three blocks that are left over take: too few sums are under way at once to
 * keep the multipliers busy (64 channels to 8, 16, 24 and 32 by 3×3 at 40×40: 0.331, 0.386, 0.455, 0.595 ms).
 */
const LEFT_OVER = [0, 0.56, 0.65, 0.77] as const

/**
 * Nanoseconds that a blocked convolution to `channels` takes that needs so many multiplications for each of them
 * (onnxruntime 1.30 on x86-64). `block`: channels that are computed at once, wanted or not.
 */
export function blockedNs(multiplications: number, channels: number, block: ChannelBlock): number {
  const blocks = Math.ceil(channels / block)
  if (block === 16) return (multiplications * blocks * block) / (WIDE[blocks - 1] ?? WIDE.at(-1)!)
  const sets = Math.floor(blocks / SET) + LEFT_OVER[blocks % SET]!
  return (multiplications * sets * SET * block) / NARROW
}
