import { BLOCK, GROUP } from './conv-kernel.ts'

/** A convolution over few channels, as it stands. */
interface NarrowConvolution {
  readonly channels: number
  readonly outputs: number
  /** Height and width. */
  readonly kernel: Pair
  readonly strides: Pair
  readonly dilations: Pair
  /** Whether its pads are told, or worked out by the runtime. */
  readonly padsKnown: boolean
  /** Height and width of what it reads. */
  readonly size: Pair
  /** Whether the channels of a pixel lie side by side in what the picture was turned from. */
  readonly channelsLast: boolean
}

export type Pair = readonly [height: number, width: number]

/**
 * Another way to read the same pixels: copies of the picture, one for each place of a patch of `step`, lie side by side
 * as channels, and the kernel takes every `step`-th place (1×1: the picture itself). Window place t of the old kernel is
 * place i of the new one and copy a, with t = step·i + a.
 */
export interface InputForm {
  readonly step: Pair
  readonly kernel: Pair
  /** Channels of the new input, zeros at the end included. */
  readonly channels: number
}

/**
 * Nanoseconds on one thread, onnxruntime 1.30 on x86-64 with VNNI, fitted to eleven convolutions of one to three channels
 * (1×1 to 7×7, 28 to 224 pixels). Patches are copied row by row where pixels do not come in fours; else the kernel takes
 * a pointer for each window place and multiplies fours by a block; a window of one place is a plain product. Beside those
 * a byte of a copy, and another node; where channels lie last the runtime keeps them so, and copies pixel by pixel, a few
 * bytes each: 198×198 pixels of three took 0.31 ms, else 0.03. Only proportions matter: measured costs decide whether a
 * convolution is in integers at all.
 */
const NS = {
  copyRow: 6,
  product: 0.15,
  pointer: 0.4,
  window: 0.2,
  moveByte: 0.14,
  movePixel: 8,
  node: 1000,
} as const

/** The form in which a convolution over few channels takes the least time; null where that is as it stands. */
export function narrowForm(convolution: NarrowConvolution): InputForm | null {
  const { kernel, channels, outputs } = convolution
  const [height, width] = convolution.size
  const places = (height / convolution.strides[0]) * (width / convolution.strides[1])
  const blocks = Math.ceil(outputs / BLOCK)
  const fours = (count: number) => Math.ceil(count / GROUP)
  const plain = places * (kernel[0] * NS.copyRow + blocks * fours(channels * kernel[0] * kernel[1]) * NS.product)
  const cost = (form: InputForm) => {
    const window = form.kernel[0] * form.kernel[1]
    const copies = form.step[0] * form.step[1]
    const pixel = convolution.channelsLast ? copies * NS.movePixel : form.channels * NS.moveByte
    const moved = NS.node * (copies === 1 ? 1 : copies + 1) + height * width * pixel
    const tile = blocks * fours(form.channels)
    return moved + places * (window === 1 ? tile * NS.product : window * (NS.pointer + tile * NS.window))
  }
  const best = forms(convolution).reduce<{ form: InputForm | null; ns: number }>(
    (least, form) => {
      const ns = cost(form)
      return ns < least.ns ? { form, ns } : least
    },
    { form: null, ns: plain - NS.node },
  )
  return best.form
}

/** Blocks of outputs above which copying patches of many channels is too small a part to be worth a Pad. */
const MOST_BLOCKS = 6

/** The form of a convolution over more channels than neighbouring pixels could stand beside; null where it stays. */
export const wideForm = (channels: number, outputs: number, kernel: Pair): InputForm | null =>
  outputs > MOST_BLOCKS * BLOCK ? null : filled(channels, kernel)

/** The picture itself, with zeros behind its channels up to the next group. */
const filled = (channels: number, kernel: Pair): InputForm => ({
  step: [1, 1],
  kernel,
  channels: Math.ceil(channels / GROUP) * GROUP,
})

function forms(convolution: NarrowConvolution): InputForm[] {
  const { channels, kernel, strides, dilations, padsKnown } = convolution
  const plain = filled(channels, kernel)
  if (!padsKnown || dilations[0] !== 1 || dilations[1] !== 1) return [plain]
  const shifted = (step: Pair): InputForm => ({
    step,
    kernel: [Math.ceil(kernel[0] / step[0]), Math.ceil(kernel[1] / step[1])],
    channels: Math.ceil((channels * step[0] * step[1]) / GROUP) * GROUP,
  })
  const found = [plain, shifted([Math.min(2, kernel[0]), Math.min(2, kernel[1])])]
  // Every window place a channel: only where each pixel has a window of its own, else most copies would not be read.
  if (strides[0] === 1 && strides[1] === 1) found.push(shifted(kernel))
  return found
}
