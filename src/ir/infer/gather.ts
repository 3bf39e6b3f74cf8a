import { intAttribute, intsAttribute, tensorAttribute } from '../attribute.ts'
import { dtypeFromCode } from '../dtype.ts'
import type { Dim } from '../model.ts'
import { toNumbers } from '../numbers.ts'
import { elementCount, type Tensor } from '../tensor.ts'
import {
  type Call,
  dtypeOf,
  elementsOf,
  normalAxis,
  numbersOf,
  type Rule,
  type Rules,
  shapeOf,
  tensor,
  unknownDims,
  withDim,
} from './call.ts'
import { likeFirst } from './elementwise.ts'

/** Constants up to this many elements are followed through shape arithmetic. */
export const MAX_FOLLOWED = 256

const gather: Rule = (call) => {
  const [data, indices] = [shapeOf(call, 0), shapeOf(call, 1)]
  const axis = data && normalAxis(intAttribute(call.node, 'axis', 0), data.length)
  if (!data || !indices || axis === null || axis === undefined) return [tensor(dtypeOf(call, 0), null)]
  const dims = [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]
  const from = data.length === 1 ? elementsOf(call, 0) : undefined
  const at = numbersOf(call, 1)
  const elements = from && at?.map((index) => from[index < 0 ? index + from.length : index] ?? null)
  return [tensor(dtypeOf(call, 0), dims, elements)]
}

const gatherNd: Rule = (call) => {
  const [data, indices] = [shapeOf(call, 0), shapeOf(call, 1)]
  const depth = indices?.at(-1)
  if (!data || !indices || typeof depth !== 'number') return [tensor(dtypeOf(call, 0), null)]
  const batch = intAttribute(call.node, 'batch_dims', 0)
  return [tensor(dtypeOf(call, 0), [...indices.slice(0, -1), ...data.slice(batch + depth)])]
}

const oneHot: Rule = (call) => {
  const shape = shapeOf(call, 0)
  if (!shape) return [tensor(dtypeOf(call, 2), null)]
  const axis = normalAxis(intAttribute(call.node, 'axis', -1), shape.length + 1) ?? shape.length
  const depth = elementsOf(call, 1)?.[0] ?? null
  return [tensor(dtypeOf(call, 2), [...shape.slice(0, axis), depth, ...shape.slice(axis)])]
}

const topK: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const k: Dim = call.node.attributes.has('k') ? intAttribute(call.node, 'k', 0) : (elementsOf(call, 1)?.[0] ?? null)
  const axis = shape && normalAxis(intAttribute(call.node, 'axis', -1), shape.length)
  const dims = shape && axis !== null && axis !== undefined ? withDim(shape, axis, k) : null
  return [tensor(dtypeOf(call, 0), dims), tensor('int64', dims)]
}

const compress: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const chosen = numbersOf(call, 1)?.filter((condition) => condition !== 0).length ?? null
  const axis = call.node.attributes.has('axis') ? intAttribute(call.node, 'axis', 0) : undefined
  if (axis === undefined) return [tensor(dtypeOf(call, 0), [chosen])]
  const at = shape && normalAxis(axis, shape.length)
  return [tensor(dtypeOf(call, 0), shape && at !== null && at !== undefined ? withDim(shape, at, chosen) : null)]
}

const unique: Rule = (call) => {
  const shape = shapeOf(call, 0)
  const axis = call.node.attributes.has('axis') ? intAttribute(call.node, 'axis', 0) : undefined
  const at = axis === undefined ? undefined : shape && normalAxis(axis, shape.length)
  const values =
    axis === undefined ? [null] : shape && at !== null && at !== undefined ? withDim(shape, at, null) : null
  return [tensor(dtypeOf(call, 0), values), tensor('int64', [null]), tensor('int64', [null]), tensor('int64', [null])]
}

/** A row of places for each axis; a scalar counts as a row of one. */
const nonZero: Rule = (call) => {
  const shape = shapeOf(call, 0)
  return [tensor('int64', [shape && Math.max(1, shape.length), null])]
}

const constantOfShape: Rule = (call) => {
  const value = tensorAttribute(call.node, 'value')
  const target = elementsOf(call, 0)
  const rank = shapeOf(call, 0)?.[0]
  const shape = target ?? (typeof rank === 'number' ? unknownDims(rank) : null)
  const fill = value ? elementsOfConstant(value)?.[0] : 0
  const count = shape?.length === 1 && typeof shape[0] === 'number' ? shape[0] : -1
  const elements = count >= 0 && count <= MAX_FOLLOWED && fill !== undefined ? Array(count).fill(fill) : undefined
  return [tensor(value?.dtype ?? 'float32', shape, elements)]
}

/**
 * The elements of a small numeric constant; undefined where it is big, of text, or cannot be read. Kept for as long as the
 * constant is: most of a model's stand in all models that passes make of it.
 */
export function elementsOfConstant(value: Tensor): readonly number[] | undefined {
  const known = elementsKnown.get(value)
  if (known !== undefined) return known ?? undefined
  const elements = readElements(value)
  elementsKnown.set(value, elements ?? null)
  return elements
}

const elementsKnown = new WeakMap<Tensor, readonly number[] | null>()

function readElements(value: Tensor): readonly number[] | undefined {
  const count = elementCount(value.dims)
  if (value.data.form === 'strings' || value.dtype.startsWith('complex') || !(count <= MAX_FOLLOWED)) return undefined
  try {
    const numbers = toNumbers(value)
    return numbers.length === count && numbers.every(Number.isFinite) ? Array.from(numbers) : undefined
  } catch {
    return undefined
  }
}

const range: Rule = (call) => {
  const [start, limit, delta] = [0, 1, 2].map((i) => elementsOf(call, i)?.[0] ?? null)
  const dtype = dtypeOf(call, 0)
  const { symbols } = call
  if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number' && delta !== 0) {
    const count = Math.max(0, Math.ceil((limit - start) / delta))
    const follow = count <= MAX_FOLLOWED && dtype?.startsWith('int')
    return [tensor(dtype, [count], follow ? Array.from({ length: count }, (_, i) => start + i * delta) : undefined)]
  }
  const span = delta === 1 ? symbols.subtract(limit ?? null, start ?? null) : null
  return [tensor(dtype, [symbols.isNonNegative(span) ? span : span === null ? null : symbols.maximum(span, 0)])]
}

const eyeLike: Rule = (call) => [
  tensor(dtypeFromCode(intAttribute(call.node, 'dtype', -1)) ?? dtypeOf(call, 0), shapeOf(call, 0)),
]

const randomLike: Rule = eyeLike

const random: Rule = (call) => {
  const dtype = dtypeFromCode(intAttribute(call.node, 'dtype', 1))
  return [tensor(dtype, intsAttribute(call.node, 'shape', null))]
}

const multinomial: Rule = (call) => [
  tensor(dtypeFromCode(intAttribute(call.node, 'dtype', 6)), [
    shapeOf(call, 0)?.[0] ?? null,
    intAttribute(call.node, 'sample_size', 1),
  ]),
]

const window: Rule = (call) => [
  tensor(dtypeFromCode(intAttribute(call.node, 'output_datatype', 1)), [elementsOf(call, 0)?.[0] ?? null]),
]

const melWeights: Rule = (call) => {
  const bins = elementsOf(call, 0)?.[0] ?? null
  const length = elementsOf(call, 1)?.[0] ?? null
  const rows = call.symbols.add(call.symbols.divide(length, 2), 1)
  return [tensor(dtypeFromCode(intAttribute(call.node, 'output_datatype', 1)), [rows, bins])]
}

const nonMaxSuppression: Rule = () => [tensor('int64', [null, 3])]

const tfIdf: Rule = (call: Call) => {
  const indexes = intsAttribute(call.node, 'ngram_indexes', null)
  const shape = shapeOf(call, 0)
  const width = indexes && Math.max(...indexes) + 1
  return [tensor('float32', shape && [...shape.slice(0, -1), width])]
}

export const gatherRules: Rules = {
  Gather: gather,
  GatherElements: (call) => [tensor(dtypeOf(call, 0), shapeOf(call, 1))],
  GatherND: gatherNd,
  Scatter: likeFirst,
  ScatterElements: likeFirst,
  ScatterND: likeFirst,
  OneHot: oneHot,
  TopK: topK,
  Compress: compress,
  Unique: unique,
  NonZero: nonZero,
  ConstantOfShape: constantOfShape,
  Range: range,
  EyeLike: eyeLike,
  RandomNormal: random,
  RandomUniform: random,
  RandomNormalLike: randomLike,
  RandomUniformLike: randomLike,
  Multinomial: multinomial,
  BlackmanWindow: window,
  HammingWindow: window,
  HannWindow: window,
  MelWeightMatrix: melWeights,
  NonMaxSuppression: nonMaxSuppression,
  TfIdfVectorizer: tfIdf,
}
