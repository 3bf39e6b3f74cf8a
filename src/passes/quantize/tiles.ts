import { intAttribute, intsAttribute, type Node, stringAttribute, type Tensor } from '../../ir/index.ts'

/** Why the windows of a transposed convolution are not tiles that lie side by side; undefined where they are. */
export function refuseTiles(node: Node, weight: Tensor): string | undefined {
  const kernel = weight.dims.slice(2)
  if (weight.dims.length !== 4) return 'only transposed convolutions over height and width become tiles'
  if (intAttribute(node, 'group', 1) !== 1) return 'its groups have no integer kernel'
  const all = (name: string, values: readonly number[], otherwise: readonly number[]) =>
    intsAttribute(node, name, otherwise).every((value, i) => value === values[i])
  const apart =
    all('strides', kernel, [1, 1]) &&
    all('dilations', [1, 1], [1, 1]) &&
    all('pads', [0, 0, 0, 0], [0, 0, 0, 0]) &&
    all('output_padding', [0, 0], [0, 0]) &&
    !node.attributes.has('output_shape') &&
    ['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET'))
  return apart ? undefined : 'its windows overlap or leave gaps: the runtime has no integer kernel for that'
}

/** The name of the node that lays the tiles of this transposed convolution side by side. */
export const tilesName = (label: string): string => `${label}_tiles`
