/*
 * y = Conv(x, w, b)                        w: [M, C, 1, 1]
 *   ⇒  y = Transpose<channels second>(Add(MatMul(Transpose<channels last>(x), w'), b))
 * y = Conv<strides = k>(x, w, b)           w: [M, C, k, k], windows side by side
 *   ⇒  the same of Reshape(Transpose<windows apart>(Reshape(x))), a row for each window
 * y = ConvTranspose<strides = k>(x, w, b)  w: [C, M, k, k], windows side by side
 *   ⇒  y = Transpose<channels second>(Reshape(Transpose<rows of tiles between rows>(Reshape(Add(MatMul(…, w'), b')))))
 * What reads each pixel by itself is a product of rows of channels, for which dynamic integers have a kernel; they have none
 * for convolutions. Transposes in front and behind are often there already, and undo these (a mask decoder between
 * attention that grows 256 channels of 64×64 to 64, and those to 32 of 256×256: 51 ms, then 41, on a busy machine; patches
 * of 16×16 of a picture of 224×224 to 384 channels, as transformers begin: 1.16 ms, then 0.42).
 * Illegal: groups; pads; windows that overlap; weights that are not constant float32; tiles of sizes that are known only
 * when it runs; windows that leave a rest of the picture.
 * Left alone: fewer weights than pay; convolutions with no Transpose beside them, or of few channels of which one side must be
 * moved all the same; windows whose rows are too short for what each is multiplied by.
 * Source: y[o, k·h + i] = b[o] + Σ_c x[c, h] · w[c, o, i] for every axis.
 */
import {
  elementCount,
  type FloatOperands,
  floatOperands,
  intAttribute,
  ints,
  intsAttribute,
  type Node,
  nodeLabel,
  stringAttribute,
  type Tensor,
  tensorOf,
  tensorShape,
  tensorValues,
} from '../../../ir/index.ts'
import { type GraphEditor, piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { FEWEST_WEIGHTS } from './weighted-product.ts'

export const multiplyPixels = rulePass(
  'multiplyPixels',
  'Makes products of convolutions that read each pixel by itself, for schemes with integer products alone.',
  [{ roots: ['Conv', 'ConvTranspose'], apply }],
)

/** What moving one channel of a pixel to another axis costs, in the multiplications that integers save meanwhile. */
const MOVE_MACS = 64

/** The same of one row of a window, which is copied whole: 4 numbers for 48 channels lose, for 96 they gain. */
const ROW_MACS = 256

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types, constant } = context
  const operands = floatOperands(node, constant)
  if (!operands || elementCount(operands.weight.dims) < FEWEST_WEIGHTS || !readsPixels(node, operands)) return false
  const grows = node.opType === 'ConvTranspose'
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const { weight, bias } = operands
  const sides = weight.dims.slice(2)
  const [channels, makes] = grows ? [weight.dims[0]!, weight.dims[1]!] : [weight.dims[1]!, weight.dims[0]!]
  if (!grows && !paysBeside(node, operands, editor)) return false
  const tile = elementCount(sides)
  const shape = tensorShape(types.get(input))
  const sizes = tile > 1 ? shape?.map((dim) => (typeof dim === 'number' ? dim : -1)) : []
  const windows = !grows && tile > 1
  if (!sizes || (windows ? sizes.slice(1) : sizes).filter((size) => size === -1).length > (windows ? 0 : 1))
    return { refused: 'its sizes are known only when it runs' }
  if (sizes.includes(0)) return false
  if (windows && sides.some((side, i) => sizes[i + 2]! % side !== 0)) return false

  const rank = sides.length
  const axes = sides.map((_, i) => i + 1)
  const { values, make, integers, floats } = piecesOf(output, editor, node)
  const [last, product, sum, parts, rows, laid] = values('pixels', 'product', 'sum', 'tiles', 'rows', 'laid')
  const shapeOfMatrix = windows ? [channels * tile, makes] : [channels, tile * makes]
  const matrix = editor.addConstant(
    tensorOf('float32', shapeOfMatrix, asMatrix(weight, grows)),
    `${node.inputs[1]}_matrix`,
  )
  const made: Node[] = []
  if (windows) {
    const [batch, , ...places] = sizes as [number, number, ...number[]]
    const counts = places.map((size, i) => size / sides[i]!)
    const apart = [batch, channels, ...counts.flatMap((count, i) => [count, sides[i]!])]
    const together = [0, ...axes.map((axis) => 2 * axis), 1, ...axes.map((axis) => 2 * axis + 1)]
    made.push(make('Reshape', [input, integers(apart, 'apart')], parts))
    made.push(make('Transpose', [parts], rows, { perm: ints(together) }))
    made.push(make('Reshape', [rows, integers([batch, ...counts, channels * tile], 'windows')], last))
  } else made.push(make('Transpose', [input], last, { perm: ints([0, ...axes.map((axis) => axis + 1), 1]) }))
  made.push(
    // Whoever keeps the convolution in float by its name keeps the product.
    { ...make('MatMul', [last, matrix], product), name: nodeLabel(node) },
  )
  let value = product
  if (bias) {
    const numbers = [...(tensorValues(bias) as Float32Array)]
    const repeats = shapeOfMatrix[1]! / makes
    const all = floats([repeats * makes], Array(repeats).fill(numbers).flat(), 'biases')
    made.push(make('Add', [product, all], sum))
    value = sum
  }
  if (grows && tile > 1) {
    const [batch, , ...places] = sizes as [number, number, ...number[]]
    const apart = [batch, ...places, ...sides, makes]
    const between = [0, ...axes.flatMap((axis) => [axis, rank + axis]), 2 * rank + 1]
    const whole = [batch, ...places.map((size, i) => (size === -1 ? -1 : size * sides[i]!)), makes]
    made.push(make('Reshape', [value, integers(apart, 'apart')], parts))
    made.push(make('Transpose', [parts], rows, { perm: ints(between) }))
    made.push(make('Reshape', [rows, integers(whole, 'whole')], laid))
    value = laid
  }
  const { name: _, ...back } = make('Transpose', [value], output, { perm: ints([0, rank + 1, ...axes]) })
  editor.replace(node, ...made, { ...back, name: editor.freshName(`${output}_Transpose`) })
  return true
}

/** Whether each pixel is read once, by a window that overlaps no other one. */
function readsPixels(node: Node, { weight }: FloatOperands): boolean {
  const sides = weight.dims.slice(2)
  if (sides.length < 1 || sides.length > 2 || intAttribute(node, 'group', 1) !== 1) return false
  const none = (name: string) => intsAttribute(node, name, []).every((value) => value === 0)
  const strides = intsAttribute(
    node,
    'strides',
    sides.map(() => 1),
  )
  if (!none('pads') || !none('output_padding') || node.attributes.has('output_shape')) return false
  return (
    ['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET')) &&
    intsAttribute(node, 'dilations', []).every((value) => value === 1) &&
    sides.every((side, i) => side === strides[i])
  )
}

/**
 * Whether a Transpose beside a convolution has its channels last already, so that they need not be moved on both sides for
 * its sake. Networks of convolutions alone have better integers, of known ranges, and a search has no time for both.
 */
function paysBeside(node: Node, { weight: { dims } }: FloatOperands, editor: GraphEditor): boolean {
  const [makes, channels, ...sides] = dims as [number, number, ...number[]]
  const [tile, row] = [elementCount(sides), sides.at(-1)!]
  const moves = (name: string) => editor.soleConsumer(name, 'Transpose')
  const [before, behind] = [editor.producer(node.inputs[0]!, 'Transpose'), moves(node.outputs[0]!)]
  if (tile > 1) {
    const reshaped = editor.soleConsumer(node.outputs[0]!, 'Reshape')
    return (behind ?? (reshaped && moves(reshaped.outputs[0]!))) !== undefined && row * makes >= ROW_MACS
  }
  const moved = (before ? 0 : channels) + (behind ? 0 : makes)
  return moved < channels + makes && channels * makes >= MOVE_MACS * moved
}

/** Weights as [C, k·k·M], a column for each channel of each pixel of a tile. */
function asMatrix(weight: Tensor, grows: boolean): Float32Array {
  const values = tensorValues(weight) as Float32Array
  const [first, second, ...sides] = weight.dims as [number, number, ...number[]]
  const tile = elementCount(sides)
  const [channels, makes] = grows ? [first, second] : [second, first]
  const matrix = new Float32Array(values.length)
  for (let c = 0; c < channels; c++)
    for (let m = 0; m < makes; m++)
      for (let at = 0; at < tile; at++)
        matrix[(c * tile + at) * makes + m] = values[(grows ? c * makes + m : m * channels + c) * tile + at]!
  return matrix
}
