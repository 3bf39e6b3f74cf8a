/*
 * d = QuantizeLinear(ConvTranspose<strides = [a, b]>(DequantizeLinear(c), DQ(w₈), DQ(b₃₂)))
 *   ⇒  t = QuantizeLinear(Conv(DequantizeLinear(c), DQ(w'₈), DQ(b'₃₂)))      with a·b·O channels, one set a place
 *      d = Transpose<channels second>(Reshape(Transpose<perm = [0, 1, 3, 2, 4]>(Reshape(Transpose<channels last>(t)))))
 * Every input pixel makes a tile of a·b pixels of its own, from itself and, where windows overlap, from its neighbours:
 * a convolution, whose results are then laid side by side. The runtime has no integer kernel for the transposed form, but
 * for this one; rows of a tile are copied as they lie, channels last, as integer convolutions keep them (2×2, 48 to 24
 * channels, 48×48 to 96×96: 0.21 ms with its conversions, 0.06 this way, where DepthToSpace would take 0.18).
 * Illegal: weights or bias that are not constant codes of their own, codes that are not made by one scale, sizes that are
 * no whole number of tiles (`tiles.ts`).
 * Source: y[n, o, a·h + i, b·w + j] = Σ_c Σ_u Σ_v x[n, c, h + u, w + v] · w[c, o, i + p − a·u, j + q − b·v].
 */
import { fromNumbers, int, ints, makeNode, type Node, type Tensor, tensorOf, toNumbers } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { type CodedWeights, codedWeights, dropCoded, recode } from './coded-weights.ts'
import { type Tiles, tilesName, tilesOf } from './tiles.ts'

export const convolveTiles = rulePass(
  'convolveTiles',
  'Integer pictures that grow by tiles are convolved, and the tiles laid side by side.',
  [{ roots: ['ConvTranspose'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, opset } = context
  const coder = editor.soleConsumer(node.outputs[0]!)
  const reader = editor.producer(node.inputs[0]!)
  if (opset < 13 || reader?.opType !== 'DequantizeLinear' || coder?.opType !== 'QuantizeLinear') return false
  if (constant(coder.inputs[1]!)?.dims.length !== 0) return false
  const weight = codedWeights(node.inputs[1]!, 1, context)
  const bias = node.inputs[2] ? codedWeights(node.inputs[2], 0, context) : undefined
  if (weight?.codes.dtype !== 'int8' || (node.inputs[2] && !bias)) return false
  const tiles = tilesOf(node, weight.codes)
  if (typeof tiles === 'string') return { refused: tiles }

  const outputs = weight.codes.dims[1]!
  const [height, width] = tiles.step
  const places = height * width
  const reads = [
    node.inputs[0]!,
    tiledCodes(weight, tiled(weight.codes, tiles), places, context),
    ...(bias ? [tiledCodes(bias, repeated(bias.codes, places), places, context)] : []),
  ]
  const convolve = (to: string) =>
    makeNode('Conv', reads, [to], { name: node.name, attributes: { pads: ints(tiles.pads) } })
  if (places === 1) {
    editor.replace(node, convolve(node.outputs[0]!))
    for (const old of bias ? [weight, bias] : [weight]) dropCoded(old, context)
    return true
  }

  const output = coder.outputs[0]!
  const value = (hint: string) => editor.freshName(`${output}_${hint}`)
  const integers = (numbers: readonly number[], hint: string) =>
    editor.addConstant(tensorOf('int64', [numbers.length], BigInt64Array.from(numbers, BigInt)), `${output}_${hint}`)
  const make = (opType: string, from: readonly string[], out: string, attributes = {}) =>
    makeNode(opType, from, [out], { name: editor.freshName(`${out}_${opType}`), attributes })
  const [floats, codes, last, apart] = ['wide', 'tiles', 'last', 'apart'].map(value) as [string, string, string, string]
  const [shape, sizes, grown, whole] = ['shape', 'sizes', 'grown', 'whole'].map(value) as [
    string,
    string,
    string,
    string,
  ]
  const [laid, flat] = [value('laid'), value('flat')]
  editor.replace(
    coder,
    { ...coder, inputs: [floats, ...coder.inputs.slice(1)], outputs: [codes] },
    make('Transpose', [codes], last, { perm: ints([0, 2, 3, 1]) }),
    make('Reshape', [last, integers([0, 0, 0, height, width * outputs], 'rows')], apart),
    // Under a name of what it stands for, so that profiles know what that costs.
    { ...make('Transpose', [apart], laid, { perm: ints([0, 1, 3, 2, 4]) }), name: tilesName(node.name || output) },
    make('Shape', [codes], shape),
    make('Gather', [shape, integers([0, 2, 3], 'order')], sizes),
    make('Mul', [sizes, integers([1, height, width], 'factors')], grown),
    make('Concat', [grown, integers([outputs], 'channels')], whole, { axis: int(0) }),
    make('Reshape', [laid, whole], flat),
    make('Transpose', [flat], output, { perm: ints([0, 3, 1, 2]) }),
  )
  editor.replace(node, convolve(floats))
  for (const old of bias ? [weight, bias] : [weight]) dropCoded(old, context)
  return true
}

/** The codes [C, M, h, w] as those of a convolution [places·M, C, taps…]. */
function tiled(codes: Tensor, { step, taps, first, front }: Tiles): Tensor {
  const [inputs, outputs, height, width] = codes.dims as [number, number, number, number]
  const [rows, columns] = taps
  const values = toNumbers(codes)
  const turned = new Float64Array(step[0] * step[1] * outputs * inputs * rows * columns)
  for (let place = 0, to = 0; place < step[0] * step[1]; place++) {
    const [a, b] = [Math.floor(place / step[1]), place % step[1]]
    for (let o = 0; o < outputs; o++)
      for (let c = 0; c < inputs; c++)
        for (let u = 0; u < rows; u++)
          for (let v = 0; v < columns; v++, to++) {
            const y = a + front[0] - step[0] * (first[0] + u)
            const x = b + front[1] - step[1] * (first[1] + v)
            if (y < 0 || x < 0 || y >= height || x >= width) continue
            turned[to] = values[((c * outputs + o) * height + y) * width + x]!
          }
  }
  return fromNumbers('int8', [step[0] * step[1] * outputs, inputs, rows, columns], turned)
}

const repeated = (tensor: Tensor, times: number): Tensor => {
  const numbers = Array.from(toNumbers(tensor))
  return fromNumbers(tensor.dtype, [numbers.length * times], Array.from({ length: times }, () => numbers).flat())
}

/** Codes with the scales of the old ones, once for each place, dequantized; returns the name of the float. */
const tiledCodes = (old: CodedWeights, codes: Tensor, times: number, context: RuleContext) =>
  recode(old, { codes, scale: repeated(old.scale, times), zero: repeated(old.zero, times) }, 'tiled', context)
