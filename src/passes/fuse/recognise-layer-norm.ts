/*
 * m = ReduceMean<axes = [-1]>(x); d = Sub(x, m); v = ReduceMean<axes = [-1]>(Mul(d, d))
 * y = Add(Mul(Div(d, Sqrt(Add(v, ε))), γ), β)     ⇒  y = LayerNormalization<axis = -1, epsilon = ε>(x, γ, β)
 * Over axis 1 of a picture or a sequence   ⇒  y = Transpose(LayerNormalization<axis = -1>(Transpose(x), γ, β))
 * Pow(d, 2) for the square; Mul by Reciprocal(Sqrt(…)) or by Div(1, Sqrt(…)) for the division; a missing β is left out,
 * a missing γ is one of ones. With f = γ / Sqrt(Add(v, ε)) also d·f + β (Flax), x·f + (β − m·f) (TensorFlow) and
 * x·f + (−m·f + β) (Keras 3), and for v the mean of x² less m², which may be kept from going below 0. The runtime makes
 * one kernel of none of these.
 * Norms over channels (LayerNorm2d of NAFNet and ConvNeXt) take as long in float either way; between integer kernels,
 * which keep channels last, nothing is left to move (64 channels of 32×32 between two convolutions, in integers as a
 * whole: 0.35 ms, then 0.21).
 * Illegal: opset below 17; an inner value is read elsewhere or is an output; γ or β not one per element of the axis, or
 * that axis not known to have that length (else γ would widen x), or a length of 1; other types than float32. Left
 * alone: few channels.
 * Source: Ba, Kiros, Hinton, "Layer Normalization" (2016); ONNX, LayerNormalization.
 */
import {
  float,
  fromNumbers,
  int,
  ints,
  makeNode,
  type Node,
  type Tensor,
  tensorShape,
  toNumbers,
} from '../../ir/index.ts'
import {
  type GraphEditor,
  type Match,
  match,
  piecesOf,
  type RuleContext,
  type RuleOutcome,
  replaceFound,
  rulePass,
  scalarValue,
} from '../../rewrite/index.ts'
import { isFloat32 } from './activation-patterns.ts'
import { averagedAxis, distinct } from './last-axis.ts'
import { layerBare, layerScaled, layerShifted } from './normalization-patterns.ts'

export const recogniseLayerNorm = rulePass(
  'recogniseLayerNorm',
  'Writes the pieces of a layer normalization as the one operator that they are.',
  [{ roots: ['Add', 'Mul', 'Div'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const output = node.outputs[0]!
  const matched =
    match(editor, output, layerShifted) ??
    (goesOn(node, 'Add', editor) ? undefined : match(editor, output, layerScaled)) ??
    (goesOn(node, 'Mul', editor) ? undefined : match(editor, output, layerBare))
  return replaceFound(matched && distinct(matched), context, (found) => normed(found, output, context))
}

function normed(found: Match, output: string, context: RuleContext): readonly Node[] | Exclude<RuleOutcome, true> {
  const { editor, opset } = context
  const shape = tensorShape(context.types.get(found.value('x')))
  const axis = shape ? averagedAxis(found, shape.length, editor) : undefined
  if (!shape || axis === undefined) return { refused: 'it averages over several axes, or its rank is not known' }
  const [length, last] = [shape[axis], shape.length - 1]
  if (axis !== last && axis !== CHANNELS) return { refused: 'it averages over other axes than channels or the last' }
  if (typeof length !== 'number') return { refused: 'the length of the axis that it averages over is not known' }
  if (length < LEAST) return { refused: 'releases of the runtime refuse to normalize single numbers' }
  if (axis !== last && length < FEW) return false
  const parameters: string[] = []
  for (const name of ['gamma', 'beta'].filter((name) => found.values.has(name))) {
    const parameter = editor.constant(found.value(name))!
    if (!isOneEach(parameter, length, shape.length, axis))
      return { refused: `${name} is not one number per element of its axis` }
    const flat = parameter.dims.length === 1 ? found.value(name) : undefined
    parameters.push(
      flat ?? editor.addConstant(fromNumbers(parameter.dtype, [length], toNumbers(parameter)), found.value(name)),
    )
  }
  if (!isFloat32(editor, found)) return { refused: 'only float32 is recognised' }
  if (opset < 17) return { refused: `LayerNormalization needs opset 17, the model has ${opset}` }
  const epsilon = scalarValue(editor.constant(found.value('epsilon')))!
  const attributes = { axis: int(-1), epsilon: float(epsilon) }
  if (parameters.length === 0)
    parameters.push(editor.addConstant(fromNumbers('float32', [length], Array(length).fill(1)), `${output}_ones`))
  const x = found.value('x')
  const norm = (input: string, to: string) =>
    makeNode('LayerNormalization', [input, ...parameters], [to], { attributes })
  if (axis === last) return [norm(x, output)]
  const others = shape.map((_, i) => i).filter((i) => i !== axis)
  const { values, make } = piecesOf(output, editor)
  const [moved, normal] = values('moved', 'normal')
  const back = [0, last, ...others.slice(1).map((_, i) => i + 1)]
  return [
    make('Transpose', [x], moved, { perm: ints([...others, axis]) }),
    norm(moved, normal),
    make('Transpose', [normal], output, { perm: ints(back) }),
  ]
}

/** What it normalizes over must be more than one number: onnxruntime 1.21 stops in a run otherwise. */
const LEAST = 2

/** Channels of a picture or a sequence. */
const CHANNELS = 1

/** Of fewer channels the pieces are the faster ones in float (16 of 96×96 between convolutions: 0.43 ms, moved 0.53). */
const FEW = 32

/** Whether it is one number for each element of one axis of a value of this rank, and the same along all others. */
function isOneEach({ dims }: Tensor, length: number, rank: number, axis: number): boolean {
  const place = dims.length - rank + axis
  return dims.length <= rank && dims[place] === length && dims.every((dim, i) => i === place || dim === 1)
}

/** Whether a γ (Mul) or β (Add) follows, to which the whole is left. */
function goesOn(node: Node, operator: 'Mul' | 'Add', editor: GraphEditor): boolean {
  const next = editor.soleConsumer(node.outputs[0]!)
  return next?.opType === operator && next.inputs.some((name) => editor.constant(name))
}
