/*
 * d = QuantizeLinear(ConvTranspose<strides = [a, b]>(DequantizeLinear(c), DQ(w₈), DQ(b₃₂)))
 *   ⇒  t = QuantizeLinear(Conv(DequantizeLinear(c), DQ(w'₈), DQ(b'₃₂)))      with a·b·O channels, one set a place
 *      d = Transpose<channels second>(Reshape(Transpose<perm = [0, 1, 3, 2, 4]>(Reshape(Transpose<channels last>(t)))))
 * Every input pixel makes a tile of a·b pixels of its own, from itself and, where windows overlap, from its neighbours:
 * a convolution, whose results are then laid side by side. The runtime has no integer kernel for the transposed form, but
 * for this one; rows of a tile are copied as they lie, channels last, as integer convolutions keep them (2×2, 48 to 24
 * channels, 48×48 to 96×96: 0.21 ms with its conversions, 0.06 this way, where DepthToSpace would take 0.18).
 * Where channels hear themselves alone (group = C) each of them is there once for every place of its tile, and the kernel
 * of single channels makes them all (bilinear 4×4 over 64 channels, 32×32 to 64×64, between two convolutions of one tap, by
 * processor time on a busy machine: 0.88 ms with its conversions, 0.26 this way; over 256, 8×8 to 16×16, 0.25 and 0.08).
 * Illegal: weights or bias that are not constant codes of their own, codes that are not made by one scale, sizes that are
 * no whole number of tiles (`tiles.ts`).
 * Source: y[n, o, a·h + i, b·w + j] = Σ_c Σ_u Σ_v x[n, c, h + u, w + v] · w[c, o, i + p − a·u, j + q − b·v].
 */
import { fromNumbers, int, intAttribute, ints, type Node, type Tensor, toNumbers } from '../../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { codedOperands } from './coded-weights.ts'
import { convolveInTiles } from './lay-tiles.ts'
import { type Tiles, tilesOf } from './tiles.ts'

export const convolveTiles = rulePass(
  'convolveTiles',
  'Integer pictures that grow by tiles are convolved, and the tiles laid side by side.',
  [{ roots: ['ConvTranspose'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, opset } = context
  const coder = editor.soleConsumer(node.outputs[0]!, 'QuantizeLinear')
  const reader = editor.producer(node.inputs[0]!, 'DequantizeLinear')
  if (opset < 13 || !reader || !coder) return false
  if (constant(coder.inputs[1]!)?.dims.length !== 0) return false
  const single = intAttribute(node, 'group', 1) !== 1
  const operands = codedOperands(node, single ? 0 : 1, context)
  if (!operands || (single && constant(reader.inputs[1]!)?.dims.length !== 0)) return false
  const { weight } = operands
  const tiles = tilesOf(node, weight.codes)
  if (typeof tiles === 'string') return { refused: tiles }

  const outputs = weight.codes.dims[single ? 0 : 1]!
  const places = tiles.step[0] * tiles.step[1]
  convolveInTiles(node, coder, operands, context, {
    codes: tiled(weight.codes, tiles, single),
    outputs,
    step: tiles.step,
    ...(single && places > 1 ? { reads: repeated(reader, places, context) } : {}),
    attributes: { pads: ints(tiles.pads), ...(single ? { group: int(places * outputs) } : {}) },
  })
  editor.removeUnused(reader)
  return true
}

/** The channels that `reader` makes floats of, all of them `times` times, one behind the other. */
function repeated(reader: Node, times: number, { editor }: RuleContext): string {
  const [codes, ...scale] = reader.inputs as [string, ...string[]]
  const { values, make } = piecesOf(reader.outputs[0]!, editor)
  const [copies, floats] = values('copies', 'repeated')
  editor.insertAfter(
    reader,
    make('Concat', new Array<string>(times).fill(codes), copies, { axis: int(1) }),
    make('DequantizeLinear', [copies, ...scale], floats),
  )
  return floats
}

/** The codes [C, M, h, w] as those of a convolution [places·M, C, taps…]; those of single channels, [C, 1, h, w], [places·C, 1, taps…]. */
function tiled(codes: Tensor, { step, taps, first, front }: Tiles, single: boolean): Tensor {
  const [inputs, perInput, height, width] = codes.dims as [number, number, number, number]
  const [outputs, heard] = single ? [inputs, 1] : [perInput, inputs]
  const [rows, columns] = taps
  const values = toNumbers(codes)
  const turned = new Float64Array(step[0] * step[1] * outputs * heard * rows * columns)
  for (let place = 0, to = 0; place < step[0] * step[1]; place++) {
    const [a, b] = [Math.floor(place / step[1]), place % step[1]]
    for (let o = 0; o < outputs; o++)
      for (let c = 0; c < heard; c++)
        for (let u = 0; u < rows; u++)
          for (let v = 0; v < columns; v++, to++) {
            const y = a + front[0] - step[0] * (first[0] + u)
            const x = b + front[1] - step[1] * (first[1] + v)
            if (y < 0 || x < 0 || y >= height || x >= width) continue
            turned[to] = values[((single ? o : c * perInput + o) * height + y) * width + x]!
          }
  }
  return fromNumbers('int8', [step[0] * step[1] * outputs, heard, rows, columns], turned)
}
