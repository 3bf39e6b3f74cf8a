import { elementCount, fromNumbers, type Tensor, toNumbers } from '../../ir/index.ts'

/**
 * The float32 weights that codes stand for, (code − zero point) · scale. Scales and zero points are one number, or one an
 * output: of `rows` along the first axis of the codes, of `columns` along the last.
 *
 * @param behind Axes of a scale behind that of the outputs: a convolution's have all those of its windows.
 * @returns null where scales or zero points go along anything else.
 */
export function floatWeights(
  codes: Tensor,
  scale: Tensor,
  zero: Tensor | null,
  outputs: 'rows' | 'columns',
  behind: number,
): Tensor | null {
  const axis = outputs === 'rows' ? 0 : codes.dims.length - 1
  const along = codes.dims[axis]
  // A convolution's scale has axes for its windows; as the scales of channels they are none.
  const flat = (tensor: Tensor, axesBehind: number): Tensor | null =>
    elementCount(tensor.dims) === 1
      ? { ...tensor, dims: [1] }
      : elementCount(tensor.dims) === along && tensor.dims[tensor.dims.length - axesBehind] === along
        ? { ...tensor, dims: [along] }
        : null
  const [steps, origins] = [flat(scale, behind), zero && flat(zero, 1)]
  if (!steps || (zero && !origins)) return null
  return channelWeights(codes, steps, origins, axis)
}

/**
 * The float32 numbers that codes of a DequantizeLinear stand for, with one scale for all or one for each place along
 * `axis`; null where scales or zero points are of another shape.
 */
export function channelWeights(codes: Tensor, scale: Tensor, zero: Tensor | null, axis: number): Tensor | null {
  const { dims } = codes
  const along = axis < 0 ? axis + dims.length : axis
  const fits = ({ dims: of }: Tensor) =>
    elementCount(of) === 1 ? of.length <= 1 : of.length === 1 && of[0] === dims[along]
  if (scale.dtype !== 'float32' || !fits(scale) || (zero && !fits(zero))) return null
  const stretch = elementCount(dims.slice(along + 1))
  const [steps, origins] = [toNumbers(scale), zero ? toNumbers(zero) : [0]]
  const at = (list: ArrayLike<number>, i: number) =>
    list[list.length === 1 ? 0 : Math.floor(i / stretch) % dims[along]!]!
  const floats = Float32Array.from(toNumbers(codes), (code, i) => (code - at(origins, i)) * at(steps, i))
  return fromNumbers('float32', dims, floats)
}

/**
 * The weights of an LSTM as the standard operator holds them, [directions, gates, inputs], of codes [directions, inputs,
 * gates] with one scale a direction or one a gate of each.
 */
export function gateWeights(
  codes: Tensor,
  scale: Tensor,
  zero: Tensor | null,
): { readonly dims: readonly number[]; readonly numbers: Float32Array } | null {
  const [directions, inputs, gates] = codes.dims as [number, number, number]
  const fits = (tensor: Tensor) => [directions, directions * gates].includes(elementCount(tensor.dims))
  if (!fits(scale) || (zero && !fits(zero))) return null
  const [stored, steps] = [toNumbers(codes), toNumbers(scale)]
  const origins = zero ? toNumbers(zero) : new Float64Array(directions)
  const of = (list: ArrayLike<number>, d: number, g: number) => list[list.length === directions ? d : d * gates + g]!
  const numbers = new Float32Array(stored.length)
  for (let d = 0; d < directions; d++)
    for (let i = 0; i < inputs; i++)
      for (let g = 0; g < gates; g++) {
        const code = stored[(d * inputs + i) * gates + g]!
        numbers[(d * gates + g) * inputs + i] = (code - of(origins, d, g)) * of(steps, d, g)
      }
  return { dims: [directions, gates, inputs], numbers }
}
