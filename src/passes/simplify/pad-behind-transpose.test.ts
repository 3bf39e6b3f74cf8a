import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { type Model, operatorName, tensorOf } from '../../ir/index.ts'
import { cancelTransposes } from './cancel-transposes.ts'
import { mergePads } from './merge-pads.ts'
import { padBehindTranspose } from './pad-behind-transpose.ts'

const withPads = (body: string): Model => {
  const built = modelWith(`g (float[1,6,5,3] x) => (float y) { ${body} }`, {
    w: [4, 3, 3, 3],
    v: [4, 4, 3, 3],
    u: [1, 3, 9, 8],
  })
  const pads = tensorOf('int64', [8], BigInt64Array.of(0n, 0n, 1n, 0n, 0n, 1n, 2n, 0n), 'pads')
  return { ...built, graph: { ...built.graph, initializers: new Map([...built.graph.initializers, ['pads', pads]]) } }
}
const NCHW = 'Transpose<perm = [0, 3, 1, 2]>'

test('padding of channels-last values moves next to the convolution', async () => {
  const { before, after, report } = await rewriteWith(
    padBehindTranspose,
    withPads(`p = Pad(x, pads) t = ${NCHW}(p) y = Conv(t, w)`),
  )
  expect(report.applied).toBe(1)
  expect(after.graph.nodes.map(operatorName)).toEqual(['Transpose', 'Pad', 'Conv'])
  await expectEqualModels(before, after)
})

test('between two convolutions nothing is left of it', async () => {
  const before = withPads(
    `t = ${NCHW}(x) c = Conv<pads = [1, 1, 1, 1]>(t, w) l = Transpose<perm = [0, 2, 3, 1]>(c) r = Relu(l) p = Pad(r, pads) n = ${NCHW}(p) y = Conv(n, v)`,
  )
  let after = before
  for (const pass of [padBehindTranspose, mergePads, cancelTransposes]) after = (await pass.run(after, {}, [])).model
  expect(after.graph.nodes.map(operatorName)).toEqual(['Transpose', 'Conv', 'Relu', 'Conv'])
  await expectEqualModels(before, after)
})

test.each([
  ['others read the padded value', `p = Pad(x, pads) t = ${NCHW}(p) c = Conv(t, w) s = ReduceSum(p) y = Add(c, s)`, 1],
  [
    'axes in another order',
    `o = Constant<value_ints = [3, 2, 1, 0]>() p = Pad(x, pads, , o) t = ${NCHW}(p) y = Conv(t, w)`,
    1,
  ],
  ['computed amounts', `a = Abs(pads) p = Pad(x, a) t = ${NCHW}(p) y = Conv(t, w)`, 1],
  ['weights that are turned', `p = Pad(x, pads) t = ${NCHW}(p) y = Conv(u, t)`, 0],
  ['nothing that pads for free behind it', `p = Pad(x, pads) y = ${NCHW}(p)`, 0],
])('left alone: %s', async (_, body, refused) => {
  const { report } = await rewriteWith(padBehindTranspose, withPads(body))
  expect(report.applied).toBe(0)
  expect(report.refused).toHaveLength(refused)
})
