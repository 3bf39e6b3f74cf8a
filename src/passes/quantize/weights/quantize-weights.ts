/*
 * y = MatMul(x, w)     ⇒   y = com.microsoft.MatMulNBits(x, codes of w, scales, zero points)
 * y = Conv(x, w, b)    ⇒   y = Conv(x, Mul(Cast(w₈), scales), b)          (the runtime folds it when it loads)
 * y = Gather(w, i)     ⇒   y = com.microsoft.GatherBlockQuantized(codes of w, i, scales, zero points)
 * Weights take 4 or 8 bits, those of products in blocks of `block` rows with a scale and a zero point each; activations
 * stay float. The third is for an embedding table that is also the weights of a product and stays one table: both read
 * the same codes. With 4 bits, a table that is no product's stays float, in float16 where that holds all its values.
 * Small matrices (`fewest`), and those of other than two dimensions, are stored as convolutions are, in 8 bits.
 * Illegal: weights that are not constant, finite float32; a block that no kernel takes; an operator set older than 21
 * where convolutions are stored in 4 bits; a rounding whose evidence is not there. Left alone: what would save fewer
 * bytes than it takes, and the weights of other operators.
 * Source: ONNX Runtime, contrib operators; of the roundings: `block-grid.ts` (HQQ) and `gptq.ts`.
 */
import { type Model, type Node, nodeLabel, tensorValues, transposedMatrix } from '../../../ir/index.ts'
import { boolean, exactly, integer, oneOf, optional, TARGETS, type Target, within } from '../../../report/index.ts'
import {
  type Evidence,
  GraphEditor,
  type Pass,
  type PassResult,
  perGraph,
  type Rule,
  type RuleOutcome,
  refusedWhole,
  runRules,
} from '../../../rewrite/index.ts'
import { learnedWeightsOf } from '../codes/learned-weights.ts'
import { inputMoments, type WindowMoments, windowMoments } from '../codes/moments.ts'
import { type ReadWindows, readWindows } from '../codes/window-codes.ts'
import { dropUnread } from '../drop-unread.ts'
import { KEEP_FLOAT, KEPT, keptAsAsked } from '../kept-as-asked.ts'
import { EINSUM_STAYS } from '../products/einsum-stays.ts'
import {
  FEWEST_WEIGHTS,
  refuseWeights,
  type WeightedProduct,
  weightsKey,
  withBias,
} from '../products/weighted-product.ts'
import type { BlockCodes } from './block-codes.ts'
import { GROUPS, USUAL_BLOCK } from './block-grid.ts'
import { type BlockOptions, BlockStore, blockProduct, type ProductReader, productBits } from './block-store.ts'
import { blocksAhead } from './blocks-ahead.ts'
import { halveTable } from './half-table.ts'
import { productNotes, type ShortRows, unreadNotes } from './product-notes.ts'
import { StoredWeights, storable, storeAsIntegers, storeTurnedTable } from './stored-weights.ts'
import { blockLookup, productsOfTable, readersOfTable, refuseTied, sourcedProduct } from './tied-table.ts'

/** Which constant weights become codes, and which codes. */
export interface WeightOptions {
  readonly bits: 4 | 8
  /** Rows of a block: one of `GROUPS`; 32 by default. */
  readonly block?: number | undefined
  /** Whether all blocks have the middle code as their zero point: a little smaller, a little less exact. */
  readonly symmetric?: boolean | undefined
  /**
   * How a weight gets its code: `rtn` the nearest one (default); `hqq` the nearest on a grid that outliers pull less;
   * `gptq` the one that keeps the outputs of the product, or of the stored convolution, near, which needs a `moments`
   * report among the evidence; `learned` the one in a `learned-weights` report among the evidence, else the nearest.
   */
  readonly rounding?: 'rtn' | 'hqq' | 'gptq' | 'learned' | undefined
  /**
   * What products are computed in: 0 float (exact products of the coded weights, the default), 4 int8 (faster on some
   * machines, and itself an approximation: 45 to 50 dB were measured).
   */
  readonly accuracyLevel?: 0 | 4 | undefined
  /**
   * Number of weights from which a product gets the kernel that reads codes; with fewer, and no table tied to it, it is
   * stored as other layers are. 4,096 by default.
   */
  readonly fewest?: number | undefined
  /**
   * With 8 bits, number of weights from which a product gets 4 bits, unless a table is tied to it: with one row to
   * multiply, a large product takes as long as reading its weights. No product does by default.
   */
  readonly fourBitsFrom?: number | undefined
  /** Where the model will run; it does not change the codes, since no product of blocks saturates. */
  readonly target?: Target | undefined
  /** Node names, first outputs or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /**
   * Whether convolutions, recurrent layers, embedding tables and small products are stored as int8 too, and widened
   * when the model is loaded. True by default with 8 bits, false with 4. With 4 bits only convolutions are stored as
   * int4: in the other layers, one scale for a whole channel of 15 codes costs far more accuracy.
   */
  readonly stored?: boolean | undefined
  /**
   * With 8 bits, what becomes of matrix products: `blocks` (default), the kernel that reads codes; `stored`, as
   * convolutions are, with the speed and memory of float and the size of int8.
   */
  readonly products?: 'blocks' | 'stored' | undefined
}

export const quantizeWeights: Pass<WeightOptions> = {
  id: 'quantizeWeights',
  summary: 'weights in 4 or 8 bits, activations in float: smaller, and faster where reading weights is the cost',
  options: exactly<WeightOptions>({
    bits: oneOf(4, 8),
    block: optional(oneOf(...GROUPS)),
    symmetric: optional(boolean),
    rounding: optional(oneOf('rtn', 'hqq', 'gptq', 'learned')),
    accuracyLevel: optional(oneOf(0, 4)),
    fewest: optional(within(integer, 0)),
    fourBitsFrom: optional(within(integer, 0)),
    target: optional(oneOf(...TARGETS)),
    keepFloat: KEEP_FLOAT,
    stored: optional(boolean),
    products: optional(oneOf('blocks', 'stored')),
  }),
  run(model, options, evidence, map): PassResult | Promise<PassResult> {
    const refusal = refusalOf(options, evidence) ?? refuseOpset(model, options)
    if (refusal) return refusedWhole(model, 'quantizeWeights', refusal, options)
    const blocks = blockOptions(options, evidence)
    const windows = options.rounding === 'gptq' ? windowMoments(evidence) : undefined
    if (!map || storesProducts(options)) return coded(model, options, blocks, windows, new Map())
    return blocksAhead(model, blocks, keptAsAsked(options.keepFloat), map).then((ahead) =>
      coded(model, options, blocks, windows, ahead),
    )
  },
}

function coded(
  model: Model,
  options: WeightOptions,
  blocks: BlockOptions,
  windows: Coding['windows'],
  ahead: ReadonlyMap<string, BlockCodes>,
): PassResult {
  const coding: Coding = {
    options,
    blocks,
    kept: keptAsAsked(options.keepFloat),
    asStored: storesProducts(options),
    windows,
    stored: perGraph(() => new StoredWeights()),
    stores: perGraph(() => new BlockStore(blocks, ahead)),
    large: perGraph(() => new BlockStore({ ...blocks, bits: 4 }, ahead)),
    planned: {},
    plain: [],
    unread: [],
    short: [],
  }
  const result = runRules(model, 'quantizeWeights', rules(coding))
  const lean = dropUnread(model, result.model)
  const { planned, plain, short, unread } = coding
  const notes = [
    ...(planned.MatMulNBits ? productNotes(options, blocks.block, plain, short) : []),
    ...unreadNotes(unread),
  ]
  return { model: lean, report: { ...result.report, options, planned, ...(notes.length > 0 ? { notes } : {}) } }
}

const storesProducts = ({ bits, products }: WeightOptions) => bits === 8 && products === 'stored'

function refusalOf(options: WeightOptions, evidence: readonly Evidence[]): string | null {
  const { block = USUAL_BLOCK } = options
  if (!GROUPS.includes(block)) return `no kernel takes a block of ${block}: ${GROUPS.join(', ')} are taken`
  if (options.rounding === 'gptq' && !evidence.some(({ report }) => report.kind === 'moments'))
    return 'gptq rounds by what the products read, and no moments are among the evidence'
  if (options.rounding === 'learned' && !evidence.some(({ report }) => report.kind === 'learned-weights'))
    return 'no learned roundings are among the evidence'
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
    block: options.block ?? USUAL_BLOCK,
    symmetric: options.symmetric ?? false,
    fit: options.rounding === 'hqq' ? 'hqq' : 'rtn',
    ...(options.fourBitsFrom === undefined ? {} : { fourBitsFrom: options.fourBitsFrom }),
    ...(options.rounding === 'gptq' ? { moments: inputMoments(evidence) } : {}),
    ...(options.rounding === 'learned' ? { learned: learnedWeightsOf(evidence) } : {}),
  }
}

/** What the rules of one run share. */
interface Coding {
  readonly options: WeightOptions
  readonly blocks: BlockOptions
  readonly kept: (node: Node) => boolean
  /** Whether the weights of products are only stored as integers, and computed with in float. */
  readonly asStored: boolean
  readonly windows: ReadonlyMap<string, WindowMoments> | undefined
  readonly stored: (editor: GraphEditor) => StoredWeights
  readonly stores: (editor: GraphEditor) => BlockStore
  /** The weights of products so large that they take 4 bits beside others of 8. */
  readonly large: (editor: GraphEditor) => BlockStore
  /** Kernels that are expected of what was written, by name. */
  readonly planned: Record<string, number>
  /** Products that were rounded to the nearest code for want of evidence. */
  readonly plain: string[]
  /** Convolutions, where others were rounded by what they read, of which that was not observed. */
  readonly unread: string[]
  readonly short: ShortRows[]
}

const rules = (coding: Coding): readonly Rule[] => [
  { roots: ['MatMul', 'Gemm'], apply: (node, { editor }) => codeProduct(node, editor, coding) },
  {
    roots: ['Conv', 'ConvTranspose', 'Gather', 'LSTM', 'GRU', 'RNN'],
    apply: (node, { editor }) => storeWeights(node, editor, coding),
  },
  EINSUM_STAYS,
]

/** A matrix product by the kernel that reads blocks of codes; the lookups in its table, if there are some, with it. */
function codeProduct(node: Node, editor: GraphEditor, coding: Coding): RuleOutcome {
  const { options, blocks } = coding
  if (coding.kept(node)) return KEPT
  if (coding.stored(editor).hasWeightsOf(node, editor)) return false
  if (coding.asStored) return storeProduct(node, editor, coding)
  const product = sourcedProduct(node, editor)
  // What is too small, or has too many dimensions, for the kernel that reads codes, can still be kept in them.
  if ('refused' in product) return (storesOthers(options) && storeProduct(node, editor, coding) === true) || product
  const { lookups } = readersOfTable(product.source, editor)
  const usual = coding.stores(editor)
  // What lookups read is in codes already where one of them came first.
  const inTable = lookups.length > 0 || usual.has(weightsKey(product))
  const bits = inTable ? options.bits : productBits(options, product)
  const store = bits === options.bits ? usual : coding.large(editor)
  const tied = lookups.length > 0 || store.has(weightsKey(product))
  if (!tied && product.values.length < (options.fewest ?? FEWEST_WEIGHTS))
    return (
      (storesOthers(options) && storeProduct(node, editor, coding) === true) || {
        refused: `${product.values.length} weights are fewer than asked for`,
      }
    )
  const reason = lookups.length > 0 ? refuseTable(product.source, editor, coding) : null
  if (reason) return { refused: `${reason}; in codes beside the float table the file would grow` }
  if (lookups.length > 0) {
    const shared = shareTable(lookups[0]!, editor, coding)
    if (shared !== true) return shared
  }
  const reader = lookups.length > 0 ? undefined : productReader(node, product)
  const before = store.plain.length
  const coded = store.blocksOf(weightsKey(product), product, product.source, editor, reader)
  coding.plain.push(...store.plain.slice(before))
  if (coded.block < blocks.block) coding.short.push({ node: node.name || node.outputs[0]!, block: coded.block })
  const output = node.outputs[0]!
  const raw = product.bias === undefined ? output : editor.freshName(`${output}_product`)
  const made = blockProduct(node, coded, raw, { bits, accuracyLevel: options.accuracyLevel ?? 0 })
  const weight = editor.producer(node.inputs[1]!)
  editor.replace(node, ...withBias(made, product.bias, output, editor))
  if (weight) editor.removeUnused(weight)
  count(coding, 'MatMulNBits')
  return true
}

function storeProduct(node: Node, editor: GraphEditor, coding: Coding): RuleOutcome {
  const stored = coding.stored(editor)
  return storeTurnedTable(node, editor, stored) || storeAsIntegers(node, editor, stored)
}

/** Whether more is stored than what the kernel for products reads: with 8 bits unless refused, with 4 where asked for. */
const storesOthers = ({ stored, bits }: WeightOptions) => stored ?? bits === 8

/** Whatever else has weights: stored as integers and widened when the model is loaded, if the options want it. */
function storeWeights(node: Node, editor: GraphEditor, coding: Coding): RuleOutcome {
  const { bits } = coding.options
  const isTable = node.opType === 'Gather'
  const onlyProducts = bits === 4 && !storesOthers(coding.options)
  const dtype = isTable ? editor.constant(node.inputs[0]!)?.dtype : undefined
  // Most Gathers read no table of weights; they are none of this pass's business.
  if (isTable && dtype !== 'float32' && !(onlyProducts && dtype === 'float16')) return false
  if (coding.kept(node)) return KEPT
  const tied = isTable && productsOfTable(node.inputs[0]!, editor).length > 0
  if (tied && !coding.asStored) return shareTable(node, editor, coding)
  if (bits === 8 && !storesOthers(coding.options)) return { refused: 'only matrix products were asked for' }
  if (onlyProducts) {
    if (isTable && halveTable(node, editor)) return true
    const way = `only stored (--stored) its weights could take ${node.opType === 'Conv' ? 4 : 8} bits`
    return { refused: `the runtime has no 4-bit ${node.opType}; ${way}` }
  }
  const { windows } = coding
  const options = bits === 4 && node.opType === 'Conv' ? { bits, learned: coding.blocks.learned } : { bits: 8 as const }
  const outcome = storeAsIntegers(node, editor, coding.stored(editor), { ...options, windows })
  if (outcome === true && node.opType === 'Conv' && windows && windows.size > 0 && !windows.has(node.inputs[1]!))
    coding.unread.push(nodeLabel(node))
  return outcome
}

/** Codes for a table that lookups and products read: all lookups at once. */
function shareTable(node: Node, editor: GraphEditor, coding: Coding): RuleOutcome {
  const table = node.inputs[0]!
  const reason = refuseTable(table, editor, coding)
  if (reason) return { refused: reason }
  const tensor = editor.constant(table)!
  const [columns, rows] = tensor.dims as [number, number]
  const values = tensorValues(tensor) as Float32Array
  if (refuseWeights(values) !== undefined) return { refused: 'its table is small or not finite' }
  const weights = { values: transposedMatrix(values, columns, rows), rows, columns }
  const key = weightsKey({ source: table, turned: true, factor: 1 })
  const coded = coding.stores(editor).blocksOf(key, weights, table, editor)
  // The products that come later must not find a reader that is left in float.
  for (const lookup of readersOfTable(table, editor).lookups) {
    editor.replace(lookup, ...blockLookup(lookup, coded, coding.options.bits, editor))
    count(coding, 'GatherBlockQuantized')
  }
  return true
}

/** Why a table that lookups and products share stays as it is; null where it can be coded for both. */
function refuseTable(table: string, editor: GraphEditor, { blocks, kept }: Coding): string | null {
  const tensor = editor.constant(table)
  if (tensor?.dtype !== 'float32' || tensor.dims.length !== 2) return 'its table is not float32 of two dimensions'
  const keptReader = [...productsOfTable(table, editor), ...readersOfTable(table, editor).lookups].find(kept)
  if (keptReader) return `its table is also read by ${keptReader.name}, which is kept in float as asked`
  return refuseTied(table, tensor, blocks.block, editor)
}

function count({ planned }: Coding, kernel: string): void {
  planned[kernel] = (planned[kernel] ?? 0) + 1
}

/** What the codes of a product may look at besides its weights. */
function productReader(node: Node, { source, turned, factor }: WeightedProduct): ProductReader {
  return { input: node.inputs[0]!, node: node.name || node.outputs[0]!, ...(factor === 1 ? { source, turned } : {}) }
}

/** Values whose moments `gptq` rounding and the scaling of inputs may ask for: what products of the main graph read. */
export function momentValues(model: Model): readonly string[] {
  const editor = new GraphEditor(model.graph)
  const names = new Set<string>()
  for (const node of editor.nodes) if (!('refused' in sourcedProduct(node, editor))) names.add(node.inputs[0]!)
  return [...names]
}

/** Convolutions whose weights this would store, and which can be rounded by the windows that they read (`gptq`). */
export function momentWindows(model: Model, options: WeightOptions): readonly ReadWindows[] {
  if (!storesOthers(options)) return []
  const editor = new GraphEditor(model.graph)
  const kept = keptAsAsked(options.keepFloat)
  return readWindows(model).filter(({ weight }) => {
    const node = editor.soleConsumer(weight)!
    return !kept(node) && !('refused' in storable(node, weight, editor, options.bits))
  })
}
