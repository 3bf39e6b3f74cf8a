/*
 * y = com.microsoft.Attention(x, w, b, mask, , bias)
 *   ⇒  q, k, v = Split<axis = -1>(Add(MatMul(x, w), b))   y = com.microsoft.MultiHeadAttention(q, k, v, , mask, bias)
 * Tools that prepare transformers for the runtime hide the largest product of each layer in one operator, whose weights no
 * scheme looks at. For schemes that code weights alone: in float the one operator is faster (six of them, 128 tokens of
 * 384: 11.0 ms and 11.9; with the product in dynamic integers 7.9).
 * Illegal: other types than float32; weights that are computed; no bias; a cache, positions that it
 * turns or tokens that look at those before them alone; masks of another form.
 * Source: ONNX Runtime, contrib operators: Attention, MultiHeadAttention.
 */
import {
  fromNumbers,
  int,
  intAttribute,
  intsAttribute,
  makeNode,
  type Node,
  sameSize,
  tensorDtype,
  tensorShape,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const partAttention = rulePass(
  'partAttention',
  'Takes the product with its weights out of a fused attention, for schemes that code weights.',
  [{ roots: ['com.microsoft.Attention'], apply }],
)

/** Attributes that both operators have, with the same meaning. */
const SHARED = ['num_heads', 'mask_filter_value', 'scale']

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types, opset } = context
  const [x, w, b = '', mask = '', past = '', bias = ''] = node.inputs as [string, string, ...string[]]
  const y = node.outputs[0]!
  const width = editor.constant(w)?.dims[1]
  if (tensorDtype(types.get(y)) !== 'float32') return { refused: 'its type is not float32' }
  if (width === undefined) return { refused: 'its weights are computed' }
  if (b === '') return { refused: 'it has no bias, without which the runtime ends' }
  if (past !== '' || node.inputs[6] || node.outputs[1]) return { refused: 'it keeps a cache' }
  if (['unidirectional', 'do_rotary'].some((name) => intAttribute(node, name, 0) !== 0))
    return { refused: 'it turns positions, or looks at earlier tokens alone' }
  if (mask !== '' && !isPlainMask(mask, x, context)) return { refused: 'its mask has another form' }
  const sizes = intsAttribute(node, 'qkv_hidden_sizes', null) ?? [width / 3, width / 3, width / 3]
  if (opset < SIZES_AS_INPUT) return { refused: `Split reads its sizes as of operator set ${SIZES_AS_INPUT}` }
  const named = (part: string) => editor.freshName(`${y}_${part}`)
  const [product, sum] = [named('product'), named('sum')]
  const parts = ['query', 'key', 'value'].map(named)
  const lengths = editor.addConstant(fromNumbers('int64', [3], sizes), `${y}_sizes`)
  const read = [...parts, '', mask, bias]
  while (read.at(-1) === '') read.pop()
  editor.replace(
    node,
    makeNode('MatMul', [x, w], [product], { name: node.name }),
    makeNode('Add', [product, b], [sum]),
    makeNode('Split', [sum, lengths], parts, { attributes: { axis: int(-1) } }),
    {
      ...makeNode('MultiHeadAttention', read, [y], { domain: 'com.microsoft' }),
      attributes: new Map([...node.attributes].filter(([name]) => SHARED.includes(name))),
    },
  )
  return true
}

const SIZES_AS_INPUT = 13

/** Lengths, one a row, or who looks at whom, by row and token or pair of tokens: what both operators read alike. */
function isPlainMask(mask: string, x: string, { types }: RuleContext): boolean {
  const [shape, rows] = [tensorShape(types.get(mask)), tensorShape(types.get(x))?.[0]]
  return shape?.length === 2 || shape?.length === 3 || (shape?.length === 1 && sameSize(shape[0], rows))
}
