import { expect, test } from 'vitest'
import { parseModel } from '../../../ir/index.ts'
import { quantizeStaticInt8 } from './quantize-static-int8.ts'

const refusals = async (body: string) => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]> ${body}`)
  const { report } = await quantizeStaticInt8.run(model, {}, [])
  return report.refused
}

test('what computes on floats and is of no unit is told, whether or not a value beside it was calibrated', async () => {
  const refused =
    await refusals(`g (float[N,4] x, int64[N] ids) => (float[N,3] y, bool[N,3] b) <float[4,3] w = {1,2,3,4,5,6,7,8,9,8,7,6}> {
    [product] p = Einsum<equation="nc,cd->nd">(x, w)
    [sum] s = CumSum(p, axis)
    shape = Shape(x)
    size = Cast<to=1>(shape)
    [half] h = Sqrt(size)
    [whole] n = Cast<to=7>(h)
    axis = Constant<value_int=1>()
    [sign] y = Sign(s)
    [more] b = Greater(y, s)
  }`)
  expect(refused).toEqual([
    { node: 'product', reason: expect.stringContaining('no integer kernel for Einsum; written as MatMul') },
    { node: 'sum', reason: 'the runtime has no integer kernel for CumSum' },
    { node: 'sign', reason: 'the runtime has no integer kernel for Sign' },
  ])
})

test('codes that a file comes with are no floats, and branches tell of all that computes', async () => {
  const refused = await refusals(`g (uint8[N,4] c, bool t) => (float[N,4] y) <float scale = {0.1}, uint8 zero = {3}> {
    x = DequantizeLinear(c, scale, zero)
    [choice] y = If(t) <then_branch = a () => (float[N,4] u) { [left] v = Relu(x) [again] u = Sigmoid(v) },
                        else_branch = b () => (float[N,4] w) { k = Constant<value_float=2.0>() [twice] w = Mul(x, k) }>
  }`)
  expect(refused).toEqual(
    ['left', 'again', 'twice'].map((node) => ({ node, reason: 'it lies in a branch or body of choice' })),
  )
})

test('the Tanh of Mish goes with its Softplus, another one does not', async () => {
  const refused = await refusals(`g (float[N,4] x) => (float[N,4] y) {
    [softplus] p = Softplus(x)
    [gate] t = Tanh(p)
    m = Mul(x, t)
    [other] h = Tanh(m)
    y = Add(h, x)
  }`)
  const reasons = new Map(refused.map(({ node, reason }) => [node, reason]))
  expect(reasons.get('gate')).toContain('the gate of Mish')
  expect(reasons.get('other')).toContain('no calibrated range')
})
