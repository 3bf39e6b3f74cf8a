/*
 * a = Reshape(x, [N, C, H, 1, W, 1])   b = Expand(a, [N, C, H, s, W, t])   y = Reshape(b, [N, C, s·H, t·W])
 *   ⇒   y = Resize<nearest, asymmetric, floor>(x, scales = [1, 1, s, t])
 * y = Gather<axis = 3>(Gather<axis = 2>(x, [0, 0, 1, 1, …]), [0, 0, 1, 1, …])      or the other way round
 *   ⇒   the same
 * Also Unsqueeze in front, and Tile in the middle: a picture whose pixels are repeated, as YOLOs of PyTorch that were to
 * run without Resize, and what JAX and Keras make of a repeat, have it; others take rows and columns twice. Six axes are copied number by number, in integers
 * as well, and nothing that is known of pictures that grow is found (64 channels of 8×8 to 16×16, joined and convolved, in
 * integers, as a whole: 0.26 ms, by Gathers 0.29, then 0.17; in float 0.56 and 0.43).
 * Illegal: an inner value is read elsewhere or is an output; another axis is repeated too; sizes that are not known, the
 * batch apart; other types than float32; operator sets before 13, whose Resize wants a region.
 * Source: ONNX, Resize: asymmetric and floor read pixel ⌊i/s⌋.
 */
import { float32Shape, fromNumbers, intAttribute, makeNode, type Node, REPEATING, toNumbers } from '../../ir/index.ts'
import { type GraphEditor, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { betweenReshapes } from './between-reshapes.ts'

export const recogniseNearestResize = rulePass(
  'recogniseNearestResize',
  'Writes repeated pixels, spelled with an axis behind height and width each, as the Resize that they are.',
  [
    { roots: ['Expand', 'Tile'], apply },
    { roots: ['Gather'], apply: takenTwice },
  ],
)

/** The first operator set whose Resize needs no region. */
const NO_REGION = 13

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, types, opset } = context
  const reshapes = opset < NO_REGION ? undefined : betweenReshapes(node, context, ['Reshape', 'Unsqueeze'])
  if (!reshapes || !float32Shape(types.get(reshapes.x))) return false
  const { x, after, whole, apart, back } = reshapes
  const [channels, height, width] = whole?.slice(1) ?? []
  if (whole?.length !== 4 || typeof channels !== 'number') return false
  if (typeof height !== 'number' || typeof width !== 'number') return false
  if (apart?.slice(1).join() !== [channels, height, 1, width, 1].join()) return false
  const given = constant(node.inputs[1]!)
  const times = [...(given ? toNumbers(given) : [])].map((size, axis) =>
    node.opType === 'Expand' && size === apart[axis] ? 1 : size,
  )
  const [down, right] = [times[3]!, times[5]!]
  if (times.join() !== [1, 1, 1, down, 1, right].join()) return false
  if (back?.slice(1).join() !== [channels, down * height, right * width].join()) return false
  grow(x, after, [down, right], editor, node.name || after.name)
  editor.removeUnused(node)
  return true
}

function takenTwice(node: Node, { editor, constant, types, opset }: RuleContext): RuleOutcome {
  const first = editor.producer(node.inputs[0]!, 'Gather')
  if (opset < NO_REGION || !first || editor.soleConsumer(node.inputs[0]!) !== node) return false
  const shape = float32Shape(types.get(first.inputs[0]!))
  if (shape?.length !== 4) return false
  const times = new Map<number, number>()
  for (const gather of [first, node]) {
    const axis = intAttribute(gather, 'axis', 0)
    const place = axis < 0 ? axis + 4 : axis
    const [size, indices] = [shape[place], constant(gather.inputs[1]!)]
    if (place < 2 || typeof size !== 'number' || indices?.dims.length !== 1) return false
    const count = indices.dims[0]! / size
    if (
      count < 1 ||
      !Number.isInteger(count) ||
      !toNumbers(indices).every((index, i) => index === Math.floor(i / count))
    )
      return false
    times.set(place, count)
  }
  const [down, right] = [times.get(2), times.get(3)]
  if (down === undefined || right === undefined) return false
  grow(first.inputs[0]!, node, [down, right], editor)
  editor.removeUnused(first)
  return true
}

/** Puts a Resize of x, so many times as high and as wide, in the place of a node. */
function grow(
  x: string,
  node: Node,
  times: readonly [down: number, right: number],
  editor: GraphEditor,
  name = node.name,
): void {
  const scales = editor.addConstant(fromNumbers('float32', [4], [1, 1, ...times]), `${node.outputs[0]}_scales`)
  editor.replace(node, makeNode('Resize', [x, '', scales], node.outputs, { name, attributes: REPEATING }))
}
