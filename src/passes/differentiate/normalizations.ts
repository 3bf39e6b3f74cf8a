import { intAttribute, type Node } from '../../ir/index.ts'
import { INVERSE, NORMAL } from './batch-training.ts'
import { sumTo } from './broadcast.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { besideChannels, epsilonOf, inverseRoot, moments, perChannel } from './normalization-parts.ts'
import { Refused } from './refused.ts'
import { type Contributions, type GradientCall, type GradientRule, gradientOf } from './rule.ts'

/** x̂ = (x − mean)·inverse along `axes`, where `mean` may be absent (RMS). */
interface Normalized {
  readonly normal: string
  readonly inverse: string
  readonly axes: readonly number[]
  readonly centred: boolean
}

/**
 * The gradient by x through x̂ = (x − μ)/σ, where μ and σ depend on x, given the gradient h by x̂:
 * ∂x = (h − mean h − x̂·mean(h∘x̂))/σ; without a mean that is taken off, the middle term is absent.
 */
function throughNormal(write: GradientWriter, h: string, { normal, inverse, axes, centred }: Normalized): string {
  const along = write.mul(normal, write.reduceMean(write.mul(h, normal), axes))
  const rest = centred ? write.sub(h, write.reduceMean(h, axes)) : h
  return write.mul(inverse, write.sub(rest, along))
}

export const normalizations = {
  BatchNormalization: ((call) =>
    intAttribute(call.node, 'training_mode', 0) !== 0
      ? batchTraining(call)
      : batchInference(call)) satisfies GradientRule,
  LayerNormalization: ((call) => {
    const { node, write } = call
    const [x, scale, bias] = node.inputs as [string, string, string?]
    const axes = fromAxis(write, node, x)
    const [mean, inverse] = [call.output(1), call.output(2)]
    const normal = write.mul(write.sub(x, mean), inverse)
    return affine(call, x, scale, bias, { normal, inverse, axes, centred: true })
  }) satisfies GradientRule,
  RMSNormalization: ((call) => {
    const { node, write } = call
    const [x, scale] = node.inputs as [string, string]
    const axes = fromAxis(write, node, x)
    const square = write.reduceMean(write.mul(x, x), axes)
    const inverse = inverseRoot(write, square, epsilonOf(node), x)
    return affine(call, x, scale, undefined, { normal: write.mul(x, inverse), inverse, axes, centred: false })
  }) satisfies GradientRule,
  InstanceNormalization: ((call) => {
    const { node, write } = call
    const [x, scale] = node.inputs as [string, string]
    const rank = write.rank(x)
    const g = gradientOf(call)
    const axes = Array.from({ length: rank - 2 }, (_, i) => i + 2)
    const { difference, inverse } = moments(write, x, axes, epsilonOf(node), x)
    const normal = write.mul(difference, inverse)
    const h = write.mul(g, perChannel(write, scale, rank))
    return [
      call.wants(0) ? throughNormal(write, h, { normal, inverse, axes, centred: true }) : undefined,
      ...perChannelGradients(call, g, normal, rank),
    ]
  }) satisfies GradientRule,
  /** Groups of channels become one axis, over which all is normalised. */
  GroupNormalization: ((call) => {
    const { node, write } = call
    const [x, scale] = node.inputs as [string, string]
    const rank = write.rank(x)
    const g = gradientOf(call)
    const groups = intAttribute(node, 'num_groups', 1)
    const channels = write.shape(x)?.[1]
    const scales = write.shape(scale)?.[0]
    if (typeof channels !== 'number' || scales !== channels) throw new Refused('its scale is not one number a channel')
    const grouped = (value: string) => write.reshape(value, [0, groups, -1])
    const { difference, inverse } = moments(write, grouped(x), [2], epsilonOf(node), x)
    const normal = write.mul(difference, inverse)
    const h = grouped(write.mul(g, perChannel(write, scale, rank)))
    return [
      call.wants(0)
        ? write.reshapeLike(throughNormal(write, h, { normal, inverse, axes: [2], centred: true }), x)
        : undefined,
      ...perChannelGradients(call, g, write.reshapeLike(normal, x), rank),
    ]
  }) satisfies GradientRule,
}

/** Gradients by scale and bias of one number a channel. */
function perChannelGradients(call: GradientCall, g: string, normal: string, rank: number): Contributions {
  const { write } = call
  const sum = (value: string) => write.reduceSum(value, besideChannels(rank), false)
  return [call.wants(1) ? sum(write.mul(g, normal)) : undefined, call.wants(2) ? sum(g) : undefined]
}

/** y = x̂·scale + bias with NumPy's broadcasting. */
function affine(call: GradientCall, x: string, scale: string, bias: string | undefined, of: Normalized) {
  const { write } = call
  const g = gradientOf(call)
  return [
    call.wants(0) ? throughNormal(write, write.mul(g, scale), of) : undefined,
    call.wants(1) ? sumTo(write, write.mul(g, of.normal), write.shape(x), scale) : undefined,
    bias && call.wants(2) ? sumTo(write, g, write.shape(x), bias) : undefined,
  ]
}

function fromAxis(write: GradientWriter, node: Node, x: string): readonly number[] {
  const rank = write.rank(x)
  const axis = intAttribute(node, 'axis', -1)
  const first = axis < 0 ? axis + rank : axis
  return Array.from({ length: rank - first }, (_, i) => first + i)
}

/** y = (x − mean)·scale/√(variance + ε) + bias, mean and variance being constants of the model, or asked for too. */
function batchInference(call: GradientCall): readonly (string | undefined)[] {
  const { node, write } = call
  const [x, scale, , mean, variance] = node.inputs as [string, string, string, string, string]
  const rank = write.rank(x)
  const g = gradientOf(call)
  const inverse = inverseRoot(write, variance, epsilonOf(node), variance)
  const factor = write.mul(scale, inverse)
  const sum = (value: string) => write.reduceSum(value, besideChannels(rank), false)
  const total = () => sum(g)
  const weighted = () => sum(write.mul(g, write.sub(x, perChannel(write, mean, rank))))
  /** ∂σ²: Σ G·(x − μ)·scale·(−½)·(σ² + ε)^(−3/2). */
  const byVariance = () =>
    write.mul(write.mul(weighted(), write.number(-0.5, variance)), write.mul(factor, write.mul(inverse, inverse)))
  return [
    call.wants(0) ? write.mul(g, perChannel(write, factor, rank)) : undefined,
    call.wants(1) ? write.mul(weighted(), inverse) : undefined,
    call.wants(2) ? total() : undefined,
    call.wants(3) ? write.neg(write.mul(total(), factor)) : undefined,
    call.wants(4) ? byVariance() : undefined,
  ]
}

/** Mean and variance are those of the batch; running ones carry no gradient. */
function batchTraining(call: GradientCall): readonly (string | undefined)[] {
  const { node, write } = call
  const [x, scale] = node.inputs as [string, string]
  const rank = write.rank(x)
  const g = gradientOf(call)
  const axes = besideChannels(rank)
  const [normal, inverse] = [call.output(NORMAL), call.output(INVERSE)]
  const h = write.mul(g, perChannel(write, scale, rank))
  return [
    call.wants(0) ? throughNormal(write, h, { normal, inverse, axes, centred: true }) : undefined,
    ...perChannelGradients(call, g, normal, rank),
  ]
}
