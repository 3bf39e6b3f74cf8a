import { intAttribute, intsAttribute, isDepthwise, type Node, stringAttribute, type Tensor } from '../../../ir/index.ts'

/**
 * A transposed convolution as a convolution that makes a tile of `step` pixels at each place of its input, side by side.
 * Row a of a tile hears input row r + first + u through row t = a + pad − step·(first + u) of the window, for each
 * of `taps` u; where t lies outside of the window, nothing.
 */
export interface Tiles {
  readonly step: Pair
  readonly taps: Pair
  readonly first: Pair
  /** Pads of the transposed convolution in front: top, left. */
  readonly front: Pair
  /** Pads of the convolution: top, left, bottom, right. */
  readonly pads: readonly number[]
}

type Pair = readonly [height: number, width: number]

/** The tiles that a transposed convolution lays; why it cannot be told so, where it cannot. */
export function tilesOf(node: Node, weight: Tensor): Tiles | string {
  if (weight.dims.length !== 4) return 'only transposed convolutions over height and width become tiles'
  if (intAttribute(node, 'group', 1) !== 1 && !isDepthwise(node, weight))
    return 'its groups have no integer kernel that pays'
  const list = (name: string, otherwise: readonly number[]) => intsAttribute(node, name, otherwise)
  const [steps, pads, more] = [list('strides', [1, 1]), list('pads', [0, 0, 0, 0]), list('output_padding', [0, 0])]
  const kernel = weight.dims.slice(2)
  const plain =
    list('dilations', [1, 1]).every((dilation) => dilation === 1) &&
    !node.attributes.has('output_shape') &&
    ['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET'))
  /** Tiles beyond one for each place of the input; fewer than none where pads cut some off. */
  const beyond = kernel.map((size, i) => (size + more[i]! - pads[i]! - pads[i + 2]!) / steps[i]! - 1)
  if (!plain || !beyond.every(Number.isInteger))
    return 'its output is no whole number of tiles: the runtime has no integer kernel for that'
  const axes = kernel.map((size, i) => {
    const first = -Math.floor((size - 1 - pads[i]!) / steps[i]!)
    const last = Math.floor((steps[i]! - 1 + pads[i]!) / steps[i]!)
    return { first, last, behind: last + beyond[i]! }
  }) as [Axis, Axis]
  const [rows, columns] = axes
  if (axes.some(({ first, behind }) => first > 0 || behind < 0)) return 'its pads cut off more than its windows reach'
  return {
    step: [steps[0]!, steps[1]!],
    taps: [rows.last - rows.first + 1, columns.last - columns.first + 1],
    first: [rows.first, columns.first],
    front: [pads[0]!, pads[1]!],
    pads: [-rows.first, -columns.first, rows.behind, columns.behind],
  }
}

/** Input places that a place of the output hears, from the first to the last, and zeros that follow for the last tile. */
interface Axis {
  readonly first: number
  readonly last: number
  readonly behind: number
}

/** The name of the node that lays the tiles of this transposed convolution side by side. */
export const tilesName = (label: string): string => `${label}_tiles`
