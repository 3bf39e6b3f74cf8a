import {
  type Dim,
  int,
  intAttribute,
  ints,
  intsAttribute,
  type Node,
  stringAttribute,
  windowsOf,
} from '../../ir/index.ts'
import type { Attributes, GradientWriter } from './gradient-writer.ts'
import { Refused } from './refused.ts'

/** A sliding window over the spatial axes, padding settled. */
export interface Window {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/** The window of a Conv or pool that reads `x`; SAME padding needs the sizes of x. */
export function windowOf(write: GradientWriter, node: Node, x: string, kernel: readonly number[]): Window {
  const windows = windowsOf(node, kernel)
  if (windows) {
    const { pads, ...rest } = windows
    return { ...rest, before: pads.slice(0, kernel.length), after: pads.slice(kernel.length) }
  }
  const auto = stringAttribute(node, 'auto_pad', '')
  const ones = kernel.map(() => 1)
  const [strides, dilations] = [intsAttribute(node, 'strides', ones), intsAttribute(node, 'dilations', ones)]
  const total = kernel.map((size, axis) => {
    const length = spatial(write, x)[axis]
    if (typeof length !== 'number') throw new Refused(`auto_pad "${auto}" where sizes are not known`)
    const places = Math.ceil(length / strides[axis]!)
    return Math.max(0, (places - 1) * strides[axis]! + (size - 1) * dilations[axis]! + 1 - length)
  })
  const less = total.map((pad) => Math.floor(pad / 2))
  const more = total.map((pad, axis) => pad - less[axis]!)
  const [before, after] = auto === 'SAME_UPPER' ? [less, more] : [more, less]
  return { kernel, strides, dilations, before, after }
}

/** Sizes of the axes behind batch and channels. */
export function spatial(write: GradientWriter, x: string): readonly Dim[] {
  const shape = write.shape(x)
  if (!shape) throw new Refused(`the rank of "${x}" is not known`)
  return shape.slice(2)
}

/** Sizes of weights; their kernel must be known. */
export function kernelOf(write: GradientWriter, w: string): readonly number[] {
  const kernel = spatial(write, w)
  if (!kernel.every((size) => typeof size === 'number')) throw new Refused('the size of its kernel is not known')
  return kernel
}

export const windowAttributes = ({ strides, dilations, before, after }: Window): Attributes => ({
  strides: ints(strides),
  dilations: ints(dilations),
  pads: ints([...before, ...after]),
})

/**
 * What a window gave out, `g` of sizes `placesOf`, put back where it was taken from: a transposed convolution, cut or
 * filled with zeros to the spatial sizes of `x`.
 */
export function putBack(
  write: GradientWriter,
  g: string,
  w: string,
  window: Window,
  group: number,
  x: { readonly value: string; readonly places: readonly Dim[] },
): string {
  const { kernel, strides, dilations, before } = window
  const lengths = spatial(write, x.value)
  const common = { group: int(group), strides: ints(strides), dilations: ints(dilations) }
  if ([...lengths, ...x.places].every((dim) => typeof dim === 'number')) {
    const rest = kernel.map((size, axis) => {
      const full = ((x.places[axis] as number) - 1) * strides[axis]! + (size - 1) * dilations[axis]! + 1
      return (lengths[axis] as number) + before[axis]! - full
    })
    const more = rest.map((size) => Math.max(0, size))
    return write.op('ConvTranspose', [g, w], {
      ...common,
      pads: ints([...before, ...rest.map((size) => Math.max(0, -size))]),
      ...(more.some((size) => size > 0) ? { output_padding: ints(more) } : {}),
    })
  }
  const whole = write.op('ConvTranspose', [g, w], common)
  const wanted = write.op('Shape', [x.value], { start: int(2) })
  const made = write.op('Shape', [whole], { start: int(2) })
  const after = write.sub(write.add(wanted, write.ints(before)), made)
  const pads = write.op(
    'Concat',
    [write.ints([0, 0]), write.ints(before.map((size) => -size)), write.ints([0, 0]), after],
    {
      axis: int(0),
    },
  )
  return write.op('Pad', [whole, pads])
}

export const groupOf = (node: Node): number => intAttribute(node, 'group', 1)
