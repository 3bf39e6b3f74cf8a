/*
 * y = Add(MatMul(x, W), b), x: float[M, K]     ⇒  y = Gemm(x, W, b)
 * One kernel that adds while it multiplies, and the form that integer kernels take a bias in.
 * Illegal: x not known to have two axes (Gemm takes no other); W or b computed; b not one per column; the product is
 * read elsewhere or is an output; types without a Gemm kernel.
 * Source: ONNX, Gemm: Y = alpha·A·B + beta·C.
 */
import { makeNode, type Node } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const fuseMatMulAdd = rulePass(
  'fuseMatMulAdd',
  'Writes a matrix product and its bias as the one operator that they are.',
  [{ roots: ['Add'], apply }],
)

const TYPES: ReadonlySet<string> = new Set(['float32', 'float64'])

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant } = context
  if (node.inputs.length !== 2) return false
  const side = editor.producer(node.inputs[0]!, 'MatMul') ? 0 : 1
  const product = editor.producer(node.inputs[side]!, 'MatMul')
  const [bias, weight] = [constant(node.inputs[1 - side]!), constant(product?.inputs[1] ?? '')]
  if (!product || !bias || !weight) return false
  const data = context.types.get(product.inputs[0]!)
  if (data?.kind !== 'tensor' || !data.shape) return { refused: 'the rank of the product is not known' }
  if (data.shape.length !== 2 || weight.dims.length !== 2) return false
  if (!TYPES.has(weight.dtype)) return { refused: `Gemm has no kernel for ${weight.dtype}` }
  const columns = weight.dims[1]!
  const perColumn = bias.dims.length <= 2 && bias.dims.slice(0, -1).every((dim) => dim === 1)
  if (!perColumn || (bias.dims.at(-1) ?? 1) !== columns) return { refused: 'the bias is not one number per column' }
  if (editor.soleConsumer(product.outputs[0]!) !== node) return { refused: 'the product is also read elsewhere' }
  const inputs = [product.inputs[0]!, product.inputs[1]!, node.inputs[1 - side]!]
  editor.replace(node, makeNode('Gemm', inputs, [node.outputs[0]!], { name: product.name }))
  editor.remove(product)
  return true
}
