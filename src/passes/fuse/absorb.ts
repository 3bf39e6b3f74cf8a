import { elementCount, type Node, nodeLabel } from '../../ir/index.ts'
import {
  type Affine,
  affineOf,
  type ChannelAxis,
  isAllZeros,
  type RuleContext,
  type RuleOutcome,
} from '../../rewrite/index.ts'
import { levelsInput } from './levels-input.ts'
import { foldBefore, type Linear, linearOf } from './linear.ts'

/** The linear operators that read `value` as their data, or the reason why not everybody who reads it is one. */
export function linearReaders(
  value: string,
  context: RuleContext,
): readonly Linear[] | { refused: string } | undefined {
  const { editor } = context
  const readers: Linear[] = []
  let refused: string | undefined
  for (const user of editor.consumers(value)) {
    const linear = linearOf(user, context)
    if (!linear) refused ??= `also read by ${nodeLabel(user)}, which cannot take it in`
    else if ('refused' in linear) refused ??= linear.refused
    else if (user.inputs.filter((name) => name === value).length !== 1 || linear.data !== value)
      refused ??= `${nodeLabel(user)} reads it as weights`
    else readers.push(linear)
  }
  if (readers.length === 0) return undefined
  if (editor.isOutput(value)) return { refused: 'its result is a graph output' }
  return refused === undefined ? readers : { refused }
}

/**
 * Whether the node's result has the shape of its input: a constant with more than one element or axis could widen it,
 * and then the reader would no longer fit.
 */
export function keepsShape(node: Node, input: string, axis: ChannelAxis, { constant, types }: RuleContext): boolean {
  if (node.opType === 'BatchNormalization' || node.opType === 'Neg') return true
  const { dims } = constant(node.inputs.find((name) => name !== input)!)!
  if (dims.length <= 1 && elementCount(dims) === 1) return true
  const type = types.get(input)
  if (type?.kind !== 'tensor' || !type.shape || type.shape.length < dims.length) return false
  return elementCount(dims) === 1 || type.shape.at(-1 - axis.fromEnd) === axis.channels
}

/**
 * linear(affine(x)) ⇒ linear'(x) in every reader at once, so that the affine node goes away. Refused where one of
 * them cannot take it in: the node would stay, and nothing be gained.
 */
export function absorbInto(node: Node, context: RuleContext): RuleOutcome {
  const value = node.outputs[0]!
  const readers = linearReaders(value, context)
  if (!readers) return false
  if ('refused' in readers) return readers
  const affines: Affine[] = []
  for (const reader of readers) {
    const affine = affineOf(node, context.constant, reader.input)
    if (!affine) return false
    if (!keepsShape(node, affine.input, reader.input, context))
      return { refused: 'its constant may widen the value, whose shape is not known' }
    if (!isAllZeros(affine.shift) && !reader.shiftPasses)
      return { refused: `its shift does not pass through ${nodeLabel(reader.node)} (${reader.node.opType}, padding)` }
    affines.push(affine)
  }
  return replaceReaders(readers, affines, node, context)
}

/**
 * Puts into each reader the affine map that stands before it, and takes `node`, which computed that, away. Refused where
 * the weights of one cannot take it in; then nothing is changed.
 */
export function replaceReaders(
  readers: readonly Linear[],
  affines: readonly Affine[],
  node: Node,
  context: RuleContext,
): RuleOutcome {
  const { editor } = context
  if (readers.some((reader) => levelsInput(node, reader.input, context)))
    return { refused: 'it brings columns of an input, which differ much in size, to one size: integers need it' }
  const fused: Node[] = []
  for (const [i, reader] of readers.entries()) {
    const next = foldBefore(reader, affines[i]!, editor)
    if ('refused' in next) return next
    fused.push(next)
  }
  for (const [i, reader] of readers.entries()) editor.replace(reader.node, fused[i]!)
  editor.removeUnused(node)
  return true
}
