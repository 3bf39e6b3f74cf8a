import { intAttribute, operatorName, tensorShape, toNumbers } from '../../ir/index.ts'
import { any, either, op, type Pattern, type RuleContext, scalarValue, through } from '../../rewrite/index.ts'
import { lastLength } from './last-axis.ts'

const [x, cos, sin] = [any('x'), any('cos'), any('sin')]

/** Add(Mul(Concat(Neg(b), a), sin), Mul(x, cos)), where a and b are the halves of x. */
export function turnedHalves(context: RuleContext): Pattern {
  const turned = joined([op('Neg', [half(1, context)]), half(0, context)], context)
  return op('Add', [op('Mul', [turned, sin]), op('Mul', [x, cos])])
}

/** Concat(a · cos − b · sin, a · sin + b · cos), where a and b are the halves of x, or its neighbours in an axis of two. */
export function turnedPairs(context: RuleContext): Pattern {
  const pair = (a: Pattern, b: Pattern, last: (part: Pattern) => Pattern) =>
    joined(
      [
        last(op('Sub', [op('Mul', [a, cos]), op('Mul', [b, sin])])),
        last(op('Add', [op('Mul', [a, sin]), op('Mul', [b, cos])])),
      ],
      context,
    )
  return either(
    pair(half(0, context), half(1, context), (part) => part),
    pair(neighbour(0, context), neighbour(1, context), (part) => behind('Unsqueeze', part, context)),
  )
}

/** Concat along the last axis. */
function joined(parts: readonly Pattern[], { types }: RuleContext): Pattern {
  return op('Concat', parts, (node) => {
    const rank = tensorShape(types.get(node.outputs[0]!))?.length
    const axis = intAttribute(node, 'axis', 0)
    return axis === -1 || axis + 1 === rank
  })
}

/** The first or the second half of x along its last axis: a Slice, or an output of a Split. */
function half(which: 0 | 1, { editor, types }: RuleContext): Pattern {
  return through((value) => {
    const node = editor.producer(value, 'Slice', 'Split')
    const whole = lastLength(types.get(node?.inputs[0] ?? ''))
    const part = lastLength(types.get(value))
    if (!node || !whole || !part || 2 * part.length !== whole.length) return undefined
    const isLast = (axis: number | undefined) => axis === -1 || axis === whole.rank - 1
    if (node.opType === 'Split') {
      if (node.outputs.length !== 2 || node.outputs[which] !== value || !isLast(intAttribute(node, 'axis', 0)))
        return undefined
    } else {
      const [start, axis, step] = [1, 3, 4].map((slot) => scalarValue(editor.constant(node.inputs[slot] ?? '')))
      if (start === undefined || !isLast(axis) || (step ?? 1) !== 1) return undefined
      if ((start < 0 ? start + whole.length : start) !== which * part.length) return undefined
    }
    return node
  }, x)
}

/** The first or the second of every pair in the last axis of x, which has two. */
function neighbour(which: 0 | 1, context: RuleContext): Pattern {
  const { editor, types } = context
  const isPair = (value: string) => lastLength(types.get(value))?.length === 2
  const gathered = through((value) => {
    const node = editor.producer(value, 'Gather')
    const index = editor.constant(node?.inputs[1] ?? '')
    const rank = lastLength(types.get(node?.inputs[0] ?? ''))?.rank
    if (!node || !rank || !isPair(node.inputs[0]!) || index?.dims.length !== 0) return undefined
    const axis = intAttribute(node, 'axis', 0)
    const at = scalarValue(index)!
    return (axis === -1 || axis === rank - 1) && (at < 0 ? at + 2 : at) === which ? node : undefined
  }, x)
  return either(behind('Squeeze', half(which, context), context), gathered)
}

/** Squeeze or Unsqueeze of the last axis. */
function behind(operator: 'Squeeze' | 'Unsqueeze', part: Pattern, { editor, types }: RuleContext): Pattern {
  return through((value) => {
    const node = editor.producer(value, operator)
    const axis = scalarValue(editor.constant(node?.inputs[1] ?? ''))
    const rank = tensorShape(types.get((operator === 'Squeeze' ? node?.inputs[0] : value) ?? ''))?.length
    return rank && (axis === -1 || axis === rank - 1) ? node : undefined
  }, part)
}

/** Operators that leave the numbers along the last axis where they are, as long as its length stays the same. */
const ALONG: ReadonlySet<string> = new Set('Cast Cos Expand Flatten Identity Reshape Sin Squeeze Unsqueeze'.split(' '))

/** Whether the second half of a value along its last axis repeats the first in any case. */
export function hasEqualHalves(value: string, context: RuleContext): boolean {
  const { editor, types } = context
  const tensor = editor.constant(value)
  if (tensor) {
    const width = tensor.dims.at(-1) ?? 1
    const numbers = toNumbers(tensor)
    return width % 2 === 0 && numbers.every((number, i) => i % width < width / 2 || number === numbers[i - width / 2])
  }
  const node = editor.producer(value)
  const [first = '', second = ''] = node?.inputs ?? []
  const last = lastLength(types.get(value))
  if (!node || !last) return false
  const isLast = (axis: number) => axis === -1 || axis === last.rank - 1
  const asLong = (input: string) => lastLength(types.get(input))?.length === last.length
  const operator = operatorName(node)
  if (operator === 'Concat')
    return node.inputs.length === 2 && first === second && isLast(intAttribute(node, 'axis', 0))
  if (ALONG.has(operator)) return asLong(first) && hasEqualHalves(first, context)
  if (operator === 'Mul') {
    const number = [first, second].find((input) => scalarValue(editor.constant(input)) !== undefined)
    const other = number === first ? second : first
    return number !== undefined && asLong(other) && hasEqualHalves(other, context)
  }
  const whole = tensorShape(types.get(first))
  // Rows of a table.
  if (operator === 'Gather')
    return whole?.length === 2 && intAttribute(node, 'axis', 0) === 0 && hasEqualHalves(first, context)
  if (operator !== 'Slice' || !asLong(first)) return false
  const axes = editor.constant(node.inputs[3] ?? '')
  return axes !== undefined && toNumbers(axes).every((axis) => !isLast(axis)) && hasEqualHalves(first, context)
}
