import { DTYPES, type DType, elementType, intAttribute, makeNode, type NameSupply, type Node } from '../../ir/index.ts'

/** Whether a node is a Cast to this element type. */
export const castsTo = (node: Node, dtype: DType): boolean =>
  node.opType === 'Cast' && node.domain === '' && intAttribute(node, 'to', 0) === DTYPES[dtype].code

/** A Cast of one value to another, under a name of its own. */
export const castTo = (from: string, to: string, dtype: DType, names: NameSupply): Node =>
  makeNode('Cast', [from], [to], { name: names.fresh(`${to}_Cast`), attributes: { to: elementType(dtype) } })
