/*
 * y₁ = Conv(x, w₁, b₁)   y₂ = Conv(x, w₂, b₂)   …
 *   ⇒  y₁, y₂, … = Split<axis = 1>(Conv(x, [w₁; w₂; …], [b₁; b₂; …]))
 * y₁, y₂, … = Split<axis = 1>(x)   zᵢ = Conv<group = channels>(yᵢ, wᵢ, bᵢ)
 *   ⇒  z₁, z₂, … = Split<axis = 1>(Conv<group = all channels>(x, [w₁; w₂; …], [b₁; b₂; …]))
 * Kernels compute channels in blocks of 16 whether they are wanted or not: heads of 1, 4 and 10 channels cost three
 * blocks apart and one together.
 * Illegal: different kernels, strides, pads, dilations; groups other than one for each channel; weights that are not
 * constant; an operator set older than 13 (Split takes its sizes otherwise). Left alone where no block is saved, and
 * where what is saved is less than what a Split costs that takes channels out of their blocks for kernels that work on
 * blocks as well, such as the two branches that a gate multiplies.
 * Source: an output channel of a convolution depends on its own weights alone.
 */
import {
  elementCount,
  type FloatOperands,
  floatOperands,
  fromNumbers,
  int,
  intAttribute,
  intsAttribute,
  isDepthwise,
  joinedFloats,
  makeNode,
  type Node,
  operatorName,
  stringAttribute,
  tensorOf,
  tensorShape,
  tensorValues,
} from '../../ir/index.ts'
import {
  BLOCK,
  CONV_ACTIVATIONS,
  REORDER_MACS,
  type RuleContext,
  type RuleOutcome,
  rulePass,
} from '../../rewrite/index.ts'

export const mergeParallelConvs = rulePass('mergeParallelConvs', 'Narrow convolutions side by side become one.', [
  { roots: ['Conv'], apply: mergeSiblings },
  { roots: ['Split'], apply: mergeChannelwise },
])

const blocks = (channels: number) => Math.ceil(channels / BLOCK)
const blocksSaved = (widths: readonly number[]) =>
  widths.reduce((sum, width) => sum + blocks(width), 0) - blocks(widths.reduce((sum, width) => sum + width, 0))

const BLOCKED: ReadonlySet<string> = new Set(['Conv', 'MaxPool', 'AveragePool', 'Add', 'Mul', 'Sum'])

/** Whether a kernel that works on blocks of channels reads the value, behind an activation or at once. */
function staysInBlocks(value: string, context: RuleContext): boolean {
  const { editor, constant } = context
  return editor.consumers(value).some((reader) => {
    const operator = operatorName(reader)
    return BLOCKED.has(operator)
      ? operator === 'Conv' || reader.inputs.every((name) => !constant(name))
      : CONV_ACTIVATIONS.has(operator) && staysInBlocks(reader.outputs[0]!, context)
  })
}

interface Part extends FloatOperands {
  readonly node: Node
}

function mergeSiblings(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  if (context.opset < 13) return false
  const first = partOf(node, context)
  if (!first || !isNarrow(first) || intAttribute(node, 'group', 1) !== 1) return false
  const shape = settings(first)
  const parts = editor
    .consumers(node.inputs[0]!)
    .filter((user) => user.opType === 'Conv' && user.domain === '' && user.inputs[0] === node.inputs[0])
    .flatMap((user) => partOf(user, context) ?? [])
    .filter((part) => isNarrow(part) && settings(part) === shape)
  const saved = blocksSaved(parts.map(widthOf))
  if (parts.length < 2 || saved <= 0) return false
  const moved = parts.reduce(
    (sum, part) => sum + (staysInBlocks(part.node.outputs[0]!, context) ? widthOf(part) : 0),
    0,
  )
  const macs = elementCount(first.weight.dims.slice(1))
  if (saved * BLOCK * macs < moved * REORDER_MACS) return false
  // The walk meets the first of them first, and nothing reads any of them before it.
  for (const part of parts) if (part.node !== node) editor.remove(part.node)
  replaceBySplit(parts, node, node.inputs[0]!, 1, context)
  return true
}

function mergeChannelwise(split: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  if (context.opset < 13 || intAttribute(split, 'axis', 0) !== 1) return false
  const parts = split.outputs.flatMap((name) => {
    const user = editor.soleConsumer(name, 'Conv')
    return (user && partOf(user, context)) || []
  })
  const [first] = parts
  if (!first || parts.length !== split.outputs.length || blocksSaved(parts.map(widthOf)) <= 0) return false
  const channelwise = ({ node, weight }: Part) =>
    isDepthwise(node, weight) && channelsOf(node, context) === weight.dims[0]
  if (parts.some((part) => !channelwise(part) || settings(part, false) !== settings(first, false))) return false
  const channels = parts.reduce((sum, part) => sum + widthOf(part), 0)
  for (const part of parts) editor.remove(part.node)
  replaceBySplit(parts, split, split.inputs[0]!, channels, context)
  return true
}

function channelsOf(node: Node, { types }: RuleContext): number | undefined {
  const channels = tensorShape(types.get(node.inputs[0]!))?.[1]
  return typeof channels === 'number' ? channels : undefined
}

const widthOf = ({ weight }: Part) => weight.dims[0]!
/** A convolution that fills its blocks gains nothing from company. */
const isNarrow = (part: Part) => widthOf(part) % BLOCK !== 0

function partOf(node: Node, { constant }: RuleContext): Part | undefined {
  const operands = floatOperands(node, constant)
  return operands && { node, ...operands }
}

/** All that must be equal for convolutions to be one, in one string. */
function settings({ node, weight }: Part, withGroup = true): string {
  const spatial = weight.dims.slice(2)
  const all = (value: number, times: number) => new Array<number>(times).fill(value)
  return JSON.stringify([
    weight.dims.slice(1),
    withGroup ? intAttribute(node, 'group', 1) : null,
    stringAttribute(node, 'auto_pad', 'NOTSET'),
    intsAttribute(node, 'pads', all(0, 2 * spatial.length)),
    intsAttribute(node, 'strides', all(1, spatial.length)),
    intsAttribute(node, 'dilations', all(1, spatial.length)),
  ])
}

/** One convolution with the weights of all parts in the place of `at`, and its output split into theirs. */
function replaceBySplit(parts: readonly Part[], at: Node, input: string, group: number, context: RuleContext): void {
  const { editor } = context
  const { node } = parts[0]!
  const widths = parts.map(widthOf)
  const total = widths.reduce((sum, width) => sum + width, 0)
  const weight = fromNumbers(
    'float32',
    [total, ...parts[0]!.weight.dims.slice(1)],
    joinedFloats(parts.map((part) => tensorValues(part.weight) as Float32Array)),
  )
  const inputs = [input, editor.addConstant(weight, `${node.inputs[1]}_merged`)]
  if (parts.some(({ bias }) => bias)) {
    const values = parts.map((part) =>
      part.bias ? (tensorValues(part.bias) as Float32Array) : new Float32Array(widthOf(part)),
    )
    inputs.push(
      editor.addConstant(fromNumbers('float32', [total], joinedFloats(values)), `${node.outputs[0]}_merged_bias`),
    )
  }
  const merged = editor.freshName(`${node.outputs[0]}_merged`)
  const sizes = editor.addConstant(
    tensorOf('int64', [widths.length], BigInt64Array.from(widths, BigInt)),
    `${merged}_sizes`,
  )
  editor.replace(
    at,
    makeNode('Conv', inputs, [merged], {
      name: editor.freshName(`${node.name || node.outputs[0]}_merged`),
      attributes: { ...Object.fromEntries(node.attributes), group: int(group) },
    }),
    makeNode(
      'Split',
      [merged, sizes],
      parts.map((part) => part.node.outputs[0]!),
      { name: editor.freshName(`${merged}_Split`), attributes: { axis: int(1) } },
    ),
  )
}
