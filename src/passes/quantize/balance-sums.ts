import { roundHalfEven } from '../../ir/index.ts'

/** int8 codes, one scale an output channel or one for all. */
interface CodedWeights {
  readonly codes: Int8Array
  readonly scales: Float32Array
}

/** Where the weights of a product lie: output channels, kernels of each (one an input channel), taps of each kernel. */
export interface KernelLayout {
  readonly outputs: number
  readonly kernels: number
  readonly taps: number
  /** Offset of a weight in the row-major tensor. */
  readonly at: (output: number, kernel: number, tap: number) => number
}

/** Of weights [M, C, k…], [N, K] (axis 0) or [K, N] (axis 1). */
export function kernelLayout(dims: readonly number[], axis: number): KernelLayout {
  const [first = 1, second = 1, ...rest] = dims
  const taps = rest.reduce((product, dim) => product * dim, 1)
  if (axis === 0) return { outputs: first, kernels: second, taps, at: (o, k, t) => (o * second + k) * taps + t }
  return { outputs: second, kernels: first, taps: 1, at: (o, k) => k * second + o }
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
  layout: KernelLayout,
  most = 127,
): CodedWeights {
  const codes = Int8Array.from(weights.codes)
  const { outputs, kernels, taps, at } = layout
  const place = (output: number, kernel: number) => (i: number) => at(output, kernel, i - kernel * taps)
  const errors = new Float64Array(kernels * taps)
  const sums = new Float64Array(kernels)
  for (let output = 0; output < outputs; output++) {
    const scale = weights.scales[weights.scales.length === 1 ? 0 : output]!
    let total = 0
    for (let kernel = 0; kernel < kernels; kernel++) {
      let sum = 0
      for (let tap = 0; tap < taps; tap++) {
        const weight = at(output, kernel, tap)
        const error = codes[weight]! - values[weight]! / scale
        errors[kernel * taps + tap] = error
        sum += error
      }
      for (let flips = Math.abs(roundHalfEven(sum)); flips > 0; flips--)
        sum += flip({ codes, errors, most }, sum, kernel * taps, taps, place(output, kernel))
      sums[kernel] = sum
      total += sum
    }
    // Kernels whose own sum is nearest to a half give way for the channel; none does twice.
    const order = [...sums.keys()].sort((a, b) => (total > 0 ? sums[b]! - sums[a]! : sums[a]! - sums[b]!))
    const flips = Math.min(kernels, Math.abs(roundHalfEven(total)))
    for (const kernel of order.slice(0, flips))
      total += flip({ codes, errors, most }, total, kernel * taps, taps, place(output, kernel))
  }
  return { codes, scales: weights.scales }
}

/** Moves the code whose error points most the way of `sum` by one; gives what that changes. Clipped codes stay. */
function flip(
  { codes, errors, most }: { readonly codes: Int8Array; readonly errors: Float64Array; readonly most: number },
  sum: number,
  from: number,
  count: number,
  place: (index: number) => number,
): number {
  const step = sum > 0 ? -1 : 1
  let best = -1
  for (let i = from; i < from + count; i++) {
    const code = codes[place(i)]! + step
    if (errors[i]! * step >= 0 || code < -most || code > most) continue
    if (best < 0 || errors[i]! * step < errors[best]! * step) best = i
  }
  if (best < 0) return 0
  codes[place(best)]! += step
  errors[best]! += step
  return step
}
