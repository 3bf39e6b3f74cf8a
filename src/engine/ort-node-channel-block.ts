import { parseModel } from '../ir/index.ts'
import type { ChannelBlock } from '../report/index.ts'
import { type IsolatedPlacement, openIsolated } from './ort-node-isolated.ts'

/** A pool of one narrow block: where blocks are wider, it is none, and the runtime leaves it in plain order. */
const question = () =>
  parseModel(`<ir_version: 8, opset_import: ["" : 17]>
  block (float[1,8,2,2] x) => (float[1,8,1,1] y) { y = MaxPool<kernel_shape = [2, 2]>(x) }`)

let known: Promise<ChannelBlock> | undefined

/**
 * How many channels the blocked float kernels of onnxruntime-node compute at once on this machine (`MlasNchwcGetBlockSize`):
 * read once in this process, from what it makes of a pool over eight channels. 16 as well where there are no such kernels.
 *
 * @param placement Where that pool is loaded.
 * @throws UserError where it cannot be.
 */
export function channelBlock(placement: IsolatedPlacement = {}): Promise<ChannelBlock> {
  if (known) return known
  const asked = ask(placement)
  known = asked
  asked.catch(() => {
    known = undefined
  })
  return asked
}

async function ask(placement: IsolatedPlacement): Promise<ChannelBlock> {
  const session = await openIsolated(question(), { arena: false }, { ...placement, readKernels: true })
  try {
    return session.kernels?.ReorderInput ? 8 : 16
  } finally {
    await session.close()
  }
}
