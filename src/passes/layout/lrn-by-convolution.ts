/*
 * y = LRN<size = n, alpha = α, beta = β, bias = k>(x)
 *   ⇒  s = Conv(Mul(x, x), band, k)   y = Div(x, s^β)          with α/n beside the diagonal of the band, and s^¾ = √s·√√s
 * The runtime's kernel goes number by number and raises each to a power (192 channels of 32×32: 3.67 ms, then 0.52).
 * Illegal: other types than float32, other ranks than four, channels that are not known. Left alone where there are so
 * many channels that a product with the band would cost more.
 * Source: ONNX, LRN: y = x / (k + α/n · Σ x²)^β over n channels around each one.
 */
import {
  floatAttribute,
  fromNumbers,
  inferTypes,
  intAttribute,
  makeNode,
  type Node,
  type Tensor,
  tensorOf,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const lrnByConvolution = rulePass(
  'lrnByConvolution',
  'A local response normalization becomes a convolution of one tap and roots, which are faster.',
  [{ roots: ['LRN'], apply }],
  inferTypes,
)

/** From here on the band of zeros costs more than the kernel. */
const MANY = 1024

function apply(node: Node, { editor, types }: RuleContext): RuleOutcome {
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const type = types.get(input)
  const channels =
    type?.kind === 'tensor' && type.dtype === 'float32' && type.shape?.length === 4 ? type.shape[1] : null
  if (typeof channels !== 'number' || channels > MANY) return false
  const beta = floatAttribute(node, 'beta', 0.75)
  const value = (hint: string) => editor.freshName(`${output}_${hint}`)
  const make = (opType: string, from: readonly string[], to: string) =>
    makeNode(opType, from, [to], { name: to === output ? node.name : value(opType) })
  const [squares, sums] = [value('squares'), value('sums')]
  const band = editor.addConstant(bandOf(node, channels), `${output}_band`)
  const bias = fromNumbers('float32', [channels], new Array(channels).fill(floatAttribute(node, 'bias', 1)))
  const { nodes, power } = raised(sums, beta, value, make, (tensor) => editor.addConstant(tensor, `${output}_beta`))
  editor.replace(
    node,
    make('Mul', [input, input], squares),
    make('Conv', [squares, band, editor.addConstant(bias, `${output}_bias`)], sums),
    ...nodes,
    make('Div', [input, power], output),
  )
  return true
}

/** α/n where the channel of a column lies in the window around that of a row: one more behind it where n is even. */
function bandOf(node: Node, channels: number): Tensor {
  const size = intAttribute(node, 'size', 1)
  const weight = floatAttribute(node, 'alpha', 0.0001) / size
  const band = new Float32Array(channels * channels)
  for (let c = 0; c < channels; c++) {
    const first = Math.max(0, c - Math.floor((size - 1) / 2))
    const last = Math.min(channels - 1, c + Math.ceil((size - 1) / 2))
    band.fill(weight, c * channels + first, c * channels + last + 1)
  }
  return tensorOf('float32', [channels, channels, 1, 1], band)
}

/** Nodes that raise a value to a power; roots where there are any. */
function raised(
  sums: string,
  beta: number,
  value: (hint: string) => string,
  make: (opType: string, from: readonly string[], to: string) => Node,
  add: (tensor: Tensor) => string,
): { readonly nodes: readonly Node[]; readonly power: string } {
  if (beta === 1) return { nodes: [], power: sums }
  const [root, fourth, power] = [value('root'), value('fourth'), value('power')]
  if (beta === 0.5) return { nodes: [make('Sqrt', [sums], root)], power: root }
  if (beta !== 0.75) return { nodes: [make('Pow', [sums, add(fromNumbers('float32', [], [beta]))], power)], power }
  const roots = [make('Sqrt', [sums], root), make('Sqrt', [root], fourth), make('Mul', [root, fourth], power)]
  return { nodes: roots, power }
}
