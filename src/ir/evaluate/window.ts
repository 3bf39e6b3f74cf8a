import { type Call, intOf, intsOf, textOf } from './call.ts'
import { EvaluationError } from './value.ts'

/** How a kernel slides over the spatial axes; one number an axis in each list. */
export interface Window {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly before: readonly number[]
  readonly after: readonly number[]
  readonly output: readonly number[]
}

/** The window of a Conv or a pool over `spatial` sizes, with auto_pad, ceil_mode and dilations resolved. */
export function windowOf(call: Call, spatial: readonly number[], kernel: readonly number[], ceil = false): Window {
  const rank = spatial.length
  if (kernel.length !== rank) throw new EvaluationError(`a kernel of rank ${kernel.length} over ${rank} spatial axes`)
  const strides = intsOf(call, 'strides') ?? kernel.map(() => 1)
  const dilations = intsOf(call, 'dilations') ?? kernel.map(() => 1)
  const positive = [...kernel, ...strides, ...dilations].every((step) => Number.isInteger(step) && step > 0)
  if (!positive || strides.length !== rank || dilations.length !== rank)
    throw new EvaluationError(`a kernel [${kernel}] with strides [${strides}] and dilations [${dilations}]`)
  const auto = textOf(call, 'auto_pad', 'NOTSET')
  const spans = kernel.map((size, axis) => (size - 1) * dilations[axis]! + 1)
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const output = spatial.map((size, axis) => Math.ceil(size / strides[axis]!))
    const total = output.map((out, axis) => Math.max(0, (out - 1) * strides[axis]! + spans[axis]! - spatial[axis]!))
    const small = total.map((pad) => Math.floor(pad / 2))
    const large = total.map((pad) => Math.ceil(pad / 2))
    const [before, after] = auto === 'SAME_UPPER' ? [small, large] : [large, small]
    return { kernel, strides, dilations, before, after, output }
  }
  const pads = auto === 'VALID' ? undefined : intsOf(call, 'pads')
  const before = pads ? pads.slice(0, rank) : kernel.map(() => 0)
  const after = pads ? pads.slice(rank) : kernel.map(() => 0)
  const output = spatial.map((size, axis) => {
    const room = size + before[axis]! + after[axis]! - spans[axis]!
    // ONNX has no answer, and the runtime one place or none.
    if (room < 0) throw new EvaluationError('the kernel is larger than the padded input')
    const steps = room / strides[axis]!
    if (!ceil) return Math.floor(steps) + 1
    const out = Math.ceil(steps) + 1
    // A window that would start in the padding after the end is dropped.
    return (out - 1) * strides[axis]! >= size + before[axis]! ? out - 1 : out
  })
  return { kernel, strides, dilations, before, after, output }
}

/**
 * For each axis, output place and tap: the input index, or −1 in the padding; at `place·taps + tap`. A window is then
 * the product of its axes' taps.
 */
function tapsOf(window: Window, spatial: readonly number[]): Int32Array[] {
  return spatial.map((size, axis) => {
    const taps = window.kernel[axis]!
    return Int32Array.from({ length: window.output[axis]! * taps }, (_, i) => {
      const at =
        Math.floor(i / taps) * window.strides[axis]! + (i % taps) * window.dilations[axis]! - window.before[axis]!
      return at >= 0 && at < size ? at : -1
    })
  })
}

/**
 * Source offsets of every window: at `place·taps + tap`, places and taps row-major; −1 in the padding. One table serves
 * every image and channel.
 */
export function windowOffsets(window: Window, spatial: readonly number[]): { offsets: Int32Array; taps: number } {
  let offsets: Int32Array = Int32Array.of(0)
  let places = 1
  let taps = 1
  for (const [axis, table] of tapsOf(window, spatial).entries()) {
    const [count, own] = [window.output[axis]!, window.kernel[axis]!]
    const next = new Int32Array(places * count * taps * own)
    let to = 0
    for (let p = 0; p < places; p++)
      for (let q = 0; q < count; q++)
        for (let t = 0; t < taps; t++)
          for (let u = 0; u < own; u++) {
            const outer = offsets[p * taps + t]!
            const inner = table[q * own + u]!
            next[to++] = outer < 0 || inner < 0 ? -1 : outer * spatial[axis]! + inner
          }
    offsets = next
    places *= count
    taps *= own
  }
  return { offsets, taps }
}

export const groupOf = (call: Call): number => intOf(call, 'group', 1)
