import { expect, test } from 'vitest'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { partFusedOperators } from './part-fused-operators.ts'

const model = (inputs: string, body: string, opset = 21, outputs = 'float[A,B,C] y') =>
  `<ir_version: 8, opset_import: ["" : ${opset}, "com.microsoft" : 1]> g (${inputs}) => (${outputs}) { ${body} }`
const picture = 'float[1,3,5,4] x, float[2,3,3,3] w, float[2] b, float[1,2,3,2] z'
const conv = (attributes: string, inputs: string, opset?: number) =>
  model(picture, `y = com.microsoft.FusedConv<${attributes}>(${inputs})`, opset, 'float[A,B,C,D] y')
const matrices = 'float[2,4,3] a, float[2,5,4] b'
const product = (attributes: string) => model(matrices, `y = com.microsoft.FusedMatMul<${attributes}>(a, b)`)
const sums = 'float[2,3,8] x, float[2,3,8] z, float[8] g, float[8] c, float[8] b'
const normalized = (outputs: string, inputs: string, opset?: number, given = 'float[A,B,C] y') =>
  model(sums, `${outputs} = com.microsoft.SkipLayerNormalization<epsilon = 0.001>(${inputs})`, opset, given)
const activated = (attributes: string) =>
  model(
    'float[3,4] a, float[5,4] w, float[5] c',
    `y = com.microsoft.FusedGemm<${attributes}, transB = 1, alpha = 0.5, beta = 2.0>(a, w, c)`,
    21,
    'float[A,B] y',
  )

test.each([
  [conv('activation = "Relu"', 'x, w, b'), 'Conv Relu'],
  [conv('activation = "Relu"', 'x, w, b, z'), 'Conv Add Relu'],
  [conv('activation = "Tanh"', 'x, w, , z'), 'Conv Add Tanh'],
  [conv('pads = [1, 0, 1, 0], strides = [2, 1]', 'x, w, b'), 'Conv'],
  [conv('activation = "LeakyRelu", activation_params = [0.25], dilations = [2, 1]', 'x, w'), 'Conv LeakyRelu'],
  [conv('activation = "HardSigmoid", activation_params = [0.25, 0.375]', 'x, w, b'), 'Conv HardSigmoid'],
  [conv('activation = "Clip", activation_params = [-0.5, 2.0]', 'x, w, b', 11), 'Conv Clip'],
  [activated('activation = "Relu"'), 'Gemm Relu'],
  [activated('activation = "LeakyRelu", activation_alpha = 0.25'), 'Gemm LeakyRelu'],
  [product('transA = 1, transB = 1, alpha = 0.5'), 'Transpose Transpose MatMul Mul'],
  [model('float[2,3,4] a, float[5,4] b', 'y = com.microsoft.FusedMatMul<transB = 1>(a, b)'), 'Transpose MatMul'],
  [
    model('float[2,3,4] a, float[4] b', 'y = com.microsoft.FusedMatMul<transB = 1>(a, b)', 21, 'float[A,B] y'),
    'MatMul',
  ],
  [model('float[2,3,4] x, float[4] b', 'y = com.microsoft.BiasGelu(x, b)'), 'Add Gelu'],
  [model('float[2,3,4] x, float[4] b', 'y = com.microsoft.BiasGelu(x, b)', 17), 'Add com.microsoft.Gelu'],
  [model('float[2,3,4] x, float[4] b', 'y = com.microsoft.FastGelu(x, b)'), 'Add com.microsoft.FastGelu'],
  [normalized('y', 'x, z, g, c, b'), 'Add Add LayerNormalization'],
  [normalized('y', 'x, z, g'), 'Add LayerNormalization'],
  [normalized('y, , , s', 'x, z, g, c, b', 17, 'float[A,B,C] y, float[A,B,C] s'), 'Add Add LayerNormalization'],
])('%s', async (text, parts) => {
  const { before, after, ops } = await rewriteWith(partFusedOperators, text)
  expect(ops.join(' ')).toBe(parts)
  await expectEqualModels(before, after)
})

test.each([
  [conv('activation = "LeakyRelu"', 'x, w, b'), 'its activation LeakyRelu has no parameters, or others'],
  [conv('activation = "Swish"', 'x, w, b'), 'its activation Swish has no parameters, or others'],
  [
    conv('activation = "Clip", activation_params = [0.0, 6.0]', 'x, w', 10),
    'its activation Clip has no parameters, or others',
  ],
  [product('transBatchA = 1'), 'its batches are in another order'],
  [normalized('y', 'x, z, g, c', 16), 'LayerNormalization is of operator set 17'],
  [normalized('y, m', 'x, z, g, c', 17, 'float[A,B,C] y, float[A,B,D] m'), 'its mean or its deviation is read'],
  [conv('activation = "Relu"', 'x, w, b').replaceAll('float[', 'float16['), 'its type is not float32'],
])('stays: %s', async (text, reason) => {
  expect((await rewriteWith(partFusedOperators, text)).reasons).toEqual([reason])
})

test('a FastGelu of one input is one operator', async () => {
  const { report } = await rewriteWith(partFusedOperators, model('float[2,3,4] x', 'y = com.microsoft.FastGelu(x)'))
  expect(report).toMatchObject({ applied: 0, refused: [] })
})
