/*
 * p = MaxPool(x)   c = QuantizeLinear(p, s, z)   ⇒   c = QuantizeLinear<axis = 1>(p, [s, s, …], [z, z, …])
 * also with DequantizeLinear(QuantizeLinear(x)) under the same scale in front of the pool, where x is float
 * The runtime moves a QuantizeLinear of one scale in front of a MaxPool, since either order gives the same codes. Behind
 * a float convolution that costs more than it saves: the pool leaves the blocked layout, and over codes in plain order it
 * is slow (32 channels of 32×160: 0.30 ms, in blocks 0.01; a SqueezeNet ran at 0.87 of its float speed). A scale for each channel, all of them equal, stays behind.
 * Illegal: a number of channels that is not known. Left alone: a pool among integers, which keeps the layout of their kernels.
 * Source: `QDQPropagationTransformer` of ONNX Runtime; ONNX, QuantizeLinear (the same codes element for element).
 */
import { inferTypes, int, intAttribute, type Node, type Tensor, tensorOf, tensorValues } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const quantizeBehindPools = rulePass(
  'quantizeBehindPools',
  'Float pools stay in the fast layout when codes are made of what they give.',
  [{ roots: ['QuantizeLinear'], apply }],
  inferTypes,
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, opset } = context
  const pool = editor.producer(node.inputs[0]!)
  if (opset < 13 || pool?.opType !== 'MaxPool' || pool.domain !== '') return false
  const before = floatBefore(pool, node, context)
  if (before === undefined) return false
  const [scale, zero] = [constant(node.inputs[1]!), constant(node.inputs[2] ?? '')]
  if (!scale || !zero || scale.dims.length > 0 || intAttribute(node, 'block_size', 0) !== 0) return false
  const type = context.types.get(pool.outputs[0]!)
  const channels = type?.kind === 'tensor' ? type.shape?.[1] : undefined
  if (typeof channels !== 'number') return { refused: 'how many channels its pool has is not known' }
  const repeated = (tensor: Tensor) =>
    tensorOf(tensor.dtype, [channels], new Array<number>(channels).fill(Number(tensorValues(tensor)[0])))
  const inputs = [
    node.inputs[0]!,
    editor.addConstant(repeated(scale), `${node.inputs[1]}_channels`),
    editor.addConstant(repeated(zero), `${node.inputs[2]}_channels`),
  ]
  for (const coder of before.coders) editor.remove(coder)
  if (before.coders.length > 0) editor.replace(pool, { ...pool, inputs: [before.value] })
  editor.replace(node, { ...node, inputs, attributes: new Map([...node.attributes, ['axis', int(1)]]) })
  return true
}

/** The float that a pool is made of, with the conversions that may go; undefined where integers are in front of it. */
function floatBefore(
  pool: Node,
  behind: Node,
  { editor, constant }: RuleContext,
): { readonly value: string; readonly coders: readonly Node[] } | undefined {
  const input = pool.inputs[0]!
  const reader = editor.producer(input)
  if (reader?.opType !== 'DequantizeLinear') return { value: input, coders: [] }
  const coder = editor.producer(reader.inputs[0]!)
  if (coder?.opType !== 'QuantizeLinear') return undefined
  const same = [1, 2].every((slot) => {
    const tensors = [coder, reader, behind].map((node) => constant(node.inputs[slot] ?? ''))
    return tensors.every(
      (tensor) => tensor?.dims.length === 0 && tensorValues(tensor)[0] === tensorValues(tensors[0]!)[0],
    )
  })
  const alone = editor.soleConsumer(coder.outputs[0]!) === reader && editor.soleConsumer(input) === pool
  return same && alone && !fromIntegers(coder.inputs[0]!, editor)
    ? { value: coder.inputs[0]!, coders: [reader, coder] }
    : undefined
}

/** Whether a kernel over codes makes this value: something behind a DequantizeLinear, activations in between or not. */
function fromIntegers(value: string, editor: RuleContext['editor']): boolean {
  const maker = editor.producer(value)
  if (!maker) return false
  if (['Relu', 'Clip', 'LeakyRelu'].includes(maker.opType)) return fromIntegers(maker.inputs[0]!, editor)
  return maker.inputs.some((name) => editor.producer(name)?.opType === 'DequantizeLinear')
}
