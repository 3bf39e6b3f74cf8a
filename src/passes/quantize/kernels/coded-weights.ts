import { type DType, fromNumbers, int, intAttribute, type Node, type Tensor, toNumbers } from '../../../ir/index.ts'
import type { RuleContext } from '../../../rewrite/index.ts'

/** Constant codes behind a DequantizeLinear, with a scale for each output channel. */
export interface CodedWeights {
  /** The DequantizeLinear. */
  readonly node: Node
  /** What makes int8 of codes of four bits. */
  readonly cast: Node | undefined
  readonly codes: Tensor
  readonly scale: Tensor
  readonly zero: Tensor
}

/**
 * The codes that make this float, where their output channels lie on `axis`; codes of 4 bits stand behind a Cast. A single
 * channel has one scale for all, which is told as the scale of that channel.
 */
export function codedWeights(name: string, axis: number, { editor, constant }: RuleContext): CodedWeights | undefined {
  const node = editor.producer(name, 'DequantizeLinear')
  if (!node) return undefined
  const maker = editor.producer(node.inputs[0]!)
  const cast = maker?.opType === 'Cast' && constant(maker.inputs[0]!)?.dtype === 'int4' ? maker : undefined
  const codes = constant(cast ? cast.inputs[0]! : node.inputs[0]!)
  const [scale, zero] = node.inputs.slice(1).map((input) => constant(input))
  if (!codes || scale?.dtype !== 'float32' || !zero) return undefined
  if (scale.dims.length === 0)
    return codes.dims[axis] === 1 ? { node, cast, codes, scale: listed(scale), zero: listed(zero) } : undefined
  const along = intAttribute(node, 'axis', 1) === axis && codes.dims[axis] === scale.dims[0]
  return along ? { node, cast, codes, scale, zero } : undefined
}

/** What a convolution or transposed one multiplies by and adds, as codes. */
export interface CodedOperands {
  readonly weight: CodedWeights
  readonly bias: CodedWeights | undefined
}

/** The operands of `node`, where its output channels lie on `axis` of the weights; undefined where either is no codes. */
export function codedOperands(
  node: Node,
  axis: number,
  context: RuleContext,
  dtypes: readonly DType[] = ['int8'],
): CodedOperands | undefined {
  const weight = codedWeights(node.inputs[1]!, axis, context)
  const bias = node.inputs[2] ? codedWeights(node.inputs[2], 0, context) : undefined
  return !weight || !dtypes.includes(weight.codes.dtype) || (node.inputs[2] && !bias) ? undefined : { weight, bias }
}

/** A number as a list of one. */
const listed = (tensor: Tensor) => fromNumbers(tensor.dtype, [1], toNumbers(tensor))

/** Other codes in place of these, dequantized along axis 0 under new names; returns the name of the float. */
export function recode(
  { node, cast, codes, scale, zero }: CodedWeights,
  to: { readonly codes: Tensor; readonly scale?: Tensor; readonly zero?: Tensor },
  suffix: string,
  { editor }: RuleContext,
): string {
  const output = editor.freshName(`${node.outputs[0]}_${suffix}`)
  const stored = (tensor: Tensor, old: Tensor, name: string) =>
    tensor === old ? name : editor.addConstant(tensor, `${name}_${suffix}`)
  const grown = stored(to.codes, codes, cast ? cast.inputs[0]! : node.inputs[0]!)
  const eight = cast && editor.freshName(`${cast.outputs[0]}_${suffix}`)
  const casts = cast && eight ? [{ ...cast, name: eight, inputs: [grown], outputs: [eight] }] : []
  editor.insertAfter(node, ...casts, {
    ...node,
    name: editor.freshName(`${output}_DequantizeLinear`),
    inputs: [
      eight ?? grown,
      stored(to.scale ?? scale, scale, node.inputs[1]!),
      stored(to.zero ?? zero, zero, node.inputs[2]!),
    ],
    outputs: [output],
    attributes: new Map(node.attributes).set('axis', int(0)),
  })
  return output
}

/** The names of what `again` makes of the weights, and of the bias where there is one, as a convolution reads them. */
export const recodeAll = ({ weight, bias }: CodedOperands, again: (old: CodedWeights) => string): readonly string[] => [
  again(weight),
  ...(bias ? [again(bias)] : []),
]

/** Takes away what made these codes floats, where nothing reads them any more. */
export function dropCoded({ weight, bias }: Partial<CodedOperands>, { editor }: RuleContext): void {
  for (const { node, cast } of [weight, bias].filter((coded) => coded !== undefined)) {
    editor.removeUnused(node)
    if (cast) editor.removeUnused(cast)
  }
}
