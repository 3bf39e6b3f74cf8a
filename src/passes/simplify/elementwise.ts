import { ELEMENTWISE, type Node, operatorName } from '../../ir/index.ts'
import { type GraphEditor, scalarValue } from '../../rewrite/index.ts'

/** What an elementwise node reads besides constants of one element, a value read twice named twice; undefined of others. */
export function operandsOf(node: Node, editor: GraphEditor): readonly string[] | undefined {
  if (!ELEMENTWISE.has(operatorName(node)) || node.outputs.length !== 1) return undefined
  return node.inputs.filter((name) => name !== '' && !isOneElement(name, editor))
}

const isOneElement = (name: string, editor: GraphEditor): boolean => {
  const tensor = editor.constant(name)
  return scalarValue(tensor) !== undefined && tensor!.dims.length <= 1
}
