import { indexGraph, type Model, type Node } from '../../ir/index.ts'

/** Values inside a classifier that tell more than its answer; null where the graph does not show them. */
export interface Head {
  /** What the final Softmax takes: energy needs the logits' sum, which probabilities have lost. */
  readonly logits: string | null
  /** What the last product takes: the features that distances are measured in. */
  readonly features: string | null
}

/** Of a model whose graph shows neither. */
export const NO_HEAD: Head = { logits: null, features: null }

/** Operators that carry a product's result on: a bias, another shape, another number type. */
const CARRIERS = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'Identity',
  'Cast',
  'DequantizeLinear',
  'QuantizeLinear',
  'ReduceMean',
  'GlobalAveragePool',
])
const PRODUCTS = /^(Gemm|MatMul|Conv|FusedMatMul|FusedGemm|MatMulNBits)$/

/** Walks back from a class output: through Softmax to the logits, through what only carries them to the last product. */
export function headOf({ graph }: Model, output: string): Head {
  const { producer } = indexGraph(graph)
  const constant = (name: string) => graph.initializers.has(name) || producer.get(name)?.opType === 'Constant'
  const variable = (node: Node) => node.inputs.find((name) => name !== '' && !constant(name))
  let value: string | undefined = output
  let logits: string | null = null
  for (let steps = 0; steps < 64 && value !== undefined; steps++) {
    const node: Node | undefined = producer.get(value)
    if (!node) break
    if ((node.opType === 'Softmax' || node.opType === 'LogSoftmax') && logits === null) logits = node.inputs[0] ?? null
    else if (PRODUCTS.test(node.opType)) return { logits, features: node.inputs[0] ?? null }
    else if (!CARRIERS.has(node.opType)) break
    value = variable(node)
  }
  return { logits, features: null }
}
