import { elementType, fromNumbers, makeNode, type Node, nodeLabel, roundTo, tensorValues } from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { FEWEST_WEIGHTS } from '../products/weighted-product.ts'
import { readersOfTable } from './tied-table.ts'

/**
 * e = Gather(t, i)  ⇒  e = Cast(Gather(t as float16, i))
 *
 * The same rows from half the bytes, where every value of the table is a float16: that of a model which came in float16.
 * All its lookups at once. False where a value is no float16, and where another reader would keep the table as it is.
 */
export function halveTable(node: Node, editor: GraphEditor): boolean {
  const table = node.inputs[0]!
  // Of a table of the graph around this one, not all readers are known.
  const tensor = editor.initializer(table)
  const { lookups, others } = readersOfTable(table, editor)
  if (tensor?.dtype !== 'float32' || others.length > 0 || lookups.length === 0 || editor.isOutput(table)) return false
  const values = tensorValues(tensor) as Float32Array
  if (values.length < FEWEST_WEIGHTS || !values.every((value) => roundTo('float16', value) === value)) return false
  const half = editor.addConstant(fromNumbers('float16', tensor.dims, values), `${table}_float16`)
  for (const lookup of lookups) {
    const rows = editor.freshName(`${lookup.outputs[0]}_float16`)
    editor.replace(
      lookup,
      { ...lookup, name: nodeLabel(lookup), inputs: [half, lookup.inputs[1]!], outputs: [rows] },
      makeNode('Cast', [rows], lookup.outputs, { name: rows, attributes: { to: elementType('float32') } }),
    )
  }
  return true
}
