import { expect, test } from 'vitest'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../tests/quantize-kit.ts'
import { tensorOf } from '../../../ir/index.ts'
import { repeatCodes } from './repeat-codes.ts'

async function quantized(factor: number) {
  const built = modelWith(
    'g (float[1,16,6,5] x) => (float y) { h = Conv(x, w) r = Resize<mode = "nearest">(h, , s) y = Conv(r, w) }',
    {
      w: [16, 16, 1, 1],
    },
  )
  const scales = tensorOf('float32', [4], Float32Array.of(1, 1, factor, factor), 's')
  const initializers = new Map([...built.graph.initializers, ['s', scales]])
  const model = { ...built, graph: { ...built.graph, initializers } }
  const feeds = { x: randomValue([1, 16, 6, 5], 3) }
  const before = (await inIntegers(model, feeds)).model
  const { model: after, report } = await repeatCodes.run(before, {}, [])
  return { before, after, report, feeds }
}

test.each([2, 3])('codes repeated %i-fold are copied by whole pixels, and not a bit changes', async (factor) => {
  const { before, after, report, feeds } = await quantized(factor)
  expect(report.applied).toBe(1)
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ QLinearConv: 2, Expand: 1 })
  expect(kernels).not.toHaveProperty('Resize')
  // Those around it cancel: one brings the input to channels last, one the output back.
  expect(kernels.Transpose).toBe(2)
  expect((await runOnce(after, feeds)).y!.data).toEqual((await runOnce(before, feeds)).y!.data)
})

test('a factor that is no whole number stays a Resize', async () => {
  expect((await quantized(1.5)).report.applied).toBe(0)
})
