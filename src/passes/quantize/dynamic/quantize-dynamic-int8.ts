/*
 * (c, s, z) = DynamicQuantizeLinear(x)
 * y = MatMul(x, w)       ⇒   y = Mul(Cast<to = float>(MatMulInteger(c, w₈, z)), Mul(s, sw))
 * y = Gemm(x, w, b)      ⇒   y = Add(Mul(Cast<to = float>(MatMulInteger(c, w₈, z)), Mul(s, sw)), b)
 * y = LSTM(x, w, r, …)   ⇒   y = com.microsoft.DynamicQuantizeLSTM(x, w₈, r₈, …)
 * y = GRU(x, w, r, …)    ⇒   its steps in a Scan, with such products (`gru-steps.ts`)
 * The runtime fuses the first two to DynamicQuantizeMatMul. Weights: signed 8 bit, symmetric, one scale a column, or
 * one for all. Activations get one scale a run from what the run holds: no calibration, but rows of one batch share it,
 * so a row's answer may depend on its neighbours.
 * Illegal: weights that are not constant, finite float32, or of a product with other than two dimensions; in Gemm a
 * transposed input, or a scaled bias that is computed; in LSTM and GRU a `layout` of 1; an operator set older than 11.
 * Left in float: products of few weights, and a GRU of few states; convolutions, for ConvInteger was measured 4 to 10
 * times slower than float; RNN, which has no integer kernel. Embedding tables, whose rows are read and not multiplied,
 * stay float too, or are stored in 8 bits where asked for (`stored-tables.ts`).
 * Source: ONNX, DynamicQuantizeLinear and MatMulInteger; ONNX Runtime, contrib operators.
 */
import { type Model, makeNode, type Node, tensorShape } from '../../../ir/index.ts'
import { boolean, exactly, number, oneOf, optional, TARGETS, type Target } from '../../../report/index.ts'
import {
  type Evidence,
  GraphEditor,
  type Pass,
  type PassResult,
  perGraph,
  type Rule,
  type RuleContext,
  refusedWhole,
  runRules,
} from '../../../rewrite/index.ts'
import { dropUnread } from '../drop-unread.ts'
import { KEEP_FLOAT, KEPT, keptAsAsked } from '../kept-as-asked.ts'
import { EINSUM_STAYS } from '../products/einsum-stays.ts'
import { weightedProduct, weightedProducts, weightsKey } from '../products/weighted-product.ts'
import { tablesCoded } from '../weights/stored-tables.ts'
import { dynamicGru } from './dynamic-gru.ts'
import { dynamicLstm } from './dynamic-lstm.ts'
import {
  type CodedWeights,
  type CodingOptions,
  codedMatrix,
  type DynamicCodes,
  dynamicProduct,
} from './dynamic-matmul.ts'
import { type QuietProducts, quietProducts } from './quiet-products.ts'

export interface DynamicInt8Options {
  /** Node names, first outputs or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /** `portable`: weights are so small that no product saturates 16 bits on processors without VNNI. */
  readonly target?: Target | undefined
  /**
   * Whether all weights of a product share a scale, instead of one a column: this saves looking scales up, which shows
   * most in LSTM (32 steps of 96 both ways: 0.06 ms, then 0.05), and is coarser where columns differ in size.
   */
  readonly oneScale?: boolean | undefined
  /**
   * `stored`: embedding tables that only lookups read are int8 in the file, with a scale a row, and widened at load.
   */
  readonly tables?: 'stored' | undefined
  /**
   * Noise over signal that roundings may add up to. Products that cause too much of it for the time that they save stay
   * in float, and so do those whose noise is unknown (layers with a state, nested graphs). Needs ranges and
   * sensitivities.
   */
  readonly noiseBudget?: number | undefined
}

export const quantizeDynamicInt8: Pass<DynamicInt8Options> = {
  id: 'quantizeDynamicInt8',
  summary: '8-bit integer weights, activations quantized as they come; for matrix products, LSTM and large GRU',
  options: exactly<DynamicInt8Options>({
    keepFloat: KEEP_FLOAT,
    target: optional(oneOf(...TARGETS)),
    oneScale: optional(boolean),
    tables: optional(oneOf('stored')),
    noiseBudget: optional(number),
  }),
  run(model, options, evidence): PassResult {
    const id = 'quantizeDynamicInt8'
    const opset = model.opsets.get('') ?? 1
    if (opset < 11) {
      const reason = `operator set ${opset} has no DynamicQuantizeLinear; upgrade the model to 11 or newer first`
      return refusedWhole(model, id, reason, options)
    }
    const products: string[] = []
    const planned: Record<string, number> = {}
    const quiet = withinBudget(model, options, evidence)
    const result = runRules(model, id, rules(options, quiet, products, planned))
    const shared = new Map<string, number>()
    for (const codes of products) shared.set(codes, (shared.get(codes) ?? 0) + 1)
    for (const users of shared.values()) {
      const kernel = users === 1 ? 'DynamicQuantizeMatMul' : 'MatMulIntegerToFloat'
      planned[kernel] = (planned[kernel] ?? 0) + users
    }
    const kept = keptAsAsked(options.keepFloat)
    const tables = tablesCoded(dropUnread(model, result.model), id, { kept, tables: options.tables })
    return {
      model: tables.model,
      report: {
        id,
        applied: result.report.applied + tables.applied,
        refused: [...result.report.refused, ...tables.refused],
        options,
        planned,
        ...(quiet && { expectedNoise: quiet.expectedNoise }),
      },
    }
  },
}

/** What stays integer within a budget of noise; null where none was given. */
function withinBudget(
  model: Model,
  { noiseBudget, keepFloat }: DynamicInt8Options,
  evidence: readonly Evidence[],
): QuietProducts | null {
  if (noiseBudget === undefined) return null
  const editor = new GraphEditor(model.graph)
  const products = weightedProducts(model.graph.nodes, keptAsAsked(keepFloat), editor)
  return quietProducts(model, products, evidence, noiseBudget)
}

/** What the rules of one run go by, and note. */
interface Run {
  readonly options: DynamicInt8Options
  readonly coding: CodingOptions
  /** Whether a node stays in float as asked. */
  readonly kept: (node: Node) => boolean
  /** Whether a node stays in float because of its noise. */
  readonly loud: (node: Node) => boolean
  /** The codes that each product reads. */
  readonly products: string[]
  /** By graph: the codes, scale and zero point of each value that is quantized. */
  readonly quantized: (editor: GraphEditor) => Map<string, DynamicCodes>
  readonly planned: Record<string, number>
}

function rules(
  options: DynamicInt8Options,
  quiet: QuietProducts | null,
  products: string[],
  planned: Record<string, number>,
): readonly Rule[] {
  const run: Run = {
    options,
    coding: {
      pairSafe: options.target === 'portable' ? 'neighbours' : undefined,
      oneScale: options.oneScale ?? false,
    },
    kept: keptAsAsked(options.keepFloat),
    loud: (node) => quiet !== null && !quiet.integer.has(node),
    products,
    quantized: perGraph(() => new Map()),
    planned,
  }
  return [
    productRule(run),
    lstmRule(run),
    {
      roots: ['Conv', 'ConvTranspose'],
      apply: () => ({ refused: 'integer convolutions with dynamic ranges are several times slower than float' }),
    },
    gruRule(run),
    { roots: ['RNN'], apply: () => ({ refused: 'the runtime has no integer kernel for RNN' }) },
    EINSUM_STAYS,
  ]
}

const LOUD = { refused: 'float, to keep the noise of roundings within its budget' } as const

/** The codes, scale and zero point of a value, one for all who read it; `before` gets the node that makes them. */
function codesOf(input: string, { quantized }: Run, editor: GraphEditor, before: Node[]): DynamicCodes {
  const known = quantized(editor)
  let codes = known.get(input)
  if (!codes) {
    const make = (part: string) => editor.freshName(`${input}_dynamic_${part}`)
    codes = [make('codes'), make('scale'), make('zero_point')]
    known.set(input, codes)
    before.push(makeNode('DynamicQuantizeLinear', [input], codes, { name: codes[0] }))
  }
  return codes
}

function productRule(run: Run): Rule {
  const { coding, kept, loud, products } = run
  // Products of tied weights share their codes.
  const matrices = perGraph(() => new Map<string, CodedWeights>())
  return {
    roots: ['MatMul', 'Gemm'],
    apply(given, context) {
      const { editor } = context
      if (kept(given)) return KEPT
      const product = weightedProduct(given, editor)
      if ('refused' in product) return product
      if (loud(given)) return LOUD
      if (isWidened(given, context))
        return { refused: 'what is added to it has more axes, which the runtime would lose with its bias' }
      const node = unflattened(given, product.columns, context)
      const before: Node[] = []
      const codes = codesOf(node.inputs[0]!, run, editor, before)
      products.push(codes[0])
      const known = matrices(editor)
      const matrix = known.get(weightsKey(product)) ?? codedMatrix(product, node.inputs[1]!, coding, editor)
      known.set(weightsKey(product), matrix)
      editor.replace(given, ...before, ...dynamicProduct(node, product.bias, codes, matrix, editor))
      if (node !== given) editor.removeUnused(editor.producer(given.inputs[0]!)!)
      return true
    },
  }
}

function lstmRule({ coding, kept, loud, planned }: Run): Rule {
  const weights = perGraph(() => new Map<string, CodedWeights>())
  return {
    roots: ['LSTM'],
    apply(node, { editor }) {
      if (kept(node)) return KEPT
      if (loud(node)) return LOUD
      const lstm = dynamicLstm(node, coding, editor, weights(editor))
      if ('refused' in lstm) return lstm
      editor.replace(node, lstm)
      planned.DynamicQuantizeLSTM = (planned.DynamicQuantizeLSTM ?? 0) + 1
      return true
    },
  }
}

function gruRule(run: Run): Rule {
  return {
    roots: ['GRU'],
    apply(node, context) {
      if (run.kept(node)) return KEPT
      if (run.loud(node)) return LOUD
      const before: Node[] = []
      const form = dynamicGru(node, run.coding, context, (input) => codesOf(input, run, context.editor, before))
      if ('refused' in form) return form
      run.products.push(...form.products)
      context.editor.replace(node, ...before, ...form.nodes)
      return true
    },
  }
}

/**
 * Whether a constant with more axes than a product has is added to it. The runtime takes the sum as the bias of its
 * integer product, whose result has the axes of the product alone (onnxruntime 1.30).
 */
function isWidened(product: Node, { editor, types, constant }: RuleContext): boolean {
  const output = product.outputs[0]!
  const rank = tensorShape(types.get(output))?.length || 1
  return editor
    .consumers(output)
    .some((node) => node.opType === 'Add' && node.inputs.some((name) => (constant(name)?.dims.length ?? 0) > rank))
}

/**
 * Reshape(Gemm(Reshape(x, {-1, K}), W, b)) with the sizes of x again  ⇒  the product of x itself: Gemm takes two axes alone,
 * integer products take any number.
 */
function unflattened(gemm: Node, columns: number, { editor, types }: RuleContext): Node {
  const [flatten, restore] = [editor.producer(gemm.inputs[0]!), editor.soleConsumer(gemm.outputs[0]!)]
  if (gemm.opType !== 'Gemm' || flatten?.opType !== 'Reshape' || restore?.opType !== 'Reshape') return gemm
  const [whole, result] = [flatten.inputs[0]!, restore.outputs[0]!].map((name) => tensorShape(types.get(name)))
  const depth = tensorShape(types.get(flatten.outputs[0]!))?.at(-1)
  if (!whole || whole.length !== result?.length || typeof depth !== 'number') return gemm
  const kept = whole.every((dim, i) => dim !== null && (i < whole.length - 1 ? dim === result[i] : dim === depth))
  if (!kept || result.at(-1) !== columns) return gemm
  editor.remove(restore)
  return { ...gemm, inputs: [flatten.inputs[0]!, ...gemm.inputs.slice(1)], outputs: [restore.outputs[0]!] }
}
