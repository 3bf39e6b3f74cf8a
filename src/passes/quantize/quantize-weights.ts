import { elementCount, int, makeNode, type Node, operatorName, tensorOf, tensorValues } from '../../ir/index.ts'
import {
  type GraphEditor,
  type Pass,
  type PassResult,
  type Rule,
  type RuleOutcome,
  runRules,
} from '../../rewrite/index.ts'
import { rangeOf } from './affine.ts'
import { quantizeBlocks } from './block-codes.ts'
import { quantizeChannels } from './channel-weights.ts'
import { dropUnread } from './drop-unread.ts'
import { FEWEST_WEIGHTS, type WeightedProduct, weightedProduct, withBias } from './dynamic-matmul.ts'
import { withContrib } from './quantize-dynamic-int8.ts'
import { channelAxis } from './quantize-rules.ts'

export interface WeightOptions {
  readonly bits: 4 | 8
  /** Rows of a block: a power of two, 16 or more; 32 by default. */
  readonly block?: number | undefined
  /**
   * What products are computed in: 0 float (exact products of the coded weights, the default), 4 int8 (faster on some
   * machines, and itself an approximation: 45 to 50 dB were measured).
   */
  readonly accuracyLevel?: 0 | 4 | undefined
  /** Node names, first outputs or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /** With 8 bits, also convolutions (default): their weights are stored as int8 and widened when the model is loaded. */
  readonly convolutions?: boolean | undefined
  /**
   * With 8 bits, what becomes of matrix products: `blocks` (default), the kernel that reads codes; `stored`, as for
   * convolutions: the speed and memory of float, the size of int8.
   */
  readonly products?: 'blocks' | 'stored' | undefined
}

/**
 * y = MatMul(x, w)  ⇒  y = com.microsoft.MatMulNBits(x, codes of w, scales, zero points)
 * y = Conv(x, w, b)  ⇒  y = Conv(x, Mul(Cast(w₈), scales), b)      (8 bits; the runtime folds it when it loads)
 *
 * Weights take 4 or 8 bits in blocks of `block` rows with a scale and a zero point each; activations stay float.
 * Illegal where weights are not constant, finite float32; small matrices are left, as are the weights of other operators.
 */
export const quantizeWeights: Pass<WeightOptions> = {
  id: 'quantizeWeights',
  summary: 'weights in 4 or 8 bits, activations in float: smaller, and faster where reading weights is the cost',
  run(model, options): PassResult {
    const block = options.block ?? 32
    if (block < 16 || 2 ** Math.round(Math.log2(block)) !== block)
      throw new Error(`internal: a block of ${block} rows is no power of two from 16 on`)
    const planned: Record<string, number> = {}
    const result = runRules(model, 'quantizeWeights', rules(options, block, planned))
    const lean = dropUnread(model, withContrib(result.model, planned))
    return { model: lean, report: { ...result.report, options, planned } }
  },
}

function rules(options: WeightOptions, block: number, planned: Record<string, number>): readonly Rule[] {
  const keep = new Set(options.keepFloat ?? [])
  const kept = (node: Node) => keep.has(node.name) || keep.has(node.outputs[0]!) || keep.has(operatorName(node))
  const stored = new WeakMap<GraphEditor, Map<string, string>>()
  const storedIn = (editor: GraphEditor) => {
    const names = stored.get(editor) ?? new Map<string, string>()
    stored.set(editor, names)
    return names
  }
  return [
    {
      roots: ['MatMul', 'Gemm'],
      apply(node, { editor }) {
        if (kept(node)) return { refused: 'kept in float as asked' }
        if (options.bits === 8 && options.products === 'stored') return storedAsInt8(node, editor, storedIn(editor))
        const product = weightedProduct(node, editor)
        if ('refused' in product) return product
        editor.replace(node, ...blockedProduct(node, product, options, block, editor))
        planned.MatMulNBits = (planned.MatMulNBits ?? 0) + 1
        return true
      },
    },
    {
      roots: ['Conv', 'ConvTranspose'],
      apply(node, { editor }) {
        if (kept(node)) return { refused: 'kept in float as asked' }
        if (options.bits === 4) return { refused: 'the runtime has no 4-bit convolution' }
        if (options.convolutions === false) return { refused: 'convolutions were left out as asked' }
        return storedAsInt8(node, editor, storedIn(editor))
      },
    },
  ]
}

function blockedProduct(
  node: Node,
  product: WeightedProduct,
  options: WeightOptions,
  block: number,
  editor: GraphEditor,
): readonly Node[] {
  const { values, rows, columns, bias } = product
  const coded = quantizeBlocks(values, rows, columns, options.bits, block)
  const hint = node.inputs[1]!
  const bytes = (block * options.bits) / 8
  const codes = editor.addConstant(tensorOf('uint8', [columns, coded.blocks, bytes], coded.codes), `${hint}_codes`)
  const scales = editor.addConstant(tensorOf('float32', [columns, coded.blocks], coded.scales), `${hint}_scales`)
  const zeros = editor.addConstant(
    tensorOf('uint8', [columns, coded.zeroPoints.length / columns], coded.zeroPoints),
    `${hint}_zero_points`,
  )
  const output = node.outputs[0]!
  const made = makeNode(
    'MatMulNBits',
    [node.inputs[0]!, codes, scales, zeros],
    [bias === undefined ? output : editor.freshName(`${output}_product`)],
    {
      domain: 'com.microsoft',
      name: node.name,
      attributes: {
        K: int(rows),
        N: int(columns),
        bits: int(options.bits),
        block_size: int(block),
        accuracy_level: int(options.accuracyLevel ?? 0),
      },
    },
  )
  return withBias(made, bias, output, editor)
}

/**
 * The node with its weights as int8 codes, one scale an output channel, behind a Cast and a Mul. `stored` gives the
 * widened name of weights that were stored already. A DequantizeLinear would say the same, but the runtime keeps that
 * for every run, while it folds these two once.
 */
function storedAsInt8(node: Node, editor: GraphEditor, stored: Map<string, string>): RuleOutcome {
  const name = node.inputs[1]!
  if ([...stored.values()].includes(name)) return false
  const weight = editor.constant(name)
  if (!weight) return { refused: 'its weights are not constant' }
  if (weight.dtype !== 'float32') return { refused: `its weights are ${weight.dtype}` }
  const count = elementCount(weight.dims)
  if (count < FEWEST_WEIGHTS) return { refused: `${count} weights are too few to gain` }
  const values = tensorValues(weight) as Float32Array
  if (!rangeOf(values)) return { refused: 'its weights are not finite' }
  let read = stored.get(name)
  if (!read) {
    const axis = node.opType === 'ConvTranspose' ? 1 : channelAxis(node, weight)
    const { codes, scales } = quantizeChannels(values, weight.dims, axis)
    const coded = editor.addConstant(tensorOf('int8', weight.dims, codes), `${name}_codes`)
    const spread = weight.dims.map((dim, i) => (i === axis ? dim : 1))
    const scale = editor.addConstant(tensorOf('float32', spread, scales), `${name}_scale`)
    const wide = editor.freshName(`${name}_wide`)
    read = editor.freshName(`${name}_stored`)
    stored.set(name, read)
    editor.insertBefore(
      node,
      makeNode('Cast', [coded], [wide], { name: wide, attributes: { to: int(1) } }),
      makeNode('Mul', [wide, scale], [read], { name: read }),
    )
  }
  editor.replace(node, { ...node, inputs: [node.inputs[0]!, read, ...node.inputs.slice(2)] })
  return true
}
