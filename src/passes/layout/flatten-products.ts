/*
 * y = Add(MatMul(x, W), b), x: float[N, 64, K], W: float[K, C]
 *   ⇒  y = Reshape(Gemm(Reshape(x, {-1, K}), W, b), {-1, 64, C})
 * Where two sizes or more are known only when it runs, the target is Concat(Shape<start = 0, end = 2>(x), {C}).
 * A product of rows takes its bias in, the integer kernel as well as the float one. The runtime writes it so by itself,
 * but only where every size is known: of a transformer with a free batch each bias was an Add of its own, and each
 * integer product gave floats (64 tokens, 256 to 256 channels: 0.026 ms with what stood around it, then 0.016).
 * Codes are flattened as codes; an activation, and the codes made of the result, are moved in between.
 * Illegal: W, or b, neither constant nor codes of constants; b not one number a column; other types than float32; the
 * product is read elsewhere; opset below 15, whose Shape cannot leave an axis out.
 * Left alone: sizes that are all known; two axes.
 * Source: matrix products row by row; ONNX, Gemm.
 */
import { fromNumbers, int, makeNode, type Node, operatorName, type Tensor, UNARY } from '../../ir/index.ts'
import { type GraphEditor, perGraph, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const flattenProducts = rulePass(
  'flattenProducts',
  'Lets products of values whose sizes are not all known take their bias in, as products of rows.',
  [{ roots: ['Add'], apply }],
)

/** Rows of a value, by its name. */
const flattened = perGraph(() => new Map<string, string>())

function apply(add: Node, { editor, types, opset }: RuleContext): RuleOutcome {
  if (add.inputs.length !== 2) return false
  const side = add.inputs.findIndex((name) => editor.producer(name, 'MatMul'))
  const product = editor.producer(add.inputs[side] ?? '')
  if (!product) return false
  const [x, w] = product.inputs as [string, string]
  const b = add.inputs[1 - side]!
  const [weight, bias] = [constantBehind(w, editor), constantBehind(b, editor)]
  if (weight?.dims.length !== 2 || !bias) return false
  const type = types.get(x)
  if (type?.kind !== 'tensor' || !type.shape || type.shape.length < 3) return false
  const leading = type.shape.slice(0, -1)
  if (leading.every((dim) => typeof dim === 'number')) return false
  if (type.dtype !== 'float32') return { refused: `it is a product of ${type.dtype}` }
  const [depth, columns] = weight.dims as [number, number]
  if (bias.dims.at(-1) !== columns || bias.dims.some((dim, i) => dim !== 1 && i < bias.dims.length - 1))
    return { refused: 'its bias is not one number a column' }
  if (bias.dims.length > 2) return { refused: 'its bias has more axes than rows have' }
  if (editor.soleConsumer(product.outputs[0]!) !== add) return { refused: 'the product is read elsewhere, too' }
  if (opset < 15) return { refused: `opset ${opset} has no Shape of some axes` }

  const fresh = (part: string) => editor.freshName(`${add.outputs[0]!}_${part}`)
  const before: Node[] = []
  const decode = editor.producer(x, 'DequantizeLinear')
  const rows = rowsOf(x, depth, before, editor)
  const sizes = leading.filter((dim) => typeof dim !== 'number').length
  let target: string
  if (sizes === 1) {
    const fixed = [...leading.map((dim) => (typeof dim === 'number' ? dim : -1)), columns]
    target = editor.addConstant(fromNumbers('int64', [fixed.length], fixed), `${add.outputs[0]!}_shape`)
  } else {
    const width = editor.addConstant(fromNumbers('int64', [1], [columns]), `${add.outputs[0]!}_width`)
    const outer = fresh('sizes')
    target = fresh('shape')
    const attributes = { start: int(0), end: int(leading.length) }
    // Codes have the same sizes; values that nothing else reads would be made of them for their sizes alone.
    const sized = decode?.inputs[0] ?? x
    before.push(makeNode('Shape', [sized], [outer], { name: outer, attributes }))
    before.push(makeNode('Concat', [outer, width], [target], { name: target, attributes: { axis: int(0) } }))
  }
  editor.remove(product)
  const flat = fresh('rows')
  editor.replace(add, ...before, makeNode('Gemm', [rows, w, b], [flat], { name: product.name }))
  restore(add.outputs[0]!, flat, target, editor)
  // The runtime runs what nothing reads.
  if (decode) editor.removeUnused(decode)
  return true
}

/** The constant, or the one that a DequantizeLinear reads. */
function constantBehind(name: string, editor: GraphEditor): Tensor | undefined {
  return editor.constant(editor.producer(name, 'DequantizeLinear')?.inputs[0] ?? name)
}

/** x as rows of `depth`; what stands behind one DequantizeLinear of a single scale is flattened in front of it. */
function rowsOf(x: string, depth: number, before: Node[], editor: GraphEditor): string {
  const known = flattened(editor)
  const earlier = known.get(x)
  if (earlier && editor.producer(earlier)) return earlier
  const shape = editor.addConstant(fromNumbers('int64', [2], [-1, depth]), `${x}_rows_shape`)
  const decode = editor.producer(x, 'DequantizeLinear')
  const rows = editor.freshName(`${x}_rows`)
  if (decode && isSingle(decode.inputs[1]!, editor)) {
    const codes = editor.freshName(`${decode.inputs[0]!}_rows`)
    before.push(makeNode('Reshape', [decode.inputs[0]!, shape], [codes], { name: codes }))
    before.push({ ...decode, name: rows, inputs: [codes, ...decode.inputs.slice(1)], outputs: [rows] })
  } else before.push(makeNode('Reshape', [x, shape], [rows], { name: rows }))
  known.set(x, rows)
  return rows
}

const isSingle = (scale: string, editor: GraphEditor): boolean =>
  editor.constant(scale)?.dims.every((dim) => dim === 1) ?? false

/** Gives `value` its sizes back: at once, or behind an activation and the codes that are made of it. */
function restore(value: string, flat: string, target: string, editor: GraphEditor): void {
  let last: Node | undefined
  for (let next = editor.soleConsumer(value); next && moves(next, last, editor); ) {
    last = next
    next = next.opType === 'QuantizeLinear' ? undefined : editor.soleConsumer(next.outputs[0]!)
  }
  const chain: Node[] = []
  for (let node = last; node; node = node.inputs[0] === value ? undefined : editor.producer(node.inputs[0]!))
    chain.unshift(node)
  let rows = flat
  for (const node of chain) {
    const output = editor.freshName(`${node.outputs[0]!}_rows`)
    const moved = { ...node, inputs: [rows, ...node.inputs.slice(1)], outputs: [output] }
    editor.replace(node, moved, ...(node === last ? [reshaped(output, target, node.outputs[0]!)] : []))
    rows = output
  }
  if (!last) editor.insertAfter(editor.producer(flat)!, reshaped(flat, target, value))
}

/** Sizes of zero are sizes here and copy none. */
const reshaped = (rows: string, target: string, value: string): Node =>
  makeNode('Reshape', [rows, target], [value], { name: `${value}_unflattened`, attributes: { allowzero: int(1) } })

function moves(node: Node, last: Node | undefined, editor: GraphEditor): boolean {
  if (node.opType === 'QuantizeLinear' && node.domain === '') return isSingle(node.inputs[1]!, editor)
  // What a kernel of products may do with its result, or what stands in front of codes.
  return last === undefined && UNARY.has(operatorName(node)) && node.inputs.length === 1
}
