import { elementCount, pictureSize, type Tensor, type ValueType } from '../../ir/index.ts'
import { BLOCK } from '../../rewrite/index.ts'

/** How often something is done for a channel of values that share their channels. */
export interface ChannelWork {
  /** Products of convolutions of one channel each, and what a number of theirs costs beside. */
  alone: number
  /** Products of convolutions that make or read all channels at once. */
  dense: number
  /** Numbers of what keeps channels apart, such as activations and sums. */
  apart: number
}

/**
 * Nanoseconds on one thread, onnxruntime 1.30 on x86-64 with VNNI, by integer convolutions of 8 to 128 channels at 14×14 to
 * 128×128. Of a product for one channel: where channels are no whole blocks, in each eight of them, for each that is left
 * over, and once beside; in whole blocks. Of a product for all channels. Of a number that a sum, a table or the greater of
 * two makes.
 */
const NS = { eights: 0.048, single: 0.5, beside: 0.3, whole: 0.0225, dense: 0.007, apart: 0.03 } as const

/** Channels that the kernel for broken blocks computes at once. */
const EIGHT = 8

/** A number costs a convolution of one channel each as much as so many products. */
const NUMBER = 5.5

/** What a convolution of one channel each does for a number, with a window of so many places. */
export const aloneWork = (places: number): number => places + NUMBER

/** Whether integer kernels do this work in less time for whole blocks of channels than for these, which are broken. */
export function wholeBlocksPay(widths: readonly number[], { alone, dense, apart }: ChannelWork): boolean {
  const before = widths.reduce((sum, width) => sum + width, 0)
  const after = widths.reduce((sum, width) => sum + Math.ceil(width / BLOCK) * BLOCK, 0)
  const single = before % EIGHT
  const broken = NS.eights * (before - single) + NS.single * single + NS.beside
  return alone * (broken - NS.whole * after) > (after - before) * (NS.dense * dense + NS.apart * apart)
}

/** The pixels of a value; undefined where its size is not known. */
export function pixelsOf(type: ValueType | undefined): number | undefined {
  const size = pictureSize(type)
  return size && size[0] * size[1]
}

/** Places of a window. */
export const placesOf = (weight: Tensor): number => elementCount(weight.dims.slice(2))
