import { fromNumbers, toNumbers } from './numbers.ts'
import { elementCount, type Tensor } from './tensor.ts'

/**
 * The weights [M, C / g, k…] of a convolution of g groups as those of g / factor groups, [M, factor · C / g, k…]: each
 * group's own on the diagonal, zeros elsewhere.
 */
export function mergedGroups(weight: Tensor, groups: number, factor: number): Tensor {
  const [outputs, reads, ...kernel] = weight.dims as [number, number, ...number[]]
  const taps = elementCount(kernel)
  const row = reads * taps
  const old = toNumbers(weight)
  const all = new Float64Array(old.length * factor)
  for (let m = 0; m < outputs; m++) {
    const group = Math.floor(m / (outputs / groups))
    all.set(old.subarray(m * row, (m + 1) * row), m * row * factor + (group % factor) * row)
  }
  return fromNumbers(weight.dtype, [outputs, reads * factor, ...kernel], all)
}
