import { floatAttribute, intAttribute, isFloating, type Node, type Tensor, toNumbers } from '../ir/index.ts'

/** `y = scale·x + shift` along one axis; vectors of length 1 hold for every channel. */
export interface Affine {
  readonly input: string
  readonly scale: Float64Array
  readonly shift: Float64Array
}

/** Where the channels of a value are: `fromEnd` 0 is the last axis; null where a number is not known. */
export interface ChannelAxis {
  readonly fromEnd: number
  readonly channels: number | null
  readonly rank: number | null
}

/** Looks a constant up by its value's name. */
export type Constants = (name: string) => Tensor | undefined

const ONE = Float64Array.of(1)
const ZERO = Float64Array.of(0)

/**
 * What an elementwise node with one constant, a Neg, or a BatchNormalization with constant statistics, does to its input;
 * undefined where it is no affine map along this axis, or where its constants are not finite.
 */
export function affineOf(node: Node, constants: Constants, axis: ChannelAxis): Affine | undefined {
  const affine =
    node.opType === 'BatchNormalization' ? batchNorm(node, constants, axis) : elementwise(node, constants, axis)
  return affine?.scale.every(Number.isFinite) && affine.shift.every(Number.isFinite) ? affine : undefined
}

function elementwise(node: Node, constants: Constants, axis: ChannelAxis): Affine | undefined {
  if (node.domain === '' && node.opType === 'Neg')
    return { input: node.inputs[0]!, scale: Float64Array.of(-1), shift: ZERO }
  if (node.domain !== '' || node.inputs.length !== 2 || !['Add', 'Sub', 'Mul', 'Div'].includes(node.opType))
    return undefined
  if (node.attributes.has('broadcast') || node.attributes.has('axis')) return undefined
  const [left, right] = node.inputs as [string, string]
  const onRight = perChannel(constants(right), axis)
  const onLeft = onRight ? undefined : perChannel(constants(left), axis)
  if (onRight && constants(left) === undefined) {
    if (node.opType === 'Add') return { input: left, scale: ONE, shift: onRight }
    if (node.opType === 'Sub') return { input: left, scale: ONE, shift: onRight.map((v) => -v) }
    if (node.opType === 'Mul') return { input: left, scale: onRight, shift: ZERO }
    return { input: left, scale: onRight.map((v) => 1 / v), shift: ZERO }
  }
  if (!onLeft) return undefined
  if (node.opType === 'Add') return { input: right, scale: ONE, shift: onLeft }
  if (node.opType === 'Mul') return { input: right, scale: onLeft, shift: ZERO }
  if (node.opType === 'Sub') return { input: right, scale: Float64Array.of(-1), shift: onLeft }
  return undefined
}

/** scale/√(var+ε) and B − mean·that: the inference form of BatchNormalization (ONNX operator page). */
function batchNorm(node: Node, constants: Constants, axis: ChannelAxis): Affine | undefined {
  if (axis.rank === null || axis.fromEnd !== axis.rank - 2 || trains(node)) return undefined
  const tensors = node.inputs.slice(1, 5).map((name) => constants(name))
  const [gamma, beta, mean, variance] = tensors.map((t) => (t && isFloating(t.dtype) ? toNumbers(t) : undefined))
  if (!gamma || !beta || !mean || !variance) return undefined
  if (axis.channels !== null && gamma.length !== axis.channels) return undefined
  const epsilon = floatAttribute(node, 'epsilon', 1e-5)
  const scale = gamma.map((g, i) => g / Math.sqrt(variance[i]! + epsilon))
  return { input: node.inputs[0]!, scale, shift: beta.map((b, i) => b - mean[i]! * scale[i]!) }
}

function trains(node: Node): boolean {
  return (
    node.domain !== '' ||
    intAttribute(node, 'training_mode', 0) !== 0 ||
    intAttribute(node, 'spatial', 1) !== 1 ||
    node.outputs.slice(1).some((name) => name !== '')
  )
}

/** A constant as one number a channel, or one for all; undefined where it varies along another axis or widens x. */
function perChannel(tensor: Tensor | undefined, axis: ChannelAxis): Float64Array | undefined {
  if (!tensor || !isFloating(tensor.dtype)) return undefined
  const { dims } = tensor
  if (dims.length > (axis.rank ?? 1)) return undefined
  const at = dims.length - 1 - axis.fromEnd
  const size = at >= 0 ? dims[at]! : 1
  if (dims.some((dim, i) => i !== at && dim !== 1)) return undefined
  if (size !== 1 && size !== axis.channels) return undefined
  return toNumbers(tensor)
}

/** The channel's value in a vector that holds one for each or one for all. */
export const atChannel = (vector: Float64Array, channel: number): number => vector[vector.length === 1 ? 0 : channel]!

/** `second ∘ first`, one vector length for both. */
export function composeAffine(first: Affine, second: Affine): Affine {
  const length = Math.max(first.scale.length, first.shift.length, second.scale.length, second.shift.length)
  const each = (f: (i: number) => number) => Float64Array.from({ length }, (_, i) => f(i))
  return {
    input: first.input,
    scale: each((i) => atChannel(second.scale, i) * atChannel(first.scale, i)),
    shift: each((i) => atChannel(second.scale, i) * atChannel(first.shift, i) + atChannel(second.shift, i)),
  }
}

export const isAllZeros = (vector: Float64Array): boolean => vector.every((value) => value === 0)
export const isAllOnes = (vector: Float64Array): boolean => vector.every((value) => value === 1)
