import { expect, test } from 'vitest'
import { numbersOf, randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { fuseAffineAfter } from './fuse-affine-after.ts'
import { fuseAffineBefore } from './fuse-affine-before.ts'
import { fuseConvBatchNorm } from './fuse-conv-batchnorm.ts'
import { mergeAffine } from './merge-affine.ts'

const head = '<ir_version: 10, opset_import: ["" : 20]>'
const conv = (attributes: string, body: string, more = '', weight = '4,3,3,3') => {
  const count = weight.split(',').reduce((product, dim) => product * Number(dim), 1)
  return `${head} g (float[N,3,H,5] x) => (float[N,M,P,Q] y)
    <float[${weight}] w = ${randomList(count, 1)}, float[4] b = ${randomList(4, 2)}${more}> {
    ${body.replaceAll('CONV', `Conv<${attributes}>`)} }`
}
const PADDED = 'pads = [1,1,1,1], strides = [2,1]'
const OPEN = 'pads = [0,0,0,0]'

test('a scale and a shift after a convolution go into its weights and bias', async () => {
  const more = `, float[1] s = {1.5}, float[1,4,1,1] t = ${randomList(4, 3)}`
  const body = 'a = CONV(x, w, b) m = Mul(s, a) y = Add(m, t)'
  const { ops, report } = await rewriteEqually(fuseAffineAfter, conv(PADDED, body, more), { sizes: { N: 2, H: 7 } })
  expect(ops).toEqual(['Conv'])
  expect(report).toMatchObject({ applied: 2, refused: [] })
})

test.each(['y = Add(s, t)', 'y = Sub(s, t)'])(
  'what is added to a sum goes into the bias on one side: %s',
  async (last) => {
    const body = `c = CONV(x, w, b) z = Relu(c) a = CONV(x, w) s = Add(z, a) ${last}`
    const more = `, float[1,4,1,1] t = ${randomList(4, 3)}`
    const { after, ops } = await rewriteEqually(fuseAffineAfter, conv(PADDED, body, more), { sizes: { N: 2, H: 7 } })
    expect(ops).toEqual(['Conv', 'Relu', 'Conv', 'Add'])
    expect(after.graph.nodes.filter(({ opType }) => opType === 'Conv').map(({ inputs }) => inputs.length)).toEqual([
      3, 3,
    ])
  },
)

test.each([
  ['the sum is read elsewhere', 'z = Relu(x0) s = Add(z, a) u = Add(s, t) y = Mul(u, s)', /sum before it is also read/],
  ['the convolution is', 'z = Relu(a) s = Add(z, a) y = Add(s, t)', /^$/],
  ['it is the same on both sides', 's = Add(a, a) y = Add(s, t)', /^$/],
  ['the sum is scaled', 'z = Relu(x0) s = Add(z, a) y = Mul(s, t)', /^$/],
])('what follows a sum stays where %s', async (_, rest, reason) => {
  const more = `, float[1,4,1,1] t = ${randomList(4, 3)}`
  const { reasons, report } = await rewriteWith(
    fuseAffineAfter,
    conv(OPEN, `x0 = ReduceMax<keepdims = 1>(x) a = CONV(x, w, b) ${rest}`, more),
  )
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})

test('Sub and Div, the constant on either side of Sub, and a convolution without a bias', async () => {
  const more = ', float s = {4}, float[4,1,1] t = {1, 2, 3, 4}'
  const body = 'a = CONV(x, w) m = Div(a, s) n = Sub(m, t) y = Sub(t, n)'
  const { ops } = await rewriteEqually(fuseAffineAfter, conv(PADDED, body, more), { sizes: { H: 5 } })
  expect(ops).toEqual(['Conv'])
})

test.each([
  [
    'the result is read elsewhere',
    'a = CONV(x, w, b) m = Mul(a, s) y = Add(m, a)',
    ', float s = {2}',
    /read elsewhere/,
  ],
  ['the factor is computed', 'a = CONV(x, w, b) s = ReduceMax(x) y = Mul(a, s)', '', null],
  [
    'the constant varies over the image',
    'a = CONV(x, w, b) y = Add(a, s)',
    ', float[1,1,1,3] s = {1,2,3}',
    /not one number per channel/,
  ],
  [
    'the constant adds an axis',
    'a = CONV(x, w, b) y = Mul(a, s)',
    ', float[1,1,1,1,1] s = {2}',
    /not one number per channel/,
  ],
  ['the factor is infinite', 'a = CONV(x, w, b) y = Mul(a, s)', ', float s = {inf}', /not finite/],
  ['a division by zero', 'a = CONV(x, w, b) y = Div(a, s)', ', float s = {0}', /not finite/],
  ['a constant divided by the result', 'a = CONV(x, w, b) y = Div(s, a)', ', float s = {2}', /not one number/],
  ['the folded weights overflow', 'a = CONV(x, w, b) y = Mul(a, s)', ', float s = {3.4e38}', /overflow float32/],
])('left alone after: %s', async (_, body, more, reason) => {
  const source = conv(OPEN, body, more)
    .replace('w = {', 'w = {30, ')
    .replace(/, [-.\de]+}, float\[4\] b/, '}, float[4] b')
  const { before, after, reasons } = await rewriteWith(fuseAffineAfter, source)
  expect(after).toBe(before)
  if (reason) expect(reasons.join()).toMatch(reason)
  else expect(reasons).toEqual([])
})

test('a graph output keeps its value', async () => {
  const source = conv(OPEN, 'a = CONV(x, w, b) y = Mul(a, s)', ', float s = {2}').replace('y)', 'y, float[N,M,P,Q] a)')
  const { after, before, reasons } = await rewriteWith(fuseAffineAfter, source)
  expect(after).toBe(before)
  expect(reasons).toEqual(['Conv before it is also read elsewhere'])
})

test('shared weights are not changed for the other convolution', async () => {
  const body = 'a = CONV(x, w, b) m = Mul(a, s) c = CONV(x, w, b) y = Sub(m, c)'
  const { after } = await rewriteEqually(fuseAffineAfter, conv(OPEN, body, ', float s = {2}'), { sizes: { H: 4 } })
  expect(after.graph.nodes.map(({ opType }) => opType)).toEqual(['Conv', 'Conv', 'Sub'])
})

test('before: scale and shift go into an unpadded convolution, per channel and grouped', async () => {
  const more = ', float[1,3,1,1] s = {2, -1, 0.5}, float[3,1,1] t = {1, 2, 3}'
  const plain = await rewriteEqually(
    fuseAffineBefore,
    conv(OPEN, 'a = Mul(x, s) c = Add(a, t) y = CONV(c, w, b)', more),
    { sizes: { H: 6 } },
  )
  expect(plain.ops).toEqual(['Conv'])
  const grouped = conv('group = 3', 'a = Mul(x, s) c = Add(a, t) y = CONV(c, w)', more, '6,1,3,2')
  expect((await rewriteEqually(fuseAffineBefore, grouped, { sizes: { H: 6 } })).ops).toEqual(['Conv'])
})

test('before a padded convolution the scale goes in and the shift stays, divided by it', async () => {
  const source = conv(PADDED, 'a = Mul(x, s) c = Add(a, t) y = CONV(c, w, b)', ', float s = {4}, float[1] t = {2}')
  const { ops, after, reasons } = await rewriteEqually(fuseAffineBefore, source, { sizes: { H: 6 } })
  expect(ops).toEqual(['Add', 'Conv'])
  expect(numbersOf(after, after.graph.nodes[0]!.inputs[1]!)).toEqual([0.5])
  expect(reasons).toEqual(['its shift does not pass through y (Conv, padding)'])
})

test('before: auto_pad counts as padding', async () => {
  const source = conv('auto_pad = "SAME_UPPER"', 'c = Add(x, t) y = CONV(c, w, b)', ', float t = {2}')
  expect((await rewriteWith(fuseAffineBefore, source)).reasons).toEqual([
    'its shift does not pass through y (Conv, padding)',
  ])
})

test('before: a constant that widens the value stays, unless the value is known to be as wide', async () => {
  const more = ', float[1,3,1,1] s = {2, -1, 0.5}, float[1,1,1,1] one = {2}'
  const body = conv(OPEN, 'c = Mul(x, s) y = CONV(c, w, b)', more)
  expect((await rewriteEqually(fuseAffineBefore, body, { sizes: { H: 4 } })).ops).toEqual(['Conv'])
  const narrow = await rewriteWith(fuseAffineBefore, body.replace('[N,3,H,5] x', '[N,1,H,5] x'))
  expect(narrow.reasons).toEqual(['its constant may widen the value, whose shape is not known'])
  const unknown = await rewriteWith(fuseAffineBefore, body.replace('[N,3,H,5] x', '[N,C,H,5] x'))
  expect(unknown.report.applied).toBe(0)
  const flat = conv(OPEN, 'c = Mul(x, one) y = CONV(c, w, b)', more).replace('[N,3,H,5] x', '[3,H,5] x')
  expect((await rewriteWith(fuseAffineBefore, flat)).report.applied).toBe(0)
})

test('a branch that reads the value counts as a reader', async () => {
  const branches = `<then_branch = t () => (float[N,M,P,Q] p) { p = Neg(a) }, else_branch = e () => (float[N,M,P,Q] q) { q = Abs(a) }>`
  const body = `a = CONV(x, w, b) m = Mul(a, s) n = If(k) ${branches} y = Add(m, n)`
  const { report, reasons } = await rewriteWith(fuseAffineAfter, conv(OPEN, body, ', float s = {2}, bool k = {1}'))
  expect(report.applied).toBe(0)
  expect(reasons).toEqual(['Conv before it is also read elsewhere'])
})

test('before: every reader takes it in, or none', async () => {
  const more = ', float s = {4}, float[1] t = {2}'
  const both = conv(OPEN, 'c = Add(x, t) a = CONV(c, w, b) d = CONV(c, w) y = Mul(a, d)', more)
  expect((await rewriteEqually(fuseAffineBefore, both, { sizes: { H: 4 } })).ops).toEqual(['Conv', 'Conv', 'Mul'])
  const residual = conv('pads = [1,1,1,1]', 'c = Mul(x, s) a = CONV(c, w) y = Add(a, c)', more, '3,3,3,3')
  const { reasons, report } = await rewriteWith(fuseAffineBefore, residual)
  expect(report.applied).toBe(0)
  expect(reasons).toEqual(['also read by y, which cannot take it in'])
})

test('before: a value that is used as weights stays', async () => {
  const source = `${head} g (float[3,3] x) => (float[3,3] y) <float s = {2}, float[3,3] w = ${randomList(9, 1)}>
    { c = Mul(x, s) y = MatMul(w, c) }`
  expect((await rewriteWith(fuseAffineBefore, source)).report.applied).toBe(0)
})

test('ConvTranspose takes scales from both sides, a shift only after it', async () => {
  const model = (body: string) => `${head} g (float[N,4,5,3] x) => (float[N,M,P,Q] y)
    <float[4,3,2,3] w = ${randomList(72, 5)}, float[1,4,1,1] s = {1,2,3,4}, float[1,6,1,1] t = ${randomList(6, 6)}> { ${body} }`
  const transposed = 'ConvTranspose<group = 2, strides = [2,2], pads = [1,0,1,1], output_padding = [1,0]>'
  const after = await rewriteEqually(fuseAffineAfter, model(`a = ${transposed}(x, w) c = Mul(a, t) y = Add(c, t)`))
  expect(after.ops).toEqual(['ConvTranspose'])
  const scale = await rewriteEqually(fuseAffineBefore, model(`a = Mul(x, s) y = ${transposed}(a, w)`))
  expect(scale.ops).toEqual(['ConvTranspose'])
  const shift = await rewriteWith(fuseAffineBefore, model(`a = Add(x, s) y = ${transposed}(a, w)`))
  expect(shift.report.applied).toBe(0)
})

test('Gemm, with its weights either way round', async () => {
  for (const transB of [0, 1]) {
    const model = (body: string) => `${head} g (float[N,3] x) => (float[N,M] y)
      <float[${transB ? '4,3' : '3,4'}] w = ${randomList(12, 7)}, float[1,4] b = ${randomList(4, 8)},
       float[4] s = {1,-2,3,4}, float[3] t = {1,2,3}> { ${body.replace('GEMM', `Gemm<transB = ${transB}>`)} }`
    expect((await rewriteEqually(fuseAffineAfter, model('a = GEMM(x, w, b) c = Mul(a, s) y = Add(c, s)'))).ops).toEqual(
      ['Gemm'],
    )
    expect(
      (await rewriteEqually(fuseAffineBefore, model('a = Mul(x, t) c = Add(a, t) y = GEMM(c, w, b)'))).ops,
    ).toEqual(['Gemm'])
  }
})

test.each(['alpha = 0.5', 'beta = 2.0', 'transA = 1'])('Gemm with %s is refused', async (attribute) => {
  const source = `${head} g (float[3,3] x) => (float[3,3] y) <float[3,3] w = ${randomList(9, 7)}, float[3] s = {1,-2,3}>
    { a = Gemm<${attribute}>(x, w, s) y = Mul(a, s) }`
  const { report } = await rewriteWith(fuseAffineAfter, source)
  expect(report.applied).toBe(0)
  expect(report.refused[0]!.reason).toMatch(/Gemm/)
})

test('a factor after MatMul and its bias goes into both', async () => {
  const source = `${head} g (float[N,2,3] x) => (float[N,2,4] y)
    <float[3,4] w = ${randomList(12, 9)}, float[4] b = ${randomList(4, 10)}, float[1] s = {0.25}>
    { a = MatMul(x, w) c = Add(b, a) d = Mul(c, s) y = Add(d, b) }`
  expect((await rewriteEqually(fuseAffineAfter, source)).ops).toEqual(['MatMul', 'Add'])
})

test('a factor of as many axes as what MatMul makes goes into it, one of more does not', async () => {
  const source = (axes: string, made: string) => `${head} g (float[N,2,3] x) => (float[${made}] y)
    <float[3,4] w = ${randomList(12, 9)}, float[${axes}] s = ${randomList(4, 10)}> { a = MatMul(x, w) y = Mul(a, s) }`
  expect((await rewriteEqually(fuseAffineAfter, source('1,1,4', 'N,2,4'))).ops).toEqual(['MatMul'])
  expect((await rewriteWith(fuseAffineAfter, source('1,1,1,4', '1,N,2,4'))).report.applied).toBe(0)
})

test('chains of constants become one Mul and one Add', async () => {
  const model = (body: string) => `${head} g (float[N,3] x) => (float[N,3] y)
    <float s = {2}, float[3] t = {1,2,3}, float[1] u = {0.5}, float[2,1] wide = {1,2}> { ${body} }`
  const chain = await rewriteEqually(mergeAffine, model('a = Add(x, t) c = Mul(s, a) d = Sub(t, c) y = Div(d, u)'))
  expect(chain.ops).toEqual(['Mul', 'Add'])
  expect((await rewriteEqually(mergeAffine, model('a = Mul(x, s) y = Div(a, u)'))).ops).toEqual(['Mul'])
  expect((await rewriteEqually(mergeAffine, model('a = Sub(x, t) y = Add(a, t)'))).ops).toEqual(['Mul'])
  expect((await rewriteWith(mergeAffine, model('a = Mul(x, s) y = Add(a, u)'))).report.applied).toBe(0)
  expect((await rewriteWith(mergeAffine, model('a = Mul(x, s) c = Mul(a, s) y = Mul(a, c)'))).report.applied).toBe(0)
  expect(
    (await rewriteWith(mergeAffine, model('a = Mul(x, t) c = Mul(a, wide) y = ReduceMax<keepdims = 0>(c)'))).report
      .applied,
  ).toBe(0)
})

test('float16 and float64 weights are folded in their own type', async () => {
  for (const [type, tolerance] of [
    ['float16', 4e-3],
    ['double', 1e-12],
  ] as const) {
    const source = `${head} g (${type}[N,3] x) => (${type}[N,4] y)
      <${type}[3,4] w = ${randomList(12, 1)}, ${type}[4] s = {1.5,2.0,3.0,0.3}> { a = Gemm(x, w) y = Mul(a, s) }`
    const { after, ops } = await rewriteEqually(fuseAffineAfter, source, { tolerance })
    expect(ops).toEqual(['Gemm'])
    const dtypes = [...after.graph.initializers.values()].map(({ dtype }) => dtype)
    expect(new Set(dtypes)).toEqual(new Set([type === 'double' ? 'float64' : type]))
  }
})

test('a negation goes into what stands before it, or behind it', async () => {
  const sizes = { sizes: { H: 7 } }
  const behind = await rewriteEqually(fuseAffineAfter, conv(PADDED, 'a = CONV(x, w, b) y = Neg(a)'), sizes)
  expect(behind.ops).toEqual(['Conv'])
  const before = await rewriteEqually(fuseAffineBefore, conv(PADDED, 'a = Neg(x) y = CONV(a, w, b)'), sizes)
  expect(before.ops).toEqual(['Conv'])
  const product = `${head} g (float[N,5] x) => (float[N,4] y) <float[5,4] w = ${randomList(20, 1)}, float[4] b = ${randomList(4, 2)}>
    { m = MatMul(x, w) a = Add(m, b) y = Neg(a) }`
  expect((await rewriteEqually(fuseAffineAfter, product)).ops).toEqual(['MatMul', 'Add'])
  const shared = await rewriteWith(fuseAffineAfter, conv(PADDED, 'a = CONV(x, w, b) n = Neg(a) y = Mul(a, n)'))
  expect(shared.report.applied).toBe(0)
  expect(shared.reasons.join()).toMatch(/also read elsewhere/)
})

// Features as tables have them: a share beside thousands.
const TABLE = ', float[3] mean = {0.5, 40, 3000}, float[3] deviation = {0.2, 15, 900}'
const table = (body: string, more = TABLE) =>
  `${head} g (float[N,3] x) => (float[N,4] y) <float[3,4] w = ${randomList(12, 1)}, float[4] b = ${randomList(4, 2)}${more}> {
    ${body} y = Gemm(z, w, b) }`

test.each([
  ['c = Sub(x, mean) z = Div(c, deviation)'],
  ['s = Div(x, deviation) z = Add(s, mean)'],
  ['d = Cast<to = 1>(x) c = Sub(d, mean) z = Div(c, deviation)'],
])('what brings columns of an input to one size stays in front of what integers will multiply: %s', async (body) => {
  const { report, reasons } = await rewriteWith(fuseAffineBefore, table(body))
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(/brings columns of an input/)
})

test('a batch normalization of an input that does so stays as well', async () => {
  const body = 'z = BatchNormalization(x, mean, mean, mean, variance)'
  const more = `${TABLE}, float[3] variance = {1e-4, 4e4, 1e9}`
  expect((await rewriteWith(fuseConvBatchNorm, table(body, more))).report.applied).toBe(0)
})

test.each([
  ['the deviations of an image are alike', 'x', '0.229, 0.224, 0.225'],
  ['an inner value has no columns of its own', 'r', '0.2, 15, 900'],
])('else it goes into the weights: %s', async (_, value, deviations) => {
  const more = `, float[3] mean = {0.485, 0.456, 0.406}, float[3] deviation = {${deviations}}`
  const body = `r = Relu(x) c = Sub(${value}, mean) z = Div(c, deviation)`
  const { report } = await rewriteWith(fuseAffineBefore, table(body, more))
  expect(report.applied).toBe(2)
})
