import {
  type Attribute,
  fromNumbers,
  int,
  ints,
  makeNode,
  type Node,
  type Tensor,
  toNumbers,
} from '../../../ir/index.ts'
import { piecesOf, type RuleContext } from '../../../rewrite/index.ts'
import { type CodedOperands, type CodedWeights, dropCoded, recode, recodeAll } from './coded-weights.ts'
import { tilesName } from './tiles.ts'

/** A convolution that makes a tile of `step` pixels at each place. */
interface TileConvolution {
  /** Weights [places·M, C, k…], the M channels of one place of a tile behind those of another, row by row. */
  readonly codes: Tensor
  /** M, the channels of the picture. */
  readonly outputs: number
  readonly step: readonly [height: number, width: number]
  /** The float of codes that it reads; what the node reads by default. */
  readonly reads?: string
  readonly attributes: Readonly<Record<string, Attribute>>
}

/**
 * Puts a convolution that makes tiles in the place of `node`, whose codes `coder` makes, and lays the tiles side by side.
 * Rows of a tile are copied as they lie, channels last, as integer convolutions keep them.
 */
export function convolveInTiles(
  node: Node,
  coder: Node,
  operands: CodedOperands,
  context: RuleContext,
  { codes: tiled, outputs, step, reads: input = node.inputs[0]!, attributes }: TileConvolution,
): void {
  const { editor } = context
  const [height, width] = step
  const places = height * width
  const again = (old: CodedWeights) => {
    const codes = old === operands.weight ? tiled : repeated(old.codes, places)
    return recode(
      old,
      { codes, scale: repeated(old.scale, places), zero: repeated(old.zero, places) },
      'tiled',
      context,
    )
  }
  const reads = [input, ...recodeAll(operands, again)]
  const convolve = (to: string) => makeNode('Conv', reads, [to], { name: node.name, attributes })
  const floats = places === 1 ? node.outputs[0]! : layTiles(node, coder, outputs, step, context)
  editor.replace(node, convolve(floats))
  dropCoded(operands, context)
}

/**
 * Lays what a convolution makes in tiles side by side: codes of tiles are what `coder` makes from now on, and what it made
 * is the picture. Returns the name that the convolution's float output has.
 */
export function layTiles(
  node: Node,
  coder: Node,
  outputs: number,
  [height, width]: TileConvolution['step'],
  { editor }: RuleContext,
): string {
  const output = coder.outputs[0]!
  const { values, make, integers } = piecesOf(output, editor)
  const [floats, codes, last, apart, laid, flat] = values('wide', 'tiles', 'last', 'apart', 'laid', 'flat')
  const [shape, sizes, grown, whole] = values('shape', 'sizes', 'grown', 'whole')
  const tiles = tilesName(node.name || output)
  const lay = () => [
    make('Reshape', [last, integers([0, 0, 0, height, width * outputs], 'rows')], apart),
    // Under a name of what it stands for, so that profiles know what that costs; tiles of tiles need another.
    { ...make('Transpose', [apart], laid, { perm: ints([0, 1, 3, 2, 4]) }), name: editor.freshName(tiles) },
  ]
  editor.replace(
    coder,
    { ...coder, inputs: [floats, ...coder.inputs.slice(1)], outputs: [codes] },
    make('Transpose', [codes], last, { perm: ints([0, 2, 3, 1]) }),
    // Tiles of one row lie side by side as they are.
    ...(height === 1 ? [] : lay()),
    make('Shape', [codes], shape),
    make('Gather', [shape, integers([0, 2, 3], 'order')], sizes),
    make('Mul', [sizes, integers([1, height, width], 'factors')], grown),
    make('Concat', [grown, integers([outputs], 'channels')], whole, { axis: int(0) }),
    make('Reshape', [height === 1 ? last : laid, whole], flat),
    make('Transpose', [flat], output, { perm: ints([0, 3, 1, 2]) }),
  )
  return floats
}

const repeated = (tensor: Tensor, times: number): Tensor => {
  const numbers = Array.from(toNumbers(tensor))
  return fromNumbers(tensor.dtype, [numbers.length * times], Array.from({ length: times }, () => numbers).flat())
}
