import { int, intAttribute } from '../../ir/index.ts'
import { type GradientCall, type GradientRule, gradientOf } from './rule.ts'

const axisOf = (call: GradientCall): number => intAttribute(call.node, 'axis', -1)
const sumAlong = (call: GradientCall, x: string) => call.write.reduceSum(x, [axisOf(call)], true)

export const softmaxes = {
  /** y = softmax x: ∂x = y∘(G − Σ G∘y) along the axis. */
  Softmax: ((call) => {
    const { node, write } = call
    const [g, y] = [gradientOf(call), node.outputs[0]!]
    return [write.mul(y, write.sub(g, sumAlong(call, write.mul(g, y))))]
  }) satisfies GradientRule,
  /** y = log softmax x: ∂x = G − exp(y)·ΣG. */
  LogSoftmax: ((call) => {
    const { node, write } = call
    const g = gradientOf(call)
    return [write.sub(g, write.mul(write.op('Exp', [node.outputs[0]!]), sumAlong(call, g)))]
  }) satisfies GradientRule,
  /** Sums from the other end: the direction turns. */
  CumSum: ((call) => {
    const { node, write } = call
    const turned = {
      exclusive: int(intAttribute(node, 'exclusive', 0)),
      reverse: int(1 - intAttribute(node, 'reverse', 0)),
    }
    return [write.op('CumSum', [gradientOf(call), node.inputs[1]!], turned)]
  }) satisfies GradientRule,
}
