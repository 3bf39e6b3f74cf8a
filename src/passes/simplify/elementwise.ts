import type { Node } from '../../ir/index.ts'
import { type GraphEditor, scalarValue } from '../../rewrite/index.ts'

/** Operators that make each element of their output of the elements of their operands in the same place. */
const ELEMENTWISE: ReadonlySet<string> = new Set(
  'Abs Add Cast Ceil Clip Div Elu Erf Exp Floor Gelu HardSigmoid HardSwish LeakyRelu Log Max Min Mul Neg Pow Reciprocal Relu Round Selu Sigmoid Sign Softplus Softsign Sqrt Sub Tanh'.split(
    ' ',
  ),
)

/** What an elementwise node reads besides constants of one element, a value read twice named twice; undefined of others. */
export function operandsOf(node: Node, editor: GraphEditor): readonly string[] | undefined {
  if (node.domain !== '' || !ELEMENTWISE.has(node.opType) || node.outputs.length !== 1) return undefined
  return node.inputs.filter((name) => name !== '' && !isOneElement(name, editor))
}

const isOneElement = (name: string, editor: GraphEditor): boolean => {
  const tensor = editor.constant(name)
  return scalarValue(tensor) !== undefined && tensor!.dims.length <= 1
}
