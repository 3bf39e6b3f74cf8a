/*
 * a = Reshape(x, [N, C, s, s, H, W])   b = Transpose<perm = 0, 1, 4, 2, 5, 3>(a)   y = Reshape(b, [N, C, s·H, s·W])
 *   ⇒   y = DepthToSpace<blocksize = s, mode = CRD>(x)        PixelShuffle, as PyTorch writes it by its pieces
 * a = Reshape(x, [N, s, s, C, H, W])   b = Transpose<perm = 0, 3, 4, 1, 5, 2>(a)   y = Reshape(b, [N, C, s·H, s·W])
 *   ⇒   y = DepthToSpace<blocksize = s, mode = DCR>(x)        depth_to_space of TensorFlow, in pictures of channels first
 * The runtime does the same for both, but behind an integer convolution `depthInTiles` lays tiles by rows, where the pieces
 * are a permutation of six axes, byte by byte (64 channels of 8×8 to 16×16 in integers, with four convolutions around it:
 * 0.26 ms, then 0.18).
 * Illegal: an inner value is read elsewhere or is an output; other sizes than a tile's, or sizes that are not known, the
 * batch apart; other types than float32, which the runtime has no DepthToSpace for; operator sets before 11, which know
 * the second form alone.
 * Source: ONNX, DepthToSpace.
 */
import { int, intsAttribute, makeNode, type Node, string, tensorDtype } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { betweenReshapes } from './between-reshapes.ts'

export const recogniseDepthToSpace = rulePass(
  'recogniseDepthToSpace',
  'Writes two Reshapes around a Transpose that lay channels as tiles of pixels as the DepthToSpace that they are.',
  [{ roots: ['Transpose'], apply }],
)

/** By the order of axes: the mode, and where channels and the two sides of a tile lie in what is moved. */
const MODES: Readonly<Record<string, { readonly mode: string; readonly channels: number; readonly tile: number }>> = {
  '0,1,4,2,5,3': { mode: 'CRD', channels: 1, tile: 2 },
  '0,3,4,1,5,2': { mode: 'DCR', channels: 3, tile: 1 },
}

/** The first operator set that has a mode. */
const HAS_MODE = 11

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types, opset } = context
  const found = MODES[(intsAttribute(node, 'perm', null) ?? []).join()]
  const reshapes = found && opset >= HAS_MODE ? betweenReshapes(node, context) : undefined
  if (!found || !reshapes) return false
  const { x, after, whole, apart, back } = reshapes
  const size = apart?.[found.tile]
  const channels = apart?.[found.channels]
  const [height, width] = whole?.slice(2) ?? []
  // The runtime moves integers and halves in pieces alone.
  if (tensorDtype(types.get(x)) !== 'float32') return false
  if (whole?.length !== 4 || typeof size !== 'number' || typeof channels !== 'number') return false
  if (typeof height !== 'number' || typeof width !== 'number') return false
  const moved = found.mode === 'CRD' ? [channels, size, size, height, width] : [size, size, channels, height, width]
  const isTile =
    whole[1] === channels * size * size &&
    apart!.slice(1).join() === moved.join() &&
    back?.slice(1).join() === [channels, size * height, size * width].join()
  if (!isTile) return false
  const attributes = { blocksize: int(size), mode: string(found.mode) }
  editor.replace(after, makeNode('DepthToSpace', [x], after.outputs, { name: node.name || after.name, attributes }))
  editor.removeUnused(node)
  return true
}
