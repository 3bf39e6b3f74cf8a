/*
 * y = Reshape(Reshape(x, a), b)                ⇒  y = Reshape(x, b)       where b has no 0 ("as the input")
 * y = Reshape(Flatten(x), b), also after Squeeze and Unsqueeze            ⇒  y = Reshape(x, b)
 * y = Squeeze<axes>(Unsqueeze<axes>(x))        ⇒  x
 * Illegal: b copies sizes of its input (0), which is another input then, or its size counts on it; axes that differ.
 * Source: a row-major reshape depends on the number of elements only.
 */
import { intAttribute, intsAttribute, type Node, toNumbers } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const mergeReshapes = rulePass(
  'mergeReshapes',
  'Merges reshapes that follow each other, and takes away pairs that undo each other.',
  [
    { roots: ['Reshape'], apply: mergeReshape },
    { roots: ['Squeeze'], apply: cancelSqueeze },
  ],
)

const RESHAPING: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])

function mergeReshape(node: Node, { editor, constant }: RuleContext): RuleOutcome {
  const first = editor.producer(node.inputs[0]!)
  if (first?.domain !== '' || !RESHAPING.has(first.opType)) return false
  const target = constant(node.inputs[1]!)
  if (!target) return false
  const keepsZero = intAttribute(node, 'allowzero', 0) === 1
  if (!keepsZero && [...toNumbers(target)].includes(0))
    return { refused: 'its shape copies a size of the reshape before it' }
  editor.replace(node, { ...node, inputs: [first.inputs[0]!, node.inputs[1]!] })
  editor.removeUnused(first)
  return true
}

function cancelSqueeze(node: Node, context: RuleContext): RuleOutcome {
  const first = context.editor.producer(node.inputs[0]!)
  if (first?.opType !== 'Unsqueeze' || first.domain !== '') return false
  const axes = axesOf(node, context)
  const added = axesOf(first, context)
  if (!axes || !added || axes.length !== added.length || axes.some((axis) => !added.includes(axis))) return false
  return context.editor.bypass(node.outputs[0]!, first.inputs[0]!) || { refused: 'it connects an input with an output' }
}

/** As attribute before opset 13, as constant input since. */
function axesOf(node: Node, { constant }: RuleContext): readonly number[] | undefined {
  const attribute = intsAttribute(node, 'axes', undefined)
  const tensor = constant(node.inputs[1] ?? '')
  return attribute ?? (tensor && [...toNumbers(tensor)])
}
