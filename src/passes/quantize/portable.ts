import {
  constantValue,
  elementCount,
  evaluateNode,
  type Graph,
  indexGraph,
  inferTypes,
  intAttribute,
  isDepthwise,
  type Model,
  magnitudes,
  type Node,
  nestedGraphs,
  nodeLabel,
  operatorName,
  type Tensor,
  tensorDtype,
  tensorValues,
  toNumbers,
} from '../../ir/index.ts'
import { anyPairReach } from './codes/channel-weights.ts'
import { depthOrders, MOST_PAIR, pairReach } from './codes/kernel-pairs.ts'
import { becomesOf, codesBehind, type ReadCodes } from './turned-codes.ts'

/** What the weights of one product say about 16-bit sums. */
export interface ProductSafety {
  readonly node: string
  readonly operator: string
  /** Output channels; 0 where both sides are activations, whose products no weight bounds and none needs to. */
  readonly channels: number
  /** `reduced`: some channel gave up range; `exact` (depthwise, blocks of 8-bit codes) and `unsigned`: kernels whose sums fit everywhere. */
  readonly form: 'full' | 'reduced' | 'exact' | 'unsigned'
  /**
   * Largest sum of two neighbouring codes of one sign; above 128 a processor without VNNI may saturate (above 256 where
   * the weights are the unsigned side, as in a ConvInteger of signed activations).
   */
  readonly worstPair: number
  /** Channels whose largest code is below 127. */
  readonly reduced: readonly number[]
  /** Channels that may saturate. */
  readonly unsafe: readonly number[]
}

/** The operators that multiply codes, with the input that holds the weights. */
const CODE_PRODUCTS: Readonly<Record<string, number>> = {
  QLinearConv: 3,
  'com.microsoft.QLinearConv': 3,
  QLinearMatMul: 3,
  'com.microsoft.QGemm': 3,
  MatMulInteger: 1,
  'com.microsoft.MatMulIntegerToFloat': 1,
  'com.microsoft.DynamicQuantizeMatMul': 1,
  'com.microsoft.DynamicQuantizeLSTM': 1,
  'com.microsoft.QAttention': 1,
}
/** Products of blocks of codes, which round what they read to 8 bits at accuracy level 4, and else multiply floats. */
const BLOCK_PRODUCT = 'com.microsoft.MatMulNBits'
const FLOAT_PRODUCTS = ['Conv', 'MatMul', 'Gemm']

/**
 * Every product of a model that runs on 8-bit integers, with the proof, from its constant weight codes alone, that no
 * sum of two neighbouring products leaves 16 bits, or the channels where one may. Activations are taken to reach every
 * code. A product of two activations is safe where its right side has unsigned codes, or its left side signed ones that
 * stay signed (see `becomesOf`): kernels add these in 32 bits.
 */
export function productSafety(model: Model): readonly ProductSafety[] {
  const found: ProductSafety[] = []
  let types: ReturnType<typeof inferTypes> | undefined
  const dtypeOf = (value: string) => tensorDtype((types ??= inferTypes(model)).get(value))
  const visit = (graph: Graph, outer: (name: string) => Tensor | undefined) => {
    const index = indexGraph(graph)
    const constant = (name: string): Tensor | undefined => {
      const maker = index.producer.get(name)
      // Codes of 4 bits are widened when the model is loaded.
      if (maker?.opType === 'Cast') return constant(maker.inputs[0]!)
      // So is a table that lookups read as it is turned.
      if (maker?.opType === 'Transpose') {
        const table = constant(maker.inputs[0]!)
        return table && evaluateNode(maker, [table], { opset: model.opsets.get('') ?? 1 })?.[0]
      }
      return graph.initializers.get(name) ?? (maker ? constantValue(maker) : outer(name))
    }
    const see = (node: Node, left: string, right: string) => {
      const weight = constant(right)
      if (!weight) found.push(activationSafety(node, dtypeOf(right) === 'uint8' || dtypeOf(left) === 'int8'))
      else found.push(safetyOf(node, weight))
    }
    /** Of a product whose sides stand for codes; the runtime may sign them otherwise than the file does. */
    const seeFloat = (node: Node, left: ReadCodes, right: ReadCodes) => {
      const weight = constant(right.codes)
      if (weight) return found.push(right.moved ? anyOrderSafety(node, weight) : safetyOf(node, weight))
      const isLeftSigned = dtypeOf(left.codes) === 'int8'
      const becomes = constant(left.codes) ? 'kept' : becomesOf(left, index)
      const isWidened = isLeftSigned && (becomes === 'kept' || becomesOf(right, index) === 'turned')
      found.push(activationSafety(node, dtypeOf(right.codes) === 'uint8' || isWidened))
    }
    /** Its kernel multiplies weights by unfolded windows, so the unsigned side of a risky product are the weights. */
    const seeConvInteger = (node: Node, input: string, weight: string) => {
      const [values, isWidened] = [constant(weight), dtypeOf(input) === 'uint8' || dtypeOf(weight) === 'int8']
      found.push(values && !isWidened ? pairsOf(node, values, 0, 2 * MOST_PAIR) : activationSafety(node, isWidened))
    }
    for (const node of graph.nodes) {
      const [first = '', second = ''] = node.inputs
      if (operatorName(node) === BLOCK_PRODUCT && intAttribute(node, 'accuracy_level', 0) === 4)
        found.push(blockSafety(node))
      const slot = CODE_PRODUCTS[operatorName(node)]
      if (node.opType === 'ConvInteger') seeConvInteger(node, first, second)
      else if (slot !== undefined)
        for (const at of node.opType === 'DynamicQuantizeLSTM' ? [1, 2] : [slot])
          see(node, first, node.inputs[at] ?? '')
      else if (FLOAT_PRODUCTS.includes(operatorName(node))) {
        const [left, right] = [codesBehind(first, index), codesBehind(second, index)]
        if (left && right) seeFloat(node, left, right)
      }
      for (const [, nested] of nestedGraphs(node)) visit(nested, constant)
    }
  }
  visit(model.graph, () => undefined)
  return found
}

/** Of two activations; what is not known to be safe is not. */
function activationSafety(node: Node, isWidened: boolean): ProductSafety {
  const common = { node: nodeLabel(node), operator: node.opType, reduced: [] }
  if (isWidened) return { ...common, channels: 0, form: 'unsigned', worstPair: 0, unsafe: [] }
  return { ...common, channels: 1, form: 'full', worstPair: 256, unsafe: [0] }
}

/** Of weights that are moved before they are multiplied, as one channel: any two of their codes may be neighbours. */
function anyOrderSafety(node: Node, weight: Tensor): ProductSafety {
  const common = { node: nodeLabel(node), operator: node.opType, channels: 1, reduced: [] }
  if (weight.dtype !== 'int8' && weight.dtype !== 'int4')
    return { ...common, form: 'unsigned', worstPair: 0, unsafe: [] }
  const values = toNumbers(weight)
  const [worstPair] = anyPairReach(values, 1, values.length) as Float64Array & [number]
  return { ...common, form: 'full', worstPair, unsafe: worstPair > MOST_PAIR ? [0] : [] }
}

function safetyOf(node: Node, weight: Tensor): ProductSafety {
  const convolves = /Conv/.test(node.opType)
  const axis = convolves || isTransposed(node) ? 0 : 1
  // Depthwise kernels widen before they multiply.
  if (convolves && isDepthwise(node, weight)) return widened(node, weight, axis, 'exact')
  if (weight.dtype !== 'int8' && weight.dtype !== 'int4') return widened(node, weight, axis, 'unsigned')
  return pairsOf(node, weight, axis, MOST_PAIR)
}

/** The matrix that is multiplied: all of a convolution's weights, one of those that lie in a stack. */
const matrixOf = (node: Node, { dims }: Tensor) => (/Conv/.test(node.opType) ? dims : dims.slice(-2))

function widened(node: Node, weight: Tensor, axis: number, form: 'exact' | 'unsigned'): ProductSafety {
  const channels = matrixOf(node, weight)[axis] ?? 1
  return { node: nodeLabel(node), operator: node.opType, channels, form, worstPair: 0, reduced: [], unsafe: [] }
}

/** By the neighbours of every index of `axis`, which come to `limit` at most where none can saturate. */
function pairsOf(node: Node, weight: Tensor, axis: number, limit: number): ProductSafety {
  const matrix = matrixOf(node, weight)
  const channels = matrix[axis] ?? 1
  const values = weight.dtype === 'int4' ? toNumbers(weight) : (tensorValues(weight) as Int8Array | Uint8Array)
  const orders = depthOrders(matrix, axis)
  const size = elementCount(matrix)
  const lie = axis === 0 ? [channels, size / channels] : [size / channels, channels]
  const reach = new Float64Array(channels)
  const largest = new Float64Array(channels)
  // Stacked matrices (LSTM directions, batched products) share their channels' verdict.
  for (let from = 0; from < values.length; from += size) {
    const own = pairReach(values, orders, from)
    const sizes = magnitudes(values.subarray(from, from + size), lie, axis)
    for (let c = 0; c < channels; c++) {
      reach[c] = Math.max(reach[c]!, own[c]!)
      largest[c] = Math.max(largest[c]!, sizes[c]!)
    }
  }
  const where = (test: (c: number) => boolean) => Array.from({ length: channels }, (_, c) => c).filter(test)
  const reduced = where((c) => largest[c]! < 127 && largest[c]! > 0)
  return {
    node: nodeLabel(node),
    operator: node.opType,
    channels,
    form: reduced.length > 0 ? 'reduced' : 'full',
    worstPair: reach.reduce((most, value) => Math.max(most, value), 0),
    reduced,
    unsafe: where((c) => reach[c]! > limit),
  }
}

/**
 * Products of blocks never saturate: two codes of 4 bits come to 30, and of 8 bits the kernels without VNNI multiply the
 * even and the odd codes apart, so that a sum of 16 bits holds one product, 255 · 127 at most; the others add in 32
 * bits. Source: MLAS, `accumulate_q8_blklen64_r2c1blk1_avx2` (those of AVX-512 mask alike), which answered exactly for all
 * codes at their largest, in blocks of 16 to 256, of one row and many.
 */
function blockSafety(node: Node): ProductSafety {
  const channels = intAttribute(node, 'N', 0)
  const bits = intAttribute(node, 'bits', 4)
  const common = { node: nodeLabel(node), operator: node.opType, channels, reduced: [], unsafe: [] }
  return bits === 8
    ? { ...common, form: 'exact', worstPair: 0 }
    : { ...common, form: 'full', worstPair: 2 * (2 ** bits - 1) }
}

const isTransposed = (node: Node): boolean =>
  ['Gemm', 'QGemm'].includes(node.opType) && intAttribute(node, 'transB', 0) !== 0
