import { intAttribute, isDepthwise, type Node, operatorName, type Tensor } from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { CONV_ACTIVATIONS, type RuleContext } from '../../rewrite/index.ts'

/** Numbers of channels that blocked kernels take are multiples of this; the last block is filled up on the way. */
export const QUARTER = 4

/** What works on whole blocks and leaves them. */
const POOLS: ReadonlySet<string> = new Set(['MaxPool', 'AveragePool'])
/** What reads whole blocks. */
const READERS: ReadonlySet<string> = new Set([...POOLS, 'GlobalAveragePool'])

/** A convolution over height and width that has a blocked kernel: with one group, or one for each channel. */
export function isBlockedConv(node: Node, constant: (name: string) => Tensor | undefined): boolean {
  const weight = operatorName(node) === 'Conv' ? constant(node.inputs[1]!) : undefined
  if (weight?.dims.length !== 4) return false
  return intAttribute(node, 'group', 1) === 1 || isDepthwise(node, weight)
}

/** Whether nothing but convolutions, and pools where its channels are whole blocks, reads a value. */
export function feedsBlocks(
  value: string,
  channels: number,
  { editor, constant }: RuleContext,
  block: ChannelBlock,
): boolean {
  const readers = editor.consumers(value)
  const takesBlocks = (reader: Node) =>
    isBlockedConv(reader, constant) || (READERS.has(operatorName(reader)) && channels % block === 0)
  return (
    !editor.isOutput(value) &&
    readers.length > 0 &&
    readers.every((reader) => reader.inputs[0] === value && takesBlocks(reader))
  )
}

/** Values that are looked at behind one: further away there is a convolution, or it is a strange model. */
const FAR = 100

/**
 * How many channels a value has that convolutions leave in blocks: also behind an activation (x·σ(x) is spelled as two
 * nodes), a pool of whole blocks, a sum, or a Concat of them. Undefined where the value is in plain order, or may be.
 */
export function channelsInBlocks(
  value: string,
  context: RuleContext,
  block: ChannelBlock,
  known: Map<string, number | undefined> = new Map(),
): number | undefined {
  if (known.has(value) || known.size > FAR) return known.get(value)
  known.set(value, undefined)
  known.set(
    value,
    channelsMade(value, context, block, (name) => channelsInBlocks(name, context, block, known)),
  )
  return known.get(value)
}

function channelsMade(
  value: string,
  { editor, constant }: RuleContext,
  block: ChannelBlock,
  channelsOf: (name: string) => number | undefined,
): number | undefined {
  const maker = editor.producer(value)
  if (!maker) return undefined
  if (isBlockedConv(maker, constant)) return constant(maker.inputs[1]!)!.dims[0]
  const parts = () => maker.inputs.map(channelsOf)
  const operator = operatorName(maker)
  if (operator === 'Concat') {
    const widths = intAttribute(maker, 'axis', 0) === 1 ? parts() : []
    return widths.length > 0 && widths.every((width) => width !== undefined && width % block === 0)
      ? widths.reduce<number>((sum, width) => sum + width!, 0)
      : undefined
  }
  if (operator === 'Add') {
    const [left, right] = parts()
    return left === right ? left : undefined
  }
  if (POOLS.has(operator)) {
    const [width] = parts()
    return width !== undefined && width % block === 0 ? width : undefined
  }
  if (operator !== 'Mul') return CONV_ACTIVATIONS.has(operator) ? channelsOf(maker.inputs[0]!) : undefined
  const gated = maker.inputs.find((x, side) => {
    const gate = editor.producer(maker.inputs[1 - side]!)
    return gate !== undefined && CONV_ACTIVATIONS.has(operatorName(gate)) && gate.inputs[0] === x
  })
  return gated === undefined ? undefined : channelsOf(gated)
}
