import { intAttribute, type Node } from '../../ir/index.ts'

/** Numbers of ONNX's TensorProto.DataType. */
export const FLOAT = 1
export const FLOAT16 = 10

/** Whether a node is a Cast to the type of this number. */
export const castsTo = (node: Node, type: number): boolean =>
  node.opType === 'Cast' && node.domain === '' && intAttribute(node, 'to', 0) === type
