import { expect, test } from 'vitest'
import { randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { fuseConvBatchNorm } from './fuse-conv-batchnorm.ts'

const head = '<ir_version: 10, opset_import: ["" : 20]>'
const statistics = (channels: number, variance = `{${Array.from({ length: channels }, (_, i) => i / 2).join()}}`) => `
  float[${channels}] gamma = ${randomList(channels, 1)}, float[${channels}] beta = ${randomList(channels, 2)},
  float[${channels}] mean = ${randomList(channels, 3)}, float[${channels}] variance = ${variance}`
const NORM = 'BatchNormalization<epsilon = 0.001>(a, gamma, beta, mean, variance)'

const conv = (body: string, variance?: string) => `${head} g (float[N,3,6,5] x) => (float[N,M,P,Q] y)
  <float[4,3,3,3] w = ${randomList(108, 4)}, float[4] b = ${randomList(4, 5)}, ${statistics(4, variance)}> { ${body} }`

test('after a convolution, a channel of zero variance included', async () => {
  const padded = conv(`a = Conv<pads = [1,1,1,1]>(x, w, b) y = ${NORM}`)
  expect((await rewriteEqually(fuseConvBatchNorm, padded)).ops).toEqual(['Conv'])
  expect((await rewriteEqually(fuseConvBatchNorm, conv(`a = Conv(x, w) y = ${NORM}`))).ops).toEqual(['Conv'])
})

test('after ConvTranspose and Gemm', async () => {
  const transposed = `${head} g (float[N,3,4,4] x) => (float[N,M,P,Q] y)
    <float[3,4,2,2] w = ${randomList(48, 6)}, ${statistics(4)}> { a = ConvTranspose<strides = [2,2]>(x, w) y = ${NORM} }`
  expect((await rewriteEqually(fuseConvBatchNorm, transposed)).ops).toEqual(['ConvTranspose'])
  const gemm = `${head} g (float[N,3] x) => (float[N,4] y)
    <float[3,4] w = ${randomList(12, 7)}, ${statistics(4)}> { a = Gemm(x, w) y = ${NORM} }`
  expect((await rewriteEqually(fuseConvBatchNorm, gemm)).ops).toEqual(['Gemm'])
})

test('after MatMul, where no shift remains', async () => {
  const product = (mean: string, beta: string) => `${head} g (float[N,3] x) => (float[N,4] y)
    <float[3,4] w = ${randomList(12, 7)}, ${statistics(4)}> { a = MatMul(x, w)
    y = BatchNormalization<epsilon = 0.001>(a, gamma, ${beta}, ${mean}, variance) }`
  const centred = product('zero', 'zero').replace('variance =', 'zero = {0,0,0,0}, float[4] variance =')
  expect((await rewriteEqually(fuseConvBatchNorm, centred)).ops).toEqual(['MatMul'])
  expect((await rewriteWith(fuseConvBatchNorm, product('mean', 'beta'))).reasons).toEqual(['MatMul holds no bias'])
})

test('before an unpadded convolution, and refused before a padded one', async () => {
  const model = (attributes: string) =>
    `${head} g (float[N,3,6,5] a) => (float[N,M,P,Q] y)
    <float[4,3,3,3] w = ${randomList(108, 4)}, ${statistics(3, '{1, 1.5, 2}')}> { c = ${NORM} y = Conv<${attributes}>(c, w) }`.replace(
      /gamma = {[^}]*}/,
      'gamma = {1, -2, 0.5}',
    )
  expect((await rewriteEqually(fuseConvBatchNorm, model('strides = [2,1]'))).ops).toEqual(['Conv'])
  const padded = await rewriteWith(fuseConvBatchNorm, model('pads = [0,1,0,1]'))
  expect(padded.report.applied).toBe(0)
  expect(padded.reasons).toEqual(['its shift does not pass through y (Conv, padding)'])
})

test.each([
  ['the convolution is also read elsewhere', conv(`a = Conv(x, w) n = ${NORM} y = Add(n, a)`), /also read elsewhere/],
  ['NaN statistics', conv(`a = Conv(x, w) y = ${NORM}`, '{1, nan, 1, 1}'), /not finite constants/],
  ['negative variance', conv(`a = Conv(x, w) y = ${NORM}`, '{1, -1, 1, 1}'), /not finite constants/],
  [
    'training mode',
    conv(`a = Conv(x, w) y, m, v = BatchNormalization<training_mode = 1>(a, gamma, beta, mean, variance)`),
    /inference mode/,
  ],
  [
    'computed weights',
    conv(`u = Abs(x) k = Slice(u, lo, hi) a = Conv(x, k) y = ${NORM}`).replace(
      '<float[4,3,3,3]',
      '<int64[4] lo = {0,0,0,0}, int64[4] hi = {4,3,3,3}, float[4,3,3,3]',
    ),
    /not constant/,
  ],
])('refused: %s', async (_, source, reason) => {
  const { reasons, report } = await rewriteWith(fuseConvBatchNorm, source)
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})

test('weights that are graph inputs can be fed, so they are no constants', async () => {
  const source = conv(`a = Conv(x, w, b) y = ${NORM}`).replace('x)', 'x, float[4,3,3,3] w)')
  const { reasons } = await rewriteWith(fuseConvBatchNorm, source)
  expect(reasons).toEqual(['the weights of Conv are not constant'])
})

test('NaN weights are refused', async () => {
  const source = conv(`a = Conv(x, w, b) y = ${NORM}`)
    .replace('w = {', 'w = {nan, ')
    .replace(/, [-.\de]+}, float\[4\] b/, '}, float[4] b')
  expect((await rewriteWith(fuseConvBatchNorm, source)).reasons.join()).toMatch(/not finite/)
})

test('inside a branch, with weights from the outer graph', async () => {
  const source = `${head} g (float[N,3,6,5] x, bool c) => (float[N,M,P,Q] y)
    <float[4,3,3,3] w = ${randomList(108, 4)}, ${statistics(4)}>
    { y = If(c) <then_branch = t () => (float[N,M,P,Q] n) { a = Conv(x, w) n = ${NORM} },
                 else_branch = e () => (float[N,M,P,Q] k) { k = Conv(x, w) }> }`
  const { after, report } = await rewriteEqually(fuseConvBatchNorm, source)
  expect(report.applied).toBe(1)
  const branch = after.graph.nodes[0]!.attributes.get('then_branch')
  expect(branch?.type === 'graph' && branch.value.nodes.map(({ opType }) => opType)).toEqual(['Conv'])
})
