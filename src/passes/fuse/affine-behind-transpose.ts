/*
 * y = Conv(Transpose(Mul(x, s)), W)   ⇒   y = Conv(Mul(Transpose(x), s), W)        with one number s
 * Also Div, and Add and Sub where no convolution that reads it pads: there `fuseAffineBefore` takes the number into the
 * weights or the bias. Networks of TensorFlow begin so: pixels are scaled where channels come last, and a pass over the
 * whole picture is saved, in integers a rounding of it as well.
 * Exact by itself: each number meets the same one.
 * Illegal: a constant of more axes than x, which would widen it; a result that is an output, or that somebody else
 * reads. Left alone in front of anything but convolutions.
 * Source: what works number by number commutes with a permutation.
 */
import { intsAttribute, isPadded, type Node, type Tensor } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'

export const affineBehindTranspose = rulePass(
  'affineBehindTranspose',
  'Scales and shifts by one number stand behind the Transpose in front of a convolution, which takes them in.',
  [{ roots: ['Transpose'], apply }],
)

const SCALES: ReadonlySet<string> = new Set(['Mul', 'Div'])
const SHIFTS: ReadonlySet<string> = new Set(['Add', 'Sub'])

function apply(node: Node, { editor }: RuleContext): RuleOutcome {
  const [input] = node.inputs as [string]
  const [output] = node.outputs as [string]
  const step = editor.producer(input)
  const axes = intsAttribute(node, 'perm', []).length
  const isNumber = (tensor: Tensor | undefined) => scalarValue(tensor) !== undefined && tensor!.dims.length <= axes
  const slot = step?.inputs.findIndex((name) => isNumber(editor.constant(name))) ?? -1
  if (step?.domain !== '' || slot < 0 || (step.opType === 'Div' && slot === 0)) return false
  const readers = editor.consumers(output)
  const convolves = (reader: Node) => reader.opType === 'Conv' && reader.inputs[0] === output
  if (editor.isOutput(output) || readers.length === 0 || !readers.every(convolves)) return false
  const taken = SCALES.has(step.opType) || (SHIFTS.has(step.opType) && !readers.some(isPadded))
  if (!taken) return false
  if (editor.isOutput(input) || editor.soleConsumer(input) !== node)
    return { refused: 'the value in front of the Transpose is read elsewhere, too' }
  const { values, make } = piecesOf(output, editor)
  const [turned] = values('turned')
  const inputs = step.inputs.map((name, i) => (i === slot ? name : turned))
  editor.replace(
    node,
    { ...make('Transpose', [step.inputs[1 - slot]!], turned), name: node.name, attributes: node.attributes },
    { ...step, inputs, outputs: [output] },
  )
  editor.removeUnused(step)
  return true
}
