/*
 * y = Identity(x)                              ⇒  x
 * y = Dropout(x)                               ⇒  x      outside training
 * y = Cast<to = T>(x), x of type T             ⇒  x
 * y = Transpose<perm = 0, 1, …>(x)             ⇒  x
 * y = Reshape(x, s), Expand(x, s), Flatten(x)  ⇒  x      where the shape stays the same
 * y = Pad(x, 0…), Slice(x, everything)         ⇒  x
 * y = Resize(x, , 1…)                          ⇒  x
 * y = Concat(x), Sum(x), Max(x), Min(x)        ⇒  x      one input
 * y = Mul(x, 1), Div(x, 1), Add(x, 0), Sub(x, 0), Pow(x, 1)  ⇒  x      where the constant does not widen x
 * Illegal: the result's type or shape differs, or is not known to be the same (of an Expand that others read than those
 * that repeat what is short, by more than its sizes' names); x is a graph input and y an output.
 * Source: the operators' definitions.
 */
import {
  elementCount,
  intAttribute,
  intsAttribute,
  type Node,
  sameShape,
  sliceBounds,
  stringAttribute,
  type Tensor,
  TO_THE_END,
  tensorDtype,
  tensorShape,
  toNumbers,
  type ValueType,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { isRepeatedByReaders } from './repeats-by-itself.ts'

type Question = (node: Node, context: RuleContext) => boolean

const always: Question = () => true
const oneInput: Question = (node) => node.inputs.length === 1
const neutral =
  (value: number, sides: readonly number[]): Question =>
  (node, context) =>
    sides.some((side) => isNeutral(node, side, value, context))

/** By operator: whether the node gives back its data input unchanged. */
const UNCHANGED: Readonly<Record<string, Question>> = {
  Identity: always,
  Dropout: (node, { constant }) =>
    node.outputs.slice(1).every((name) => name === '') &&
    intAttribute(node, 'is_test', 1) === 1 &&
    ((node.inputs[2] ?? '') === '' || isAll(constant(node.inputs[2]!), 0)),
  Cast: (node, { types }) => sameTypes(types.get(node.inputs[0]!), types.get(node.outputs[0]!)),
  Transpose: (node) => intsAttribute(node, 'perm', null)?.every((axis, i) => axis === i) ?? false,
  Reshape: keepsSizes,
  Expand: (node, context) =>
    keepsSizes(node, context) && (sizesAreSure(node, context) || isRepeatedByReaders(node, context.editor)),
  Flatten: keepsSizes,
  Squeeze: keepsSizes,
  Pad: (node, { constant }) =>
    node.inputs.length > 1
      ? isAll(constant(node.inputs[1]!), 0)
      : (intsAttribute(node, 'pads', null)?.every((pad) => pad === 0) ?? false),
  Slice: slicesAll,
  Resize: (node, { constant, opset }) =>
    opset >= 11 &&
    !node.inputs[3] &&
    isAll(constant(node.inputs[2] ?? ''), 1) &&
    stringAttribute(node, 'coordinate_transformation_mode', '') !== 'tf_crop_and_resize',
  Concat: oneInput,
  Sum: oneInput,
  Max: oneInput,
  Min: oneInput,
  Mul: neutral(1, [0, 1]),
  Add: neutral(0, [0, 1]),
  Sub: neutral(0, [1]),
  Div: neutral(1, [1]),
  Pow: neutral(1, [1]),
}

export const eliminateIdentity = rulePass(
  'eliminateIdentity',
  'Takes away nodes that give back their input unchanged.',
  [{ roots: Object.keys(UNCHANGED), apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, opset } = context
  if (opset < 7 || !UNCHANGED[node.opType]!(node, context)) return false
  const sides = ['Mul', 'Add'].includes(node.opType) && constant(node.inputs[0]!) ? 1 : 0
  const data = node.inputs[sides]!
  return (
    editor.bypass(node.outputs[0]!, data) || { refused: 'it connects an input, a constant or an output with an output' }
  )
}

function isAll(tensor: Tensor | undefined, value: number): boolean {
  return tensor !== undefined && tensor.data.form !== 'strings' && toNumbers(tensor).every((v) => v === value)
}

/** A constant of nothing but `value` that does not widen the other operand. Add(x, 0) turns −0 into 0: equal numbers. */
function isNeutral(node: Node, side: number, value: number, context: RuleContext): boolean {
  const tensor = context.constant(node.inputs[side]!)
  if (!tensor || elementCount(tensor.dims) > 65_536 || !isAll(tensor, value)) return false
  const shape = tensorShape(context.types.get(node.inputs[1 - side]!))
  if (!shape) return tensor.dims.length === 0
  const offset = shape.length - tensor.dims.length
  return offset >= 0 && tensor.dims.every((dim, i) => dim === 1 || dim === shape[offset + i])
}

function sameTypes(a: ValueType | undefined, b: ValueType | undefined): boolean {
  return tensorDtype(a) !== undefined && tensorDtype(a) === tensorDtype(b)
}

function keepsSizes(node: Node, { types }: RuleContext): boolean {
  return sameShape(tensorShape(types.get(node.inputs[0]!)), tensorShape(types.get(node.outputs[0]!)))
}

/** Whether it is no name of a size alone that says what an Expand gives. */
function sizesAreSure(expand: Node, { constant, types }: RuleContext): boolean {
  const sizes = tensorShape(types.get(expand.outputs[0]!))
  return constant(expand.inputs[1]!) !== undefined || (sizes?.every((dim) => typeof dim === 'number') ?? false)
}

/** Steps of 1 from 0 to the end on every axis. */
function slicesAll(node: Node, context: RuleContext): boolean {
  const shape = tensorShape(context.types.get(node.inputs[0]!))
  const bounds = sliceBounds(node, context)
  return (
    bounds?.every(({ axis, start, end, step }) => {
      const dim = shape?.at(axis)
      return start === 0 && step === 1 && (end >= TO_THE_END || (typeof dim === 'number' && end >= dim))
    }) ?? false
  )
}
