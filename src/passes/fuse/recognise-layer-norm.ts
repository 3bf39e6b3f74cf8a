/*
 * m = ReduceMean<axes = [-1]>(x); d = Sub(x, m); v = ReduceMean<axes = [-1]>(Mul(d, d))
 * y = Add(Mul(Div(d, Sqrt(Add(v, ε))), γ), β)     ⇒  y = LayerNormalization<axis = -1, epsilon = ε>(x, γ, β)
 * Pow(d, 2) for the square; Mul by Reciprocal(Sqrt(…)) or by Div(1, Sqrt(…)) for the division; a missing β is left out,
 * a missing γ is one of ones.
 * Illegal: opset below 17; an inner value is read elsewhere or is an output; γ or β not one per element of the last
 * axis, or that axis not known to have that length (else γ would widen x); other types than float32.
 * Source: Ba, Kiros, Hinton, "Layer Normalization" (2016); ONNX, LayerNormalization.
 */
import { float, fromNumbers, inferTypes, int, makeNode, type Node } from '../../ir/index.ts'
import {
  type GraphEditor,
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
import { layerBare, layerScaled, layerShifted } from './normalization-patterns.ts'

export const recogniseLayerNorm = rulePass(
  'recogniseLayerNorm',
  'Writes the pieces of a layer normalization as the one operator that they are.',
  [{ roots: ['Add', 'Mul', 'Div'], apply }],
  inferTypes,
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, opset } = context
  const output = node.outputs[0]!
  const matched =
    match(editor, output, layerShifted) ??
    (goesOn(node, 'Add', editor) ? undefined : match(editor, output, layerScaled)) ??
    (goesOn(node, 'Mul', editor) ? undefined : match(editor, output, layerBare))
  if (!matched) return false
  const found = distinct(matched)
  const reason = obstacle(found, context)
  if (reason) return { refused: reason }
  const width = lastLength(context.types.get(found.value('x')))
  if (width === undefined) return { refused: 'the length of its last axis is not known' }
  if (!averagesLast(found, width.rank, editor)) return { refused: 'it averages over other axes than the last' }
  const parameters = ['gamma', 'beta'].flatMap((name) => (found.values.has(name) ? [found.value(name)] : []))
  for (const name of parameters) {
    const { dims } = editor.constant(name)!
    if (dims.length !== 1 || dims[0] !== width.length)
      return { refused: `${name} is not one number per element of the last axis` }
  }
  if (!isFloat32(editor, found)) return { refused: 'only float32 is recognised' }
  if (opset < 17) return { refused: `LayerNormalization needs opset 17, the model has ${opset}` }
  const epsilon = scalarValue(editor.constant(found.value('epsilon')))!
  const attributes = { axis: int(-1), epsilon: float(epsilon) }
  const { length } = width
  if (parameters.length === 0)
    parameters.push(editor.addConstant(fromNumbers('float32', [length], Array(length).fill(1)), `${output}_ones`))
  replaceMatch(
    editor,
    found,
    makeNode('LayerNormalization', [found.value('x'), ...parameters], [output], { attributes }),
  )
  return true
}

/** Whether a γ (Mul) or β (Add) follows, to which the whole is left. */
function goesOn(node: Node, operator: 'Mul' | 'Add', editor: GraphEditor): boolean {
  const next = editor.soleConsumer(node.outputs[0]!)
  return next?.opType === operator && next.inputs.some((name) => editor.constant(name))
}
