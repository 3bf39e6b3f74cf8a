import { int, makeNode, type Node, operatorName, tensorOf } from '../../ir/index.ts'
import { type GraphEditor, type Pass, type PassResult, type Rule, runRules } from '../../rewrite/index.ts'
import { quantizeBlocks } from './block-codes.ts'
import { dropUnread } from './drop-unread.ts'
import { type WeightedProduct, weightedProduct, withBias } from './dynamic-matmul.ts'
import { withContrib } from './quantize-dynamic-int8.ts'
import { StoredWeights, storeAsInt8 } from './stored-weights.ts'

export interface WeightOptions {
  readonly bits: 4 | 8
  /** Rows of a block: a power of two from 16 to 256; 32 by default. */
  readonly block?: number | undefined
  /**
   * What products are computed in: 0 float (exact products of the coded weights, the default), 4 int8 (faster on some
   * machines, and itself an approximation: 45 to 50 dB were measured).
   */
  readonly accuracyLevel?: 0 | 4 | undefined
  /** Node names, first outputs or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /**
   * With 8 bits, also convolutions, recurrent layers and embedding tables (default): their weights are stored as int8
   * and widened when the model is loaded.
   */
  readonly stored?: boolean | undefined
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
    // Beyond 256 the runtime's kernel was seen to answer zeros without a word.
    if (block < 16 || block > 256 || 2 ** Math.round(Math.log2(block)) !== block) {
      const refused = [
        { node: model.graph.name || 'graph', reason: `a block of ${block} is no power of two from 16 to 256` },
      ]
      return { model, report: { id: 'quantizeWeights', applied: 0, refused, options } }
    }
    const planned: Record<string, number> = {}
    const result = runRules(model, 'quantizeWeights', rules(options, block, planned))
    const lean = dropUnread(model, withContrib(result.model, planned))
    const notes = planned.MatMulNBits ? [LEVELS[options.accuracyLevel ?? 0]] : []
    return { model: lean, report: { ...result.report, options, planned, ...(notes.length > 0 ? { notes } : {}) } }
  },
}

const LEVELS = {
  0: 'accuracy level 0: products of the coded weights are computed in float',
  4: 'accuracy level 4: activations are rounded to 8 bits in every product, which adds noise of its own and has changed the top token where one activation is massive',
} as const

function rules(options: WeightOptions, block: number, planned: Record<string, number>): readonly Rule[] {
  const keep = new Set(options.keepFloat ?? [])
  const kept = (node: Node) => keep.has(node.name) || keep.has(node.outputs[0]!) || keep.has(operatorName(node))
  const stored = new WeakMap<GraphEditor, StoredWeights>()
  const storedIn = (editor: GraphEditor) => {
    const weights = stored.get(editor) ?? new StoredWeights()
    stored.set(editor, weights)
    return weights
  }
  return [
    {
      roots: ['MatMul', 'Gemm'],
      apply(node, { editor }) {
        if (kept(node)) return { refused: 'kept in float as asked' }
        if (options.bits === 8 && options.products === 'stored') return storeAsInt8(node, editor, storedIn(editor))
        const product = weightedProduct(node, editor)
        if ('refused' in product) return product
        editor.replace(node, ...blockedProduct(node, product, options, block, editor))
        planned.MatMulNBits = (planned.MatMulNBits ?? 0) + 1
        return true
      },
    },
    {
      roots: ['Conv', 'ConvTranspose', 'Gather', 'LSTM', 'GRU', 'RNN'],
      apply(node, { editor }) {
        // Most Gathers read no table of weights; they are none of this pass's business.
        if (node.opType === 'Gather' && editor.constant(node.inputs[0]!)?.dtype !== 'float32') return false
        if (kept(node)) return { refused: 'kept in float as asked' }
        if (options.bits === 4) return { refused: `the runtime has no 4-bit ${node.opType}` }
        if (options.stored === false) return { refused: 'only matrix products were asked for' }
        return storeAsInt8(node, editor, storedIn(editor))
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
