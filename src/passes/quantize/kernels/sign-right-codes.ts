/*
 * m = QuantizeLinear₈ᵤ(Move(DequantizeLinear(c)))   y = MatMul(DequantizeLinear(a), DequantizeLinear(m))
 *   ⇒  s = QuantizeLinear₈ₛ(DequantizeLinear(c))   y = MatMul(DequantizeLinear(a), DequantizeLinear(Move(s)))
 * Both sides of a product of two activations, as attention has two of, had unsigned codes, which x86 kernels widen to 16
 * bits before they multiply; VNNI wants one side signed. Twelve heads of 100×64 by 64×100 took 0.122 ms so, and 0.063
 * where the right side's codes are signed; in float 0.164. The sums are the same to the bit.
 * The codes are signed in front of what moves them, since of a signed QuantizeLinear with a DequantizeLinear right behind
 * it the runtime makes an unsigned pair on x86.
 * Illegal: codes that others read as well; other scales behind the move than in front of it. Not for the portable target,
 * nor on processors without VNNI: two products of a signed code may leave the 16 bits that these add them in.
 * Left alone where few rows are multiplied, so that signing the codes costs more than it saves.
 * Source: (a − z)·s·(b − w)·t is the same with b − 128 and w − 128; `QDQS8ToU8Transformer`, MLAS `GemmU8S8Dispatch`.
 */
import { elementCount, fromNumbers, type Node, tensorDtype, tensorShape, toNumbers } from '../../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { sameScale } from './same-scale.ts'

export const signRightCodes = rulePass(
  'signRightCodes',
  'The right side of a product of two activations gets signed codes, for which there is a faster kernel.',
  [{ roots: ['MatMul'], apply }],
)

/** Nanoseconds on one thread, onnxruntime 1.30 on x86-64 with VNNI: a product saved, a number signed, two more nodes. */
const NS = { product: 0.008, signed: 0.27, nodes: 3000 } as const
/** From the smallest unsigned code to the smallest signed one. */
const DOWN = 128

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, types } = context
  const [left, right] = node.inputs.map((name) => editor.producer(name, 'DequantizeLinear'))
  if (!left || !right || !isActivation(left, context) || !isActivation(right, context)) return false
  const coder = editor.producer(right.inputs[0]!, 'QuantizeLinear')
  const move = coder && editor.producer(coder.inputs[0]!, ...MOVES)
  const reader = move && editor.producer(move.inputs[0]!, 'DequantizeLinear')
  if (!coder || !reader) return false
  if (tensorDtype(types.get(reader.inputs[0]!)) !== 'uint8') return false
  if (!sameScale(reader, coder, context) || !sameScale(right, coder, context)) return false
  const path = [move.outputs[0]!, coder.outputs[0]!, right.outputs[0]!]
  if (path.some((name) => editor.soleConsumer(name) === undefined)) return { refused: 'others read these codes, too' }
  if (!pays(node, context)) return { refused: 'signing its codes would cost more than it saves' }
  const { values, make } = piecesOf(right.outputs[0]!, editor)
  const [signed, moved] = values('signed', 'moved')
  const zero = toNumbers(constant(right.inputs[2]!)!)[0]! - DOWN
  const point = editor.addConstant(fromNumbers('int8', [], [zero]), `${right.inputs[2]}_signed`)
  const scale = right.inputs[1]!
  editor.replace(move, make('QuantizeLinear', [move.inputs[0]!, scale, point], signed), {
    ...move,
    inputs: [signed, ...move.inputs.slice(1)],
    outputs: [moved],
  })
  editor.remove(coder)
  editor.replace(right, { ...right, inputs: [moved, scale, point] })
  return true
}

/** Whether these are unsigned codes, under one scale, of what is not constant. */
function isActivation({ inputs }: Node, { constant, types }: RuleContext): boolean {
  if (constant(inputs[0]!) || tensorDtype(types.get(inputs[0]!)) !== 'uint8') return false
  return [1, 2].every((slot) => constant(inputs[slot] ?? '')?.dims.length === 0)
}

/** What only lays codes elsewhere. */
const MOVES = ['Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Slice', 'Gather']

/** Whether there are rows enough; a first axis that is not known is a batch, of which each row pays for itself. */
function pays(node: Node, { types }: RuleContext): boolean {
  const [left, right] = node.inputs.map((name) =>
    tensorShape(types.get(name))?.map((size, axis) => (typeof size === 'number' ? size : axis === 0 ? 1 : Number.NaN)),
  )
  if (!left || !right || left.length < 2 || right.length < 2) return false
  const products = elementCount(left) * right.at(-1)!
  return products * NS.product > elementCount(right) * NS.signed + NS.nodes
}
