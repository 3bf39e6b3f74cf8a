/*
 * y = MatMul(f(Conv(x, w)), v)   ⇒   the same without channels that v multiplies by 0 alone
 * A network that takes sound in computes a spectrum of which its filter bank reads the part that speech is in: of 257
 * frequencies it multiplies 135 by nothing but 0. Whatever makes such a channel is left out, with all that depends on it.
 * What is left are whole blocks of channels, so that kernels stay as fast as they were; channels of zeros that fill the
 * last of them (`fillChannelBlocks`) stay, or a file that was filled would lose it by going through here again.
 * Illegal: anything but products with constant weights reads the channel; a weight for it is not 0; it is the last one.
 * Source: 0·x = 0 for whatever is finite. Sums of fewer addends may be added in another order.
 */
import { elementCount, intAttribute, type Model, operatorName, outputsAxis, tensorValues } from '../../ir/index.ts'
import { BLOCK, type Pass } from '../../rewrite/index.ts'
import { blockOf } from './channel-blocks.ts'
import { type ChannelGroup, channelGroups } from './channel-groups.ts'
import { type ChannelReader, channelReaders } from './channel-readers.ts'
import { weightImportance } from './importance.ts'
import { removeChannels } from './remove-channels.ts'

export const dropUnreadChannels: Pass<Record<string, never>> = {
  id: 'dropUnreadChannels',
  summary: 'Leaves out channels that whoever reads them multiplies by 0.',
  run(model: Model) {
    const idle = { model, report: { id: this.id, applied: 0, refused: [] } }
    if (!mayHaveUnread(model)) return idle
    const channels = channelGroups(model)
    const { readers, groups } = channelReaders(model, channels)
    const read = new Map<string, Set<number>>()
    const known = new Set<string>()
    for (const reader of readers) {
      const values = tensorValues(model.graph.initializers.get(reader.weight)!) as Float32Array
      for (const [place, at] of reader.channels.entries()) {
        if (!at) continue
        known.add(at[0])
        if (isZero(values, reader, place)) continue
        const own = read.get(at[0]) ?? new Set()
        read.set(at[0], own.add(at[1]))
      }
    }
    const removal = new Map<string, ReadonlySet<number>>()
    for (const group of channels.groups) {
      if (!groups.has(group.id) || !known.has(group.id)) continue
      const count = group.channels.length
      const unread = [...group.channels.keys()].filter((place) => !read.get(group.id)?.has(place))
      const block = isFilled(model, group, unread) ? BLOCK : blockOf(group)
      const kept = Math.min(count, Math.max(1, Math.ceil((count - unread.length) / block)) * block)
      if (kept < count) removal.set(group.id, new Set(unread.slice(unread.length - (count - kept))))
    }
    if (removal.size === 0) return idle
    const applied = [...removal.values()].reduce((sum, { size }) => sum + size, 0)
    return { model: removeChannels(model, channels, removal), report: { id: this.id, applied, refused: [] } }
  },
}

/** Whether channels of a group in whole blocks hold nothing but zeros, in what makes them and in what reads them. */
function isFilled(model: Model, group: ChannelGroup, unread: readonly number[]): boolean {
  if (group.channels.length % BLOCK !== 0) return false
  const idle = { ...group, channels: unread.map((place) => group.channels[place]!) }
  return [...weightImportance(model, [idle]).values()].some((sizes) => sizes.some((size) => size === 0))
}

/** Whether any product has weights of 0 for a whole channel: mostly none has, and then nothing need be followed. */
function mayHaveUnread({ graph: { nodes, initializers } }: Model): boolean {
  return nodes.some((node) => {
    const name = operatorName(node)
    const weight = initializers.get(node.inputs[1] ?? '')
    if (weight?.dtype !== 'float32' || weight.dims.length < 2) return false
    const plain = name === 'Conv' ? intAttribute(node, 'group', 1) === 1 : weight.dims.length === 2
    if (!plain || !['Conv', 'Gemm', 'MatMul'].includes(name)) return false
    const outputs = outputsAxis(node, weight)
    const [made, width] = [weight.dims[outputs]!, weight.dims[1 - outputs]!]
    const values = tensorValues(weight) as Float32Array
    const reader = { outputs, made, width, taps: elementCount(weight.dims.slice(2)) }
    for (let place = 0; place < width; place++) if (isZero(values, reader, place)) return true
    return false
  })
}

/** Whether a product with these weights multiplies this channel of what it reads by nothing but 0. */
function isZero(
  values: Float32Array,
  { outputs, made, width, taps }: Pick<ChannelReader, 'outputs' | 'made' | 'width' | 'taps'>,
  place: number,
): boolean {
  if (outputs === 1) return values.subarray(place * made, (place + 1) * made).every((value) => value === 0)
  for (let o = 0; o < made; o++)
    for (let tap = 0; tap < taps; tap++) if (values[(o * width + place) * taps + tap] !== 0) return false
  return true
}
