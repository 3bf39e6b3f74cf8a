import { expect, test } from 'vitest'
import { kernelsOf, modelWith, randomValue, rangesOf } from '../../../tests/quantize-kit.ts'
import { tensorOf } from '../../ir/index.ts'
import { advanceAll, startTrail } from '../trail.ts'
import { quantizationRun, quantizeSteps } from './quantize-steps.ts'

const model = modelWith(
  `g (float[1,1,32,24] x) => (float y)
   { c = Conv(x, w0) d = Conv(c, w1) s = Squeeze(d, axes) t = Transpose<perm = [1, 0, 2]>(s)
     y, h, k = LSTM<hidden_size = 16>(t, w, r) }`,
  { w0: [16, 1, 1, 1], w1: [1, 16, 1, 1], w: [1, 64, 24], r: [1, 64, 16] },
)

const axes = (axis: number) => tensorOf('int64', [1], BigInt64Array.of(BigInt(axis)))

test('static convolutions and dynamic recurrent layers stand in one model', async () => {
  const built = {
    ...model,
    graph: {
      ...model.graph,
      initializers: new Map([...model.graph.initializers, ['axes', axes(1)]]),
    },
  }
  const ranges = await rangesOf(built, { x: randomValue([1, 1, 32, 24], 3) })
  const options = { scheme: 'static-int8', pass: { placement: 'products' } } as const
  const plain = await advanceAll(startTrail(built), quantizeSteps(options, [ranges]))
  expect(await kernelsOf(plain.model)).toMatchObject({ QLinearConv: 2, LSTM: 1 })
  const both = await advanceAll(startTrail(built), quantizeSteps({ ...options, recurrent: true }, [ranges]))
  expect(await kernelsOf(both.model)).toMatchObject({ QLinearConv: 2, DynamicQuantizeLSTM: 1 })
  expect(quantizationRun(both, 'dynamic-int8').planned).toEqual({ DynamicQuantizeLSTM: 1 })
})
