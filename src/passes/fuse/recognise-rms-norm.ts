/*
 * v = ReduceMean<axes = [-1]>(Mul(x, x)); y = Mul(Div(x, Sqrt(Add(v, ε))), γ)
 *   ⇒  y = RMSNormalization<axis = -1, epsilon = ε>(x, γ)
 * Pow(x, 2) for the square; Mul by Reciprocal(Sqrt(…)) or by Div(1, Sqrt(…)) for the division. Below opset 23, which has no such operator,
 * the pieces take the spelling that the runtime makes a kernel of by itself: Mul(Div(x, Sqrt(Add(mean(Pow(x, 2)), ε))), γ).
 * Illegal: an inner value is read elsewhere or is an output; γ not one per element of the last axis, or
 * that axis not known to have that length (else γ would widen x); other types than float32.
 * Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019); ONNX, RMSNormalization.
 */
import { float, fromNumbers, inferTypes, int, makeNode, type Node } from '../../ir/index.ts'
import {
  type GraphEditor,
  type Match,
  match,
  obstacle,
  type RuleContext,
  type RuleOutcome,
  replaceMatch,
  rulePass,
  scalarValue,
} from '../../rewrite/index.ts'
import { isFloat32 } from './activation-patterns.ts'
import { averagesLast, distinct, lastLength } from './last-axis.ts'
import { rmsAsTheRuntimeFusesIt, rmsScaled } from './normalization-patterns.ts'

export const recogniseRmsNorm = rulePass(
  'recogniseRmsNorm',
  'Writes the pieces of a root mean square normalization as the one operator that they are.',
  [{ roots: ['Mul'], apply }],
  inferTypes,
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, opset } = context
  const output = node.outputs[0]!
  const matched = match(editor, output, rmsScaled)
  if (!matched) return false
  const found = distinct(matched)
  const reason = obstacle(found, context)
  if (reason) return { refused: reason }
  const width = lastLength(context.types.get(found.value('x')))
  if (width === undefined) return { refused: 'the length of its last axis is not known' }
  if (!averagesLast(found, width.rank, editor)) return { refused: 'it averages over other axes than the last' }
  const { dims } = editor.constant(found.value('gamma'))!
  if (dims.length !== 1 || dims[0] !== width.length)
    return { refused: 'γ is not one number per element of the last axis' }
  if (!isFloat32(editor, found)) return { refused: 'only float32 is recognised' }
  if (opset < 23) {
    if (match(editor, output, rmsAsTheRuntimeFusesIt)) return false
    replaceMatch(editor, found, ...respelled(found, output, editor))
    return true
  }
  const epsilon = scalarValue(editor.constant(found.value('epsilon')))!
  const attributes = { axis: int(-1), epsilon: float(epsilon) }
  const inputs = [found.value('x'), found.value('gamma')]
  replaceMatch(editor, found, makeNode('RMSNormalization', inputs, [output], { attributes }))
  return true
}

/** The same pieces in the spelling that the runtime makes one kernel of: Pow for the square, Div, and γ last. */
function respelled(found: Match, output: string, editor: GraphEditor): readonly Node[] {
  const x = found.value('x')
  const name = (part: string) => editor.freshName(`${output}_${part}`)
  const two = editor.addConstant(fromNumbers('float32', [], [2]), `${output}_two`)
  const [square, mean, sum, root, normal] = [name('square'), name('mean'), name('sum'), name('root'), name('normal')]
  const reduce = found.nodes.find((node) => node.opType === 'ReduceMean')!
  return [
    makeNode('Pow', [x, two], [square]),
    { ...reduce, inputs: [square, ...reduce.inputs.slice(1)], outputs: [mean] },
    makeNode('Add', [mean, found.value('epsilon')], [sum]),
    makeNode('Sqrt', [sum], [root]),
    makeNode('Div', [x, root], [normal]),
    makeNode('Mul', [normal, found.value('gamma')], [output]),
  ]
}
