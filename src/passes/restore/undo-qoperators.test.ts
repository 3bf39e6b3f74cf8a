import { expect, test } from 'vitest'
import { expectEqualModels, opsOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { undoQOperators } from './undo-qoperators.ts'
import { undoStaticInt8 } from './undo-static-int8.ts'

/** Scales are powers of two, so that both forms round the very same numbers. */
const CONSTANTS = `float s = {0.25}, uint8 z = {128}, float t = {0.5}, uint8 o = {0}, float u = {0.125},
  int8[3,2,1,1] w = {1,-2,3,4,-5,6}, float[3] ws = {0.5,0.25,0.125}, int8[3] wz = {0,0,0}, int32[3] b = {8,-16,4},
  int8[12,2] m = {1,2,3,4,5,6,7,8,9,-1,-2,-3,-4,-5,-6,-7,-8,-9,1,-2,3,-4,5,-6}, float[2] ms = {0.5,0.25}, int8[2] mz = {0,0},
  int32[2] c = {100,-50}`
const of = (body: string, output: string) =>
  `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
   g (float[N,2,4,4] x) => (${output} y) <${CONSTANTS}> { q = QuantizeLinear(x, s, z) ${body} }`
const CODES = Array.from({ length: 64 }, (_, i) => (i % 7) - 3).join()
const CONV = 'a = QLinearConv(q, s, z, w, ws, wz, t, o, b)'

test('a network between codes is one of floats, and rounds the same until its conversions go as well', async () => {
  const { before, after, ops, reasons } = await rewriteWith(
    undoQOperators,
    of(
      `${CONV} p = MaxPool<kernel_shape = [2,2], strides = [2,2]>(a)
       e = com.microsoft.QLinearAdd(p, t, o, p, t, o, t, o)
       f = Flatten(e) g = com.microsoft.QGemm(f, t, o, m, ms, mz, c, u, z) y = DequantizeLinear(g, u, z)`,
      'float[N,2]',
    ),
  )
  expect(reasons).toEqual([])
  expect(ops.some((op) => /QLinear|QGemm/.test(op))).toBe(false)
  await expectEqualModels(before, after, { scale: 20 })
  const { after: float } = await rewriteWith(undoStaticInt8, after)
  const left = opsOf(float).filter((op) => op !== 'Clip')
  // One pool for each of its readers, which the lossless passes make one again.
  expect(left).toEqual(['Conv', 'MaxPool', 'MaxPool', 'Add', 'Flatten', 'Gemm'])
})

test.each([
  [
    'QLinearMatMul',
    'r = Reshape(q, shape) y8 = QLinearMatMul(r, s, z, k, ms, mz, u, z) y = DequantizeLinear(y8, u, z)',
    'float[N,2]',
  ],
  [
    'QGemm',
    'r = Reshape(q, shape) g = com.microsoft.QGemm<transB = 1, alpha = 0.5>(r, s, z, kt, ms, mz, c, u, z) y = DequantizeLinear(g, u, z)',
    'float[N,2]',
  ],
  [
    'QGemm',
    'r = Reshape(q, shape) g = com.microsoft.QGemm<transB = 2>(r, s, z, kt, ms, mz, c, u, z) y = DequantizeLinear(g, u, z)',
    'float[N,2]',
  ],
  [
    'QLinearConcat',
    `${CONV} d = com.microsoft.QLinearConcat<axis = 1>(s, z, a, t, o, q, s, z) y = DequantizeLinear(d, s, z)`,
    'float[N,5,4,4]',
  ],
  [
    'QLinearMul',
    'd = com.microsoft.QLinearMul(q, s, z, q, s, z, t, z) y = DequantizeLinear(d, t, z)',
    'float[N,2,4,4]',
  ],
  [
    'QLinearLeakyRelu',
    'd = com.microsoft.QLinearLeakyRelu<alpha = 0.5>(q, s, z, u, z) y = DequantizeLinear(d, u, z)',
    'float[N,2,4,4]',
  ],
  [
    'QLinearGlobalAveragePool',
    'd = com.microsoft.QLinearGlobalAveragePool<channels_last = 0>(q, s, z, u, z) y = DequantizeLinear(d, u, z)',
    'float[N,2,1,1]',
  ],
  [
    'QLinearAveragePool',
    'd = com.microsoft.QLinearAveragePool<kernel_shape = [2,2], strides = [2,2], channels_last = 0>(q, s, z, u, z) y = DequantizeLinear(d, u, z)',
    'float[N,2,2,2]',
  ],
])('%s', async (op, body, output) => {
  const more = `, int64[2] shape = {-1, 32}, int8[32,2] k = {${CODES}}, int8[2,32] kt = {${CODES}}> {`
  const { before, after, ops } = await rewriteWith(undoQOperators, of(body, output).replace('> { q', `${more} q`))
  expect(ops.some((name) => name.includes(op))).toBe(false)
  await expectEqualModels(before, after, { scale: 20 })
})

test('what has channels last stays, and says why', async () => {
  const body =
    'd = com.microsoft.QLinearGlobalAveragePool<channels_last = 1>(q, s, z, u, z) y = DequantizeLinear(d, u, z)'
  const { reasons } = await rewriteWith(undoQOperators, of(body, 'float[N,1,1,4]'))
  expect(reasons).toEqual(['its channels come last'])
})

test.each([
  [
    'scales by axis before opset 13',
    of(CONV, 'uint8[N,3,4,4]').replace('"" : 17', '"" : 12').replace(' y)', ' a)'),
    'many',
  ],
  [
    'a bias in steps that are computed',
    of(CONV.replace('(q, s,', '(q, h,'), 'uint8[N,3,4,4]').replace(' y)', ' a)').replace('{ q =', '{ h = Relu(s) q ='),
    'computed',
  ],
])('%s: stays, and says why', async (_, source, reason) => {
  expect((await rewriteWith(undoQOperators, source)).reasons).toEqual([`its scales are ${reason}`])
})

test('codes with a scale for each channel move before they are numbers', async () => {
  const source = of(
    'm8 = Transpose<perm = [0, 2, 3, 1]>(q) y = DequantizeLinear<axis = 3>(m8, ms, zz)',
    'float[N,4,4,2]',
  )
  const { ops } = await rewriteWith(undoQOperators, source.replace('> { q', ', uint8[2] zz = {128, 128}> { q'))
  expect(ops).toEqual(['QuantizeLinear', 'Transpose', 'DequantizeLinear'])
})
