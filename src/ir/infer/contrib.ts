import { intAttribute, intsAttribute } from '../attribute.ts'
import type { Dim, Shape } from '../model.ts'
import {
  broadcast,
  type Call,
  dtypeOf,
  has,
  normalAxis,
  type Rule,
  type Rules,
  shapeOf,
  tensor,
  withDim,
} from './call.ts'
import { likeFirst } from './elementwise.ts'
import { gemmShape, multiplied } from './matrix.ts'
import { movementRules } from './movement.ts'
import { recurrent } from './recurrent.ts'
import { convolved, globallyPooled, pooled, slid, windowOf } from './spatial.ts'

const channelsLast = (call: Call): boolean => intAttribute(call.node, 'channels_last', 0) === 1

/** A convolution over [n, spatial…, channels] with the weight still [out, in, kernel…]. */
function convolvedLast(call: Call, weight: number): Shape | null {
  const [x, w] = [shapeOf(call, 0), shapeOf(call, weight)]
  if (!x || !w) return null
  return [x[0] ?? null, ...slid(call, x.slice(1, -1), windowOf(call, w.slice(2))), w[0] ?? null]
}

const qlinearBinary: Rule = (call) => [tensor(dtypeOf(call, 0), broadcast([shapeOf(call, 0), shapeOf(call, 3)]))]

/** Inputs are the output's scale and zero point, then data, scale, zero point of each part. */
const qlinearConcat: Rule = (call) => {
  const shapes: (Shape | null)[] = []
  for (let i = 2; i < call.node.inputs.length; i += 3) shapes.push(shapeOf(call, i))
  const known = shapes.find((shape) => shape !== null)
  const axis = known && normalAxis(intAttribute(call.node, 'axis', 0), known.length)
  if (!known || axis === undefined) return [tensor(dtypeOf(call, 1), null)]
  const length = call.symbols.sum(shapes.map((shape) => shape?.[axis] ?? null))
  return [tensor(dtypeOf(call, 1), withDim(known, axis, length))]
}

const replaceLast = (shape: Shape | null, dim: Dim): Shape | null => shape && [...shape.slice(0, -1), dim]

const fusedMatMul: Rule = (call) => {
  const flip = (shape: Shape | null, name: string): Shape | null => {
    if (!shape || shape.length < 2 || intAttribute(call.node, name, 0) === 0) return shape
    return [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!]
  }
  const batched = intAttribute(call.node, 'transBatchA', 0) + intAttribute(call.node, 'transBatchB', 0) > 0
  const shape = multiplied(flip(shapeOf(call, 0), 'transA'), flip(shapeOf(call, 1), 'transB'))
  return [tensor(dtypeOf(call, 0), batched ? (shape?.map(() => null) ?? null) : shape)]
}

const skipNormalization: Rule = (call) => {
  const like = tensor(dtypeOf(call, 0), shapeOf(call, 0))
  const statistics = tensor('float32', replaceLast(shapeOf(call, 0), 1))
  return [like, statistics, statistics, like]
}

/** Query [batch, sequence, hidden]; the output's width is the values'. */
const multiHeadAttention: Rule = (call) => {
  const [query, value] = [shapeOf(call, 0), shapeOf(call, 2)]
  if (query?.length !== 3) return [tensor(dtypeOf(call, 0), null)]
  const heads = intAttribute(call.node, 'num_heads', 1)
  const width =
    value?.length === 3 ? value[2]! : value?.length === 4 ? call.symbols.multiply(value[1]!, value[3]!) : null
  const past = has(call, 6) ? (shapeOf(call, 6)?.[2] ?? null) : 0
  const length = (index: number): Dim => {
    const shape = shapeOf(call, index)
    return call.symbols.add(past, shape?.length === 3 ? shape[1]! : (shape?.[2] ?? null))
  }
  const size = (dim: Dim): Dim => call.symbols.divideExactly(dim, heads)
  return [
    tensor(dtypeOf(call, 0), [query[0]!, query[1]!, width]),
    tensor(dtypeOf(call, 0), [query[0]!, heads, length(1), size(query[2]!)]),
    tensor(dtypeOf(call, 0), [query[0]!, heads, length(2), size(width)]),
  ]
}

const groupQueryAttention: Rule = (call) => {
  const dtype = dtypeOf(call, 0)
  const query = shapeOf(call, 0)
  const packed = !has(call, 1)
  const [heads, kvHeads] = [intAttribute(call.node, 'num_heads', 1), intAttribute(call.node, 'kv_num_heads', 1)]
  const size = call.symbols.divideExactly(query?.[2] ?? null, packed ? heads + 2 * kvHeads : heads)
  const cache = tensor(dtype, [query?.[0] ?? null, kvHeads, null, size])
  return [tensor(dtype, query && replaceLast(query, call.symbols.multiply(size, heads))), cache, cache]
}

/** Attention with packed weights: the output's width is a third of the bias's, or the values' where stated. */
const packedAttention: Rule = (call) => {
  const sizes = intsAttribute(call.node, 'qkv_hidden_sizes', null)
  const third = call.symbols.divideExactly(shapeOf(call, 1)?.[1] ?? null, 3)
  const width = sizes ? (sizes[2] ?? 0) : third
  return [tensor(dtypeOf(call, 0), replaceLast(shapeOf(call, 0), width))]
}

const embedNormalization: Rule = (call) => {
  const ids = shapeOf(call, 0)
  const dtype = dtypeOf(call, 2)
  const embedded = tensor(dtype, ids && [...ids, shapeOf(call, 2)?.[1] ?? null])
  return [embedded, tensor('int32', [ids?.[0] ?? null]), embedded]
}

/** Operators of ONNX Runtime's own domain: `docs/ContribOperators.md` of that project. */
const rules: Rules = {
  QuickGelu: likeFirst,
  Gelu: likeFirst,
  FastGelu: likeFirst,
  BiasGelu: likeFirst,
  BiasSoftmax: likeFirst,
  BiasDropout: (call) => [call.inputs[0] && { type: call.inputs[0].type }, tensor('bool', shapeOf(call, 0))],
  RotaryEmbedding: likeFirst,
  Trilu: likeFirst,
  Inverse: likeFirst,
  GroupNorm: likeFirst,
  SimplifiedLayerNormalization: likeFirst,
  SkipLayerNormalization: skipNormalization,
  SkipSimplifiedLayerNormalization: skipNormalization,
  EmbedLayerNormalization: embedNormalization,
  FusedConv: (call) => [tensor(dtypeOf(call, 0), convolved(call, 1))],
  NhwcFusedConv: (call) => [tensor(dtypeOf(call, 0), convolvedLast(call, 1))],
  NhwcMaxPool: (call) => [tensor(dtypeOf(call, 0), pooled(call, true))],
  FusedGemm: (call) => [tensor(dtypeOf(call, 0), gemmShape(call))],
  FusedMatMul: fusedMatMul,
  FusedMatMulActivation: fusedMatMul,
  TransposeMatMul: fusedMatMul,
  MatMulNBits: (call) => [tensor(dtypeOf(call, 0), replaceLast(shapeOf(call, 0), intAttribute(call.node, 'N', 0)))],
  // The table is [rows, K·bits/8]; its scales, [rows, K / block], tell K.
  GatherBlockQuantized: (call) => {
    const [ids, scales] = [shapeOf(call, 1), shapeOf(call, 2)]
    const blocks = scales?.at(-1)
    const width = typeof blocks === 'number' ? blocks * intAttribute(call.node, 'block_size', 128) : null
    const packed = dtypeOf(call, 0) === 'uint8' && shapeOf(call, 0)?.length === 2
    return [tensor(dtypeOf(call, 2), packed && ids ? [...ids, width] : null)]
  },
  MatMulBnb4: (call) => [tensor(dtypeOf(call, 0), replaceLast(shapeOf(call, 0), intAttribute(call.node, 'N', 0)))],
  MatMulIntegerToFloat: (call) => [tensor(dtypeOf(call, 2), multiplied(shapeOf(call, 0), shapeOf(call, 1)))],
  DynamicQuantizeMatMul: (call) => [tensor(dtypeOf(call, 0), multiplied(shapeOf(call, 0), shapeOf(call, 1)))],
  DynamicQuantizeLSTM: recurrent(2),
  QGemm: (call) => [tensor(has(call, 7) ? (dtypeOf(call, 8) ?? 'uint8') : 'float32', gemmShape(call, 3))],
  QLinearConv: (call) => [
    tensor(dtypeOf(call, 7) ?? dtypeOf(call, 0), channelsLast(call) ? convolvedLast(call, 3) : convolved(call, 3)),
  ],
  QLinearAdd: qlinearBinary,
  QLinearMul: qlinearBinary,
  QLinearConcat: qlinearConcat,
  QLinearSigmoid: likeFirst,
  QLinearLeakyRelu: likeFirst,
  QLinearSoftmax: likeFirst,
  QLinearWhere: (call) => [tensor(dtypeOf(call, 1), broadcast([shapeOf(call, 0), shapeOf(call, 1), shapeOf(call, 4)]))],
  QLinearAveragePool: (call) => [tensor(dtypeOf(call, 0), pooled(call, channelsLast(call)))],
  QLinearGlobalAveragePool: (call) => [tensor(dtypeOf(call, 0), globallyPooled(shapeOf(call, 0), channelsLast(call)))],
  MultiHeadAttention: multiHeadAttention,
  GroupQueryAttention: groupQueryAttention,
  Attention: packedAttention,
  Pad: movementRules.Pad!,
}

export const contribRules: Rules = {
  ...Object.fromEntries(Object.entries(rules).map(([name, rule]) => [`com.microsoft.${name}`, rule])),
  // The runtime writes this one into the standard domain.
  SimplifiedLayerNormalization: (call) => [
    tensor(dtypeOf(call, 0), shapeOf(call, 0)),
    tensor('float32', replaceLast(shapeOf(call, 0), 1)),
  ],
}
