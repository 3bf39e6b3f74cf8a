import { floatAttribute, stringAttribute } from '../../ir/index.ts'
import { type Element, elementwise, unary } from './rule.ts'

const SELU = { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }

/** 0 < x, as a condition. */
const positive = ({ write }: Element, value: string) => write.op('Greater', [value, write.number(0, value)])

/** g·(positive ? `above` : `below`), where both are factors. */
function sided(element: Element, above: string, below: string): string {
  const { write, g, x } = element
  return write.mul(g, write.op('Where', [positive(element, x), above, below]))
}

/** Functions of one value, and of a slope or bounds. */
export const activations = {
  /** From the output, so that runtimes can still fuse it into the operator before. */
  Relu: unary((element) => element.write.where(positive(element, element.y), element.g, element.y)),
  LeakyRelu: unary((element) => {
    const { write, x, node } = element
    return sided(element, write.number(1, x), write.number(floatAttribute(node, 'alpha', 0.01), x))
  }),
  PRelu: elementwise((element) => {
    const { write, g, inputs, input } = element
    const [x, slope] = inputs as [string, string]
    const above = write.op('Greater', [x, write.number(0, x)])
    if (input === 0) return write.op('Where', [above, g, write.mul(g, slope)])
    return write.op('Where', [above, write.number(0, x), write.mul(g, x)])
  }),
  ThresholdedRelu: unary(({ write, g, x, node }) =>
    write.where(write.op('Greater', [x, write.number(floatAttribute(node, 'alpha', 1), x)]), g, x),
  ),
  Elu: unary((element) => {
    const { write, x, y, node } = element
    const alpha = write.number(floatAttribute(node, 'alpha', 1), x)
    return sided(element, write.number(1, x), write.add(y, alpha))
  }),
  /** γ·α·eˣ below zero. */
  Selu: unary((element) => {
    const { write, x, y, node } = element
    const gamma = floatAttribute(node, 'gamma', SELU.gamma)
    const scale = gamma * floatAttribute(node, 'alpha', SELU.alpha)
    return sided(element, write.number(gamma, x), write.add(y, write.number(scale, x)))
  }),
  /** α(e^(x/α) − 1) below zero. */
  Celu: unary((element) => {
    const { write, x, y, node } = element
    const alpha = write.number(floatAttribute(node, 'alpha', 1), x)
    return sided(element, write.number(1, x), write.add(write.div(y, alpha), write.number(1, x)))
  }),
  /** Bounds get what was cut off; ties belong to the value. */
  Clip: elementwise(({ write, g, inputs, input }) => {
    const [x, low, high] = inputs as [string, string?, string?]
    const below = low ? write.op('Less', [x, low]) : undefined
    const above = high ? write.op('Greater', [x, high]) : undefined
    const cut = below && above ? write.op('Or', [below, above]) : (below ?? above)
    if (input === 0) return cut ? write.op('Where', [cut, write.number(0, x), g]) : g
    return write.where((input === 1 ? below : above)!, g, x)
  }),
  Sigmoid: unary(({ write, g, y }) => write.mul(g, write.mul(y, write.sub(write.number(1, y), y)))),
  HardSigmoid: unary((element) => {
    const { write, g, y, node } = element
    const inside = write.op('And', [positive(element, y), write.op('Less', [y, write.number(1, y)])])
    return write.where(inside, write.mul(g, write.number(floatAttribute(node, 'alpha', 0.2), y)), y)
  }),
  /** 0 below −3, 1 above 3, x/3 + 1/2 between. */
  HardSwish: unary(({ write, g, x }) => {
    const slope = write.add(write.mul(x, write.number(1 / 3, x)), write.number(0.5, x))
    const inner = write.op('Where', [write.op('Less', [x, write.number(3, x)]), slope, write.number(1, x)])
    return write.where(write.op('Greater', [x, write.number(-3, x)]), write.mul(g, inner), x)
  }),
  Tanh: unary(({ write, g, y }) => write.mul(g, write.sub(write.number(1, y), write.mul(y, y)))),
  Softplus: unary(({ write, g, x }) => write.mul(g, write.op('Sigmoid', [x]))),
  Softsign: unary(({ write, g, x }) => {
    const root = write.add(write.op('Abs', [x]), write.number(1, x))
    return write.div(g, write.mul(root, root))
  }),
  /** x·tanh(softplus x) */
  Mish: unary(({ write, g, x }) => {
    const t = write.op('Tanh', [write.op('Softplus', [x])])
    const inner = write.mul(write.sub(write.number(1, x), write.mul(t, t)), write.op('Sigmoid', [x]))
    return write.mul(g, write.add(t, write.mul(x, inner)))
  }),
  Gelu: unary((element) =>
    stringAttribute(element.node, 'approximate', 'none') === 'tanh' ? tanhGelu(element) : exactGelu(element),
  ),
  'com.microsoft.Gelu': unary(exactGelu),
  'com.microsoft.QuickGelu': unary((element) =>
    gated(element, floatAttribute(element.node, 'alpha', Math.fround(1.702))),
  ),
  Swish: unary((element) => gated(element, floatAttribute(element.node, 'alpha', 1))),
}

/** Φ(x) + x·φ(x) for x·Φ(x), with the normal distribution Φ and its density φ. */
function exactGelu({ write, g, x }: Element): string {
  const erf = write.op('Erf', [write.mul(x, write.number(Math.SQRT1_2, x))])
  const cdf = write.mul(write.add(erf, write.number(1, x)), write.number(0.5, x))
  const square = write.mul(write.mul(x, x), write.number(-0.5, x))
  const density = write.mul(write.op('Exp', [square]), write.number(1 / Math.sqrt(2 * Math.PI), x))
  return write.mul(g, write.add(cdf, write.mul(x, density)))
}

/** ½x(1 + tanh u), u = √(2/π)(x + 0.044715x³). */
function tanhGelu({ write, g, x }: Element): string {
  const k = Math.sqrt(2 / Math.PI)
  const square = write.mul(x, x)
  const inner = write.add(write.mul(square, write.number(0.044715 * k, x)), write.number(k, x))
  const t = write.op('Tanh', [write.mul(x, inner)])
  const slope = write.add(write.mul(square, write.number(3 * 0.044715 * k, x)), write.number(k, x))
  const bend = write.mul(write.mul(x, slope), write.sub(write.number(1, x), write.mul(t, t)))
  return write.mul(g, write.mul(write.add(write.add(t, write.number(1, x)), bend), write.number(0.5, x)))
}

/** x·σ(αx): σ + αxσ(1 − σ). */
function gated({ write, g, x, y }: Element, alpha: number): string {
  const s = write.op('Sigmoid', [alpha === 1 ? x : write.mul(x, write.number(alpha, x))])
  const bend = write.mul(write.mul(y, write.number(alpha, x)), write.sub(write.number(1, x), s))
  return write.mul(g, write.add(s, bend))
}
