/*
 * y = Mul(ReduceSum(x, axes), 1/n), or Div(…, n), x: n elements along the axes   ⇒  y = ReduceMean(x, axes)
 * JAX, and converters of its models, spell averages so. Norms and pools are only found where an average is one.
 * Illegal: the sum is read elsewhere or is an output; the number of its terms is not known, or is another one; no axes are
 * named; integers, whose division rounds; a factor of more axes than the sum, which would raise its rank.
 * Source: the mean is the sum over the number of its terms; ONNX, ReduceSum and ReduceMean (axes are an input of the first
 * from operator set 13, of the second from 18).
 */
import {
  type Dim,
  ints,
  isFloating,
  type Node,
  namedAxes,
  reducedPlaces,
  tensorDtype,
  tensorShape,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'

export const recogniseMean = rulePass(
  'recogniseMean',
  'Writes a sum over axes that is divided by the number of its terms as the mean that it is.',
  [{ roots: ['Mul', 'Div'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, types, opset } = context
  const place = node.inputs.findIndex((name) => editor.producer(name, 'ReduceSum'))
  const divided = node.opType === 'Div'
  if (place < 0 || (divided && place > 0)) return false
  const factor = constant(node.inputs[1 - place]!)
  const number = scalarValue(factor)
  if (!factor || number === undefined) return false
  const sum = editor.producer(node.inputs[place]!)!
  const x = sum.inputs[0]!
  const [shape, dtype] = [tensorShape(types.get(x)), tensorDtype(types.get(x))]
  const axes = namedAxes(sum, constant)
  if (!shape || !dtype || !isFloating(dtype) || !axes?.length) return false
  const terms = reducedPlaces(sum, shape.length, constant).reduce((count, axis) => count * sizeOf(shape[axis]), 1)
  const share = divided ? terms / number : terms * number
  if (!(Math.abs(share - 1) < 1e-6)) return false
  const rank = tensorShape(types.get(sum.outputs[0]!))?.length ?? 0
  if (factor.dims.length > rank) return { refused: 'the number has more axes than the sum' }
  if (editor.soleConsumer(sum.outputs[0]!) !== node) return { refused: 'the sum is also read elsewhere' }
  const attributes = new Map([...sum.attributes].filter(([name]) => name === 'keepdims'))
  if (opset < 18) attributes.set('axes', ints(axes))
  const inputs = opset < 18 ? [x] : [x, sum.inputs[1] ?? '']
  editor.replace(node, { ...sum, opType: 'ReduceMean', name: node.name, attributes, inputs, outputs: node.outputs })
  editor.removeUnused(sum)
  return true
}

const sizeOf = (dim: Dim | undefined): number => (typeof dim === 'number' ? dim : Number.NaN)
