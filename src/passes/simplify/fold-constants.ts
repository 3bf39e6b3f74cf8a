/*
 * c = Add(<constant>, <constant>)     ⇒  c is a constant
 * c = Constant<value = {…}>()         ⇒  c is a constant
 * c = CastLike(<constant>, x)         ⇒  c is a constant     where the type of x is known
 * Illegal: random operators; an operator that `ir` cannot evaluate; a result that is a graph output (a graph may not
 * hand out a constant in every runtime); a result so much larger than its inputs that the file would grow (a table
 * made by Expand or Tile is cheaper to make than to read).
 * Source: constant propagation, each operator by its definition (`ir`'s evaluateNode).
 */
import {
  constantValue,
  evaluateNode,
  fromNumbers,
  hasNestedGraphs,
  isNumeric,
  type Node,
  operatorName,
  type Tensor,
  tensorByteLength,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

/** A folded constant may be this much larger than what it was made of. */
const GROWTH_BYTES = 16 * 1024

/**
 * Quantized weights stay as they are: their Dequantize node is what becomes an integer kernel. (The Quantize node in front
 * of it, which training for integers leaves behind float weights, is computed: a quarter of the bytes.) So do weights that are
 * stored as bits (`storeSparseWeights`): folded, they would take their room in the file again.
 */
const KEPT: ReadonlySet<string> = new Set(['DequantizeLinear', 'DynamicQuantizeLinear', 'BitShift'])

export const foldConstants = rulePass(
  'foldConstants',
  'Computes once, ahead of time, what does not depend on the inputs.',
  [{ roots: '*', apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, opsets } = context
  if (hasNestedGraphs(node) || KEPT.has(node.opType)) return false
  const inputs = node.inputs.map((name, i) =>
    name === '' ? undefined : (editor.constant(name) ?? readForItsType(node, i, context)),
  )
  if (node.inputs.some((name, i) => name !== '' && !inputs[i])) return false
  if (node.outputs.some((name) => editor.isOutput(name))) return false
  const held = constantValue(node)
  if (held) {
    editor.replaceByConstants(node, [held])
    return true
  }
  if (node.inputs.length === 0) return false
  const results = evaluateNode(node, inputs, { opset: opsets.get(node.domain) ?? 1 })
  if (!results) return { refused: `${operatorName(node)} of constants cannot be computed ahead of time` }
  const freed = node.inputs.map((name, i) => (editor.soleConsumer(name) === node ? inputs[i] : undefined))
  const grown = bytes(results) - bytes(freed)
  if (grown > GROWTH_BYTES) return { refused: `the constant would make the file ${grown} bytes larger` }
  editor.replaceByConstants(node, results)
  return true
}

/** What stands for an input of which the node reads nothing but the type: exporters of functions cast their literals so. */
function readForItsType(node: Node, input: number, { editor, types }: RuleContext): Tensor | undefined {
  if (node.opType !== 'CastLike' || node.domain !== '' || input !== 1 || !editor.constant(node.inputs[0]!))
    return undefined
  const like = types.get(node.inputs[1]!)
  return like?.kind === 'tensor' && isNumeric(like.dtype) ? fromNumbers(like.dtype, [0], []) : undefined
}

const bytes = (tensors: readonly (Tensor | undefined)[]): number =>
  tensors.reduce((sum, t) => sum + (t && t.data.form !== 'strings' ? tensorByteLength(t.dtype, t.dims) : 0), 0)
