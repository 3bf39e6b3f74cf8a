/*
 * p = MaxPool(x)   c = QuantizeLinear(p, s, z)   ⇒   c = QuantizeLinear<axis = 1>(p, [s, s, …], [z, z, …])
 * also with DequantizeLinear(QuantizeLinear(x)) under the same scale in front of the pool, where x is float
 * The runtime moves a QuantizeLinear of one scale in front of a MaxPool, since either order gives the same codes. Behind
 * a float convolution that costs more than it saves: the pool leaves the blocked layout, and over codes in plain order it
 * is slow, the more the larger the window (32 channels of 32×160: 0.30 ms, in blocks 0.01; 13×13 over 128 channels of
 * 13×13: 2.7 ms, in blocks 0.08; a SqueezeNet ran at 0.87 of its float speed). A scale for each channel, all of them
 * equal, stays behind.
 * Illegal: a number of channels that is not known. Left alone: a pool among integers, which keeps the layout of their kernels.
 * Source: `QDQPropagationTransformer` of ONNX Runtime; ONNX, QuantizeLinear (the same codes element for element).
 */
import { int, intAttribute, type Node, type Tensor, tensorOf, tensorShape, tensorValues } from '../../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { isFromIntegers } from './from-integers.ts'

export const quantizeBehindPools = rulePass(
  'quantizeBehindPools',
  'Float pools stay in the fast layout when codes are made of what they give.',
  [{ roots: ['QuantizeLinear'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, opset } = context
  const pool = editor.producer(node.inputs[0]!, 'MaxPool')
  if (opset < 13 || !pool) return false
  const before = floatBefore(pool, node, context)
  if (before === undefined) return false
  const [scale, zero] = [constant(node.inputs[1]!), constant(node.inputs[2] ?? '')]
  if (!scale || !zero || scale.dims.length > 0 || intAttribute(node, 'block_size', 0) !== 0) return false
  const channels = tensorShape(context.types.get(pool.outputs[0]!))?.[1]
  if (typeof channels !== 'number') return { refused: 'how many channels its pool has is not known' }
  const repeated = (tensor: Tensor) =>
    tensorOf(tensor.dtype, [channels], new Array<number>(channels).fill(Number(tensorValues(tensor)[0])))
  const inputs = [
    node.inputs[0]!,
    editor.addConstant(repeated(scale), `${node.inputs[1]}_channels`),
    editor.addConstant(repeated(zero), `${node.inputs[2]}_channels`),
  ]
  editor.replace(node, { ...node, inputs, attributes: new Map([...node.attributes, ['axis', int(1)]]) })
  if (before.reader) {
    editor.replace(pool, { ...pool, inputs: [before.value] })
    editor.removeUnused(before.reader)
  }
  return true
}

/**
 * The float that a pool is made of, and the node that reads it from codes, which others may read as well (pools of three
 * sizes side by side); undefined where integers are in front of it.
 */
function floatBefore(
  pool: Node,
  behind: Node,
  { editor, constant }: RuleContext,
): { readonly value: string; readonly reader?: Node } | undefined {
  const input = pool.inputs[0]!
  const reader = editor.producer(input, 'DequantizeLinear')
  if (!reader) return { value: input }
  const coder = editor.producer(reader.inputs[0]!, 'QuantizeLinear')
  if (!coder) return undefined
  const same = [1, 2].every((slot) => {
    const values = [coder, reader, behind].map((node) => uniform(constant(node.inputs[slot] ?? '')))
    return values.every((value) => value !== undefined && value === values[0])
  })
  return same && !isFromIntegers(coder.inputs[0]!, editor) ? { value: coder.inputs[0]!, reader } : undefined
}

/** The only value of a tensor: a scale for each channel is the one of all where they are equal. */
function uniform(tensor: Tensor | undefined): number | undefined {
  if (!tensor) return undefined
  const values = Array.from(tensorValues(tensor), Number)
  return values.every((value) => value === values[0]) ? values[0] : undefined
}
