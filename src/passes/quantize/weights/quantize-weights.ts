/*
 * y = MatMul(x, w)     ⇒   y = com.microsoft.MatMulNBits(x, codes of w, scales, zero points)
 * y = Conv(x, w, b)    ⇒   y = Conv(x, Mul(Cast(w₈), scales), b)          (the runtime folds it when it loads)
 * y = Gather(w, i)     ⇒   y = com.microsoft.GatherBlockQuantized(codes of w, i, scales, zero points)
 * Weights take 4 or 8 bits, those of products in blocks of `block` rows with a scale and a zero point each; activations
 * stay float. The third is for an embedding table that is also the weights of a product and stays one table: both read
 * the same codes. With 4 bits, a table that is no product's stays float, in float16 where that holds all its values.
 * Illegal: weights that are not constant, finite float32; a block that no kernel takes; an operator set older than 21
 * where convolutions are stored in 4 bits; a rounding whose evidence is not there; for `portable`, 8 bits at accuracy
 * level 4. Left alone: small matrices, and the weights of other operators.
 * Source: ONNX Runtime, contrib operators; of the roundings: `block-grid.ts` (HQQ) and `gptq.ts`.
 */
import { type Model, type Node, type NumericArray, operatorName, tensorValues } from '../../../ir/index.ts'
import type { Target } from '../../../report/index.ts'
import {
  type Evidence,
  GraphEditor,
  type Pass,
  type PassResult,
  type Rule,
  type RuleOutcome,
  runRules,
} from '../../../rewrite/index.ts'
import { rangeOf } from '../affine.ts'
import { dropUnread } from '../drop-unread.ts'
import { FEWEST_WEIGHTS, transpose, withBias } from '../dynamic/dynamic-matmul.ts'
import { EINSUM_STAYS } from '../einsum-stays.ts'
import { learnedWeightsOf } from '../learned-weights.ts'
import type { BlockCodes } from './block-codes.ts'
import { GROUPS } from './block-grid.ts'
import { type BlockOptions, BlockStore, blockProduct, type ProductReader } from './block-store.ts'
import { blockKey, blocksAhead } from './blocks-ahead.ts'
import { halveTable } from './half-table.ts'
import { StoredWeights, storeAsIntegers } from './stored-weights.ts'
import {
  blockLookup,
  productsOfTable,
  readersOfTable,
  refuseTied,
  type SourcedProduct,
  sourcedProduct,
} from './tied-table.ts'

export interface WeightOptions {
  readonly bits: 4 | 8
  /** Rows of a block: one of `GROUPS`; 32 by default. */
  readonly block?: number | undefined
  /** One zero point, the middle code, for all blocks: a little smaller, a little less exact. */
  readonly symmetric?: boolean | undefined
  /**
   * How a weight gets its code: `rtn` the nearest one (default), `hqq` the nearest on a grid that outliers pull less,
   * `gptq` the one that keeps the product's outputs near, which needs a `moments` report among the evidence; `learned`
   * the one that a `learned-weights` report among the evidence says, else the nearest.
   */
  readonly rounding?: 'rtn' | 'hqq' | 'gptq' | 'learned' | undefined
  /**
   * What products are computed in: 0 float (exact products of the coded weights, the default), 4 int8 (faster on some
   * machines, and itself an approximation: 45 to 50 dB were measured).
   */
  readonly accuracyLevel?: 0 | 4 | undefined
  /** `portable`: 8-bit products stay in float, for their integer kernel is not proven on processors without VNNI. */
  readonly target?: Target | undefined
  /** Node names, first outputs or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /**
   * With 8 bits, also convolutions, recurrent layers and embedding tables (default): their weights are stored as int8
   * and widened when the model is loaded. With 4 bits only where asked for, and convolutions alone as int4, the others as
   * int8: a scale for a whole channel of 15 codes costs far more of the answers.
   */
  readonly stored?: boolean | undefined
  /**
   * With 8 bits, what becomes of matrix products: `blocks` (default), the kernel that reads codes; `stored`, as for
   * convolutions: the speed and memory of float, the size of int8.
   */
  readonly products?: 'blocks' | 'stored' | undefined
}

export const quantizeWeights: Pass<WeightOptions> = {
  id: 'quantizeWeights',
  summary: 'weights in 4 or 8 bits, activations in float: smaller, and faster where reading weights is the cost',
  run(model, options, evidence, map): PassResult | Promise<PassResult> {
    const block = options.block ?? 32
    const refusal = refusalOf(options, block, evidence) ?? refuseOpset(model, options)
    if (refusal) {
      const refused = [{ node: model.graph.name || 'graph', reason: refusal }]
      return { model, report: { id: 'quantizeWeights', applied: 0, refused, options } }
    }
    const blocks = blockOptions(options, evidence)
    const asStored = options.bits === 8 && options.products === 'stored'
    if (!map || asStored) return coded(model, options, blocks, new Map())
    return blocksAhead(model, blocks, keeps(options), map).then((ahead) => coded(model, options, blocks, ahead))
  },
}

function coded(
  model: Model,
  options: WeightOptions,
  blocks: BlockOptions,
  ahead: ReadonlyMap<string, BlockCodes>,
): PassResult {
  const planned: Record<string, number> = {}
  const plain: string[] = []
  const short: ShortRows[] = []
  const result = runRules(model, 'quantizeWeights', rules(options, blocks, ahead, planned, { plain, short }))
  const lean = dropUnread(model, result.model)
  const notes = planned.MatMulNBits ? notesOf(options, blocks.block, plain, short) : []
  return { model: lean, report: { ...result.report, options, planned, ...(notes.length > 0 ? { notes } : {}) } }
}

/** Whether a node stays in float as asked: by its name, its first output or its operator. */
function keeps(options: WeightOptions): (node: Node) => boolean {
  const keep = new Set(options.keepFloat ?? [])
  return (node) => keep.has(node.name) || keep.has(node.outputs[0]!) || keep.has(operatorName(node))
}

function refusalOf(options: WeightOptions, block: number, evidence: readonly Evidence[]): string | null {
  if (!GROUPS.includes(block)) return `no kernel takes a block of ${block}: ${GROUPS.join(', ')} are taken`
  if (options.rounding === 'gptq' && !evidence.some(({ report }) => report.kind === 'moments'))
    return 'gptq rounds by what the products read, and no moments are among the evidence'
  if (options.rounding === 'learned' && !evidence.some(({ report }) => report.kind === 'learned-weights'))
    return 'no learned roundings are among the evidence'
  if (options.target === 'portable' && options.bits === 8 && options.accuracyLevel === 4)
    return 'accuracy level 4 with 8-bit weights is not proven free of 16-bit saturation; use level 0'
  return null
}

function refuseOpset(model: Model, { bits, stored }: WeightOptions): string | null {
  const opset = model.opsets.get('') ?? 1
  return bits === 4 && stored === true && opset < 21
    ? `operator set ${opset} has no int4 to store convolutions in; upgrade the model to 21 or newer first`
    : null
}

function blockOptions(options: WeightOptions, evidence: readonly Evidence[]): BlockOptions {
  return {
    bits: options.bits,
    block: options.block ?? 32,
    symmetric: options.symmetric ?? false,
    fit: options.rounding === 'hqq' ? 'hqq' : 'rtn',
    ...(options.rounding === 'gptq' ? { grams: gramsOf(evidence) } : {}),
    ...(options.rounding === 'learned' ? { learned: learnedWeightsOf(evidence) } : {}),
  }
}

function gramsOf(evidence: readonly Evidence[]): ReadonlyMap<string, NumericArray> {
  const grams = new Map<string, NumericArray>()
  for (const { report, tensors } of evidence)
    if (report.kind === 'moments')
      for (const [name, { gram }] of Object.entries(report.values)) {
        const held = gram && tensors?.get(gram.digest)
        if (held) grams.set(name, held)
      }
  return grams
}

const LEVELS = {
  0: 'accuracy level 0: products of the coded weights are computed in float',
  4: 'accuracy level 4: activations are rounded to 8 bits in every product, which adds noise of its own and has changed the top token where one activation is massive',
} as const

/** A product of 2048×2048 at one row: 12.9 ms, in float 1.03, with level 4 0.23; of 1536×128: 0.25, 0.01 and 0.016. */
const WIDENS =
  ', and in 8 bits the native runtime has no kernel for that: it widens all weights in every run, many times as slow as float; accuracy level 4 has a fast one'

/** A product whose rows are shorter than the group that was asked for, and the group that it has. */
interface ShortRows {
  readonly node: string
  readonly block: number
}

function notesOf(
  { accuracyLevel, bits, rounding }: WeightOptions,
  group: number,
  plain: readonly string[],
  short: readonly ShortRows[],
): readonly string[] {
  const why = rounding === 'learned' ? 'their roundings were not learned' : 'their inputs were not observed'
  const named = short.map(({ node, block }) => `${node} (${block})`)
  return [
    `${LEVELS[accuracyLevel ?? 0]}${bits === 8 && !accuracyLevel ? WIDENS : ''}`,
    ...(plain.length === 0
      ? []
      : [`${plain.length} products were rounded to the nearest code, for ${why}: ${some(plain)}`]),
    ...(short.length === 0
      ? []
      : [`products whose rows are shorter than a group of ${group} have groups as long as these: ${some(named)}`]),
  ]
}

const some = (names: readonly string[]) => `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`

function rules(
  options: WeightOptions,
  blocks: BlockOptions,
  ahead: ReadonlyMap<string, BlockCodes>,
  planned: Record<string, number>,
  { plain, short }: { readonly plain: string[]; readonly short: ShortRows[] },
): readonly Rule[] {
  const kept = keeps(options)
  const stored = perEditor(() => new StoredWeights())
  const stores = perEditor(() => new BlockStore(blocks, ahead))
  const { learned } = blocks
  const asStored = options.bits === 8 && options.products === 'stored'
  const count = (kernel: string) => {
    planned[kernel] = (planned[kernel] ?? 0) + 1
  }
  /** Why a table that lookups and products share stays as it is; null where it can be coded for both. */
  const refuseTable = (table: string, editor: GraphEditor): string | null => {
    const tensor = editor.constant(table)
    if (tensor?.dtype !== 'float32' || tensor.dims.length !== 2) return 'its table is not float32 of two dimensions'
    const keptReader = [...productsOfTable(table, editor), ...readersOfTable(table, editor).lookups].find(kept)
    if (keptReader) return `its table is also read by ${keptReader.name}, which is kept in float as asked`
    return refuseTied(table, tensor, blocks.block, editor)
  }
  return [
    {
      roots: ['MatMul', 'Gemm'],
      apply(node, { editor }) {
        if (kept(node)) return { refused: 'kept in float as asked' }
        if (asStored) return storeAsIntegers(node, editor, stored(editor))
        const product = sourcedProduct(node, editor)
        if ('refused' in product) return product
        const { lookups } = readersOfTable(product.source, editor)
        const reason = lookups.length > 0 ? refuseTable(product.source, editor) : null
        if (reason) return { refused: `${reason}; in codes beside the float table the file would grow` }
        if (lookups.length > 0) {
          const shared = shareTable(lookups[0]!, editor)
          if (shared !== true) return shared
        }
        const store = stores(editor)
        const key = blockKey(product)
        const reader = lookups.length > 0 ? undefined : productReader(node, product)
        const before = store.plain.length
        const coded = store.blocksOf(key, product, product.source, editor, reader)
        plain.push(...store.plain.slice(before))
        if (coded.block < blocks.block) short.push({ node: node.name || node.outputs[0]!, block: coded.block })
        const output = node.outputs[0]!
        const raw = product.bias === undefined ? output : editor.freshName(`${output}_product`)
        const made = blockProduct(node, coded, raw, {
          bits: options.bits,
          accuracyLevel: options.accuracyLevel ?? 0,
        })
        const weight = editor.producer(node.inputs[1]!)
        editor.replace(node, ...withBias(made, product.bias, output, editor))
        if (weight) editor.removeUnused(weight)
        count('MatMulNBits')
        return true
      },
    },
    {
      roots: ['Conv', 'ConvTranspose', 'Gather', 'LSTM', 'GRU', 'RNN'],
      apply(node, { editor }) {
        const isTable = node.opType === 'Gather'
        const onlyProducts = options.bits === 4 && options.stored !== true
        const dtype = isTable ? editor.constant(node.inputs[0]!)?.dtype : undefined
        // Most Gathers read no table of weights; they are none of this pass's business.
        if (isTable && dtype !== 'float32' && !(onlyProducts && dtype === 'float16')) return false
        if (kept(node)) return { refused: 'kept in float as asked' }
        const tied = isTable && productsOfTable(node.inputs[0]!, editor).length > 0
        if (tied && !asStored) return shareTable(node, editor)
        if (options.bits === 8 && options.stored === false) return { refused: 'only matrix products were asked for' }
        if (onlyProducts) {
          if (isTable && halveTable(node, editor)) return true
          const way = `only stored (--stored) its weights could take ${node.opType === 'Conv' ? 4 : 8} bits`
          return { refused: `the runtime has no 4-bit ${node.opType}; ${way}` }
        }
        const narrow = options.bits === 4 && node.opType === 'Conv'
        return storeAsIntegers(node, editor, stored(editor), narrow ? { bits: 4, learned } : { bits: 8 })
      },
    },
    EINSUM_STAYS,
  ]

  function shareTable(node: Node, editor: GraphEditor): RuleOutcome {
    const table = node.inputs[0]!
    const reason = refuseTable(table, editor)
    if (reason) return { refused: reason }
    const tensor = editor.constant(table)!
    const [columns, rows] = tensor.dims as [number, number]
    const values = tensorValues(tensor) as Float32Array
    if (values.length < FEWEST_WEIGHTS || !rangeOf(values)) return { refused: 'its table is small or not finite' }
    const weights = { values: transpose(values, columns, rows), rows, columns }
    const coded = stores(editor).blocksOf(blockKey({ source: table, turned: true, factor: 1 }), weights, table, editor)
    // All lookups at once: the products that come later must not find a reader that is left in float.
    for (const lookup of readersOfTable(table, editor).lookups) {
      editor.replace(lookup, ...blockLookup(lookup, coded, options.bits, editor))
      count('GatherBlockQuantized')
    }
    return true
  }
}

/** What the codes of a product may look at besides its weights. */
function productReader(node: Node, { source, turned, factor }: SourcedProduct): ProductReader {
  return { input: node.inputs[0]!, node: node.name || node.outputs[0]!, ...(factor === 1 ? { source, turned } : {}) }
}

/** One of something for each graph that is edited. */
function perEditor<T>(make: () => T): (editor: GraphEditor) => T {
  const made = new WeakMap<GraphEditor, T>()
  return (editor) => {
    const known = made.get(editor) ?? make()
    made.set(editor, known)
    return known
  }
}

/** Values whose moments `gptq` rounding and the scaling of inputs may ask for: what products of the main graph read. */
export function momentValues(model: Model): readonly string[] {
  const editor = new GraphEditor(model.graph)
  const names = new Set<string>()
  for (const node of editor.nodes)
    if (['MatMul', 'Gemm'].includes(operatorName(node)) && !('refused' in sourcedProduct(node, editor)))
      names.add(node.inputs[0]!)
  return [...names]
}
