/*
 * v = ReduceMean<axes = [-1]>(Mul(x, x)); y = Mul(Div(x, Sqrt(Add(v, ε))), γ)
 *   ⇒  y = RMSNormalization<axis = -1, epsilon = ε>(x, γ)
 * Pow(x, 2) for the square; Mul by Reciprocal(Sqrt(…)) or by Div(1, Sqrt(…)) for the division. Below opset 23, which
 * has no such operator, the pieces take the spelling that the runtime makes a kernel of by itself:
 * Mul(Div(x, Sqrt(Add(mean(Pow(x, 2)), ε))), γ).
 * y = Mul(Cast<to = float16>(n), γ), where n is the quotient in float32, as models in float16 and bfloat16 spell it
 *   ⇒  y = Cast<to = float16>(Mul(n, γ')), with γ' in float32: the same norm in float32, rounded once in place of twice
 * Illegal: an inner value is read elsewhere or is an output; γ not one per element of the last axis, or
 * that axis not known to have that length (else γ would widen x); a norm in another type than float32.
 * Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019); ONNX, RMSNormalization.
 */
import { elementType, float, fromNumbers, int, makeNode, type Node, tensorDtype, toNumbers } from '../../ir/index.ts'
import {
  either,
  type GraphEditor,
  type Match,
  match,
  type RuleContext,
  type RuleOutcome,
  replaceFound,
  rulePass,
  scalarValue,
} from '../../rewrite/index.ts'
import { isFloat32 } from './activation-patterns.ts'
import { averagesLast, distinct, lastLength } from './last-axis.ts'
import { rmsAsTheRuntimeFusesIt, rmsRoundedThenScaled, rmsScaled } from './normalization-patterns.ts'

export const recogniseRmsNorm = rulePass(
  'recogniseRmsNorm',
  'Writes the pieces of a root mean square normalization as the one operator that they are.',
  [{ roots: ['Mul'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const output = node.outputs[0]!
  const matched = match(context.editor, output, either(rmsScaled, rmsRoundedThenScaled))
  return replaceFound(matched && distinct(matched), context, (found) => normed(found, output, context))
}

function normed(found: Match, output: string, context: RuleContext): readonly Node[] | Exclude<RuleOutcome, true> {
  const { editor, opset } = context
  const x = found.value('x')
  const type = context.types.get(x)
  const width = lastLength(type)
  if (width === undefined) return { refused: 'the length of its last axis is not known' }
  if (!averagesLast(found, width.rank, editor)) return { refused: 'it averages over other axes than the last' }
  const gamma = editor.constant(found.value('gamma'))!
  if (gamma.dims.length !== 1 || gamma.dims[0] !== width.length)
    return { refused: 'γ is not one number per element of the last axis' }
  const rounded = found.nodes.find((node) => node.opType === 'Cast')
  if (rounded ? tensorDtype(type) !== 'float32' : !isFloat32(editor, found))
    return { refused: 'only float32 is recognised' }
  const norm: Norm = { x, epsilon: found.value('epsilon'), gamma: found.value('gamma'), output }
  if (rounded) {
    const wide = fromNumbers('float32', gamma.dims, toNumbers(gamma))
    const inside = { ...norm, gamma: editor.addConstant(wide, norm.gamma), output: editor.freshName(`${output}_wide`) }
    const cast = makeNode('Cast', [inside.output], [output], { attributes: { to: elementType(gamma.dtype) } })
    return [...written(inside, found, context), cast]
  }
  if (opset < 23 && match(editor, output, rmsAsTheRuntimeFusesIt)) return false
  return written(norm, found, context)
}

/** The names of what a norm reads and makes. */
interface Norm {
  readonly x: string
  readonly epsilon: string
  readonly gamma: string
  readonly output: string
}

/** The one operator where there is one, else the spelling that the runtime makes one kernel of. */
function written(norm: Norm, found: Match, { editor, opset }: RuleContext): readonly Node[] {
  const { x, epsilon, gamma, output } = norm
  if (opset < 23) return respelled(norm, found, editor)
  const attributes = { axis: int(-1), epsilon: float(scalarValue(editor.constant(epsilon))!) }
  return [makeNode('RMSNormalization', [x, gamma], [output], { attributes })]
}

/** The same pieces in the spelling that the runtime makes one kernel of: Pow for the square, Div, and γ last. */
function respelled({ x, epsilon, gamma, output }: Norm, found: Match, editor: GraphEditor): readonly Node[] {
  const name = (part: string) => editor.freshName(`${output}_${part}`)
  const two = editor.addConstant(fromNumbers('float32', [], [2]), `${output}_two`)
  const [square, mean, sum, root, normal] = [name('square'), name('mean'), name('sum'), name('root'), name('normal')]
  const reduce = found.nodes.find((node) => node.opType === 'ReduceMean')!
  return [
    makeNode('Pow', [x, two], [square]),
    { ...reduce, inputs: [square, ...reduce.inputs.slice(1)], outputs: [mean] },
    makeNode('Add', [mean, epsilon], [sum]),
    makeNode('Sqrt', [sum], [root]),
    makeNode('Div', [x, root], [normal]),
    makeNode('Mul', [normal, gamma], [output]),
  ]
}
