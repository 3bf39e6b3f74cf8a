/*
 * y = LSTM(x, W, R, B, , h, c), h and c zeros      ⇒  y = LSTM(x, W, R, B)      also GRU and RNN, and either state alone
 * Zeros are constants of nothing else, ConstantOfShape without a value, and what only moves or repeats them: exporters
 * put them together from the batch's size in every run, layer by layer.
 * Illegal: a state that is computed from anything else.
 * Source: ONNX, LSTM, GRU, RNN: a state that is not given is assumed to be 0.
 */
import { type Node, tensorValues } from '../../ir/index.ts'
import { type GraphEditor, type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'

export const dropZeroStates = rulePass(
  'dropZeroStates',
  'Leaves out initial states of zeros, with which recurrent layers start in any case.',
  [{ roots: ['LSTM', 'GRU', 'RNN'], apply }],
)

/** Slots of initial states: hidden, and the cell of an LSTM. */
const STATES = [5, 6]
/** What gives elements of its first input alone. */
const MOVEMENTS: ReadonlySet<string> = new Set(
  'Identity Expand Tile Slice Split Gather Reshape Flatten Squeeze Unsqueeze Transpose'.split(' '),
)

function apply(node: Node, { editor }: RuleContext): RuleOutcome {
  const idle = STATES.filter((slot) => node.inputs[slot] && isZero(node.inputs[slot], editor))
  if (idle.length === 0) return false
  const inputs = node.inputs.map((name, slot) => (idle.includes(slot) ? '' : name))
  while (inputs.at(-1) === '') inputs.pop()
  editor.replace(node, { ...node, inputs })
  for (const slot of idle) {
    const maker = editor.producer(node.inputs[slot]!)
    if (maker) editor.removeUnused(maker)
  }
  return true
}

function isZero(name: string, editor: GraphEditor): boolean {
  const tensor = editor.constant(name)
  if (tensor) return tensor.data.form !== 'strings' && tensorValues(tensor).every((value) => Number(value) === 0)
  const node = editor.producer(name)
  if (node?.domain !== '') return false
  if (MOVEMENTS.has(node.opType)) return isZero(node.inputs[0]!, editor)
  if (node.opType === 'Concat') return node.inputs.every((input) => isZero(input, editor))
  if (node.opType !== 'ConstantOfShape') return false
  const value = node.attributes.get('value')
  return value === undefined || (value.type === 'tensor' && scalarValue(value.value) === 0)
}
