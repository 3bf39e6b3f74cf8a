import { expect, test } from 'vitest'
import { modelWith, optimizedBy } from '../../tests/quantize-kit.ts'
import { channelBlock } from './ort-node-channel-block.ts'

test('the runtime fills channels to blocks of as many as it is said to have', async () => {
  const { graph } = await optimizedBy(
    modelWith('g (float[1,3,6,5] x) => (float y) { y = Conv(x, w) }', { w: [20, 3, 1, 1] }),
    'all',
  )
  const conv = graph.nodes.find(({ domain }) => domain === 'com.microsoft.nchwc')
  // Without blocked kernels there is nothing to compare with.
  const filled = conv ? graph.initializers.get(conv.inputs[1]!)!.dims[0]! : 32
  expect(filled).toBe({ 8: 24, 16: 32 }[await channelBlock()])
})
