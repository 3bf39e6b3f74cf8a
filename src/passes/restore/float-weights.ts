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
  const { dims } = codes
  const along = outputs === 'rows' ? dims[0]! : dims.at(-1)!
  // What one number holds for: all that follows it in a row, or itself.
  const stretch = outputs === 'rows' ? elementCount(dims.slice(1)) : 1
  const perOutput = ({ dims: of }: Tensor, axesBehind: number) =>
    elementCount(of) === 1 || (elementCount(of) === along && of[of.length - axesBehind] === along)
  if (!perOutput(scale, behind) || (zero && !perOutput(zero, 1))) return null
  const [steps, origins] = [toNumbers(scale), zero ? toNumbers(zero) : [0]]
  const at = (list: ArrayLike<number>, i: number) => list[list.length === 1 ? 0 : Math.floor(i / stretch) % along]!
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
