/*
 * s = Shape(x), x: float[1, 3, 8, 8]                 ⇒  s is the constant {1, 3, 8, 8}
 * y = Reshape(x, Concat(Slice(Shape(x)), {-1}))      ⇒  y = Reshape(x, {0, 0, -1})     sizes that x has in that place
 * y = Expand(x, Shape(x))                            ⇒  y = Expand(x, {1, …})
 * y = Resize(x, , , Concat({n, c}, 2·{h, w}))        ⇒  y = Resize(x, , {1, 1, 2, 2})
 * Shape, Size, Gather, Slice, Concat, Cast, Squeeze, Unsqueeze and whole-number arithmetic are followed; sizes that are
 * not known keep their names. One unknown size of a Reshape becomes -1: the number of elements settles it.
 * Illegal: two sizes that are neither known nor the input's own in that place; a result that is a graph output; an Expand
 * of which names alone say that it repeats nothing, where others read it than those that repeat what is short.
 * Source: ONNX, Reshape: 0 copies the input's size, one -1 is inferred.
 */
import { fromNumbers, intAttribute, type Node, type Tensor, tensorDtype } from '../../ir/index.ts'
import { type GraphEditor, perGraph, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { isRepeatedByReaders } from './repeats-by-itself.ts'
import { fixFactors } from './resize-factors.ts'
import { type ShapeValue, type Size, shapeValues, sizesOf } from './shape-values.ts'

export const foldShapeArithmetic = rulePass(
  'foldShapeArithmetic',
  'Computes shapes ahead of time, where they are known or follow from the input.',
  [{ roots: '*', apply }],
)

const followed = perGraph(shapeValues)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const values = followed(editor)
  if (node.domain === '' && (node.opType === 'Reshape' || node.opType === 'Expand')) {
    const outcome = fixTarget(node, values.lookup(node.inputs[1]!), context)
    if (outcome !== false) return outcome
  }
  if (node.domain === '' && node.opType === 'Resize' && node.inputs[3])
    return fixFactors(node, values.lookup(node.inputs[3]), context)
  const value = values.learn(node, context)
  if (!value?.sizes.every((size) => typeof size === 'number') || editor.isOutput(node.outputs[0]!)) return false
  const constant = asTensor(value, dtypeOf(node, context))
  if (!constant) return false
  editor.replaceByConstants(node, [constant])
  return true
}

function asTensor(value: ShapeValue, dtype: 'int32' | 'int64' | undefined): Tensor | undefined {
  return dtype && fromNumbers(dtype, value.scalar ? [] : [value.sizes.length], value.sizes as readonly number[])
}

function dtypeOf(node: Node, { types }: RuleContext): 'int32' | 'int64' | undefined {
  if (node.opType === 'Shape' || node.opType === 'Size') return 'int64'
  const dtype = tensorDtype(types.get(node.outputs[0]!))
  return dtype === 'int64' || dtype === 'int32' ? dtype : undefined
}

/** Writes the target shape of a Reshape or an Expand as a constant, where every size allows it. */
function fixTarget(node: Node, target: ShapeValue | undefined, { editor, types, constant }: RuleContext): RuleOutcome {
  if (!target || target.scalar || constant(node.inputs[1]!)) return false
  const data = sizesOf(node.inputs[0]!, types)
  const sizes = node.opType === 'Reshape' ? reshapeTarget(node, target.sizes, data) : expandTarget(target.sizes, data)
  if (!sizes) return { refused: 'its target has sizes that are known only when it runs' }
  if (node.opType === 'Expand' && sizes.every((size) => size === 1) && !mayStay(node, editor))
    return { refused: 'that it changes nothing is known by names of sizes alone' }
  const fixed = editor.addConstant(fromNumbers('int64', [sizes.length], sizes), `${node.outputs[0]}_shape`)
  const maker = editor.producer(node.inputs[1]!)
  editor.replace(node, { ...node, inputs: [node.inputs[0]!, fixed] })
  if (maker) editor.removeUnused(maker)
  return true
}

function reshapeTarget(node: Node, target: readonly Size[], data: readonly Size[] | undefined): number[] | undefined {
  const zeroIsSize = intAttribute(node, 'allowzero', 0) === 1
  let inferred = target.filter((size) => size === -1).length
  const sizes = target.map((size, i) => {
    if (typeof size === 'number') return size
    if (size !== null && size === data?.[i] && !zeroIsSize) return 0
    inferred++
    return -1
  })
  // Beside a size of 0, which is one here, -1 could be anything.
  if (zeroIsSize && sizes.includes(0) && sizes.includes(-1)) return undefined
  return inferred <= 1 ? sizes : undefined
}

/** Whether an Expand to the sizes, by their names, of what it reads may be one that repeats nothing. */
function mayStay(expand: Node, editor: GraphEditor): boolean {
  const shape = editor.producer(expand.inputs[1]!, 'Shape')
  return shape?.inputs[0] === expand.inputs[0] || isRepeatedByReaders(expand, editor)
}

function expandTarget(target: readonly Size[], data: readonly Size[] | undefined): number[] | undefined {
  if (!data) return undefined
  const offset = data.length - target.length
  const sizes = target.map((size, i) => (typeof size === 'number' ? size : size === data[offset + i] ? 1 : undefined))
  return sizes.every((size) => size !== undefined) ? sizes : undefined
}
