import { expect, test } from 'vitest'
import { elementCount, parseModel, type Tensor, tensorValues } from '../ir/index.ts'
import { freshWeights } from './fresh-weights.ts'

const zeros = (name: string, ...dims: readonly number[]) =>
  `float[${dims.join(',')}] ${name} = {${Array(elementCount(dims)).fill(9).join(', ')}}`

const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
g (float[N,4,8,8] x, int64[N,5] t) => (y, u, z)
<${zeros('conv', 32, 4, 3, 3)}, ${zeros('bias', 32)}, ${zeros('scale', 32)}, ${zeros('shift', 32)}, ${zeros('mean', 32)},
 ${zeros('var', 32)}, ${zeros('depthwise', 32, 1, 5, 5)}, ${zeros('back', 32, 16, 4, 4)}, ${zeros('slope', 16, 1, 1)},
 ${zeros('fc', 10, 1024)}, ${zeros('table', 50, 64)}, ${zeros('norm', 64)}, ${zeros('silu', 64, 64)}, ${zeros('last', 64, 64)}>
{ a = Conv<pads = [1,1,1,1]>(x, conv, bias)  b = BatchNormalization(a, scale, shift, mean, var)  c = Relu(b)
  d = Conv<group = 32, pads = [2,2,2,2]>(c, depthwise)  e = ConvTranspose<strides = [2,2], pads = [1,1,1,1]>(d, back)
  f = PRelu(e, slope)  p = AveragePool<kernel_shape = [2,2], strides = [2,2]>(f)  h = Flatten(p)  y = Gemm<transB = 1>(h, fc)
  k = Gather(table, t)  l = LayerNormalization(k, norm)  m = MatMul(l, silu)  s = Sigmoid(m)  u = Mul(m, s)  z = MatMul(u, last) }`)

const variance = (tensor: Tensor) => {
  const values = [...(tensorValues(tensor) as Float32Array)]
  return values.reduce((sum, value) => sum + value * value, 0) / values.length
}

test('the variance of each weight follows from what it sums up and what stands behind it', () => {
  const drawn = freshWeights(model, 3)
  // Two in front of what loses half of its input, one elsewhere; a stride of 2 sends a place to a quarter of the taps.
  const expected = {
    conv: 2 / (4 * 9),
    depthwise: 1 / 25,
    back: 2 / ((32 * 16) / 4),
    fc: 1 / 1024,
    table: 0.02 ** 2,
    silu: 2 / 64,
    last: 1 / 64,
  }
  for (const [name, wanted] of Object.entries(expected))
    expect(variance(drawn.get(name)!) / wanted, name).toBeCloseTo(1, 0.7)
  for (const [name, value] of Object.entries({ bias: 0, scale: 1, shift: 0, slope: 0.25, norm: 1 }))
    expect(new Set(tensorValues(drawn.get(name)!) as Float32Array), name).toEqual(new Set([value]))
  expect(drawn.has('mean')).toBe(false)
})

test('the seed decides', () => {
  const conv = (seed: number) => [...(tensorValues(freshWeights(model, seed).get('conv')!) as Float32Array)]
  expect(conv(3)).toEqual(conv(3))
  expect(conv(3)).not.toEqual(conv(4))
})
