import { type Node, operatorName } from '../../ir/index.ts'
import {
  any,
  constant,
  either,
  type GraphEditor,
  match,
  op,
  type Pattern,
  scalar,
  scalarNamed,
} from '../../rewrite/index.ts'
import { mean } from './last-axis.ts'

const x = any('x')

const centred = op('Sub', [x, mean(x)])
const squared = (v: Pattern) => either(op('Pow', [v, scalar(2)]), op('Mul', [v, v]))
/** E[x²] − E[x]², which rounding may bring below 0, as Flax and Keras on JAX compute it. */
const difference = op('Sub', [mean(squared(x)), squared(mean(x))])
const notBelowZero = (v: Pattern) => either(v, op('Relu', [v]), op('Max', [v, scalar(0)]))
const variance = either(mean(squared(centred)), notBelowZero(difference))
const deviation = op('Sqrt', [op('Add', [variance, scalarNamed('epsilon')])])
/** a / b as a division, or as a product with 1 / b in either spelling. */
const quotient = (a: Pattern, b: Pattern) => either(op('Div', [a, b]), op('Mul', [a, inverse(b)]))
const inverse = (b: Pattern) => either(op('Reciprocal', [b]), op('Div', [scalar(1), b]))
/** (x − mean) / √(variance + ε), then · γ, then + β; binds x, epsilon, gamma, beta. */
export const layerBare = quotient(centred, deviation)
const factor = op('Mul', [inverse(deviation), constant('gamma')])
export const layerScaled = either(op('Mul', [layerBare, constant('gamma')]), op('Mul', [centred, factor]))
/** β less mean · factor, in the spellings of TensorFlow and of Keras 3. */
const rest = either(
  op('Sub', [constant('beta'), op('Mul', [mean(x), factor])]),
  op('Add', [op('Mul', [op('Neg', [mean(x)]), factor]), constant('beta')]),
)
export const layerShifted = either(
  op('Add', [layerScaled, constant('beta')]),
  op('Add', [op('Mul', [x, factor]), rest]),
)

const rmsBare = (square: Pattern, divide: (root: Pattern) => Pattern) =>
  divide(op('Sqrt', [op('Add', [mean(square), scalarNamed('epsilon')])]))
const scaledBy = (bare: Pattern) => op('Mul', [bare, constant('gamma')])
const power = op('Pow', [x, scalar(2)])
const rmsInPieces = rmsBare(either(op('Mul', [x, x]), power), (root) => quotient(x, root))
/** x / √(mean(x²) + ε) · γ in every spelling; binds x, epsilon, gamma. */
export const rmsScaled = scaledBy(rmsInPieces)
/** The same with γ in float16 or bfloat16, and what it is multiplied with rounded to that. */
export const rmsRoundedThenScaled = scaledBy(op('Cast', [rmsInPieces]))
/** The one spelling that is left for the runtime to make a kernel of by itself. */
export const rmsAsTheRuntimeFusesIt = scaledBy(rmsBare(power, (root) => op('Div', [x, root])))

/** Whether this node is the γ or β of a normalization that still stands in pieces: the runtime fuses the whole. */
export function endsNormalization(node: Node, editor: GraphEditor): boolean {
  const output = node.outputs[0]!
  const name = operatorName(node)
  if (name === 'Mul') return [layerScaled, rmsScaled].some((pattern) => match(editor, output, pattern) !== undefined)
  return name === 'Add' && match(editor, output, layerShifted) !== undefined
}
