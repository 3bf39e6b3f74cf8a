import { expect, test } from 'vitest'
import { randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { fuseAffineBefore } from './fuse-affine-before.ts'
import { recogniseClip } from './recognise-clip.ts'
import { recogniseGelu } from './recognise-gelu.ts'
import { recogniseHardSigmoid } from './recognise-hard-sigmoid.ts'
import { recogniseHardSwish } from './recognise-hard-swish.ts'
import { recogniseLayerNorm } from './recognise-layer-norm.ts'
import { recogniseLeakyRelu } from './recognise-leaky-relu.ts'
import { recognisePRelu } from './recognise-prelu.ts'
import { recogniseRmsNorm } from './recognise-rms-norm.ts'
import { recogniseSilu } from './recognise-silu.ts'

const model = (body: string, constants = '', opset = 20, type = 'float') =>
  `<ir_version: 8, opset_import: ["" : ${opset}, "com.microsoft" : 1]> g (${type}[N,7] x) => (${type}[N,7] y) <${constants}> { ${body} }`
const SIX = 'float three = {3.0}, float zero = {0.0}, float six = {6.0}, float[1] sixth = {0.16666667}'

test.each([
  'a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six)',
  'a = Add(three, x) c = Clip(a, zero, six) d = Div(c, six) y = Mul(d, x)',
  'a = Add(x, three) l = Max(a, zero) c = Min(six, l) d = Mul(c, sixth) y = Mul(x, d)',
  'a = Add(x, three) h = Min(a, six) c = Max(h, zero) d = Mul(x, sixth) y = Mul(d, c)',
  'a = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x) y = Mul(a, x)',
])('hard swish: %s', async (body) => {
  expect((await rewriteEqually(recogniseHardSwish, model(body, SIX), { scale: 6 })).ops).toEqual(['HardSwish'])
})

test('hard swish before opset 14 and with the bounds of Clip as attributes', async () => {
  const body = 'a = Add(x, three) c = Clip<min = 0.0, max = 6.0>(a) m = Mul(x, c) y = Div(m, six)'
  const { ops } = await rewriteEqually(recogniseHardSwish, model(body, SIX, 10), { scale: 6 })
  expect(ops).toEqual(['HardSigmoid', 'Mul'])
})

test.each([
  [recogniseHardSwish, ['HardSwish', 'Mul'], 'd = Mul(x, c) y = Mul(d, sixth)'],
  [recogniseHardSwish, ['HardSwish', 'Mul'], 'd = Mul(c, sixth) y = Mul(x, d)'],
  [recogniseHardSigmoid, ['HardSigmoid', 'Mul'], 'y = Mul(c, sixth)'],
] as const)('what is not quite a sixth, as float16 stores it, stays a factor: %#', async (pass, ops, rest) => {
  const source = model(`a = Add(x, three) c = Clip(a, zero, six) ${rest}`, SIX.replace('0.16666667', '0.16662598'))
  expect((await rewriteEqually(pass, source, { scale: 6, tolerance: 1e-6 })).ops).toEqual(ops)
})

test('a hard sigmoid of about a sixth is not the gate of a hard swish', async () => {
  const source = model('a = HardSigmoid<alpha = 0.16662598, beta = 0.5>(x) y = Mul(a, x)')
  expect((await rewriteWith(recogniseHardSwish, source)).report.applied).toBe(0)
})

test.each([
  [
    'another offset',
    model('a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six)', SIX.replace('{3.0}', '{2.0}')),
  ],
  ['another limit', model('a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, three)', SIX)],
  [
    'other values on both sides',
    model('n = Neg(x) a = Add(n, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six)', SIX),
  ],
])('no hard swish: %s', async (_, source) => {
  expect(await rewriteWith(recogniseHardSwish, source)).toMatchObject({ report: { applied: 0, refused: [] } })
})

test('an inner value that is read elsewhere, or an output, is refused with its name', async () => {
  const body = 'a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) d = Div(m, six) y = Add(d, c)'
  expect((await rewriteWith(recogniseHardSwish, model(body, SIX))).reasons).toEqual(['inner value c is also read by y'])
  const output = model('a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six)', SIX).replace(
    'y)',
    'y, float[N,7] m)',
  )
  expect((await rewriteWith(recogniseHardSwish, output)).reasons).toEqual(['inner value m is a graph output'])
})

test('a constant of more axes would raise the rank', async () => {
  const body = 'a = Add(x, three) c = Clip(a, zero, six) y = Div(c, six)'
  const wide = (axes: string) => model(body, SIX.replace('float three', `float[${axes}] three`))
  expect((await rewriteEqually(recogniseHardSigmoid, wide('1,1'))).ops).toEqual(['HardSigmoid'])
  const source = wide('1,1,1').replace('[N,7] y', '[P,N,7] y')
  const { reasons } = await rewriteWith(recogniseHardSigmoid, source)
  expect(reasons).toEqual(['a constant has more axes than its input is known to have'])
})

test('float16 has no kernel and is refused', async () => {
  const body = 'a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six)'
  const { reasons } = await rewriteWith(
    recogniseHardSwish,
    model(body, SIX.replaceAll('float', 'float16'), 20, 'float16'),
  )
  expect(reasons).toEqual(['HardSwish has a kernel for float32 only'])
})

test.each([
  'a = Add(x, three) c = Clip(a, zero, six) y = Div(c, six)',
  'a = Add(x, three) c = Clip(a, zero, six) y = Mul(sixth, c)',
  'm = Mul(x, slope) a = Add(m, half) y = Clip(a, zero, one)',
  'm = Div(x, three) a = Add(half, m) l = Max(a, zero) y = Min(l, one)',
])('hard sigmoid: %s', async (body) => {
  const constants = `${SIX}, float slope = {0.2}, float half = {0.5}, float one = {1}`
  expect((await rewriteEqually(recogniseHardSigmoid, model(body, constants), { scale: 6 })).ops).toEqual([
    'HardSigmoid',
  ])
})

const HALF =
  'float root = {1.4142135}, float one = {1}, float half = {0.5}, float k = {0.044715}, float three = {3}, float c = {0.7978846}'
const CUBIC = 'u = Mul(x, x) v = Mul(u, x) w = Mul(v, k)'
const SQUASH = `${CUBIC} s = Add(x, w) p = Mul(s, c) t = Tanh(p) g = Add(t, one)`
test.each([
  ['Gelu', 'd = Div(x, root) e = Erf(d) g = Add(e, one) m = Mul(x, g) y = Mul(m, half)'],
  ['Gelu', 'd = Div(x, root) e = Erf(d) g = Add(one, e) m = Mul(half, x) y = Mul(m, g)'],
  ['Gelu', `${SQUASH} m = Mul(x, g) y = Mul(m, half)`],
  // As JAX spells it, and with the square first.
  ['Gelu', `${SQUASH.replace(CUBIC, 'v = Mul(k, x) u = Mul(x, x) w = Mul(v, u)')} m = Mul(half, x) y = Mul(m, g)`],
  ['Gelu', `${SQUASH.replace(CUBIC, 'u = Mul(x, x) v = Mul(u, k) w = Mul(x, v)')} m = Mul(half, x) y = Mul(m, g)`],
  [
    'Gelu',
    'u = Pow(x, three) w = Mul(k, u) s = Add(w, x) p = Mul(s, c) t = Tanh(p) g = Add(t, one) m = Mul(x, half) y = Mul(m, g)',
  ],
])('%s: %s', async (op, body) => {
  const { ops, after } = await rewriteEqually(recogniseGelu, model(body, HALF), { tolerance: 1e-6 })
  expect(ops).toEqual([op])
  const approximate = after.graph.nodes[0]!.attributes.get('approximate')
  expect(approximate).toMatchObject({ value: body.includes('Tanh') ? 'tanh' : 'none' })
})

test('what float16 stored of the constants is another function', async () => {
  const rounded = HALF.replace('1.4142135', '1.4140625')
    .replace('0.7978846', '0.7978516')
    .replace('0.044715', '0.0447083')
  const erf = 'd = Div(x, root) e = Erf(d) g = Add(e, one) m = Mul(x, g) y = Mul(m, half)'
  for (const body of [
    erf,
    erf.replace('Div(x, root)', 'Mul(x, inverse)'),
    `${SQUASH} m = Mul(x, g) y = Mul(m, half)`,
  ]) {
    const { ops } = await rewriteWith(recogniseGelu, model(body, `${rounded}, float inverse = {0.7070313}`))
    expect(ops).not.toContain('Gelu')
  }
})

test("before opset 20 the runtime's own operators stand in", async () => {
  const erf = 'd = Div(x, root) e = Erf(d) g = Add(e, one) m = Mul(x, g) y = Mul(m, half)'
  expect((await rewriteWith(recogniseGelu, model(erf, HALF, 19))).ops).toEqual(['com.microsoft.Gelu'])
  const tanh = `${SQUASH} m = Mul(x, g) y = Mul(m, half)`
  expect((await rewriteWith(recogniseGelu, model(tanh, HALF, 13))).ops).toEqual(['com.microsoft.FastGelu'])
})

test("the runtime's own operators are imported where they are written, in a branch as well", async () => {
  const erf = 'd = Div(v, root) e = Erf(d) g = Add(e, one) m = Mul(v, g) y = Mul(m, half)'
  const bare = (body: string) => model(body, `bool c = {1}, ${HALF}`, 18).replace(', "com.microsoft" : 1', '')
  const branch = `v = Abs(x) y = If<then_branch = t () => (float[N,7] y) { ${erf} },
    else_branch = f () => (float[N,7] z) { z = Neg(v) }>(c)`
  for (const body of [`v = Abs(x) ${erf}`, branch]) {
    const { before, after } = await rewriteWith(recogniseGelu, bare(body))
    expect(before.opsets.has('com.microsoft')).toBe(false)
    expect(after.opsets.get('com.microsoft')).toBe(1)
  }
})

const NORM = `float two = {2}, float e = {0.001}, int64[1] axes = {-1}, float[7] gamma = ${randomList(7, 1)}, float[7] beta = ${randomList(7, 2)}`
const CENTRED =
  'm = ReduceMean(x, axes) d = Sub(x, m) q = Pow(d, two) v = ReduceMean(q, axes) a = Add(v, e) s = Sqrt(a) n = Div(d, s)'

test('layer normalization, with and without a shift, and the square spelled as a product', async () => {
  const { ops } = await rewriteEqually(recogniseLayerNorm, model(`${CENTRED} z = Mul(n, gamma) y = Add(beta, z)`, NORM))
  expect(ops).toEqual(['LayerNormalization'])
  const product = CENTRED.replace('Pow(d, two)', 'Mul(d, d)')
  expect((await rewriteEqually(recogniseLayerNorm, model(`${product} y = Mul(gamma, n)`, NORM))).ops).toEqual([
    'LayerNormalization',
  ])
})

test('layer normalization without a scale, and with an inverse for the division', async () => {
  const bare = await rewriteEqually(recogniseLayerNorm, model(CENTRED.replace('n =', 'y ='), NORM))
  expect(bare.ops).toEqual(['LayerNormalization'])
  const inverse = CENTRED.replace('n = Div(d, s)', 'r = Div(one, s) n = Mul(d, r)')
  const scaled = model(`${inverse} z = Mul(n, gamma) y = Add(z, beta)`, `float one = {1}, ${NORM}`)
  expect((await rewriteEqually(recogniseLayerNorm, scaled)).ops).toEqual(['LayerNormalization'])
  // A shift alone is no part of it.
  const shifted = model(`${CENTRED} y = Add(n, beta)`, NORM)
  expect((await rewriteEqually(recogniseLayerNorm, shifted)).ops).toEqual(['LayerNormalization', 'Add'])
})

const FAST = 'm = ReduceMean(x, axes) w = Mul(x, x) p = ReduceMean(w, axes) q = Mul(m, m) v = Sub(p, q)'
const FACTOR = 'a = Add(v, e) s = Sqrt(a) r = Reciprocal(s) f = Mul(r, gamma)'

test.each([
  ['Flax', `${FAST} u = Max(zero, v) ${FACTOR.replace('Add(v', 'Add(u')} d = Sub(x, m) n = Mul(d, f) y = Add(n, beta)`],
  [
    'Flax, with other spellings',
    `${FAST.replace('Mul(x, x)', 'Pow(x, two)').replace('Mul(m, m)', 'Pow(m, two)')} u = Relu(v)
    ${FACTOR.replace('Add(v', 'Add(u')} d = Sub(x, m) y = Mul(d, f)`,
  ],
  [
    'TensorFlow',
    `m = ReduceMean(x, axes) d = Sub(x, m) w = Mul(d, d) v = ReduceMean(w, axes) ${FACTOR}
    n = Mul(x, f) k = Mul(m, f) o = Sub(beta, k) y = Add(n, o)`,
  ],
  ['Keras on JAX', `${FAST} ${FACTOR} n = Mul(x, f) l = Neg(m) k = Mul(l, f) o = Add(k, beta) y = Add(n, o)`],
])('layer normalization as %s spells it', async (_, body) => {
  const source = model(body, `float zero = {0}, ${NORM}`)
  expect((await rewriteEqually(recogniseLayerNorm, source)).ops).toEqual(['LayerNormalization'])
})

test('no layer normalization: a shift by another mean, a variance that is kept above another number', async () => {
  const shifted = `${FAST} ${FACTOR} h = Abs(x) g = ReduceMean(h, axes) n = Mul(x, f) k = Mul(g, f) o = Sub(beta, k) y = Add(n, o)`
  const above = `${FAST} u = Max(v, e) ${FACTOR.replace('Add(v', 'Add(u')} d = Sub(x, m) n = Mul(d, f) y = Add(n, beta)`
  for (const body of [shifted, above])
    expect((await rewriteWith(recogniseLayerNorm, model(body, NORM))).report.applied).toBe(0)
})

test.each([
  [
    'an old opset',
    model(
      `${CENTRED} z = Mul(n, gamma) y = Add(z, beta)`
        .replaceAll('ReduceMean(x, axes)', 'ReduceMean<axes = [-1]>(x)')
        .replaceAll('ReduceMean(q, axes)', 'ReduceMean<axes = [-1]>(q)'),
      NORM,
      16,
    ),
    /needs opset 17/,
  ],
  ['another axis', model(`${CENTRED} z = Mul(n, gamma) y = Add(z, beta)`, NORM.replace('{-1}', '{0}')), /other axes/],
  [
    'a scale that is not per element',
    model(`${CENTRED} z = Mul(n, e) y = Add(z, beta)`, NORM),
    /not one number per element/,
  ],
  [
    'an unknown width',
    model(`${CENTRED} z = Mul(n, gamma) y = Add(z, beta)`, NORM).replace('[N,7] x', '[N,C] x'),
    /not known/,
  ],
  [
    'a single number, which older releases of the runtime do not normalize',
    model(CENTRED.replace('n =', 'y ='), NORM).replaceAll('[N,7]', '[N,1]'),
    /single numbers/,
  ],
  ['another reader', model(`${CENTRED} z = Mul(n, gamma) w = Add(z, beta) y = Add(w, d)`, NORM), /also read by/],
])('no layer normalization: %s', async (_, source, reason) => {
  const { reasons, report } = await rewriteWith(recogniseLayerNorm, source)
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})

const CHANNELS = 'm = ReduceMean(x, axes) d = Sub(x, m) q = Mul(d, d) v = ReduceMean(q, axes) a = Add(v, e) s = Sqrt(a)'

test.each([
  ['a picture', '2,32,3,4', '32,1,1', '1,32,1,1', 'y = Add(z, beta)'],
  ['a sequence', 'N,32,T', '1,32,1', '32,1', 'y = Add(beta, z)'],
])('layer normalization over channels of %s is one behind a Transpose', async (_, shape, gamma, beta, last) => {
  const source = `<ir_version: 8, opset_import: ["" : 18]> g (float[${shape}] x) => (float y)
    <float e = {0.001}, int64[1] axes = {1}, float[${gamma}] gamma = ${randomList(32, 1)}, float[${beta}] beta = ${randomList(32, 2)}>
    { ${CHANNELS} n = Div(d, s) z = Mul(n, gamma) ${last} }`
  expect((await rewriteEqually(recogniseLayerNorm, source)).ops).toEqual([
    'Transpose',
    'LayerNormalization',
    'Transpose',
  ])
})

test.each([
  ['few channels', '2,8,3,4', 'float[8,1,1]'],
  ['scales along another axis', '2,32,32,4', 'float[32,1]'],
  ['scales of more axes', '2,32,3,4', 'float[1,1,32,1,1]'],
])('no layer normalization over channels: %s', async (_, shape, gamma) => {
  const numbers = randomList(shape.includes('8,') ? 8 : 32, 1)
  const source = `<ir_version: 8, opset_import: ["" : 18]> g (float[${shape}] x) => (float y)
    <float e = {0.001}, int64[1] axes = {1}, ${gamma} gamma = ${numbers}>
    { ${CHANNELS} n = Div(d, s) y = Mul(n, gamma) }`
  expect((await rewriteWith(recogniseLayerNorm, source)).report.applied).toBe(0)
})

const ROOT = 'q = Mul(x, x) v = ReduceMean(q, axes) a = Add(v, e) s = Sqrt(a)'
test('root mean square normalization', async () => {
  for (const rest of [
    'n = Div(x, s) y = Mul(n, gamma)',
    'r = Reciprocal(s) n = Mul(x, r) y = Mul(gamma, n)',
    'r = Div(one, s) n = Mul(x, r) y = Mul(gamma, n)',
  ]) {
    const { ops } = await rewriteEqually(recogniseRmsNorm, model(`${ROOT} ${rest}`, `float one = {1}, ${NORM}`, 23))
    expect(ops).toEqual(['RMSNormalization'])
  }
})

test.each([
  ['another axis', NORM.replace('{-1}', '{0}'), /other axes/],
  ['a scale of one number', NORM.replace(/float\[7\] gamma = \{[^}]*\}/, 'float[1] gamma = {2}'), /not one number per/],
  ['an unknown width', NORM, /not known/],
  ['another reader', NORM, /also read by/],
])('no root mean square normalization: %s', async (name, constants, reason) => {
  const last = name === 'another reader' ? 'z = Mul(n, gamma) y = Add(z, s)' : 'y = Mul(n, gamma)'
  const source = model(`${ROOT} n = Div(x, s) ${last}`, constants, 23)
  const wide = name === 'an unknown width' ? source.replace('[N,7] x', '[N,C] x') : source
  const { reasons, report } = await rewriteWith(recogniseRmsNorm, wide)
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})

test('a normalization in float64 stays', async () => {
  const source = model(`${ROOT} n = Div(x, s) y = Mul(n, gamma)`, NORM, 23).replaceAll('float', 'double')
  expect((await rewriteWith(recogniseRmsNorm, source)).reasons).toEqual(['only float32 is recognised'])
})

test('below opset 23 it takes the spelling that the runtime fuses, once', async () => {
  const runtime = ['Pow', 'ReduceMean', 'Add', 'Sqrt', 'Div', 'Mul']
  const body = `${ROOT} r = Reciprocal(s) n = Mul(x, r) y = Mul(gamma, n)`
  const { after, ops, report } = await rewriteEqually(recogniseRmsNorm, model(body, NORM, 21))
  expect(ops).toEqual(runtime)
  expect(report.applied).toBe(1)
  expect((await rewriteWith(recogniseRmsNorm, after)).report).toMatchObject({ applied: 0, refused: [] })
})

test.each([
  [21, ['Pow', 'ReduceMean', 'Add', 'Sqrt', 'Div', 'Mul', 'Cast']],
  [23, ['RMSNormalization', 'Cast']],
] as const)(
  'a normalization of a model in float16 is one in float32, rounded at its end: operator set %i',
  async (opset, expected) => {
    const half = NORM.replace('float[7] gamma', 'float16[7] gamma')
    const body = `${ROOT} r = Reciprocal(s) n = Mul(x, r) h = Cast<to = 10>(n) y = Mul(gamma, h)`
    const source = model(body, half, opset).replace('(float[N,7] y)', '(float16[N,7] y)')
    const { after, ops } = await rewriteEqually(recogniseRmsNorm, source, { tolerance: 2 ** -10 })
    expect(ops).toEqual(expected)
    expect((await rewriteWith(recogniseRmsNorm, after)).report).toMatchObject({ applied: 0, refused: [] })
    const all = source.replaceAll('float[', 'float16[').replace('float e', 'float16 e')
    expect((await rewriteWith(recogniseRmsNorm, all)).reasons).toEqual(['only float32 is recognised'])
  },
)

test('the scale of a normalization in pieces is not folded into what follows', async () => {
  const into = (body: string) => model(`${body} y = MatMul(h, w)`, `${NORM}, float[7,7] w = ${randomList(49, 3)}`, 16)
  const old = (body: string) =>
    into(body.replaceAll(', axes)', ')').replaceAll('ReduceMean(', 'ReduceMean<axes = [-1]>('))
  for (const body of [
    `${CENTRED} h = Mul(n, gamma)`,
    `${CENTRED} z = Mul(n, gamma) h = Add(z, beta)`,
    `${ROOT} n = Div(x, s) h = Mul(n, gamma)`,
  ]) {
    const { report, reasons } = await rewriteWith(fuseAffineBefore, old(body))
    expect(report.applied).toBe(0)
    expect(reasons).toEqual(['it ends a normalization, which the runtime makes one kernel of'])
  }
})

test('sigmoids and SiLUs that are spelled with an exponential', async () => {
  const grown = 'n = Neg(x) e = Exp(n) s = Add(e, one)'
  const run = async (body: string) =>
    (await rewriteEqually(recogniseSilu, model(`${grown} ${body}`, 'float one = {1}'))).ops
  expect(await run('y = Div(one, s)')).toEqual(['Sigmoid'])
  expect(await run('y = Reciprocal(s)')).toEqual(['Sigmoid'])
  expect(await run('y = Div(x, s)')).toEqual(['Sigmoid', 'Mul'])
  expect(await run('r = Reciprocal(s) y = Mul(x, r)')).toEqual(['Sigmoid', 'Mul'])
  const shared = model(`${grown} d = Div(x, s) y = Add(d, e)`, 'float one = {1}')
  expect((await rewriteWith(recogniseSilu, shared)).reasons).toEqual(['inner value e is also read by y'])
})

const SLOPES =
  'float[7] slopes = {0.1, -0.5, 1.5, 0, 0.25, -1, 2}, float[7] rest = {0.9, 1.5, -0.5, 1, 0.75, 2, -1}, ' +
  'float[7] gentle = {0.1, -0.5, 1, 0, 0.25, -1, 0.5}, float[7] above = {0.9, 1.5, 0, 1, 0.75, 2, 0.5}, float[1,1] tenth = {0.1}, float half = {0.5}, float zero = {0}'
test.each([
  'r = Relu(x) a = Abs(x) d = Sub(x, a) m = Mul(slopes, d) h = Mul(m, half) y = Add(r, h)',
  'r = Relu(x) a = Abs(x) d = Sub(x, a) h = Mul(half, d) m = Mul(h, slopes) y = Add(m, r)',
  'r = Relu(x) a = Abs(x) d = Sub(x, a) m = Mul(d, slopes) y = Add(r, m)',
  'r = Relu(x) n = Neg(x) b = Relu(n) m = Mul(slopes, b) y = Add(r, m)',
  'r = Relu(x) n = Neg(x) b = Relu(n) m = Mul(slopes, b) y = Sub(r, m)',
  'r = Relu(x) n = Neg(x) b = Relu(n) g = Neg(b) m = Mul(slopes, g) y = Add(r, m)',
  'r = Relu(x) b = Min(x, zero) m = Mul(slopes, b) y = Add(r, m)',
  'r = Relu(x) b = Clip(x, , zero) m = Mul(b, slopes) y = Add(m, r)',
  'r = Relu(x) a = Mul(r, rest) m = Mul(x, slopes) y = Add(m, a)',
  'a = Mul(x, above) r = Relu(a) m = Mul(gentle, x) y = Add(m, r)',
  'm = Mul(tenth, x) y = Max(m, x)',
  'm = Mul(x, gentle) d = Sub(x, m) r = Relu(d) y = Add(r, m)',
  'm = Mul(tenth, x) d = Sub(x, m) r = Relu(d) y = Add(m, r)',
  'c = Greater(x, zero) m = Mul(x, slopes) y = Where(c, x, m)',
  'c = GreaterOrEqual(x, zero) m = Mul(tenth, x) y = Where(c, x, m)',
  'c = Less(x, zero) m = Mul(x, slopes) y = Where(c, m, x)',
  'c = LessOrEqual(x, zero) m = Mul(tenth, x) y = Where(c, m, x)',
])('PRelu: %s', async (body) => {
  const { ops } = await rewriteEqually(recognisePRelu, model(body, SLOPES), { scale: 3, tolerance: 1e-6 })
  expect(ops).toEqual(['PRelu'])
})

test.each([
  ['a Relu that slopes above one turn around', 'a = Mul(x, rest) r = Relu(a) m = Mul(x, slopes) y = Add(m, r)', []],
  ['not the rest of one', 'r = Relu(x) a = Mul(r, above) m = Mul(x, slopes) y = Add(m, a)', []],
  ['a slope above one, where the less of both is x', 'm = Mul(x, two) y = Max(m, x)', []],
  [
    'a slope above one, which what is beyond it turns around',
    'm = Mul(x, slopes) d = Sub(x, m) r = Relu(d) y = Add(r, m)',
    [],
  ],
  ['what it is short of', 'm = Mul(x, gentle) d = Sub(m, x) r = Relu(d) y = Add(r, m)', []],
  ['another part', 'm = Mul(x, gentle) n = Mul(x, above) d = Sub(x, m) r = Relu(d) y = Add(r, n)', []],
  ['the sides of a choice changed', 'c = Greater(x, zero) m = Mul(x, slopes) y = Where(c, m, x)', []],
  ['a choice at another limit', 'c = Less(x, half) m = Mul(x, slopes) y = Where(c, m, x)', []],
  ['another limit', 'r = Relu(x) b = Min(x, half) m = Mul(slopes, b) y = Add(r, m)', []],
  ['the difference the other way', 'r = Relu(x) n = Neg(x) b = Relu(n) m = Mul(slopes, b) y = Sub(m, r)', []],
  [
    'an inner value that is read elsewhere',
    'r = Relu(x) n = Neg(x) b = Relu(n) m = Mul(slopes, b) s = Add(r, m) y = Add(s, b)',
    ['inner value b is also read by y'],
  ],
  [
    'slopes that widen the value',
    'c = Slice(x, from, to, axis) r = Relu(c) n = Neg(c) b = Relu(n) m = Mul(slopes, b) y = Add(r, m)',
    ['the value is not known to have an element for each of its slopes'],
  ],
  [
    'slopes of more axes',
    'r = Relu(x) n = Neg(x) b = Relu(n) m = Mul(tall, b) y = Add(r, m)',
    ['its slopes have more axes than the value is known to have'],
  ],
])('no PRelu: %s', async (_, body, reasons) => {
  const constants = `${SLOPES}, int64[1] from = {0}, int64[1] to = {1}, int64[1] axis = {1}, float two = {2},
    float[2,1,7] tall = ${randomList(14, 4)}`
  expect(await rewriteWith(recognisePRelu, model(body, constants))).toMatchObject({ report: { applied: 0 }, reasons })
})

test('a PRelu in pieces of float64 stays', async () => {
  const body = 'r = Relu(x) b = Min(x, zero) m = Mul(slopes, b) y = Add(r, m)'
  const source = model(body, SLOPES).replaceAll('float', 'double')
  expect((await rewriteWith(recognisePRelu, source)).report.applied).toBe(0)
})

test.each([
  ['one slope', 'float[1] slope = {0.25}'],
  ['one for each column, all equal', 'float[7] slope = {0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25}'],
])('PRelu of %s is a LeakyRelu', async (_, slope) => {
  const { ops } = await rewriteEqually(recogniseLeakyRelu, model('y = PRelu(x, slope)', slope), { tolerance: 1e-9 })
  expect(ops).toEqual(['LeakyRelu'])
})

test('PRelu of several slopes, or of one that is computed, stays', async () => {
  const several = 'float[7] slope = {0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.5}'
  expect((await rewriteWith(recogniseLeakyRelu, model('y = PRelu(x, slope)', several))).ops).toEqual(['PRelu'])
  const computed = await rewriteWith(recogniseLeakyRelu, model('s = Abs(x) y = PRelu(x, s)'))
  expect(computed.ops).toEqual(['Abs', 'PRelu'])
})

test.each([
  ['float[1,1,1] slope = {0.25}', '[1,N,7] y', 'its slopes have more axes than the value is known to have'],
  [
    'float[2,7] slope = {1,1,1,1,1,1,1,1,1,1,1,1,1,1}',
    '[2,7] y',
    'there are more slopes than the value has elements for',
  ],
])('PRelu with %s would have another shape as a LeakyRelu', async (slope, result, reason) => {
  const source = model('y = PRelu(x, slope)', slope).replace('[N,7] y', result).replace('[N,7] x', '[1,7] x')
  expect((await rewriteWith(recogniseLeakyRelu, source)).reasons).toEqual([reason])
})

const NUMBERS = 'float zero = {0}, float[1,1] low = {-0.4}, float[1] high = {0.7}'
test.each([
  ['y = Max(x, zero)', ['Relu']],
  ['y = Max(low, x)', ['Clip']],
  ['y = Min(x, high)', ['Clip']],
  ['m = Max(x, low) y = Min(high, m)', ['Clip', 'Clip']],
])('a limit by comparison is a Relu or Clip: %s', async (body, ops) => {
  expect((await rewriteEqually(recogniseClip, model(body, NUMBERS))).ops).toEqual(ops)
  expect((await rewriteEqually(recogniseClip, model(body, NUMBERS, 10))).ops).toEqual(ops)
})

test('comparisons of values, with several numbers, and behind an integer product stay', async () => {
  const ops = async (body: string, constants = NUMBERS) =>
    (await rewriteWith(recogniseClip, model(body, constants))).ops
  expect(await ops('a = Abs(x) y = Max(x, a)')).toEqual(['Abs', 'Max'])
  expect(await ops('a = Abs(x) y = Max(a, low, x)')).toEqual(['Abs', 'Max'])
  expect(await ops('y = Max(x, several)', `float[7] several = ${randomList(7, 3)}`)).toEqual(['Max'])
  const coded = `float s = {0.1}, uint8 z = {128}, float zero = {0}, uint8[7,7] w = {${Array(49).fill(130).join(', ')}}`
  const product =
    'q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, s, z) p = MatMul(d, v)'
  expect(await ops(`${product} y = Max(p, zero)`, coded)).toContain('Max')
})

test('a number of more axes than the value would raise its rank', async () => {
  const source = model('y = Max(x, low)', 'float[1,1,1] low = {-0.4}').replace('[N,7] y', '[P,N,7] y')
  const { reasons } = await rewriteWith(recogniseClip, source)
  expect(reasons).toEqual(['the number has more axes than the value is known to have'])
})
