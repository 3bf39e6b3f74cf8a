/*
 * y = Conv(Resize<nearest>(x, scales = [1, 1, s, s]), w, b)         and at most an activation behind it
 *   ⇒  y = Slice(DepthToSpace<blocksize = s>(Conv(x, w', b')))      the activation in front where the convolution takes it
 * Behind repeated pixels most places of a window read the same pixel. Here the small picture is convolved once, to all
 * pixels of a tile; w' are sums of w over the places that read one pixel. Tiles begin where a window begins with a pixel
 * of the small picture, so that they hear as few of them as can be: two of three rows where a picture is doubled, 16
 * products a tile in place of 36. What tiles have beyond the picture is cut off (64 to 64 channels, 3×3 from 64×64 to
 * 128×128, in integers, on a busy machine: 3.6 ms with a convolution of one tap on either side, then 2.0; 256 to 128 from
 * 16×16 in float 5.9 and 3.4, 16 to 8 from 112×112 3.3 and 1.7).
 * Illegal: the grown picture is read elsewhere or is an output; strides, dilations, groups; weights that are not constant.
 * Left alone where laying the tiles costs more than the products that are spared. In integers tiles are laid by rows
 * (`depthInTiles`); with `integers`, what pays there is decisive.
 * Source: y[m, s·h + i − d] = Σ_c Σ_u x[c, h + ⌊(i + u)/s⌋ − ⌈p/s⌉] · w[m, c, u] for every axis, where p zeros stand in
 * front of the grown picture and d = s·⌈p/s⌉ − p.
 */
import {
  floatOperands,
  fromNumbers,
  hasGaps,
  int,
  intAttribute,
  ints,
  intsAttribute,
  type Node,
  nodeLabel,
  repeatFactor,
  type Tensor,
  TO_THE_END,
  tensorValues,
  toNumbers,
} from '../../ir/index.ts'
import { boolean, type ChannelBlock, exactly, optional } from '../../report/index.ts'
import {
  BLOCK,
  CONV_ACTIVATIONS,
  moveRowNs,
  type Pass,
  pictureToWeigh,
  piecesOf,
  type RuleContext,
  type RuleOutcome,
  runRules,
} from '../../rewrite/index.ts'
import { type BlockOptions, blockOption } from './block-pass.ts'
import { blockedNs } from './blocked-rates.ts'
import { picturePads } from './picture-pads.ts'
import { replaceConvolution } from './replace-convolution.ts'

/** What an integer convolution takes in; behind anything else the runtime would lay its tiles number by number. */
const RANGES: ReadonlySet<string> = new Set(['Relu', 'Clip'])

/** What the pass decides by. */
export interface GrowOptions extends BlockOptions {
  /** Whether static integers are to be made of the result, whose kernels lay tiles faster. */
  readonly integers?: boolean
}

export const growByTiles: Pass<GrowOptions> = {
  id: 'growByTiles',
  summary: 'Convolutions over pictures of repeated pixels make tiles of the small picture.',
  options: exactly<GrowOptions>({ integers: optional(boolean), block: blockOption }),
  run: (model, { integers = false, block = BLOCK }: GrowOptions) =>
    runRules(model, 'growByTiles', [
      { roots: ['Conv'], apply: (node, context) => apply(node, context, integers ? 'integers' : 'float', block) },
    ]),
}

/** A tile along one axis. */
interface Axis {
  /** Pixels of the small picture that it hears. */
  readonly taps: number
  /** Zeros in front of the small picture and behind it. */
  readonly pads: readonly [front: number, back: number]
  /** Pixels that all tiles have beyond the grown picture, in front and behind. */
  readonly beyond: readonly [front: number, back: number]
  /** Tiles more than there are pixels in the small picture. */
  readonly more: number
}

function apply(node: Node, context: RuleContext, kernels: keyof typeof NS, block: ChannelBlock): RuleOutcome {
  const { editor, constant } = context
  const resize = editor.producer(node.inputs[0]!)
  const times = resize && repeatFactor(resize, constant)
  if (times === undefined) return false
  const operands = floatOperands(node, constant)
  if (operands?.weight.dims.length !== 4) return { refused: 'its weights are not constant' }
  const { weight, bias } = operands
  const strided = intsAttribute(node, 'strides', [1, 1]).some((step) => step !== 1)
  if (strided || hasGaps(node) || intAttribute(node, 'group', 1) !== 1) return false
  if (editor.soleConsumer(resize!.outputs[0]!) !== node) return { refused: 'the grown picture is also read elsewhere' }
  const [outputs, , ...kernel] = weight.dims as [number, number, number, number]
  // A stride of one asks for the same whatever the size.
  const pads = picturePads(
    node,
    kernel.map((size) => size - 1),
  )
  const axes = kernel.map((size, axis) => tileOf(times, size, pads[axis]!, pads[axis + 2]!)) as [Axis, Axis]
  if (!pays(weight, times, axes, pictureToWeigh(context.types.get(resize!.inputs[0]!)), kernels, block))
    return { refused: 'laying tiles would cost more than it saves' }

  const activation = editor.soleConsumer(node.outputs[0]!, ...(kernels === 'integers' ? RANGES : CONV_ACTIVATIONS))
  const output = (activation ?? node).outputs[0]!
  const { values, make, integers, floats } = piecesOf(output, editor)
  const [tiles, active, laid] = values('tiles', 'active', 'laid')
  const tiled = editor.addConstant(inTiles(weight, times, axes), `${node.inputs[1]}_tiled`)
  const repeated = bias && Array.from({ length: times ** 2 }, () => [...toNumbers(bias)]).flat()
  const attributes = new Map(node.attributes)
  attributes.delete('auto_pad')
  attributes.set('kernel_shape', ints(axes.map(({ taps }) => taps)))
  attributes.set('pads', ints([0, 1].flatMap((side) => axes.map(({ pads }) => pads[side]!))))
  const convolve = {
    ...node,
    name: nodeLabel(node),
    inputs: [resize!.inputs[0]!, tiled, ...(repeated ? [floats([outputs * times ** 2], repeated, 'biases')] : [])],
    outputs: [tiles],
    attributes,
  }
  const cut = axes.some(({ beyond }) => beyond[0] + beyond[1] > 0)
  const bounds = (side: 0 | 1) => axes.map(({ beyond }) => (side === 0 ? beyond[0] : -beyond[1] || TO_THE_END))
  const laying = [
    make('DepthToSpace', [activation ? active : tiles], cut ? laid : output, { blocksize: int(times) }),
    ...(cut
      ? [
          make(
            'Slice',
            [laid, integers(bounds(0), 'first'), integers(bounds(1), 'end'), integers([2, 3], 'axes')],
            output,
          ),
        ]
      : []),
  ]
  replaceConvolution(node, activation, { convolve, active, laying }, editor)
  editor.remove(resize!)
  return true
}

/** How tiles lie along an axis where pixels come `times` times, and zeros stand on both sides of them. */
function tileOf(times: number, kernel: number, before: number, behind: number): Axis {
  const front = Math.ceil(before / times)
  const cut = front * times - before
  const taps = Math.floor((times + kernel - 2) / times) + 1
  const wanted = before + behind - kernel + 1 + cut
  const more = Math.ceil(wanted / times)
  return { taps, pads: [front, more - front + taps - 1], beyond: [cut, more * times - wanted], more }
}

type Pair = readonly [height: number, width: number]

/**
 * Nanoseconds of a product, of repeating a number, of laying one, in integers beside the row of a tile, and of the nodes
 * (onnxruntime 1.30 on x86-64, AVX-512 with VNNI, one thread).
 */
const NS = {
  float: { product: 1 / 75, repeat: 0.15, lay: 0.9, nodes: 8000 },
  integers: { product: 1 / 200, repeat: 0.13, lay: 0.1, nodes: 6000 },
} as const
/** Nanoseconds that a row of a tile may take for each of its codes, as in `depthInTiles`. */
const CODE_NS = 0.5
const PAYS = 0.95

function pays(
  weight: Tensor,
  times: number,
  axes: readonly Axis[],
  small: Pair,
  kernels: keyof typeof NS,
  block: ChannelBlock,
): boolean {
  const [outputs, inputs, ...kernel] = weight.dims as [number, number, number, number]
  const ns = NS[kernels]
  const row = times * outputs
  const rowNs = kernels === 'integers' ? moveRowNs(row) : 0
  if (rowNs > CODE_NS * row) return false
  const area = (of: (axis: number) => number) => of(0) * of(1)
  const productNs = (products: number, channels: number) =>
    kernels === 'float' && block !== BLOCK
      ? blockedNs(products, channels, block)
      : products * Math.ceil(channels / BLOCK) * BLOCK * ns.product
  const places = area((axis) => small[axis]! + axes[axis]!.more)
  const pixels = area(
    (axis) => times * (small[axis]! + axes[axis]!.more) - axes[axis]!.beyond[0] - axes[axis]!.beyond[1],
  )
  const repeated = small[0] * small[1] * times ** 2 * inputs
  const plain = productNs(pixels * area((axis) => kernel[axis]!) * inputs, outputs) + repeated * ns.repeat
  const tiled =
    productNs(places * area((axis) => axes[axis]!.taps) * inputs, outputs * times ** 2) +
    places * (times ** 2 * outputs * ns.lay + times * rowNs) +
    ns.nodes
  return tiled < PAYS * plain
}

/** Weights [M, C, h, w] as those [s·s·M, C, taps…] of tiles, the M channels of one pixel behind those of another. */
function inTiles(weight: Tensor, times: number, [rows, columns]: readonly [Axis, Axis]): Tensor {
  const [outputs, inputs, height, width] = weight.dims as [number, number, number, number]
  const values = tensorValues(weight) as Float32Array
  const size = rows.taps * columns.taps
  const all = new Float64Array(times ** 2 * outputs * inputs * size)
  for (let i = 0, to = 0; i < times; i++)
    for (let j = 0; j < times; j++)
      for (let from = 0; from < values.length; from += height * width, to += size)
        for (let u = 0; u < height; u++)
          for (let v = 0; v < width; v++) {
            const place = Math.floor((i + u) / times) * columns.taps + Math.floor((j + v) / times)
            all[to + place]! += values[from + u * width + v]!
          }
  return fromNumbers('float32', [times ** 2 * outputs, inputs, rows.taps, columns.taps], all)
}
