import {
  ELEMENTWISE,
  elementCount,
  floatAttribute,
  intAttribute,
  isDepthwise,
  type Model,
  type Node,
  nodeLabel,
  operatorName,
  outputsAxis,
  type Tensor,
  type Windows,
  windowsOf,
} from '../../ir/index.ts'
import type { Refusal } from '../../report/index.ts'
import type { PrunableChannels } from './channel-groups.ts'

/** A node that makes sums over channels with weights of its own, which can be set anew when some of the channels go. */
export interface ChannelReader {
  readonly node: string
  /** The value that it reads. */
  readonly value: string
  /** null where the channels lie on the last axis. */
  readonly windows: Windows | null
  readonly weight: string
  /** The axis of the weight that holds its outputs, of two: [outputs, channels, …] or [channels, outputs]. */
  readonly outputs: number
  /** A constant that is added to each output, which can take up what the missing channels gave on average. */
  readonly bias: string | null
  readonly width: number
  /** Weights of one output and channel. */
  readonly taps: number
  readonly made: number
  /** The group and the place in it of each channel; null where it is held. */
  readonly channels: readonly (readonly [group: string, channel: number] | null)[]
}

interface ChannelReaders {
  readonly readers: readonly ChannelReader[]
  /** Groups whose channels are read by nothing but these. */
  readonly groups: ReadonlySet<string>
  /** Who else reads channels: what it reads stays whole. */
  readonly others: readonly Refusal[]
}

const NO_PRODUCT = 'reads channels, but is no plain product with weights of its own that could be fitted anew'

/** Operators that give the same for a channel whatever the others hold. */
const CHANNELWISE: ReadonlySet<string> = new Set([
  ...ELEMENTWISE,
  ...'Concat Dropout Flatten Pad Reshape Resize Shape Split Squeeze Transpose Unsqueeze'.split(' '),
  ...'AveragePool GlobalAveragePool GlobalMaxPool MaxPool ReduceL2 ReduceMax ReduceMean ReduceMin ReduceSum'.split(' '),
  ...'BatchNormalization InstanceNormalization'.split(' '),
])

/**
 * Who reads the channels of each group, and which groups are read by products with constant weights alone: there, what a
 * missing channel gave can be made up for by the others.
 */
export function channelReaders(model: Model, { groups, trace, roots }: PrunableChannels): ChannelReaders {
  const { graph } = model
  const place = new Map<number, readonly [string, number]>()
  for (const [group, own] of roots) for (const [i, root] of own.entries()) place.set(root, [group, i])
  const uses = new Map<string, number>()
  for (const node of graph.nodes) for (const name of node.inputs) uses.set(name, (uses.get(name) ?? 0) + 1)
  const unshared = (name: string | undefined) =>
    name && uses.get(name) === 1 && graph.initializers.get(name)?.dtype === 'float32' ? name : null
  const groupsOf = (name: string, axis?: number) =>
    (trace.axes.get(name) ?? [])
      .filter((_, i) => axis === undefined || i === axis)
      .flatMap((atoms) => [...(atoms ?? [])].map((atom) => place.get(trace.atoms.find(atom)) ?? null))
  const readers: ChannelReader[] = []
  const others: Refusal[] = []
  const left = new Set(groups.map(({ id }) => id))
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  for (const node of graph.nodes) {
    const read = node.inputs.filter((name) => name !== '' && !graph.initializers.has(name))
    const touched = new Set(read.flatMap((name) => groupsOf(name).flatMap((at) => at?.[0] ?? [])))
    const filters = node.opType === 'Conv' ? graph.initializers.get(node.inputs[1] ?? '') : undefined
    if (touched.size === 0 || (filters && isDepthwise(node, filters))) continue
    if (CHANNELWISE.has(operatorName(node))) continue
    const name = unshared(node.inputs[1])
    const weight = name === null ? undefined : graph.initializers.get(name)!
    const windows = weight && node.opType === 'Conv' ? windowsOf(node, weight.dims.slice(2)) : undefined
    if (!weight || !isPlainProduct(node, weight) || windows === null || inputs.has(name!)) {
      for (const group of touched) left.delete(group)
      others.push({ node: nodeLabel(node), reason: NO_PRODUCT })
      continue
    }
    const { dims } = weight
    const outputs = outputsAxis(node, weight)
    const depth = 1 - outputs
    const made = dims[outputs]!
    const bias = unshared(node.inputs[2])
    readers.push({
      node: nodeLabel(node),
      value: node.inputs[0]!,
      windows: windows ?? null,
      weight: name!,
      outputs,
      bias: bias && elementCount(graph.initializers.get(bias)!.dims) === made ? bias : null,
      width: dims[depth]!,
      taps: elementCount(dims.slice(2)),
      made,
      channels: groupsOf(name!, depth),
    })
  }
  const own = readers.filter(({ channels }) => channels.some((at) => at && left.has(at[0])))
  return { readers: own, groups: left, others }
}

/** Whether each output is a sum over all channels, by weights as they stand. */
function isPlainProduct(node: Node, { dims }: Tensor): boolean {
  if (node.opType === 'Conv') return intAttribute(node, 'group', 1) === 1
  if (node.opType === 'MatMul') return dims.length === 2
  const isPlain = ['alpha', 'beta'].every((name) => floatAttribute(node, name, 1) === 1)
  return node.opType === 'Gemm' && isPlain && intAttribute(node, 'transA', 0) === 0
}
