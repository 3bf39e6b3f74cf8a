import { floatAttribute, isFloating, type Node } from '../../ir/index.ts'
import {
  clipBounds,
  either,
  type GraphEditor,
  type Match,
  op,
  type Pattern,
  piecesOf,
  scalar,
  scalarNamed,
  scalarValue,
  through,
} from '../../rewrite/index.ts'

/** `min(max(v, 0), high)` as Clip, or as Min and Max in either order. */
export function clip(inner: Pattern, high: number): Pattern {
  const minMax = op('Min', [op('Max', [inner, scalar(0)]), scalar(high)])
  const maxMin = op('Max', [op('Min', [inner, scalar(high)]), scalar(0)])
  const limits = through((value, editor) => {
    const node = editor.producer(value, 'Clip')
    const bounds = node && clipBounds(node, (name) => editor.constant(name))
    return bounds && Math.abs(bounds.low) <= 1e-6 && Math.abs(bounds.high - high) <= 1e-5 * high ? node : undefined
  }, inner)
  return either(limits, minMax, maxMin)
}

/** `v / 6`, or `v` times about 1/6: by how much that is off, `behindSixths` makes up for. */
export const sixth = (inner: Pattern): Pattern =>
  either(op('Div', [inner, scalar(6)]), op('Mul', [inner, both(scalar(1 / 6, 1e-3), scalarNamed('sixth'))]))

const both =
  (...patterns: readonly Pattern[]): Pattern =>
  (value, matching) =>
    patterns.every((pattern) => pattern(value, matching))

/**
 * The value that an operator with exactly 1/6 in it gives where a `sixth` is found, and what makes `output` of it: a
 * product where the model multiplies by another number. Stored in float16 that is 0.16663, and eleven layers of it are
 * 0.3 % of every number.
 */
export function behindSixths(
  editor: GraphEditor,
  found: Match,
  output: string,
): readonly [value: string, scaling: readonly Node[]] {
  const name = found.values.get('sixth')
  const factor = name === undefined ? 1 : 6 * scalarValue(editor.constant(name))!
  if (Math.abs(factor - 1) < 1e-5) return [output, []]
  const { values, make, floats } = piecesOf(output, editor)
  const [value] = values('sixths')
  return [value, [make('Mul', [value, floats([], [factor], 'factor')], output)]]
}

export const dividedBy = (inner: Pattern, divisor: number): Pattern =>
  either(op('Div', [inner, scalar(divisor)]), op('Mul', [inner, scalar(1 / divisor)]))

/** HardSigmoid with the slope and offset of MobileNetV3, `max(0, min(1, x/6 + 1/2))`. */
export const hardSigmoidNode = (inner: Pattern): Pattern =>
  op(
    'HardSigmoid',
    [inner],
    (node) =>
      Math.abs(6 * floatAttribute(node, 'alpha', 0.2) - 1) < 1e-5 &&
      Math.abs(floatAttribute(node, 'beta', 0.5) - 0.5) < 1e-6,
  )

/** Whether every floating constant that a match went through is float32: the runtime's kernels know nothing else. */
export function isFloat32(editor: GraphEditor, { nodes }: Match): boolean {
  for (const node of nodes)
    for (const name of node.inputs) {
      const tensor = name === '' ? undefined : editor.constant(name)
      if (tensor && isFloating(tensor.dtype) && tensor.dtype !== 'float32') return false
    }
  return true
}
