/*
 * e = Gather(t, i), y = MatMul(x, Transpose<perm = [1,0]>(t))   ⇒   y = MatMul(x, tᵀ), tᵀ a constant
 * Language models whose last product multiplies by the table of their embedding store it once, and the product gets its
 * weights from a node, where no scheme with integer products sees them: half of the products of a small decoder that
 * brings one token stayed in float. For such schemes alone: in float the file would grow by the table. What stays in float
 * in the end, or has the codes that the lookups have, is stored once again (`tie-turned.ts`).
 * Illegal: a turned table that is an output of the graph.
 * Left alone: tables of a graph around this one, which branches read each for themselves; a table that only the Transpose
 * reads, of which folding makes a constant.
 */
import { intsAttribute, type Node, tensorOf, tensorValues, transposedMatrix } from '../../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { FEWEST_WEIGHTS } from './weighted-product.ts'

export const turnTables = rulePass(
  'turnTables',
  'Lays a table that products read turned, and lookups as it is, a second time, for schemes that code the weights of products.',
  [{ roots: ['Transpose'], apply }],
)

function apply(node: Node, { editor }: RuleContext): RuleOutcome {
  const [name, turned] = [node.inputs[0]!, node.outputs[0]!]
  const table = editor.initializer(name) && editor.constant(name)
  if (table?.dtype !== 'float32' || table.dims.length !== 2 || editor.isOutput(turned)) return false
  const [rows, columns] = table.dims as [number, number]
  const [first] = intsAttribute(node, 'perm', [1, 0])
  if (first !== 1 || rows * columns < FEWEST_WEIGHTS || editor.soleConsumer(name)) return false
  const readers = editor.consumers(turned)
  if (!readers.every((reader) => reader.opType === 'MatMul' && reader.inputs.indexOf(turned) === 1)) return false
  const values = transposedMatrix(tensorValues(table) as Float32Array, rows, columns)
  editor.replaceByConstants(node, [tensorOf('float32', [columns, rows], values)])
  return true
}
