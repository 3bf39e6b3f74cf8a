/*
 * y = Resize<linear>(x, scales = [1, 1, r, s])   ⇒   y = Resize<linear>(Conv<group = C>(x, 1), [1, 1, r, s])
 * The kernel that interpolates blocks of channels takes a third of the time of the one for plain order, but the runtime
 * chooses it only for what lies in blocks already. Here a convolution of one tap puts it there, in front of the picture
 * that is r·s times as large, which convolutions read in blocks anyway (32 channels from 80×128 to 160×256 with a
 * convolution behind: 6.0 ms, then 4.6; 64 from 20×20 to 40×40 0.48 and 0.36, by processor time).
 * Illegal: factors that are no whole numbers, other coordinates, channels that are no multiple of 4: these have no such
 * kernel. Left alone: what lies in blocks; what anything but convolutions reads; fewer channels than a block.
 * Source: x·1, exact. Which operators have blocked kernels: `nchwc_transformer.cc` of ONNX Runtime.
 */
import {
  int,
  makeNode,
  type Node,
  operatorName,
  stringAttribute,
  type Tensor,
  tensorDtype,
  tensorOf,
  tensorShape,
  toNumbers,
} from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import type { RuleContext, RuleOutcome } from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { channelsInBlocks, isBlockedConv, QUARTER } from './blocks.ts'

export const resizeInBlocks = blockPass(
  'resizeInBlocks',
  'Pictures that grow in front of convolutions are put into blocks of channels first, while they are small.',
  { roots: ['Resize'], apply },
)

const RANK = 4
const COORDINATES: ReadonlySet<string> = new Set(['half_pixel', 'asymmetric', 'align_corners'])
/** What leaves a value in blocks where it finds it there, so that it is hardly in plain order. */
const KEEPING: ReadonlySet<string> = new Set(['MaxPool', 'AveragePool', 'Resize'])

function apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor, constant, types } = context
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  if (!growsWhole(node, constant(node.inputs[2] ?? ''))) return false
  const channels = tensorShape(types.get(input))?.[1]
  if (tensorDtype(types.get(input)) !== 'float32' || typeof channels !== 'number') return false
  if (channels < block || channels % QUARTER !== 0) return false
  const maker = editor.producer(input)
  if (maker && KEEPING.has(operatorName(maker))) return false
  if (channelsInBlocks(input, context, block) !== undefined) return false
  const readers = editor.consumers(output)
  const blocked = (reader: Node) => reader.inputs[0] === output && isBlockedConv(reader, constant)
  if (editor.isOutput(output) || readers.length === 0 || !readers.every(blocked)) return false
  const ones = tensorOf('float32', [channels, 1, 1, 1], new Float32Array(channels).fill(1))
  const laid = editor.freshName(`${input}_in_blocks`)
  editor.replace(
    node,
    makeNode('Conv', [input, editor.addConstant(ones, `${laid}_taps`)], [laid], {
      name: editor.freshName(`${laid}_Conv`),
      attributes: { group: int(channels) },
    }),
    { ...node, inputs: [laid, ...node.inputs.slice(1)] },
  )
  return true
}

/** Whether a Resize interpolates between pixels of a picture that grows by whole factors. */
function growsWhole(node: Node, scales: Tensor | undefined): boolean {
  if (scales?.dims[0] !== RANK || node.inputs[3] || node.attributes.has('axes')) return false
  if (stringAttribute(node, 'mode', 'nearest') !== 'linear') return false
  if (!COORDINATES.has(stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel'))) return false
  const [rows, channels, ...grow] = toNumbers(scales)
  return rows === 1 && channels === 1 && grow.every(Number.isInteger) && grow.some((factor) => factor > 1)
}
