import {
  int,
  intAttribute,
  intsAttribute,
  makeNode,
  type Node,
  nodeLabel,
  operatorName,
  type Tensor,
  tensorOf,
  tensorValues,
  transposedMatrix,
} from '../../../ir/index.ts'
import type { GraphEditor } from '../../../rewrite/index.ts'
import { refuseWeights, type WeightedProduct, weightedProduct } from '../products/weighted-product.ts'
import { blockWithin } from './block-grid.ts'
import type { StoredBlocks } from './block-store.ts'

/** The product of a MatMul or Gemm, its weights straight from a constant or through a Transpose of one. */
export function sourcedProduct(node: Node, editor: GraphEditor): WeightedProduct | { refused: string } {
  const name = node.inputs[1] ?? ''
  const maker = editor.producer(name)
  if (operatorName(node) === 'MatMul' && maker?.opType === 'Transpose' && !editor.constant(name)) {
    const table = editor.constant(maker.inputs[0]!)
    const perm = intsAttribute(maker, 'perm', [1, 0])
    if (table?.dtype === 'float32' && table.dims.length === 2 && perm[0] === 1) {
      const [columns, rows] = table.dims as [number, number]
      const values = tensorValues(table) as Float32Array
      const refused = refuseWeights(values)
      if (refused !== undefined) return { refused }
      const turned = transposedMatrix(values, columns, rows)
      return { values: turned, rows, columns, source: maker.inputs[0]!, turned: true, factor: 1 }
    }
  }
  return weightedProduct(node, editor)
}

/** The products that read the table of a Gather as their weights, a row an output. */
export function productsOfTable(table: string, editor: GraphEditor): readonly Node[] {
  return editor.consumers(table).flatMap((user) => {
    const readers = user.opType === 'Transpose' ? editor.consumers(user.outputs[0]!) : [user]
    return readers.filter((reader) => {
      const product = sourcedProduct(reader, editor)
      return !('refused' in product) && product.source === table
    })
  })
}

/** Lookups of rows of a table, and whatever else reads it. */
export function readersOfTable(table: string, editor: GraphEditor) {
  const users = editor.consumers(table)
  const isLookup = (user: Node) =>
    user.opType === 'Gather' &&
    user.domain === '' &&
    user.inputs[0] === table &&
    user.inputs[1] !== table &&
    intAttribute(user, 'axis', 0) === 0
  return { lookups: users.filter(isLookup), others: users.filter((user) => !isLookup(user)) }
}

/** Why codes of this table [rows, K] cannot serve its lookups and its products alike, or null. */
export function refuseTied(table: string, tensor: Tensor, group: number, editor: GraphEditor): string | null {
  const [, width] = tensor.dims as [number, number]
  const block = blockWithin(width, group)
  if (editor.isOutput(table)) return 'its table is an output of the graph'
  if (width % block !== 0) return `its rows of ${width} are no multiple of a block of ${block}`
  for (const user of readersOfTable(table, editor).others) {
    const readers = user.opType === 'Transpose' ? editor.consumers(user.outputs[0]!) : [user]
    const odd = readers.find((reader) => {
      const product = sourcedProduct(reader, editor)
      return 'refused' in product || product.source !== table || !product.turned || product.factor !== 1
    })
    if (odd || (user.opType === 'Transpose' && editor.isOutput(user.outputs[0]!)))
      return `its table is also read by ${nodeLabel(odd ?? user)}, which would keep it in float`
  }
  return null
}

/**
 * e = Gather(table, i)  ⇒  e = com.microsoft.GatherBlockQuantized(Reshape(codes), i, scales, zero points)
 *
 * The codes are those of the product that shares the table: MatMulNBits wants them as [N, blocks, bytes], this as
 * [N, K·bits/8], which is the same bytes.
 */
export function blockLookup(node: Node, stored: StoredBlocks, bits: 4 | 8, editor: GraphEditor): readonly Node[] {
  const flat = editor.freshName(`${stored.codes}_rows`)
  const shape = BigInt64Array.of(BigInt(stored.columns), BigInt((stored.rows * bits) / 8))
  const dims = editor.addConstant(tensorOf('int64', [2], shape), `${flat}_shape`)
  return [
    makeNode('Reshape', [stored.codes, dims], [flat], { name: flat }),
    makeNode(
      'GatherBlockQuantized',
      [flat, node.inputs[1]!, stored.scales, ...(stored.zeros === '' ? [] : [stored.zeros])],
      node.outputs,
      {
        domain: 'com.microsoft',
        name: node.name,
        attributes: { gather_axis: int(0), quantize_axis: int(1), block_size: int(stored.block), bits: int(bits) },
      },
    ),
  ]
}
