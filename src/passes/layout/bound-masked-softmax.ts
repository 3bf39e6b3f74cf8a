/*
 * y = Softmax(Add(s, m)), where m always hides some places by −1000 or less
 *   ⇒   a = Add(s, m)   b = Add(ReduceMax(a), −80)   y = Softmax(Max(a, b))
 * What is hidden so comes out of the runtime's exponential as a denormal number, which some processors multiply many
 * times more slowly, in the Softmax and in the product that reads it: 8 heads of 256×256 took 1.69 ms with their product,
 * and 0.78 so (Intel Xeon), for the same bits. Others know no such penalty, so that it has to be measured whether it pays.
 * Exact: e⁻⁸⁰ beside a sum of at least 1 is nothing in float32, as what it was before.
 * Illegal: other types than float32. Left alone: another axis than the last; masks that may hide nothing, as those of
 * padded places; a single row of scores, as where one token is decoded; few numbers.
 * Source: IEEE 754, subnormal numbers.
 */
import { float32Shape, intAttribute, ints, type Node, type Shape, tensorValues } from '../../ir/index.ts'
import { type GraphEditor, piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { isSmall } from './small-values.ts'

export const boundMaskedSoftmax = rulePass(
  'boundMaskedSoftmax',
  'What a mask hides from a Softmax lies 80 below the greatest of its row, so that no denormal numbers come of it.',
  [{ roots: ['Softmax'], apply }],
)

/** So far below the greatest, nothing adds to a sum in float32, and nothing is denormal. */
const DEPTH = -80
/** What hides a place, whatever its score. */
const HIDING = -1000
/** Share of the places that a mask hides at least. */
const SHARE = 1 / 8
/** Operators between what makes a mask and what adds it. */
const FAR = 16

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, opset, types } = context
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const shape = float32Shape(types.get(input))
  if (opset < 13 || !shape) return false
  const axis = intAttribute(node, 'axis', -1)
  if ((axis !== -1 && axis !== shape.length - 1) || isSmall(input, context)) return false
  const add = editor.producer(input, 'Add')
  if (!add) return false
  const mask = add.inputs.find((value) => hides(value, editor))
  const scores = types.get(add.inputs.find((value) => value !== mask) ?? '')
  if (mask === undefined || scores?.kind !== 'tensor' || !hasManyRows(scores.shape)) return false
  const { values, make, integers, floats } = piecesOf(output, editor, node)
  const [most, bound, bounded] = values('most', 'bound', 'bounded')
  editor.replace(
    node,
    opset < 18
      ? make('ReduceMax', [input], most, { axes: ints([-1]) })
      : make('ReduceMax', [input, integers([-1], 'axis')], most),
    make('Add', [most, floats([], [DEPTH], 'depth')], bound),
    make('Max', [input, bound], bounded),
    { ...node, inputs: [bounded] },
  )
  return true
}

/**
 * Whether scores have more than one row in any case: a known number of them, or as many as columns. Where their number is
 * open, there is a cache, and mostly one token is decoded.
 */
function hasManyRows(shape: Shape | null): boolean {
  const [rows, columns] = shape?.slice(-2) ?? []
  return typeof rows === 'number' ? rows > 1 : typeof rows === 'string' && rows === columns
}

/** Whether a mask that is added hides places in any case. */
function hides(value: string, editor: GraphEditor, far = FAR): boolean {
  const constant = editor.constant(value)
  if (constant) return constant.dtype === 'float32' && shareOf(tensorValues(constant), (x) => x <= HIDING) >= SHARE
  const node = editor.producer(value)
  if (node?.domain !== '' || far === 0) return false
  const [first = '', second = '', third = ''] = node.inputs
  const deeper = (name: string) => hides(name, editor, far - 1)
  const isHiding = (name: string) => {
    const number = editor.constant(name)
    return number !== undefined && shareOf(tensorValues(number), (x) => x <= HIDING) === 1
  }
  if (ALONG.has(node.opType)) return deeper(first)
  if (node.opType === 'Add') return deeper(first) || deeper(second)
  if (node.opType === 'Where') return (isHiding(second) || isHiding(third)) && isTriangle(first, editor, far - 1)
  if (node.opType === 'Mul')
    return (
      (isHiding(second) && isTriangle(first, editor, far - 1)) ||
      (isHiding(first) && isTriangle(second, editor, far - 1))
    )
  return false
}

/** Whether a condition holds at some places and not at others in any case: it compares places with each other. */
function isTriangle(value: string, editor: GraphEditor, far: number): boolean {
  const constant = editor.constant(value)
  if (constant) {
    const share = shareOf(tensorValues(constant), (x) => x !== 0)
    return share >= SHARE && share <= 1 - SHARE
  }
  const node = editor.producer(value)
  if (node?.domain !== '' || far === 0) return false
  const [first = '', second = ''] = node.inputs
  if (COMPARING.has(node.opType)) return isCounting(first, editor, far - 1) && isCounting(second, editor, far - 1)
  if (node.opType === 'Trilu') return true
  if (node.opType === 'Sub') return isTriangle(second, editor, far - 1)
  return (ALONG.has(node.opType) || node.opType === 'Not') && isTriangle(first, editor, far - 1)
}

/** Whether a value counts places, one after the other. */
function isCounting(value: string, editor: GraphEditor, far: number): boolean {
  const constant = editor.constant(value)
  if (constant) return constant.dims.some((size) => size > 1)
  const node = editor.producer(value)
  if (node?.domain !== '' || far === 0) return false
  if (node.opType === 'Range') return true
  return (ALONG.has(node.opType) || node.opType === 'Add') && isCounting(node.inputs[0]!, editor, far - 1)
}

/** Operators that show what they read, in another shape or type. */
const ALONG: ReadonlySet<string> = new Set(['Unsqueeze', 'Squeeze', 'Reshape', 'Expand', 'Slice', 'Cast', 'Identity'])
const COMPARING: ReadonlySet<string> = new Set(['Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'])

function shareOf(values: ArrayLike<number | bigint>, is: (value: number) => boolean): number {
  let count = 0
  for (let i = 0; i < values.length; i++) if (is(Number(values[i]))) count++
  return values.length === 0 ? 0 : count / values.length
}
