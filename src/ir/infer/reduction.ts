import { intAttribute, intsAttribute } from '../attribute.ts'
import type { Dim, Shape } from '../model.ts'
import {
  type Call,
  dtypeOf,
  elementsOf,
  has,
  normalAxes,
  normalAxis,
  numbersOf,
  type Rule,
  type Rules,
  shapeOf,
  tensor,
  unknownDims,
} from './call.ts'

type Fold = (symbols: Call['symbols'], dims: readonly Dim[]) => Dim

/** Reductions over `axes`, an attribute first and an input since opset 18 (ReduceSum: 13). */
const reduce =
  (fold?: Fold): Rule =>
  (call) => {
    const shape = shapeOf(call, 0)
    const keep = intAttribute(call.node, 'keepdims', 1) === 1
    const axes = intsAttribute(call.node, 'axes', undefined) ?? (has(call, 1) ? numbersOf(call, 1) : [])
    const dtype = dtypeOf(call, 0)
    if (axes?.length === 0 && intAttribute(call.node, 'noop_with_empty_axes', 0) === 1) return [call.inputs[0]]
    if (axes?.length === 0 && !keep) return [tensor(dtype, [], folded(call, fold))]
    if (!shape) return [tensor(dtype, null)]
    if (!axes) return [tensor(dtype, keep ? unknownDims(shape.length) : null)]
    const normal = axes.length === 0 ? shape.map((_, i) => i) : normalAxes(axes, shape.length)
    if (!normal) return [tensor(dtype, keep ? unknownDims(shape.length) : null)]
    const elements = shape.length === 1 ? folded(call, fold) : undefined
    return [tensor(dtype, reduced(shape, normal, keep), elements)]
  }

function folded(call: Call, fold: Fold | undefined): readonly Dim[] | undefined {
  const elements = elementsOf(call, 0)
  return fold && elements ? [fold(call.symbols, elements)] : undefined
}

function reduced(shape: Shape, axes: readonly number[], keep: boolean): Shape {
  return keep ? shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) : shape.filter((_, i) => !axes.includes(i))
}

const arg: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const axis = shape && normalAxis(intAttribute(call.node, 'axis', 0), shape.length)
  const keep = intAttribute(call.node, 'keepdims', 1) === 1
  return [tensor('int64', shape && axis !== null && axis !== undefined ? reduced(shape, [axis], keep) : null)]
}

/** Layer normalization: mean and inverse deviation have the shape with the normalized axes at 1. */
const layerNormalization: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const axis = shape && normalAxis(intAttribute(call.node, 'axis', -1), shape.length)
  const rest = shape && axis !== null && axis !== undefined ? shape.map((dim, i) => (i < axis ? dim : 1)) : null
  const statistics = tensor('float32', rest)
  const like = call.inputs[0] && { type: call.inputs[0].type }
  return [like, statistics, statistics]
}

/** `reduction` decides: none keeps one loss for each label, else one number. */
const loss: Rule = (call) => {
  const reduction = call.node.attributes.get('reduction')
  const none = reduction?.type === 'string' && reduction.value === 'none'
  return [tensor(dtypeOf(call, 0), none ? shapeOf(call, 1) : []), tensor(dtypeOf(call, 0), shapeOf(call, 0))]
}

export const reductionRules: Rules = {
  ReduceL1: reduce(),
  ReduceL2: reduce(),
  ReduceLogSum: reduce(),
  ReduceLogSumExp: reduce(),
  ReduceMax: reduce((symbols, dims) => dims.reduce((a, b) => symbols.maximum(a, b))),
  ReduceMean: reduce(),
  ReduceMin: reduce((symbols, dims) => dims.reduce((a, b) => symbols.minimum(a, b))),
  ReduceProd: reduce((symbols, dims) => symbols.product(dims)),
  ReduceSum: reduce((symbols, dims) => symbols.sum(dims)),
  ReduceSumSquare: reduce(),
  ArgMax: arg,
  ArgMin: arg,
  LayerNormalization: layerNormalization,
  RMSNormalization: (call) => [call.inputs[0] && { type: call.inputs[0].type }],
  NegativeLogLikelihoodLoss: loss,
  SoftmaxCrossEntropyLoss: loss,
}
