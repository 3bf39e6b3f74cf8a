/* Where the channels of a part of a value, as Split and Slice take it, lie in the whole. */
import { intAttribute, type Node, tensorShape, toNumbers } from '../../../ir/index.ts'
import type { RuleContext } from '../../../rewrite/index.ts'
import type { Channels } from './divide-channels.ts'

export type Around = Pick<RuleContext, 'editor' | 'types'>

/** Where channels of a part lie in what `node` splits; null where that is not known, or another axis is. */
export function channelsInWhole(node: Node, part: string, channels: Channels, around: Around): Channels | null {
  const { from, width, of } = channels
  if (node.opType === 'Slice') {
    const span = slicedChannels(node, around)
    return span?.width === of ? { from: span.from + from, width, of: span.of } : null
  }
  const rank = tensorShape(around.types.get(part))?.length
  const axis = intAttribute(node, 'axis', 0)
  if (!rank || (axis !== -1 && axis !== rank - 1)) return null
  const lengths = node.outputs.map((output) => lastLength(output, around))
  if (!lengths.every((length) => length !== undefined)) return null
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  return { from: sum(lengths.slice(0, node.outputs.indexOf(part))) + from, width, of: sum(lengths) }
}

/** Whether a node takes channels of the value `name`, and none of these. */
export function takesOthers(node: Node, name: string, { from, width, of }: Channels, around: Around): boolean {
  if (node.opType !== 'Slice' || node.inputs.lastIndexOf(name) !== 0) return false
  const span = slicedChannels(node, around)
  return span?.of === of && (span.from + span.width <= from || from + width <= span.from)
}

/** The channels that a Slice takes, one after the other. */
function slicedChannels(node: Node, around: Around): Channels | null {
  const rank = tensorShape(around.types.get(node.outputs[0]!))?.length
  const [whole, width] = [lastLength(node.inputs[0]!, around), lastLength(node.outputs[0]!, around)]
  const [start, axis, step] = [1, 3, 4].map((slot) => {
    const tensor = around.editor.constant(node.inputs[slot] ?? '')
    return tensor && toNumbers(tensor).length === 1 ? toNumbers(tensor)[0]! : undefined
  })
  if (!rank || !whole || !width || start === undefined || (axis !== -1 && axis !== rank - 1)) return null
  if (step !== undefined ? step !== 1 : (node.inputs[4] ?? '') !== '') return null
  return { from: Math.max(start < 0 ? start + whole : start, 0), width, of: whole }
}

function lastLength(name: string, { types }: Around): number | undefined {
  const last = tensorShape(types.get(name))?.at(-1)
  return typeof last === 'number' ? last : undefined
}
