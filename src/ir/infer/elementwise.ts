import { floatAttribute, intAttribute } from '../attribute.ts'
import { type DType, dtypeFromCode } from '../dtype.ts'
import type { Dim } from '../model.ts'
import { INTEGER_RANGES, isInteger } from '../numbers.ts'
import { broadcast, type Call, dtypeOf, elementsOf, type Rule, type Rules, shapeOf, tensor } from './call.ts'
import type { Symbols } from './symbols.ts'

/** The output is like the first input, its elements unknown. */
export const likeFirst: Rule = (call) => [call.inputs[0] && { type: call.inputs[0].type }]

/** The output is the first input. */
const first: Rule = (call) => [call.inputs[0]]

/** A truth value for each element of the first input. */
const firstAsTruths: Rule = (call) => [tensor('bool', shapeOf(call, 0))]

const shapes = (call: Call) => call.node.inputs.map((_, i) => shapeOf(call, i))

/** Before opset 7, `axis` and `broadcast` made the second operand fit the first. */
function operandsShape(call: Call) {
  return intAttribute(call.node, 'broadcast', 0) === 1 ? shapeOf(call, 0) : broadcast(shapes(call))
}

const broadcasting: Rule = (call) => [tensor(dtypeOf(call, 0) ?? dtypeOf(call, 1), operandsShape(call))]

const broadcastTo =
  (dtype: DType): Rule =>
  (call) => [tensor(dtype, operandsShape(call))]

type Arithmetic = (symbols: Symbols, a: Dim, b: Dim) => Dim

/** Broadcasting arithmetic that is followed on elements too, where they are known. */
function arithmetic(compute: Arithmetic, dtype?: DType): Rule {
  return (call) => {
    const type = dtype ?? dtypeOf(call, 0) ?? dtypeOf(call, 1)
    const elements = folded(call, (a, b) => compute(call.symbols, a, b))
    return [tensor(type, operandsShape(call), elements)]
  }
}

/** Element by element over all inputs, for equal shapes and scalars. */
function folded(call: Call, compute: (a: Dim, b: Dim) => Dim): readonly Dim[] | undefined {
  const inputs = call.node.inputs.map((_, i) => elementsOf(call, i))
  if (inputs.length === 0 || inputs.some((elements) => elements === undefined)) return undefined
  const known = inputs as readonly (readonly Dim[])[]
  const size = Math.max(...known.map((elements) => elements.length))
  const ranks = call.node.inputs.map((_, i) => shapeOf(call, i)?.length ?? 2)
  if (ranks.some((rank) => rank > 1) || known.some(({ length }) => length !== size && length !== 1)) return undefined
  const at = (elements: readonly Dim[], i: number) => elements[elements.length === 1 ? 0 : i]!
  return Array.from({ length: size }, (_, i) => {
    let result: Dim = at(known[0]!, i)
    for (const elements of known.slice(1)) result = compute(result, at(elements, i))
    return result
  })
}

const onNumbers =
  (compute: (a: number, b: number) => number): Arithmetic =>
  (_, a, b) =>
    typeof a === 'number' && typeof b === 'number' ? compute(a, b) : null

const divided: Rule = (call) => {
  const floating = dtypeOf(call, 0)?.startsWith('float') ?? true
  // Integer division rounds towards zero; symbols are sizes and do not fall below it.
  const quotient: Arithmetic = (symbols, a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return b === 0 ? null : floating ? a / b : Math.trunc(a / b)
    if (floating) return symbols.divideExactly(a, b)
    return symbols.isNonNegative(a) && symbols.isNonNegative(b) ? symbols.divide(a, b) : null
  }
  return arithmetic(quotient)(call)
}

/** Whether the two are known to be equal (1), known to differ (0), or neither. */
const equal: Arithmetic = (symbols, a, b) => {
  if (a !== null && a === b) return 1
  if (typeof a === 'number' && typeof b === 'number') return 0
  // A size is never negative, so a Reshape's -1 differs from it.
  return (typeof a === 'number' && a < 0 && symbols.isNonNegative(b)) ||
    (typeof b === 'number' && b < 0 && symbols.isNonNegative(a))
    ? 0
    : null
}

/** A function of one operand, followed where its element is known. */
function unary(compute: (dim: Dim, symbols: Symbols) => Dim): Rule {
  return (call) => [
    tensor(
      dtypeOf(call, 0),
      shapeOf(call, 0),
      elementsOf(call, 0)?.map((element) => compute(element, call.symbols)),
    ),
  ]
}

/** Rounding leaves the integers that symbols stand for as they are. */
const rounding = (round: (value: number) => number): Rule =>
  unary((dim) => (typeof dim === 'number' ? round(dim) : dim))

const cast: Rule = (call) => {
  const dtype = dtypeFromCode(intAttribute(call.node, 'to', 0))
  const range = dtype && isInteger(dtype) ? INTEGER_RANGES[dtype] : undefined
  const elements = elementsOf(call, 0)?.map((element) => {
    if (typeof element !== 'number') return element
    if (!range) return dtype === 'bool' ? Number(element !== 0) : element
    const whole = Math.trunc(element)
    // What does not fit wraps around, or is whatever the processor makes of it.
    return whole >= range[0] && whole <= range[1] ? whole : null
  })
  return [tensor(dtype, shapeOf(call, 0), dtype === 'string' ? undefined : elements)]
}

const where: Rule = (call) => {
  const type = dtypeOf(call, 1) ?? dtypeOf(call, 2)
  const [condition, yes, no] = [0, 1, 2].map((i) => elementsOf(call, i))
  let elements: readonly Dim[] | undefined
  if (condition && yes && no && [0, 1, 2].every((i) => (shapeOf(call, i)?.length ?? 2) <= 1)) {
    const size = Math.max(condition.length, yes.length, no.length)
    const at = (list: readonly Dim[], i: number) => (list.length === 1 ? list[0]! : (list[i] ?? null))
    elements = Array.from({ length: size }, (_, i) => {
      const [c, a, b] = [at(condition, i), at(yes, i), at(no, i)]
      return c === null || typeof c === 'string' ? (a === b ? a : null) : c !== 0 ? a : b
    })
  }
  return [tensor(type, operandsShape(call), elements)]
}

const dropout: Rule = (call) => {
  const maskType: DType = call.opset < 10 ? (dtypeOf(call, 0) ?? 'float32') : 'bool'
  return [call.inputs[0], tensor(maskType, shapeOf(call, 0))]
}

const batchNormalization: Rule = (call) => {
  const type = dtypeOf(call, 3) ?? dtypeOf(call, 0)
  const statistics = tensor(type, shapeOf(call, 3))
  return [call.inputs[0] && { type: call.inputs[0].type }, statistics, statistics, statistics, statistics]
}

/** Symbols stand for integers: what a fraction makes of one is not followed. */
function whole(compute: Arithmetic): Arithmetic {
  const fraction = (dim: Dim) => typeof dim === 'number' && !Number.isInteger(dim)
  const mixed = (a: Dim, b: Dim) => (typeof a === 'string' && fraction(b)) || (typeof b === 'string' && fraction(a))
  return (symbols, a, b) => (mixed(a, b) ? null : compute(symbols, a, b))
}

const bernoulli: Rule = (call) => [
  tensor(dtypeFromCode(intAttribute(call.node, 'dtype', -1)) ?? dtypeOf(call, 0), shapeOf(call, 0)),
]

const clip: Rule = (call) => {
  const low = call.node.attributes.has('min') ? floatAttribute(call.node, 'min', 0) : elementsOf(call, 1)?.[0]
  const high = call.node.attributes.has('max') ? floatAttribute(call.node, 'max', 0) : elementsOf(call, 2)?.[0]
  const missing = (index: number) => (call.node.inputs[index] ?? '') !== ''
  if ((low === undefined && missing(1)) || (high === undefined && missing(2))) return likeFirst(call)
  const clipped = elementsOf(call, 0)?.map((element) => {
    const raised = low === undefined ? element : call.symbols.maximum(element, low)
    return high === undefined ? raised : call.symbols.minimum(raised, high)
  })
  return [tensor(dtypeOf(call, 0), shapeOf(call, 0), clipped)]
}

const each = (names: string, rule: Rule): Record<string, Rule> =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]))

const mod: Rule = (call) =>
  arithmetic((symbols, a, b) =>
    typeof a === 'number' && typeof b === 'number' && b > 0 && a >= 0
      ? a % b
      : symbols.isNonNegative(a) && typeof b === 'number' && b > 0
        ? symbols.subtract(a, symbols.multiply(b, symbols.divide(a, b)))
        : null,
  )(call)

export const elementwiseRules: Rules = {
  ...each(
    'Acos Acosh Asin Asinh Atan Atanh BitwiseNot Celu Cos Cosh CumSum Elu Erf Exp Gelu GroupNormalization HardSigmoid HardSwish Hardmax InstanceNormalization LRN LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization Mish Not Reciprocal ReverseSequence Selu Shrink Sigmoid Sin Sinh Softmax Softplus Softsign Swish Tan Tanh ThresholdedRelu Trilu ImageScaler ParametricSoftplus ScaledTanh Affine',
    likeFirst,
  ),
  ...each('PRelu Pow BitShift BitwiseAnd BitwiseOr BitwiseXor Mean', broadcasting),
  ...each('And Or Xor', broadcastTo('bool')),
  ...each('IsInf IsNaN RegexFullMatch', firstAsTruths),
  StringConcat: broadcastTo('string'),
  Identity: first,
  Dropout: dropout,
  BatchNormalization: batchNormalization,
  Add: arithmetic(whole((symbols, a, b) => symbols.add(a, b))),
  Sum: arithmetic(whole((symbols, a, b) => symbols.add(a, b))),
  Sub: arithmetic(whole((symbols, a, b) => symbols.subtract(a, b))),
  Mul: arithmetic(whole((symbols, a, b) => symbols.multiply(a, b))),
  Div: divided,
  Mod: mod,
  Max: arithmetic((symbols, a, b) => symbols.maximum(a, b)),
  Min: arithmetic((symbols, a, b) => symbols.minimum(a, b)),
  Equal: arithmetic(equal, 'bool'),
  Greater: arithmetic(
    onNumbers((a, b) => Number(a > b)),
    'bool',
  ),
  GreaterOrEqual: arithmetic(
    onNumbers((a, b) => Number(a >= b)),
    'bool',
  ),
  Less: arithmetic(
    onNumbers((a, b) => Number(a < b)),
    'bool',
  ),
  LessOrEqual: arithmetic(
    onNumbers((a, b) => Number(a <= b)),
    'bool',
  ),
  Abs: unary((dim, symbols) => (typeof dim === 'number' ? Math.abs(dim) : symbols.isNonNegative(dim) ? dim : null)),
  Neg: unary((dim, symbols) => symbols.subtract(0, dim)),
  Ceil: rounding(Math.ceil),
  Floor: rounding(Math.floor),
  Round: rounding((value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value))),
  Relu: unary((dim, symbols) => symbols.maximum(dim, 0)),
  Sign: unary((dim) => (typeof dim === 'number' ? Math.sign(dim) : null)),
  Sqrt: unary((dim) => (typeof dim === 'number' ? Math.sqrt(dim) : null)),
  Clip: clip,
  Cast: cast,
  CastLike: (call) => [tensor(dtypeOf(call, 1), shapeOf(call, 0))],
  Where: where,
  Bernoulli: bernoulli,
  StringNormalizer: (call) => {
    const removes = call.node.attributes.has('stopwords')
    const shape = shapeOf(call, 0)
    return [tensor('string', removes && shape ? [...shape.slice(0, -1), null] : shape)]
  },
  StringSplit: (call) => {
    const shape = shapeOf(call, 0)
    return [tensor('string', shape && [...shape, null]), tensor('int64', shape)]
  },
}
