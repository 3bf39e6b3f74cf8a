/** A convolution over few channels, as it stands. */
export interface NarrowConvolution {
  readonly channels: number
  readonly outputs: number
  /** Height and width. */
  readonly kernel: Pair
  readonly strides: Pair
  readonly dilations: Pair
  /** Top, left, bottom, right; undefined where the runtime works them out. */
  readonly pads: readonly [number, number, number, number] | undefined
  /** Height and width of what it reads; undefined where they are not known. */
  readonly size: Pair | undefined
}

export type Pair = readonly [height: number, width: number]

/**
 * Another way to read the same pixels. `shifts`: copies of the picture, one for each place of a patch of `step`, lie side
 * by side as channels, and the kernel takes every `step`-th place (1×1: the picture itself). `blocks`: the pixels of each
 * 2×2 block are channels, and a stride of two is none. Window place t of the old kernel is place i of the new one and
 * channel group a, with t = step·i + a + lead.
 */
export interface NarrowForm {
  readonly kind: 'shifts' | 'blocks'
  readonly step: Pair
  readonly lead: Pair
  readonly kernel: Pair
  /** Channels of the new input, zeros at the end included. */
  readonly channels: number
  /** Pads that the convolution keeps: top, left, bottom, right; undefined: those that it has. */
  readonly pads: readonly number[] | undefined
}

/** Kernels read channels in fours. */
const GROUP = 4
const BLOCK = 16
/** A picture of 64 by 64 stands for a size that is not known. */
const UNKNOWN: Pair = [64, 64]

/**
 * Nanoseconds on one thread, onnxruntime 1.30 on x86-64 with VNNI, fitted to eleven convolutions of one to three
 * channels (1×1 to 7×7, 28 to 224 pixels). Patches are copied row by row where pixels do not come in fours; else the
 * kernel takes a pointer for each window place and multiplies fours by sixteen channels; a window of one place is a
 * plain product. Only proportions matter: measured costs decide whether the convolution is in integers at all.
 */
const NS = {
  copyRow: 6,
  product: 0.15,
  pointer: 0.4,
  window: 0.2,
  moveByte: 0.14,
  blockByte: 0.27,
  node: 1000,
} as const

/** The form in which the convolution takes the least time; null where that is as it stands. */
export function narrowForm(convolution: NarrowConvolution): NarrowForm | null {
  const { kernel, channels, outputs } = convolution
  const [height, width] = convolution.size ?? UNKNOWN
  const places = (height / convolution.strides[0]) * (width / convolution.strides[1])
  const blocks = Math.ceil(outputs / BLOCK)
  const fours = (count: number) => Math.ceil(count / GROUP)
  const plain = places * (kernel[0] * NS.copyRow + blocks * fours(channels * kernel[0] * kernel[1]) * NS.product)
  const cost = (form: NarrowForm) => {
    const window = form.kernel[0] * form.kernel[1]
    const copies = form.step[0] * form.step[1]
    const moved =
      form.kind === 'blocks'
        ? NS.node + height * width * channels * NS.blockByte
        : NS.node * (copies === 1 ? 1 : copies + 1) + height * width * form.channels * NS.moveByte
    const tile = blocks * fours(form.channels)
    return moved + places * (window === 1 ? tile * NS.product : window * (NS.pointer + tile * NS.window))
  }
  const best = forms(convolution).reduce<{ form: NarrowForm | null; ns: number }>(
    (least, form) => {
      const ns = cost(form)
      return ns < least.ns ? { form, ns } : least
    },
    { form: null, ns: plain - NS.node },
  )
  return best.form
}

function forms(convolution: NarrowConvolution): NarrowForm[] {
  const { channels, kernel, strides, dilations, pads } = convolution
  const plain: NarrowForm = {
    kind: 'shifts',
    step: [1, 1],
    lead: [0, 0],
    kernel,
    channels: Math.ceil(channels / GROUP) * GROUP,
    pads: undefined,
  }
  if (!pads || dilations[0] !== 1 || dilations[1] !== 1) return [plain]
  const shifted = (step: Pair): NarrowForm => ({
    kind: 'shifts',
    step,
    lead: [0, 0],
    kernel: [Math.ceil(kernel[0] / step[0]), Math.ceil(kernel[1] / step[1])],
    channels: Math.ceil((channels * step[0] * step[1]) / GROUP) * GROUP,
    pads: [0, 0, 0, 0],
  })
  const found = [plain, shifted([Math.min(2, kernel[0]), Math.min(2, kernel[1])])]
  // Every window place a channel: only where each pixel has a window of its own, else most copies would not be read.
  if (strides[0] === 1 && strides[1] === 1) found.push(shifted(kernel))
  const folded = foldedForm(convolution, pads)
  return folded ? [...found, folded] : found
}

function foldedForm(
  { channels, kernel, strides, size }: NarrowConvolution,
  pads: readonly [number, number, number, number],
): NarrowForm | null {
  if (!size || strides.some((stride) => stride !== 2) || size.some((length) => length % 2 !== 0)) return null
  const [rows, columns] = [0, 1].map((axis) => {
    const [before, after] = [pads[axis]!, pads[axis + 2]!]
    const windows = Math.floor((size[axis]! + before + after - kernel[axis]!) / 2) + 1
    const first = Math.floor(-before / 2)
    const last = Math.floor((kernel[axis]! - 1 - before) / 2)
    return {
      kernel: last - first + 1,
      lead: 2 * first + before,
      before: -first,
      after: windows - 1 + last - (size[axis]! / 2 - 1),
    }
  }) as [FoldedAxis, FoldedAxis]
  if (rows.after < 0 || columns.after < 0) return null
  return {
    kind: 'blocks',
    step: [2, 2],
    lead: [rows.lead, columns.lead],
    kernel: [rows.kernel, columns.kernel],
    channels: 4 * channels,
    pads: [rows.before, columns.before, rows.after, columns.after],
  }
}

interface FoldedAxis {
  readonly kernel: number
  readonly lead: number
  readonly before: number
  readonly after: number
}
