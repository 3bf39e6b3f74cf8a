import { elementCount, roundHalfEven } from '../../../ir/index.ts'

/** int8 codes, one scale an output channel or one for all. */
interface CodedWeights {
  readonly codes: Int8Array
  readonly scales: Float32Array
}

/** Where the weights of a product lie: output channels, kernels of each (one an input channel), taps of each kernel. */
interface KernelLayout {
  readonly outputs: number
  readonly kernels: number
  readonly taps: number
  /** From one output, kernel and tap to the next in the row-major tensor. */
  readonly strides: { readonly output: number; readonly kernel: number; readonly tap: number }
}

/** Of weights [M, C, k…], [N, K] (axis 0) or [K, N] (axis 1). */
export function kernelLayout(dims: readonly number[], axis: number): KernelLayout {
  const [first = 1, second = 1, ...rest] = dims
  const taps = elementCount(rest)
  if (axis === 0)
    return { outputs: first, kernels: second, taps, strides: { output: second * taps, kernel: taps, tap: 1 } }
  return { outputs: second, kernels: first, taps: 1, strides: { output: 1, kernel: second, tap: 1 } }
}

/**
 * Rounds some weights the other way, so that the errors of every kernel, and then of every output channel, add up to
 * less than half a code. What neighbouring taps and channels see is alike (pictures are smooth, activations behind a
 * Relu have one sign), so errors that cancel in the sum mostly cancel in the result; nearest rounding leaves sums that
 * grow with the root of the count. Flips the weights that stand nearest to a half.
 *
 * Source: Guo et al., SQuant, 2202.07471 (flips under the sums of kernels and of output channels).
 */
export function balanceSums(
  values: ArrayLike<number>,
  weights: CodedWeights,
  { outputs, kernels, taps, strides }: KernelLayout,
  most: number,
): CodedWeights {
  const codes = Int8Array.from(weights.codes)
  const errors = new Float64Array(kernels * taps)
  const sums = new Float64Array(kernels)
  /** Moves the code of a kernel whose error points most the way of `sum` by one; gives what that changes. Clipped codes stay. */
  const flip = (sum: number, output: number, kernel: number): number => {
    const step = sum > 0 ? -1 : 1
    const base = output * strides.output + kernel * strides.kernel
    let best = -1
    for (let tap = 0; tap < taps; tap++) {
      const error = errors[kernel * taps + tap]! * step
      const code = codes[base + tap * strides.tap]! + step
      if (error >= 0 || code < -most || code > most) continue
      if (best < 0 || error < errors[kernel * taps + best]! * step) best = tap
    }
    if (best < 0) return 0
    codes[base + best * strides.tap]! += step
    errors[kernel * taps + best]! += step
    return step
  }
  for (let output = 0; output < outputs; output++) {
    const scale = weights.scales[weights.scales.length === 1 ? 0 : output]!
    let total = 0
    for (let kernel = 0; kernel < kernels; kernel++) {
      const base = output * strides.output + kernel * strides.kernel
      let sum = 0
      for (let tap = 0; tap < taps; tap++) {
        const weight = base + tap * strides.tap
        const error = codes[weight]! - values[weight]! / scale
        errors[kernel * taps + tap] = error
        sum += error
      }
      for (let flips = Math.abs(roundHalfEven(sum)); flips > 0; flips--) sum += flip(sum, output, kernel)
      sums[kernel] = sum
      total += sum
    }
    // Kernels whose own sum is nearest to a half give way for the channel; none does twice.
    const flips = Math.min(kernels, Math.abs(roundHalfEven(total)))
    for (const kernel of furthest(sums, flips, total > 0)) total += flip(total, output, kernel)
  }
  return { codes, scales: weights.scales }
}

/** Indices of the `count` greatest of the values, or of the least; of equal ones the first. */
export function furthest(values: Float64Array, count: number, greatest: boolean): readonly number[] {
  if (count === 0) return []
  // Mostly a few of many: to keep these in order while looking at all once takes less than to sort them.
  if (count <= FEW) return firstOf(values, count, greatest)
  const sorted = values.slice().sort()
  const last = greatest ? sorted[values.length - count]! : sorted[count - 1]!
  const beyond: number[] = []
  const equal: number[] = []
  for (let i = 0; i < values.length; i++) {
    if (values[i] === last) equal.push(i)
    else if (values[i]! > last === greatest) beyond.push(i)
  }
  return [...beyond, ...equal.slice(0, count - beyond.length)]
}

const FEW = 64

/** The same, in order: the furthest first. */
function firstOf(values: Float64Array, count: number, greatest: boolean): readonly number[] {
  const sign = greatest ? 1 : -1
  const found = new Int32Array(count)
  const sizes = new Float64Array(count)
  let length = 0
  for (let i = 0; i < values.length; i++) {
    const size = values[i]! * sign
    if (length === count && size <= sizes[count - 1]!) continue
    let at = length < count ? length++ : count - 1
    for (; at > 0 && size > sizes[at - 1]!; at--) {
      found[at] = found[at - 1]!
      sizes[at] = sizes[at - 1]!
    }
    found[at] = i
    sizes[at] = size
  }
  return Array.from(found.subarray(0, length))
}
