/*
 * y = Conv(x, w)   ⇒   y = Conv(x, w')      w' = w with 0 for what is less than 2⁻⁶⁴ of the greatest weight of its output
 * Training that pulls weights towards 0 leaves whole channels behind that nobody needs any more: 10⁻²⁰, 10⁻⁴⁰, but not 0
 * (a published recognizer of faces: one weight of six). As zeros they let channels go (`dropUnreadChannels`), and what is
 * too small for a float's full precision no longer slows the processor down.
 * Illegal: weights that somebody else reads too; products that read what the caller gives, a number of which may be a
 * time in nanoseconds beside others of about 1.
 * Source: IEEE 754. A sum in float32 loses what is below 2⁻²⁴ of it, so a number of x would have to be 2⁴⁰ times as
 * great as those that stand beside it for its weight to be missed; subnormal numbers many processors flush by themselves.
 */
import {
  magnitudes,
  type Node,
  operatorName,
  outputsAxis,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const zeroVanishingWeights = rulePass(
  'zeroVanishingWeights',
  'Sets weights to 0 that are too small to reach what they are added to.',
  [{ roots: ['Conv', 'Gemm', 'MatMul'], apply }],
)

const SHARE = 2 ** -64
/** The smallest float32 of full precision. */
const NORMAL = 2 ** -126

function apply(node: Node, { editor, constant }: RuleContext): RuleOutcome {
  const name = node.inputs[1]!
  const weight = constant(name)
  if (weight?.dtype !== 'float32' || weight.dims.length < 2) return false
  if ((operatorName(node) !== 'Conv' && weight.dims.length > 2) || !editor.producer(node.inputs[0]!)) return false
  const values = withoutVanishing(weight, outputsAxis(node, weight) === 0)
  if (!values) return false
  if (editor.soleConsumer(name) !== node) return { refused: 'its weights are read by others too' }
  const zeroed = editor.addConstant(tensorOf('float32', weight.dims, values), `${name}_zeroed`)
  editor.replace(node, { ...node, inputs: node.inputs.map((input, slot) => (slot === 1 ? zeroed : input)) })
  return true
}

/** The weights with zeros for those that vanish; undefined where none does. `rows`: whether outputs lie on the first axis. */
function withoutVanishing(weight: Tensor, rows: boolean): Float32Array | undefined {
  const values = tensorValues(weight) as Float32Array
  if (!mayVanish(values)) return undefined
  const outputs = weight.dims[rows ? 0 : 1]!
  const inner = rows ? values.length / outputs : 1
  const least = magnitudes(values, weight.dims, rows ? 0 : 1)
  for (let o = 0; o < outputs; o++) least[o] = Math.max(least[o]! * SHARE, NORMAL)
  let zeroed: Float32Array | undefined
  for (let i = 0, o = 0; i < values.length; o = o + 1 < outputs ? o + 1 : 0)
    for (const end = i + inner; i < end; i++) {
      if (values[i] === 0 || Math.abs(values[i]!) >= least[o]!) continue
      zeroed ??= Float32Array.from(values)
      zeroed[i] = 0
    }
  return zeroed
}

/** Whether any weight is that small beside the greatest of all: mostly none is, and a look at each of them is enough. */
function mayVanish(values: Float32Array): boolean {
  let [least, greatest] = [Number.POSITIVE_INFINITY, 0]
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!)
    if (magnitude > greatest) greatest = magnitude
    if (magnitude < least && magnitude > 0) least = magnitude
  }
  return least < Math.max(greatest * SHARE, NORMAL)
}
