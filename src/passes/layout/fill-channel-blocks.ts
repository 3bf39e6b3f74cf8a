/*
 * t = Conv(x, w, b)   u = Act(t)   y = Conv(u, v)          with C channels between them, C no multiple of 16
 *   ⇒  t = Conv(x, [w; 0], [b; 0])   u = Act(t)   y = Conv(u, [v, 0])          with C rounded up to the next one
 * Blocked kernels compute 16 channels at a time whether they are wanted or not, but a value of a broken block is put
 * into plain order behind each of them and into blocks again in front of the next. Whole blocks stay as they are.
 * The channels that are added go through everything that keeps channels apart: activations, sums and products of values
 * with the same channels, pools, pictures that grow, convolutions of one channel each. With `joints`, each part of
 * what is joined gets blocks of its own, and what reads them zeros in the same places. A Pad of channels finds its
 * zeros there. With `integers`, only what integer kernels gain by is filled: they have two kernels for convolutions of one
 * channel each, and the fast one takes whole blocks alone (3×3 at 64×64 over 20 channels 0.19 ms, 24 0.12, 32 0.075).
 * Illegal: anything else reads or makes the value, or it is an input or output of the graph; an activation that is not
 * finite at zero. Left alone below half a block, but behind a global pool, where a pixel costs nothing.
 * Source: what is added is multiplied by zero. Block size and padding: `nchwc_transformer.cc` of ONNX Runtime.
 */
import {
  elementCount,
  indexGraph,
  inferTypes,
  int,
  intAttribute,
  isDepthwise,
  type Model,
  type Node,
  operatorName,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../ir/index.ts'
import { boolean, type ChannelBlock, exactly, optional } from '../../report/index.ts'
import { BLOCK, GraphEditor, type Pass, type PassResult, withGraph } from '../../rewrite/index.ts'
import { type BlockOptions, blockOption } from './block-pass.ts'
import { channelGroups } from './channel-groups.ts'
import { pixelsOf } from './filled-work.ts'
import { channelAxis, channelsPadded } from './kept-channels.ts'

/** How far channels are followed. */
export interface FillOptions extends BlockOptions {
  /** Through what is joined as well: more may be computed there than changes of layout are spared. */
  readonly joints?: boolean
  /** Only convolutions of one channel each and what stands around them, where integer kernels gain by it. */
  readonly integers?: boolean
}

export const fillChannelBlocks: Pass<FillOptions> = {
  id: 'fillChannelBlocks',
  summary: 'Gives values between convolutions whole blocks of channels, so that they need not change their order.',
  options: exactly<FillOptions>({ joints: optional(boolean), integers: optional(boolean), block: blockOption }),
  run: fill,
}

function fill(model: Model, { joints = false, integers = false, block = BLOCK }: FillOptions): PassResult {
  const { graph } = model
  const editor = new GraphEditor(graph)
  const types = integers ? inferTypes(model) : undefined
  const groups = channelGroups(graph.nodes, indexGraph(graph), (name) => editor.constant(name), {
    block,
    joints,
    pixels: types && ((value) => pixelsOf(types.get(value))),
  })
  const padded = constantsFilled(editor, block)
  /** Pads whose zeros are all there already. */
  const idle: Node[] = []
  for (const node of graph.nodes) {
    const input = groups.partsOf(node.inputs[0] ?? '')
    const output = groups.partsOf(node.outputs[0] ?? '')
    if (input === undefined && output === undefined) continue
    const padding = channelsPadded(node, (name) => editor.constant(name))
    if (padding !== undefined) {
      const by = padding + added(block, output) - added(block, input)
      const rest = padBy(node, by, editor)
      editor.replace(node, rest)
      if (by === 0) idle.push(rest)
    } else if (operatorName(node) === 'Conv') {
      const depthwise = intAttribute(node, 'group', 1) > 1 && isDepthwise(node, editor.constant(node.inputs[1]!)!)
      const conv = filledConv(node, depthwise ? undefined : input, output, padded)
      const attributes = new Map(node.attributes)
      if (depthwise && output !== undefined) attributes.set('group', int(filled(output, block)))
      editor.replace(node, { ...conv, attributes })
    } else if (output !== undefined) {
      const inputs = node.inputs.map((name) => {
        const axis = channelAxis(editor.constant(name))
        return axis === undefined ? name : padded(name, [[axis, output]])
      })
      if (inputs.some((name, slot) => name !== node.inputs[slot])) editor.replace(node, { ...node, inputs })
    }
  }
  for (const { inputs, outputs } of idle) editor.bypass(outputs[0]!, inputs[0]!)
  const report = { id: fillChannelBlocks.id, applied: groups.count, refused: [] }
  if (groups.count === 0) return { model, report }
  const finished = editor.finish()
  const stale = (name: string) => groups.partsOf(name) !== undefined
  const valueInfos = new Map([...finished.valueInfos].filter(([name]) => !stale(name)))
  return { model: withGraph(model, { ...finished, valueInfos }), report }
}

/** The channels of each part of a value; undefined where they stay as they are. */
type Parts = readonly number[] | undefined

/** The name of a constant with zeros behind the parts of its axes. */
type Padded = (name: string, axes: readonly (readonly [axis: number, parts: readonly number[]])[]) => string

/** Makes each such constant once. */
function constantsFilled(editor: GraphEditor, block: ChannelBlock): Padded {
  const made = new Map<string, string>()
  return (name, axes) => {
    const key = JSON.stringify([name, axes])
    const known = made.get(key)
    if (known !== undefined) return known
    const grown = axes.reduce((tensor, [axis, parts]) => grow(tensor, axis, parts, block), editor.constant(name)!)
    const fresh = editor.addConstant(grown, `${name}_filled`)
    made.set(key, fresh)
    return fresh
  }
}

/** A convolution with weights and biases for the channels that were added. */
function filledConv(node: Node, input: Parts, output: Parts, padded: Padded): Node {
  const [data, weights, bias, ...rest] = node.inputs
  const axes = [...(output ? [[0, output] as const] : []), ...(input ? [[1, input] as const] : [])]
  const inputs = [data!, padded(weights!, axes)]
  if (bias !== undefined) inputs.push(output && bias !== '' ? padded(bias, [[0, output]]) : bias)
  return { ...node, inputs: [...inputs, ...rest] }
}

/** The same Pad of channels with so many zeros behind them. */
function padBy(node: Node, channels: number, editor: GraphEditor): Node {
  const sizes = BigInt64Array.of(0n, 0n, 0n, 0n, 0n, BigInt(channels), 0n, 0n)
  const pads = editor.addConstant(tensorOf('int64', [sizes.length], sizes), `${node.inputs[1]}_filled`)
  return { ...node, inputs: [node.inputs[0]!, pads, ...node.inputs.slice(2)] }
}

const whole = (channels: number, block: ChannelBlock): number => Math.ceil(channels / block) * block
const filled = (parts: readonly number[], block: ChannelBlock): number =>
  parts.reduce((sum, part) => sum + whole(part, block), 0)

/** How many channels more a value has. */
const added = (block: ChannelBlock, parts: readonly number[] = []): number =>
  filled(parts, block) - parts.reduce((sum, part) => sum + part, 0)

/** The tensor with zeros behind each part of an axis. */
function grow(tensor: Tensor, axis: number, parts: readonly number[], block: ChannelBlock): Tensor {
  const values = tensorValues(tensor) as Float32Array
  const dims = tensor.dims.map((dim, i) => (i === axis ? filled(parts, block) : dim))
  const inner = elementCount(tensor.dims.slice(axis + 1))
  const grown = new Float32Array(elementCount(dims))
  for (let from = 0, to = 0; from < values.length; )
    for (const part of parts) {
      grown.set(values.subarray(from, from + part * inner), to)
      from += part * inner
      to += whole(part, block) * inner
    }
  return tensorOf('float32', dims, grown)
}
