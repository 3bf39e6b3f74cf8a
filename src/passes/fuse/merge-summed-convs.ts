/*
 * y = Add(Conv(x, w₁, b₁), Conv(x, w₂, b₂))            ⇒  y = Conv(x, w₁ + w₂, b₁ + b₂)
 * y = Add(Conv(x, w, b), BatchNormalization(x, …))      ⇒  y = Conv(x, w + s·1, b + t)       s·x + t is what it computes
 * y = Add(Conv<group = channels>(x, w, b), x)           ⇒  y = Conv<group = channels>(x, w + 1, b)
 * The smaller window's weights are added where it lies in the larger one, and 1 stands for the tap that reads the very
 * channel in the very place. Networks that train with branches beside each convolution (RepVGG, MobileOne, the heads of
 * newer YOLOs) are often exported with them: a RepVGG of 22 convolutions has 11 behind it.
 * Illegal: other strides or groups; windows whose taps are not taps of the larger one; a branch that is read elsewhere;
 * weights that are not constant or overflow. Left alone: x itself beside a convolution over all channels, which the
 * runtime adds in the same kernel, and whose 1 would take the range of all weights in integers.
 * Source: Ding et al., "RepVGG: Making VGG-style ConvNets Great Again" (2021), section 3.3.
 */
import {
  type Attribute,
  elementCount,
  floatOperands,
  fromNumbers,
  intAttribute,
  isDepthwise,
  type Node,
  type Tensor,
  toNumbers,
  windowsOf,
} from '../../ir/index.ts'
import { affineOf, atChannel, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const mergeSummedConvs = rulePass(
  'mergeSummedConvs',
  'Convolutions of the same value that are added up, and what normalizes it beside them, become one.',
  [{ roots: ['Add'], apply }],
)

/** A branch of a sum as a convolution of `input`; `node` is null where the branch is the value itself. */
interface Branch {
  readonly node: Node | null
  readonly input: string
  readonly outputs: number
  /** One weight a tap and pair of channels, as Conv has them; `diagonal` alone where each channel reads itself once. */
  readonly weights:
    | { readonly dims: readonly number[]; readonly values: Float64Array }
    | { readonly diagonal: Float64Array }
  readonly bias: Float64Array | null
  readonly group: number | null
  readonly axes: readonly WindowAxis[]
}

/** How a window lies along an axis: tap i of a place reads `step · place + i · gap − before`. */
interface WindowAxis {
  readonly taps: number
  readonly gap: number
  readonly step: number
  readonly before: number
  readonly after: number
}

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const [left, right] = node.inputs as [string, string]
  if (left === right) return false
  const convs = [left, right].map((name) => convBranch(name, node, context))
  const main = larger(convs[0], convs[1])
  if (!main) return false
  const other =
    main === convs[0]
      ? (convs[1] ?? ownBranch(right, node, main, context))
      : (convs[0] ?? ownBranch(left, node, main, context))
  if (!other || other.input !== main.input || other.outputs !== main.outputs) return false
  if (other.group !== null && other.group !== main.group) return false
  const places = main.axes.map((axis, i) => placesIn(axis, other.axes[i] ?? POINT))
  if (places.some((each) => each === null)) return false
  const conv = main.node!
  const bias = Float64Array.from(
    { length: main.outputs },
    (_, i) => (main.bias?.[i] ?? 0) + (other.bias ? atChannel(other.bias, i) : 0),
  )
  const weight = fromNumbers(
    'float32',
    main.weights.dims,
    summed(main, other, places as readonly (readonly number[])[]),
  )
  const shift = fromNumbers('float32', [main.outputs], bias)
  if (![weight, shift].every((tensor) => toNumbers(tensor).every(Number.isFinite)))
    return { refused: 'the summed weights overflow float32 or are not finite' }
  const [output] = node.outputs as [string]
  const inputs = [main.input, editor.addConstant(weight, `${conv.inputs[1]}_summed`)]
  if (bias.some((value) => value !== 0)) inputs.push(editor.addConstant(shift, `${output}_bias`))
  const attributes: ReadonlyMap<string, Attribute> = conv.attributes
  editor.replace(node, { ...conv, attributes, inputs, outputs: [output] })
  editor.remove(conv)
  if (other.node) editor.remove(other.node)
  return true
}

type ConvBranch = Branch & { readonly weights: { readonly dims: readonly number[]; readonly values: Float64Array } }

/** Of two convolutions the one whose window has more taps. */
function larger(a: ConvBranch | undefined, b: ConvBranch | undefined): ConvBranch | undefined {
  if (!a || !b) return a ?? b
  return elementCount(b.weights.dims) > elementCount(a.weights.dims) ? b : a
}

/** A convolution that nothing but the sum reads. */
function convBranch(name: string, sum: Node, { editor, constant }: RuleContext): ConvBranch | undefined {
  const node = editor.producer(name, 'Conv')
  if (!node || editor.soleConsumer(name) !== sum) return undefined
  const operands = floatOperands(node, constant)
  if (!operands) return undefined
  const { weight, bias } = operands
  const axes = windowAxes(node, weight)
  return (
    axes && {
      node,
      input: node.inputs[0]!,
      outputs: weight.dims[0]!,
      weights: { dims: weight.dims, values: toNumbers(weight) },
      bias: bias ? toNumbers(bias) : null,
      group: intAttribute(node, 'group', 1),
      axes,
    }
  )
}

function windowAxes(node: Node, weight: Tensor): readonly WindowAxis[] | undefined {
  const windows = windowsOf(node, weight.dims.slice(2))
  return windows?.kernel.map((taps, i, { length }) => ({
    taps,
    gap: windows.dilations[i]!,
    step: windows.strides[i]!,
    before: windows.pads[i]!,
    after: windows.pads[length + i]!,
  }))
}

const POINT: WindowAxis = { taps: 1, gap: 1, step: 1, before: 0, after: 0 }

/** What is added to a convolution of the same value: that value normalized, or as it is. */
function ownBranch(name: string, sum: Node, main: Branch, { editor, constant }: RuleContext): Branch | undefined {
  const outputs = main.outputs
  const common = { input: main.input, outputs, group: null, axes: main.axes.map(() => POINT) }
  const { node: conv, weights } = main as ConvBranch
  // A channel that reads itself: there are as many on either side.
  if (weights.dims[1]! * main.group! !== outputs) return undefined
  if (name === main.input) {
    if (!isDepthwise(conv!, constant(conv!.inputs[1]!)!)) return undefined
    return { ...common, node: null, weights: { diagonal: Float64Array.of(1) }, bias: null }
  }
  const node = editor.producer(name, 'BatchNormalization')
  if (!node || node.inputs[0] !== main.input) return undefined
  if (editor.soleConsumer(name) !== sum) return undefined
  const rank = weights.dims.length
  const affine = affineOf(node, constant, { fromEnd: rank - 2, channels: outputs, rank })
  return affine && { ...common, node, weights: { diagonal: affine.scale }, bias: affine.shift }
}

/**
 * The taps of a window that the taps of a smaller one lie at; null where one lies at none, or where there are not as many
 * places for both.
 */
function placesIn(axis: WindowAxis, small: WindowAxis): readonly number[] | null {
  const reach = (each: WindowAxis) => each.before + each.after - each.gap * (each.taps - 1)
  if (axis.step !== small.step || reach(axis) !== reach(small)) return null
  const places = Array.from({ length: small.taps }, (_, i) => (i * small.gap - small.before + axis.before) / axis.gap)
  return places.every((place) => Number.isInteger(place) && place >= 0 && place < axis.taps) ? places : null
}

/** The weights of both, those of the smaller window at their places in the larger one. */
function summed(main: ConvBranch, other: Branch, places: readonly (readonly number[])[]): Float64Array {
  const values = main.weights.values.slice()
  const [outputs, perGroup, ...kernel] = main.weights.dims as [number, number, ...number[]]
  const taps = elementCount(kernel)
  // The places of all taps of the smaller window, in its order.
  const targets = places.reduce<readonly number[]>(
    (so, along, axis) => so.flatMap((at) => along.map((place) => at * kernel[axis]! + place)),
    [0],
  )
  if ('diagonal' in other.weights) {
    for (let channel = 0; channel < outputs; channel++)
      values[(channel * perGroup + (channel % perGroup)) * taps + targets[0]!]! += atChannel(
        other.weights.diagonal,
        channel,
      )
    return values
  }
  const added = other.weights.values
  for (let pair = 0, from = 0; pair < outputs * perGroup; pair++)
    for (const target of targets) values[pair * taps + target]! += added[from++]!
  return values
}
