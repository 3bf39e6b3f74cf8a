import { parseModel, tensorOf } from '../ir/index.ts'
import type { ChannelBlock } from '../report/index.ts'
import { optimizedModel } from './ort-node-profile.ts'

/** Fewer channels than any block has: the runtime fills them up. */
const CHANNELS = 4
const BLOCKED = 'com.microsoft.nchwc'

let known: Promise<ChannelBlock> | undefined

/**
 * How many channels the blocked float kernels of onnxruntime-node compute at once on this machine (`MlasNchwcGetBlockSize`):
 * read once from the weights that it fills up for a convolution. 16 as well where there are no such kernels.
 */
export function channelBlock(): Promise<ChannelBlock> {
  known ??= readBlock()
  return known
}

async function readBlock(): Promise<ChannelBlock> {
  const plain = parseModel(
    '<ir_version: 8, opset_import: ["" : 17]> block (float[1,3,2,2] x) => (float[1,4,2,2] y) { y = Conv(x, w) }',
  )
  const dims = [CHANNELS, 3, 1, 1]
  const initializers = new Map([['w', tensorOf('float32', dims, new Float32Array(CHANNELS * 3).fill(1))]])
  const { graph } = await optimizedModel({ ...plain, graph: { ...plain.graph, initializers } })
  const conv = graph.nodes.find(({ domain, opType }) => domain === BLOCKED && opType === 'Conv')
  return conv && graph.initializers.get(conv.inputs[1]!)?.dims[0] === 8 ? 8 : 16
}
