import { intAttribute, type Node, stringAttribute, tensorOf, tensorShape, tensorValues } from '../../../ir/index.ts'
import { grouped } from '../../../report/index.ts'
import type { GraphEditor, RuleContext } from '../../../rewrite/index.ts'
import { rangeOf } from '../codes/affine.ts'
import type { CodingOptions, DynamicCodes } from './dynamic-matmul.ts'
import { type Gru, type GruForm, gruInSteps } from './gru-steps.ts'

/**
 * With fewer, what a step gains in its product is lost to the nodes around it: 50 steps of one row with 192 states took 0.51 ms
 * as the runtime's own and 0.65 so; with 256 0.88 and 0.80, with 512 3.6 and 1.7, with 1,024 17.7 and 4.3.
 */
const FEWEST_RECURRENT_WEIGHTS = 3 * 256 * 256

/**
 * y, h = GRU(x, W, R, B, , h0)  ⇒  its steps written out, their products with dynamic integers; see `gru-steps.ts`. The runtime has
 * no integer GRU, and reads all of R in every step.
 *
 * @param codesOf The dynamic codes of x, made where they are missing.
 */
export function dynamicGru(
  node: Node,
  coding: CodingOptions,
  { editor, types, opset }: RuleContext,
  codesOf: (value: string) => DynamicCodes,
): GruForm | { refused: string } {
  const gru = readGru(node, editor)
  if ('refused' in gru) return gru
  const shape = tensorShape(types.get(node.inputs[0]!))
  if (shape?.[0] === 1 && !node.inputs[5])
    return { refused: 'its one step starts from zeros, which its weights for states make nothing of' }
  // Split has its sizes as an input from here on.
  if (opset < 13) return { refused: `its steps need operator set 13 or newer, and the model has ${opset}` }
  return gruInSteps(node, gru, { coding, editor, codesOf, shape })
}

function readGru(node: Node, editor: GraphEditor): Gru | { refused: string } {
  if (node.inputs[4]) return { refused: 'its rows may differ in length, which its integer form does not know' }
  const unknown = ['layout', 'clip', 'activations'].find((name) => node.attributes.has(name) && !isUsual(node, name))
  if (unknown) return { refused: `its ${unknown} attribute has no integer form` }
  const [weights, recurrent] = [1, 2].map((slot) => editor.constant(node.inputs[slot]!))
  if (weights?.dtype !== 'float32' || recurrent?.dtype !== 'float32' || recurrent.dims.length !== 3)
    return { refused: 'its weights are not constant float32' }
  const [count, rows, hidden] = recurrent.dims as [number, number, number]
  if (rows * hidden < FEWEST_RECURRENT_WEIGHTS)
    return {
      refused: `${grouped(rows * hidden)} weights for its states are too few to gain without an integer kernel for GRU`,
    }
  const size = 2 * count * rows
  const bias = node.inputs[3] ? editor.constant(node.inputs[3]) : tensorOf('float32', [size], new Float32Array(size))
  if (bias?.dtype !== 'float32') return { refused: 'its bias is not constant float32' }
  const values = [weights, recurrent, bias].map((tensor) => tensorValues(tensor) as Float32Array)
  if (values.some((numbers) => !rangeOf(numbers))) return { refused: 'its weights are not finite' }
  return {
    directions: count === 2 ? ['forward', 'reverse'] : [stringAttribute(node, 'direction', 'forward')],
    hidden,
    inputs: weights.dims[2]!,
    weights: values[0]!,
    recurrent: values[1]!,
    bias: values[2]!,
    resetsProduct: intAttribute(node, 'linear_before_reset', 0) === 1,
  }
}

const ACTIVATIONS = ['sigmoid', 'tanh']

/** Whether an attribute says what the operator does without it. */
function isUsual(node: Node, name: string): boolean {
  const attribute = node.attributes.get(name)
  if (attribute?.type === 'strings')
    return attribute.value.every((text, i) => String(text).toLowerCase() === ACTIVATIONS[i % ACTIVATIONS.length])
  return name === 'layout' && intAttribute(node, name, 0) === 0
}
