/*
 * y = Concat<axis = a>(x, 0)   ⇒   y = Pad(x, zeros behind along a)          also zeros in front, or on both sides
 * TensorFlow's converters spell so what TensorFlow Lite pads channels by, for a sum with what has more of them. As a Pad
 * the zeros need no memory of their own, and passes that give values whole blocks of channels see through them.
 * Illegal: more than one part is no zeros; the type of x is not known, or Pad has no kernel for it; how many zeros there
 * are is not known; before operator set 11, where a Pad holds its numbers itself.
 * Source: ONNX, Concat and Pad.
 */
import {
  type DType,
  fromNumbers,
  intAttribute,
  makeNode,
  type Node,
  tensorAttribute,
  tensorDtype,
  tensorShape,
  toNumbers,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const recognisePad = rulePass('recognisePad', 'Writes what is joined with zeros as the padding that it is.', [
  { roots: ['Concat'], apply },
])

/** Types that the runtime pads. */
const PADDED: ReadonlySet<DType> = new Set(['float32', 'float64', 'int32', 'int64', 'int8', 'uint8'])

const OPSET = 11

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types, opset } = context
  const joined = types.get(node.outputs[0]!)
  const [rank, dtype] = [tensorShape(joined)?.length, tensorDtype(joined)]
  if (rank === undefined || !dtype || !PADDED.has(dtype) || opset < OPSET || node.inputs.length < 2) return false
  const zeros = node.inputs.map((name) => zerosOf(name, context))
  const place = zeros.indexOf(undefined)
  if (place < 0 || zeros.lastIndexOf(undefined) !== place) return false
  const axis = (intAttribute(node, 'axis', 0) + rank) % rank
  const along = (parts: typeof zeros) => parts.reduce((sum, dims) => sum + dims![axis]!, 0)
  const pads = Array<number>(2 * rank).fill(0)
  pads[axis] = along(zeros.slice(0, place))
  pads[rank + axis] = along(zeros.slice(place + 1))
  const numbers = editor.addConstant(fromNumbers('int64', [pads.length], pads), `${node.outputs[0]}_pads`)
  editor.replace(node, makeNode('Pad', [node.inputs[place]!, numbers], node.outputs, { name: node.name }))
  return true
}

/** The sizes of a value that is zero everywhere; undefined for others. */
function zerosOf(name: string, { editor, constant }: RuleContext): readonly number[] | undefined {
  const tensor = constant(name)
  if (tensor) return toNumbers(tensor).every((value) => value === 0) ? tensor.dims : undefined
  const maker = editor.producer(name, 'ConstantOfShape')
  const sizes = maker && constant(maker.inputs[0]!)
  const filler = maker && tensorAttribute(maker, 'value')
  return sizes && (!filler || toNumbers(filler).every((value) => value === 0)) ? [...toNumbers(sizes)] : undefined
}
