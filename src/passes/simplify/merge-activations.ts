/*
 * y = Relu(Relu(x))                            ⇒  y = Relu(x)
 * y = Clip(Clip(x, a, b), c, d)                ⇒  y = Clip(x, lo, hi)      lo = clip(a, c, d), hi = clip(b, c, d)
 * y = Relu(Clip(x, a, b)), Clip(Relu(x), c, d) ⇒  y = Clip(x, lo, hi), Relu being Clip(0, ∞)
 * y = Relu(Sigmoid(x)), Abs(Relu(x)), Sigmoid… ⇒  the inner one, where its range makes the outer one do nothing
 * Illegal: bounds that are computed, or empty (a > b); an inner value that is read elsewhere (it stays, nothing is gained).
 * Source: clip(clip(x, a, b), c, d) = clip(x, clip(a, c, d), clip(b, c, d)) for a ≤ b and c ≤ d.
 */
import { type DType, float, fromNumbers, makeNode, type Node } from '../../ir/index.ts'
import { type Bounds, clipBounds, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const mergeActivations = rulePass('mergeActivations', 'Merges limits that follow each other into one.', [
  { roots: ['Relu', 'Clip', 'Abs'], apply },
])

/** What an operator's results lie in, whatever its input. */
const RANGES: Readonly<Record<string, Bounds>> = {
  Sigmoid: { low: 0, high: 1 },
  HardSigmoid: { low: 0, high: 1 },
  Softmax: { low: 0, high: 1 },
  Relu: { low: 0, high: Infinity },
  Abs: { low: 0, high: Infinity },
  Exp: { low: 0, high: Infinity },
  Softplus: { low: 0, high: Infinity },
  Sqrt: { low: 0, high: Infinity },
  Tanh: { low: -1, high: 1 },
}

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant } = context
  const input = node.inputs[0]!
  const inner = editor.producer(input)
  if (inner?.domain !== '') return false
  const through = (limit: Node) => (limit.opType === 'Clip' ? clipBounds(limit, constant) : RANGES[limit.opType])
  const [outer, range] = [through(node), through(inner)]
  if (!outer || !range || outer.low > outer.high || range.low > range.high) return false
  if (outer.low <= range.low && range.high <= outer.high)
    return editor.bypass(node.outputs[0]!, input) || { refused: 'both results are graph outputs' }
  if (node.opType === 'Abs' || !['Relu', 'Clip'].includes(inner.opType)) return false
  if (editor.soleConsumer(input) !== node) return { refused: 'the value before it is also read elsewhere' }
  const low = Math.min(Math.max(range.low, outer.low), outer.high)
  const high = Math.min(Math.max(range.high, outer.low), outer.high)
  const merged = limited(node, inner, { low, high }, context)
  if (!merged) return { refused: 'the type of its bounds is not known' }
  editor.replace(node, merged)
  editor.removeUnused(inner)
  return true
}

function limited(node: Node, inner: Node, range: Bounds, { editor, opset, constant }: RuleContext): Node | undefined {
  const [data, output] = [inner.inputs[0]!, node.outputs[0]!]
  if (range.low === 0 && range.high === Infinity) return makeNode('Relu', [data], [output], { name: node.name })
  if (opset < 11) {
    const attributes = {
      ...(Number.isFinite(range.low) ? { min: float(range.low) } : {}),
      ...(Number.isFinite(range.high) ? { max: float(range.high) } : {}),
    }
    return makeNode('Clip', [data], [output], { name: node.name, attributes })
  }
  const known = [...node.inputs.slice(1), ...inner.inputs.slice(1)].map((name) => constant(name)?.dtype)
  const dtype: DType | undefined = known.find((found) => found !== undefined)
  if (!dtype) return undefined
  const bound = (value: number, name: string) =>
    Number.isFinite(value) ? editor.addConstant(fromNumbers(dtype, [], [value]), `${output}_${name}`) : ''
  const inputs = [data, bound(range.low, 'min'), bound(range.high, 'max')]
  return makeNode('Clip', inputs[2] === '' ? inputs.slice(0, 2) : inputs, [output], { name: node.name })
}
