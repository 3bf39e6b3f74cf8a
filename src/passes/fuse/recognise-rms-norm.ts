/*
 * v = ReduceMean<axes = [-1]>(Mul(x, x)); y = Mul(Div(x, Sqrt(Add(v, ε))), γ)
 *   ⇒  y = RMSNormalization<axis = -1, epsilon = ε>(x, γ)
 * Pow(x, 2) for the square; Mul by Reciprocal(Sqrt(…)) for the division.
 * Illegal: opset below 23; an inner value is read elsewhere or is an output; γ not one per element of the last axis, or
 * that axis not known to have that length (else γ would widen x); other types than float32.
 * Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019); ONNX, RMSNormalization.
 */
import { float, inferTypes, int, makeNode, type Node } from '../../ir/index.ts'
import {
  any,
  constant,
  either,
  match,
  op,
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
import { averagesLast, distinct, lastLength, mean } from './last-axis.ts'

export const recogniseRmsNorm = rulePass(
  'recogniseRmsNorm',
  'Writes the pieces of a root mean square normalization as the one operator that they are.',
  [{ roots: ['Mul'], apply }],
  inferTypes,
)

const x = any('x')
const square = either(op('Mul', [x, x]), op('Pow', [x, scalar(2)]))
const root = op('Sqrt', [op('Add', [mean(square), scalarNamed('epsilon')])])
const normal = either(op('Div', [x, root]), op('Mul', [x, op('Reciprocal', [root])]))
const scaled = op('Mul', [normal, constant('gamma')])

function apply(node: Node, { editor, opset, types }: RuleContext): RuleOutcome {
  const output = node.outputs[0]!
  const matched = match(editor, output, scaled)
  if (!matched) return false
  const found = distinct(matched)
  const shared = sharedInside(editor, found)
  if (shared) return { refused: shared }
  const width = lastLength(types.get(found.value('x')))
  if (width === undefined) return { refused: 'the length of its last axis is not known' }
  if (!averagesLast(found, width.rank, editor)) return { refused: 'it averages over other axes than the last' }
  const { dims } = editor.constant(found.value('gamma'))!
  if (dims.length !== 1 || dims[0] !== width.length)
    return { refused: 'γ is not one number per element of the last axis' }
  if (!isFloat32(editor, found)) return { refused: 'only float32 is recognised' }
  if (opset < 23) return { refused: `RMSNormalization needs opset 23, the model has ${opset}` }
  const epsilon = scalarValue(editor.constant(found.value('epsilon')))!
  const attributes = { axis: int(-1), epsilon: float(epsilon) }
  const inputs = [found.value('x'), found.value('gamma')]
  replaceMatch(editor, found, makeNode('RMSNormalization', inputs, [output], { attributes }))
  return true
}
