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
const variance = mean(either(op('Pow', [centred, scalar(2)]), op('Mul', [centred, centred])))
const deviation = op('Sqrt', [op('Add', [variance, scalarNamed('epsilon')])])
/** (x − mean) / √(variance + ε) · γ, and + β; binds x, epsilon, gamma, beta. */
export const layerScaled = op('Mul', [op('Div', [centred, deviation]), constant('gamma')])
export const layerShifted = op('Add', [layerScaled, constant('beta')])

const rms = (square: Pattern, divide: (root: Pattern) => Pattern) =>
  op('Mul', [divide(op('Sqrt', [op('Add', [mean(square), scalarNamed('epsilon')])])), constant('gamma')])
const power = op('Pow', [x, scalar(2)])
const quotient = (root: Pattern) => op('Div', [x, root])
/** x / √(mean(x²) + ε) · γ in every spelling; binds x, epsilon, gamma. */
export const rmsScaled = rms(either(op('Mul', [x, x]), power), (root) =>
  either(quotient(root), op('Mul', [x, op('Reciprocal', [root])])),
)
/** The one spelling that the runtime makes a kernel of by itself. */
export const rmsAsTheRuntimeFusesIt = rms(power, quotient)

/** Whether this node is the γ or β of a normalization that still stands in pieces: the runtime fuses the whole. */
export function endsNormalization(node: Node, editor: GraphEditor): boolean {
  const output = node.outputs[0]!
  const name = operatorName(node)
  if (name === 'Mul') return [layerScaled, rmsScaled].some((pattern) => match(editor, output, pattern) !== undefined)
  return name === 'Add' && match(editor, output, layerShifted) !== undefined
}
