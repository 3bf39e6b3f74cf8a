import { expect, test } from 'vitest'
import { fromNumbers, type Model, operatorName } from '../src/ir/index.ts'
import { inIntegers, kernelsOf, modelWith, randomValue } from './quantize-kit.ts'

const SIZE = 64
const feeds = { x: randomValue([1, 8, SIZE], 3) }

/** With signed codes of weights, one scale a column, as other tools write them. */
function withCodes(body: string, weights: Readonly<Record<string, readonly number[]>> = {}): Model {
  const base = modelWith(
    `g (float[1,8,${SIZE}] x) => (float y)
     <float xs = {0.01}, uint8 xz = {128}, float ps = {0.02}, uint8 pz = {128}, float[1] unused = {0}> { ${body} }`,
    { ...weights, ws: [SIZE] },
  )
  const codes = Array.from({ length: SIZE * SIZE }, (_, i) => ((i * 37) % 255) - 127)
  const initializers = new Map(base.graph.initializers)
  initializers.set('wc', { ...fromNumbers('int8', [SIZE, SIZE], codes), name: 'wc' })
  initializers.delete('unused')
  return { ...base, graph: { ...base.graph, initializers } }
}

test('products whose weights are codes keep them: nothing is rounded again in each run', async () => {
  const model = withCodes(`w = DequantizeLinear<axis = 1>(wc, ws) p = MatMul(x, w) r = Relu(p) y = MatMul(r, v)`, {
    v: [SIZE, SIZE],
  })
  const { model: after, report } = await inIntegers(model, feeds)
  expect(report.refused).toContainEqual({ node: 'p', reason: 'its constant w is codes already' })
  const [coded, float] = after.graph.nodes.filter((node) => operatorName(node) === 'MatMul')
  expect(coded!.inputs[1]).toBe('w')
  expect(float!.inputs[1]).not.toBe('v')
})

test('what stands between codes is left there', async () => {
  const model = withCodes(
    `q = QuantizeLinear(x, xs, xz) d = DequantizeLinear(q, xs, xz) w = DequantizeLinear<axis = 1>(wc, ws)
     p = MatMul(d, w) pq = QuantizeLinear(p, ps, pz) pd = DequantizeLinear(pq, ps, pz)
     t = Transpose<perm = [0, 2, 1]>(pd) tq = QuantizeLinear(t, ps, pz) td = DequantizeLinear(tq, ps, pz) y = MatMul(pd, td)`,
  )
  const { model: after, report } = await inIntegers(model, feeds)
  expect(report.applied).toBe(0)
  expect(after).toBe(model)
  expect(report.refused).toContainEqual({ node: 'y', reason: 'it stands between codes already' })
  expect(await kernelsOf(after)).toMatchObject({ QLinearMatMul: 1, MatMulIntegerToFloat: 1 })
})

test('a convolution whose weights are codes is told so, not that they are not constant', async () => {
  const base = modelWith(
    'g (float[1,2,8,8] x) => (float y) <float ws = {0.01}, int8[2,2,1,1] wc = {3,-4,5,6}> { w = DequantizeLinear(wc, ws) y = Conv(x, w) }',
    {},
  )
  const { report } = await inIntegers(base, { x: randomValue([1, 2, 8, 8], 3) })
  expect(report.refused).toContainEqual({ node: 'y', reason: 'its constant w is codes already' })
})
