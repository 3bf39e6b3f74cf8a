import { DTYPES, type DType, intAttribute, type Node } from '../../ir/index.ts'

/** Whether a node is a Cast to this element type. */
export const castsTo = (node: Node, dtype: DType): boolean =>
  node.opType === 'Cast' && node.domain === '' && intAttribute(node, 'to', 0) === DTYPES[dtype].code
