/*
 * y = Add(Relu(x), Mul(Sub(x, Abs(x)), s))     ⇒   y = PRelu(x, 2s)       as InsightFace and older Keras code spell it
 * y = Add(Relu(x), Mul(Relu(Neg(x)), s))       ⇒   y = PRelu(x, −s)       as tf.keras.layers.PReLU does
 * y = Add(Relu(x), Mul(Neg(Relu(Neg(x))), s))  ⇒   y = PRelu(x, s)        as the MTCNN of facenet does
 * y = Sub(Relu(x), Mul(Relu(Neg(x)), s))       ⇒   y = PRelu(x, s)
 * y = Add(Relu(x), Mul(Min(x, 0), s))          ⇒   y = PRelu(x, s)        also Clip(x, , 0)
 * y = Add(Mul(x, s), Mul(Relu(x), 1 − s))      ⇒   y = PRelu(x, s)        as slopesAsProducts writes it; also
 *                    Relu(Mul(x, 1 − s))                                   s ≤ 1
 * y = Max(x, Mul(x, s))                        ⇒   y = PRelu(x, s)        0 ≤ s ≤ 1, one number: tf.maximum(x, 0.1·x)
 * y = Add(Relu(Sub(x, m)), m), m = Mul(x, s)   ⇒   y = PRelu(x, s)        s ≤ 1, as face-api writes it
 * y = Where(Greater(x, 0), x, Mul(x, s))       ⇒   y = PRelu(x, s)        as JAX and decomposed PyTorch write it; also
 *                 GreaterOrEqual, or Less, LessOrEqual with the sides changed
 * One factor of the first ones may stand in a Mul of its own, such as the half of (x − |x|)/2.
 * Each piece reads and writes the whole value, and one number for all channels is a LeakyRelu, with integer kernels.
 * Illegal: an inner value is read elsewhere; slopes of more axes than x is known to have, or that would widen it.
 * Source: ONNX, PRelu: y = x where x ≥ 0, else slope · x; min(x, 0) = (x − |x|)/2 = −max(−x, 0).
 */
import { elementCount, makeNode, type Node, type Tensor, tensorOf, tensorValues } from '../../ir/index.ts'
import {
  any,
  constant,
  either,
  match,
  op,
  type Pattern,
  type RuleContext,
  type RuleOutcome,
  replaceMatch,
  rulePass,
  scalar,
  scalarNamed,
  scalarValue,
  sharedInside,
} from '../../rewrite/index.ts'
import { isFloat32 } from './activation-patterns.ts'

export const recognisePRelu = rulePass(
  'recognisePRelu',
  'Writes the pieces of a Relu with slopes below zero as the one operator that they are.',
  [{ roots: ['Add', 'Sub', 'Max', 'Where'], apply }],
)

const x = any('x')
const rest = constant('rest')
/** A factor below zero would turn around what a Relu behind it keeps. */
const restAbove: Pattern = (value, matching) => rest(value, matching) && !hasBelowZero(matching.editor.constant(value)!)
const hasBelowZero = (tensor: Tensor) => (tensorValues(tensor) as Float32Array).some((number) => number < 0)
const absent: Pattern = (value) => value === ''
const relu = (inner: Pattern) => op('Relu', [inner])
const part = op('Mul', [x, constant('slopes')])
const sloped = (inner: Pattern) =>
  either(
    op('Mul', [op('Mul', [inner, constant('slopes')]), scalarNamed('factor')]),
    op('Mul', [op('Mul', [inner, scalarNamed('factor')]), constant('slopes')]),
    op('Mul', [inner, constant('slopes')]),
  )

const beyondItsPart = op('Add', [relu(op('Sub', [x, part])), part])

/** Whichever side has the 0, both give 0. */
const than = (...comparisons: readonly string[]) => either(...comparisons.map((name) => op(name, [x, scalar(0)])))

/** What each spelling takes for one step below zero, in slopes. */
const spellings: readonly (readonly [pattern: Pattern, steps: number])[] = [
  [op('Add', [relu(x), sloped(op('Sub', [x, op('Abs', [x])]))]), 2],
  [op('Add', [relu(x), sloped(relu(op('Neg', [x])))]), -1],
  [op('Add', [relu(x), sloped(op('Neg', [relu(op('Neg', [x]))]))]), 1],
  [op('Sub', [relu(x), sloped(relu(op('Neg', [x])))]), 1],
  [op('Add', [relu(x), sloped(either(op('Min', [x, scalar(0)]), op('Clip', [x, absent, scalar(0)])))]), 1],
  [
    op('Add', [
      op('Mul', [x, constant('slopes')]),
      either(relu(op('Mul', [x, restAbove])), op('Mul', [relu(x), rest])),
    ]),
    1,
  ],
  [op('Max', [x, op('Mul', [x, scalarNamed('slopes')])]), 1],
  [beyondItsPart, 1],
  [op('Where', [than('Greater', 'GreaterOrEqual'), x, part]), 1],
  [op('Where', [than('Less', 'LessOrEqual'), part, x]), 1],
]

/** By how much 1 − s may be off in a file that rounded it: what a float32 of 1 can hold. */
const UNIT_ROUNDING = 2 ** -23

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const output = node.outputs[0]!
  for (const [pattern, steps] of spellings) {
    const found = match(editor, output, pattern)
    if (!found) continue
    const factor = found.values.get('factor')
    const slopes = editor.constant(found.value('slopes'))!
    const times = steps * (factor === undefined ? 1 : scalarValue(editor.constant(factor))!)
    const numbers = isFloat32(editor, found) ? (tensorValues(slopes) as Float32Array).map((value) => value * times) : []
    if (numbers.length === 0) return false
    if (found.values.has('rest') && !isRest(editor.constant(found.value('rest'))!, slopes)) return false
    if (node.opType === 'Max' && !numbers.every((slope) => slope >= 0 && slope <= 1)) return false
    // What x has beyond its part must be kept above zero and dropped below.
    if (pattern === beyondItsPart && !numbers.every((slope) => slope <= 1)) return false
    const reason = sharedInside(editor, found) ?? widens(found.value('x'), slopes.dims, context)
    if (reason) return { refused: reason }
    const own =
      times === 1
        ? found.value('slopes')
        : editor.addConstant(tensorOf('float32', slopes.dims, Float32Array.from(numbers)), `${output}_slopes`)
    replaceMatch(editor, found, makeNode('PRelu', [found.value('x'), own], [output], { name: node.name }))
    return true
  }
  return false
}

/** Whether one constant is one less the other, element by element. */
function isRest(rest: Tensor, slopes: Tensor): boolean {
  const expected = tensorValues(slopes) as Float32Array
  const values = tensorValues(rest) as Float32Array
  return (
    rest.dims.join() === slopes.dims.join() &&
    values.every((value, i) => Math.abs(value - (1 - expected[i]!)) <= UNIT_ROUNDING * Math.max(1, Math.abs(value)))
  )
}

/** Why slopes of this shape cannot be those of a value: PRelu broadcasts slopes alone. */
function widens(value: string, dims: readonly number[], { types }: RuleContext): string | undefined {
  const type = types.get(value)
  const shape = (type?.kind === 'tensor' && type.shape) || []
  const ahead = shape.length - dims.length
  if (ahead < 0) return 'its slopes have more axes than the value is known to have'
  return elementCount(dims) > 1 && dims.some((dim, i) => dim !== 1 && shape[ahead + i] !== dim)
    ? 'the value is not known to have an element for each of its slopes'
    : undefined
}
