import { expect, test, vi } from 'vitest'
import { numbersOf, randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { inferTypes, parseModel } from '../../ir/index.ts'
import { GraphEditor } from '../../rewrite/index.ts'
import { cancelTransposes } from './cancel-transposes.ts'
import { dropExpand } from './drop-expand.ts'
import { dropZeroStates } from './drop-zero-states.ts'
import { eliminateCommonSubexpressions } from './eliminate-common-subexpressions.ts'
import { eliminateDeadCode } from './eliminate-dead-code.ts'
import { eliminateIdentity } from './eliminate-identity.ts'
import { foldConstants } from './fold-constants.ts'
import { foldShapeArithmetic } from './fold-shape-arithmetic.ts'
import { liftInputInitializers } from './lift-input-initializers.ts'
import { mergeActivations } from './merge-activations.ts'
import { mergePads } from './merge-pads.ts'
import { mergeReshapes } from './merge-reshapes.ts'

const model = (input: string, body: string, constants = '', opset = 20, output = 'float[P,Q,R,S] y') =>
  `<ir_version: 8, opset_import: ["" : ${opset}]> g (${input}) => (${output}) <${constants}> { ${body} }`
const IMAGE = 'float[N,3,4,6] x'

test('weights that are listed as inputs become constants, and are named', async () => {
  const source = model(
    'float[2,3] x, float[3,3] w',
    'y = MatMul(x, w)',
    `float[3,3] w = ${randomList(9, 1)}`,
    20,
    'float[2,3] y',
  )
  const { after, report } = await rewriteWith(liftInputInitializers, source.replace('ir_version: 8', 'ir_version: 3'))
  expect(after.graph.inputs.map(({ name }) => name)).toEqual(['x'])
  expect(after.irVersion).toBe(4)
  expect(report.notes).toEqual(['weights that were listed as inputs are constants now and can no longer be fed: w'])
})

test('of a value without elements no size is inferred', async () => {
  const body = 'f = Flatten(x) s = Shape(x) y = Reshape<allowzero = 1>(f, s)'
  const { reasons } = await rewriteWith(foldShapeArithmetic, model('float[N,2,0,1] x', body))
  expect(reasons).toEqual(['its target has sizes that are known only when it runs'])
})

test('a pool whose size the runtime and ONNX do not agree on is left to the runtime', async () => {
  const pool = 'MaxPool<kernel_shape = [2,2], dilations = [2,2], auto_pad = "SAME_LOWER">'
  const constant = model(
    IMAGE,
    `p = ${pool}(k) s = ReduceSum<keepdims = 0>(p) y = Mul(x, s)`,
    `float[1,1,4,4] k = ${randomList(16, 2)}`,
  )
  const { ops, reasons } = await rewriteWith(foldConstants, constant)
  const larger = constant.replace(pool, 'MaxPool<kernel_shape = [5,5]>')
  expect((await rewriteWith(foldConstants, larger)).ops).toEqual(ops)
  expect(ops).toEqual(['MaxPool', 'ReduceSum', 'Mul'])
  expect(reasons).toContain('MaxPool of constants cannot be computed ahead of time')
  const measured = model('float[N,3,4,6] x', `y = ${pool}(x)`)
  expect(inferTypes(parseModel(measured)).get('y')).toMatchObject({ shape: ['N', 3, 'R', 'S'] })
})

test('a constant cast to the type of a value is computed ahead of time, whatever the value', async () => {
  const halves =
    'k = Constant<value_float = 1.5>() h = Cast<to = 10>(x) c = CastLike(k, h) m = Mul(h, c) y = Cast<to = 1>(m)'
  const { ops, after } = await rewriteEqually(foldConstants, model(IMAGE, halves))
  expect(ops).toEqual(['Cast', 'Mul', 'Cast'])
  expect(after.graph.initializers.get('c')?.dtype).toBe('float16')
  const unknown = await rewriteWith(
    foldConstants,
    model(IMAGE, 'k = Constant<value_float = 1.5>() h = far.Away(x) c = CastLike(k, h) y = Mul(x, c)').replace(
      '"" : 20',
      '"" : 20, "far" : 1',
    ),
  )
  expect(unknown.ops).toEqual(['far.Away', 'CastLike', 'Mul'])
})

test('constants are computed ahead of time, Constant nodes become initializers', async () => {
  const body = 'k = Constant<value_floats = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]>() s = Sqrt(k) t = Add(s, k) y = Mul(x, t)'
  const { ops, after } = await rewriteEqually(foldConstants, model(IMAGE, body))
  expect(ops).toEqual(['Mul'])
  expect(numbersOf(after, after.graph.nodes[0]!.inputs[1]!)[3]).toBeCloseTo(6, 6)
})

test('what must not be folded: large results, quantized weights, random numbers, inputs with defaults, outputs', async () => {
  const big = model(IMAGE, 'k = ConstantOfShape(s) r = ReduceMax(k) y = Add(x, r)', 'int64[2] s = {100, 100}')
  const large = await rewriteWith(foldConstants, big)
  expect(large.report.applied).toBe(0)
  expect(large.reasons.join()).toMatch(/make the file 39984 bytes larger/)
  const quantized = model(IMAGE, 'k = DequantizeLinear(q, s) y = Add(x, k)', 'int8[1] q = {3}, float s = {0.5}')
  expect((await rewriteWith(foldConstants, quantized)).report.applied).toBe(0)
  const random = model(IMAGE, 'k = RandomNormal<shape = [6]>() y = Add(x, k)')
  expect((await rewriteWith(foldConstants, random)).report.applied).toBe(0)
  const fed = model(`${IMAGE}, float[6] w`, 'k = Neg(w) y = Add(x, k)', 'float[6] w = {1,2,3,4,5,6}')
  expect((await rewriteWith(foldConstants, fed)).report.applied).toBe(0)
  const output = model(IMAGE, 'y = Identity(x) k = Neg(w)', 'float[1] w = {1}', 20, 'float[N,3,4,6] y, float[1] k')
  expect((await rewriteWith(foldConstants, output)).report.applied).toBe(0)
})

test('weights that are rounded to codes in the graph, as training for integers leaves them, are stored as codes', async () => {
  const body = 'c = QuantizeLinear<axis = 0>(w, s, z) d = DequantizeLinear<axis = 0>(c, s, z) y = Conv(x, d)'
  const weights = 'float[2,3,1,1] w = {0.5,-1.2,0.26,90,3,-200}, float[2] s = {0.1,1}, int8[2] z = {0,0}'
  const { ops, after } = await rewriteEqually(foldConstants, model(IMAGE, body, weights))
  expect(ops).toEqual(['DequantizeLinear', 'Conv'])
  const codes = after.graph.nodes[0]!.inputs[0]!
  expect(after.graph.initializers.get(codes)?.dtype).toBe('int8')
  expect(numbersOf(after, codes)).toEqual([5, -12, 3, 90, 3, -128])
})

test('a weight that only this node reads may be folded whatever its size', async () => {
  const body = 't = Transpose<perm = [1,0]>(w) y = MatMul(x, t)'
  const weights = `float[90,80] w = ${randomList(7200, 1)}`
  expect((await rewriteEqually(foldConstants, model('float[2,80] x', body, weights, 20, 'float[P,Q] y'))).ops).toEqual([
    'MatMul',
  ])
  const shared = `${body.replace('y =', 'z =')} r = ReduceMax<keepdims = 0>(x) u = Mul(w, r) v = ReduceSum<keepdims = 0>(u) y = Add(z, v)`
  const kept = await rewriteWith(foldConstants, model('float[2,80] x', shared, weights, 20, 'float[P,Q] y'))
  expect(kept.ops).toContain('Transpose')
})

test('nodes, constants and trailing outputs that lead nowhere go away', async () => {
  const body = 'a = Relu(x) b = Neg(a) y, i = MaxPool<kernel_shape = [2,2]>(a)'
  const { ops, after } = await rewriteEqually(eliminateDeadCode, model(IMAGE, body, 'float k = {1}'))
  expect(ops).toEqual(['Relu', 'MaxPool'])
  expect(after.graph.nodes[1]!.outputs).toEqual(['y'])
  expect(after.graph.initializers.size).toBe(0)
})

test('dead code: what a branch reads is alive', async () => {
  const source = model(
    'float[N] x, bool c',
    `a = Relu(x) y = If(c)
    <then_branch = t () => (float[N] p) { p = Neg(a) }, else_branch = e () => (float[N] q) { d = Neg(k) q = Add(a, k) }>`,
    'float k = {1}',
    20,
    'float[N] y',
  )
  const { ops, after } = await rewriteEqually(eliminateDeadCode, source)
  expect(ops).toEqual(['Relu', 'If'])
  expect(after.graph.initializers.has('k')).toBe(true)
  const branch = after.graph.nodes[1]!.attributes.get('else_branch')
  expect(branch?.type === 'graph' && branch.value.nodes.length).toBe(1)
})

test('dead code: stated shapes that the inputs contradict', async () => {
  const stated = 'float[1,3,4,6] a, float[N,3,4,6] b, float[P,3,Q,6] c'
  const source = model(IMAGE, 'a = Relu(x) b = Neg(a) c = Abs(b) y = Neg(c)', stated)
  const { after } = await rewriteEqually(eliminateDeadCode, source)
  expect([...after.graph.valueInfos.keys()]).toEqual(['b', 'c'])
})

test('equal nodes and equal constants become one', async () => {
  const body =
    'a = Add(x, k) b = Add(x, m) c = Mul(a, b) d = Elu<alpha = 0.5>(c) e = Elu<alpha = 0.25>(c) y = Add(d, e)'
  const { ops, after } = await rewriteEqually(
    eliminateCommonSubexpressions,
    model(IMAGE, body, 'float k = {2}, float m = {2}'),
  )
  expect(ops).toEqual(['Add', 'Mul', 'Elu', 'Elu', 'Add'])
  expect(after.graph.nodes[1]!.inputs).toEqual(['a', 'a'])
})

test('two outputs keep two names, random numbers stay different', async () => {
  const outputs = model(IMAGE, 'y = Relu(x) z = Relu(x)', '', 20, 'float[N,3,4,6] y, float[N,3,4,6] z')
  expect((await rewriteWith(eliminateCommonSubexpressions, outputs)).report.applied).toBe(0)
  const random = model(IMAGE, 'a = RandomNormalLike(x) b = RandomNormalLike(x) y = Sub(a, b)')
  expect((await rewriteWith(eliminateCommonSubexpressions, random)).report.applied).toBe(0)
})

const NOTHING = `float one = {1}, float[1,3,1,1] zeros = {0,0,0}, int64[4] same = {0,0,0,0}, int64[8] none = {0,0,0,0,0,0,0,0},
  int64[2] starts = {0,0}, int64[2] ends = {9223372036854775807, 4}, int64[2] axes = {3,2}`
test.each([
  'b = Identity(a) y = Relu(b)',
  'b = Dropout(a) y = Relu(b)',
  'b = Cast<to = 1>(a) y = Relu(b)',
  'b = Transpose<perm = [0,1,2,3]>(a) y = Relu(b)',
  'b = Reshape(a, same) y = Relu(b)',
  'b = Pad(a, none) y = Relu(b)',
  'b = Slice(a, starts, ends, axes) y = Relu(b)',
  'b = Concat<axis = 1>(a) y = Relu(b)',
  'b = Sum(a) c = Max(b) d = Min(c) y = Relu(d)',
  'b = Mul(one, a) c = Div(b, one) d = Add(c, zeros) e = Sub(d, zeros) y = Relu(e)',
  'y = Identity(a)',
])('no change: Neg, then %s', async (body) => {
  const { ops } = await rewriteEqually(eliminateIdentity, model(IMAGE, `a = Neg(x) ${body}`, NOTHING))
  expect(ops).toEqual(body === 'y = Identity(a)' ? ['Neg'] : ['Neg', 'Relu'])
})

test.each([
  [
    'a constant that widens',
    model('float[N,1] x', 'b = Mul(x, k) y = Relu(b)', 'float[1,3] k = {1,1,1}', 20, 'float[P,Q] y'),
  ],
  [
    'a constant of more axes',
    model('float[N,3] x', 'b = Add(x, k) y = Relu(b)', 'float[1,1,1] k = {0}', 20, 'float[P,Q,R] y'),
  ],
  [
    'an unknown axis that may be 1',
    model('float[N,C] x', 'b = Mul(x, k) y = Relu(b)', 'float[3] k = {1,1,1}', 20, 'float[P,Q] y'),
  ],
  ['a cast to another type', model('float[N] x', 'b = Cast<to = 7>(x) y = Cast<to = 1>(b)', '', 20, 'float[N] y')],
  [
    'a slice that leaves one out',
    model(IMAGE, 'b = Slice(x, s, e) y = Relu(b)', 'int64[1] s = {0}, int64[1] e = {-1}'),
  ],
  ['a mask that is read', model(IMAGE, 'b, m = Dropout(x) c = Cast<to = 1>(m) y = Add(b, c)')],
  ['training', model(IMAGE, 'b = Dropout(x, r, t) y = Relu(b)', 'float r = {0.5}, bool t = {1}')],
  ['one divided by x', model(IMAGE, 'b = Div(k, x) y = Relu(b)', 'float k = {1}')],
])('a change: %s', async (_, source) => {
  expect((await rewriteWith(eliminateIdentity, source)).report.applied).toBe(0)
})

test('branches that use one name for two values are not mixed up', async () => {
  const same = 'a = Relu(x) RESULT = Mul(a, k)'
  const widened = 'a = ReduceMax(x, axes) RESULT = Mul(a, k)'
  for (const [one, other] of [
    [same, widened],
    [widened, same],
  ] as const) {
    const source = model(
      'float[N,3] x, bool c',
      `y = If(c) <then_branch = t () => (float[N,3] p) { ${one.replace('RESULT', 'p')} },
                 else_branch = e () => (float[N,3] q) { ${other.replace('RESULT', 'q')} }>`,
      'float[1,3] k = {1, 1, 1}, int64[1] axes = {1}',
      20,
      'float[N,3] y',
    )
    const { after } = await rewriteEqually(eliminateIdentity, source, { samples: 8 })
    expect(after.graph.nodes.length).toBe(1)
  }
})

test('an input that is handed out as an output is refused', async () => {
  const { reasons } = await rewriteWith(eliminateIdentity, model(IMAGE, 'y = Identity(x)'))
  expect(reasons).toEqual(['it connects an input, a constant or an output with an output'])
})

test('a transpose does not walk back through all that others have become', async () => {
  const blocks = Array.from(
    { length: 600 },
    (_, i) =>
      `a${i} = Mul(x${i}, k) b${i} = Transpose<perm = [1,0]>(a${i}) c${i} = Tanh(b${i}) x${i + 1} = Transpose<perm = [1,0]>(c${i})`,
  )
  const source = parseModel(model('float[2,3] x0', blocks.join(' '), 'float k = {2}', 20, 'float[2,3] x600'))
  const steps = vi.spyOn(GraphEditor.prototype, 'soleConsumer')
  const { model: after } = await cancelTransposes.run(source, {}, [])
  expect(after.graph.nodes.some(({ opType }) => opType === 'Transpose')).toBe(false)
  expect(steps.mock.calls.length).toBeLessThan(100_000)
  steps.mockRestore()
})

test('transposes merge, cancel, and cancel across elementwise operators', async () => {
  const T = 'Transpose<perm = [0,2,3,1]>'
  const back = 'Transpose<perm = [0,3,1,2]>'
  const run = async (body: string) => (await rewriteEqually(cancelTransposes, model(IMAGE, body, 'float k = {2}'))).ops
  expect(await run(`a = ${T}(x) b = ${back}(a) y = Relu(b)`)).toEqual(['Relu'])
  expect(await run(`a = ${T}(x) y = ${T}(a)`)).toEqual(['Transpose'])
  expect(await run(`a = ${T}(x) b = Relu(a) c = Mul(k, b) d = Clip(c, k) y = ${back}(d)`)).toEqual([
    'Relu',
    'Mul',
    'Clip',
  ])
  expect(await run(`a = ${T}(x) b = Relu(a) c = ${back}(b) d = ReduceMax(a) y = Add(c, d)`)).toEqual([
    'Transpose',
    'Relu',
    'Transpose',
    'ReduceMax',
    'Add',
  ])
  expect(await run(`a = ${T}(x) b = Softmax(a) y = ${back}(b)`)).toEqual(['Transpose', 'Softmax', 'Transpose'])
})

test('reshapes that follow each other', async () => {
  const constants =
    'int64[2] flat = {-1, 72}, int64[3] three = {-1, 8, 9}, int64[3] rows = {0, 8, 9}, int64[2] eight = {-1, 8}, int64[3] copy = {0, -1, 2}, int64[3] known = {-1, 0, 1}, int64[3] over = {0, 2, 4}, int64[1] axes = {2}'
  const run = async (body: string, output = 'float[P,Q,R] y') =>
    rewriteEqually(mergeReshapes, model(IMAGE, body, constants, 20, output))
  expect((await run('a = Reshape(x, flat) y = Reshape(a, three)')).ops).toEqual(['Reshape'])
  expect((await run('a = Flatten(x) y = Reshape(a, three)')).ops).toEqual(['Reshape'])
  expect((await run('a = Unsqueeze(x, axes) b = Squeeze(a, axes) y = Relu(b)', 'float[P,Q,R,S] y')).ops).toEqual([
    'Relu',
  ])
  // Sizes that are copied from the first are told where they are known, or are what is left.
  expect((await run('a = Reshape(x, flat) y = Reshape(a, rows)')).ops).toEqual(['Reshape'])
  expect((await run('a = Reshape(x, eight) y = Reshape(a, known)')).ops).toEqual(['Reshape'])
  const left = await run('a = Reshape(x, eight) y = Reshape(a, over)')
  expect(left.ops).toEqual(['Reshape'])
  // What both copy is x's own, whatever it is.
  const open = async (first: string) => {
    const body = 'a = Reshape(x, first) y = Reshape(a, second)'
    const shapes = `int64[4] first = {${first}}, int64[3] second = {0, 0, -1}`
    return (await rewriteEqually(mergeReshapes, model('float[N,S,6] x', body, shapes, 20, 'float[P,Q,R] y'))).ops
  }
  expect(await open('0, 0, -1, 3')).toEqual(['Reshape'])
  expect(await open('0, -1, 3, 1')).toEqual(['Reshape', 'Reshape'])
  const copied = await run('a = Reshape(x, eight) y = Reshape(a, copy)')
  expect(copied.ops).toEqual(['Reshape', 'Reshape'])
  expect(copied.reasons).toEqual(['its shape copies a size of the reshape before it'])
})

const PADS = `int64[8] p = {0,0,1,0, 0,0,0,2}, int64[8] q = {0,1,0,0, 0,0,0,0}, float zero = {0}, float low = {-inf}, float two = {2},
  float[2,3,2,2] w = ${randomList(24, 1)}`
test('padding goes into convolutions and pools', async () => {
  const run = async (body: string) => rewriteEqually(mergePads, model(IMAGE, body, PADS))
  const { ops, after } = await run('a = Pad(x, p) y = Conv<pads = [0,1,0,0]>(a, w)')
  expect(ops).toEqual(['Conv'])
  expect(after.graph.nodes[0]!.attributes.get('pads')).toMatchObject({ value: [1n, 1n, 0n, 2n] })
  expect((await run('a = Pad(x, p, zero) y = AveragePool<kernel_shape = [3,3]>(a)')).ops).toEqual(['AveragePool'])
  expect((await run('a = Pad(x, p, low) y = MaxPool<kernel_shape = [3,3]>(a)')).ops).toEqual(['MaxPool'])
})

test.each([
  ['another value', 'a = Pad(x, p, two) y = Conv(a, w)', /pads with 2/],
  ['zeros before a MaxPool', 'a = Pad(x, p) y = MaxPool<kernel_shape = [3,3]>(a)', /pads with 0/],
  ['channels', 'a = Pad(x, q) y = Conv(a, w4)', /batch or channels/],
  ['another mode', 'a = Pad<mode = "reflect">(x, p) y = Conv(a, w)', /reflect/],
  ['another reader', 'a = Pad(x, p) b = Conv(a, w) c = ReduceMax(a) y = Add(b, c)', /also read elsewhere/],
  ['auto_pad', 'a = Pad(x, p) y = Conv<auto_pad = "SAME_UPPER">(a, w)', /auto_pad/],
  [
    'uncounted padding of its own',
    'a = Pad(x, p) y = AveragePool<kernel_shape = [4,4], pads = [1,1,1,1]>(a)',
    /does not count/,
  ],
])('padding stays: %s', async (_, body, reason) => {
  const constants = `${PADS}, float[2,4,2,2] w4 = ${randomList(32, 2)}`
  const { report, reasons } = await rewriteWith(mergePads, model(IMAGE, body, constants))
  expect(report.applied).toBe(0)
  expect(reasons.join()).toMatch(reason)
})

test('limits that follow each other', async () => {
  const constants = 'float zero = {0}, float six = {6}, float one = {1}, float minus = {-1}'
  const run = async (body: string) =>
    (await rewriteEqually(mergeActivations, model(IMAGE, body, constants), { scale: 9 })).ops
  expect(await run('a = Relu(x) y = Relu(a)')).toEqual(['Relu'])
  expect(await run('a = Relu(x) y = Clip(a, minus, six)')).toEqual(['Clip'])
  expect(await run('a = Clip(x, minus, six) y = Clip(a, zero, one)')).toEqual(['Clip'])
  expect(await run('a = Clip(x, minus, zero) y = Clip(a, one, six)')).toEqual(['Clip'])
  expect(await run('a = Clip(x, minus) y = Relu(a)')).toEqual(['Relu'])
  expect(await run('a = Sigmoid(x) b = Relu(a) y = Abs(b)')).toEqual(['Sigmoid'])
  expect(await run('a = Clip(x, minus, six) b = Relu(a) y = Add(a, b)')).toEqual(['Clip', 'Relu', 'Add'])
})

test('shapes that are known become constants', async () => {
  const body = 's = Shape(x) g = Gather(s, two) u = Unsqueeze(g, zero) t = Concat<axis = 0>(minus, u) y = Reshape(x, t)'
  const constants = 'int64 two = {2}, int64[1] zero = {0}, int64[1] minus = {-1}'
  const { ops, after } = await rewriteEqually(foldShapeArithmetic, model(IMAGE, body, constants, 20, 'float[P,Q] y'))
  expect(ops).toEqual(['Reshape'])
  expect(numbersOf(after, after.graph.nodes[0]!.inputs[1]!)).toEqual([-1, 4])
})

test('a reshape that copies sizes which are not known copies them by 0', async () => {
  const body = 's = Shape(x) h = Slice(s, zero, two) t = Concat<axis = 0>(h, minus) y = Reshape(x, t)'
  const constants = 'int64[1] two = {2}, int64[1] zero = {0}, int64[1] minus = {-1}'
  const source = model('float[N,C,H,W] x', body, constants, 20, 'float[P,Q,R] y')
  const { ops, after } = await rewriteEqually(foldShapeArithmetic, source, { sizes: { N: 3, C: 2, H: 5, W: 4 } })
  expect(ops).toEqual(['Reshape'])
  expect(numbersOf(after, after.graph.nodes[0]!.inputs[1]!)).toEqual([0, 0, -1])
})

test('one size that only running tells becomes -1, two are refused', async () => {
  const constants = 'int64[1] one = {1}, int64[1] zero = {0}, int64[1] two = {2}, int64[1] three = {3}'
  const half = 's = Shape(x) n = Slice(s, zero, one) h = Div(n, two)'
  const one = model('float[N,6] x', `${half} t = Concat<axis = 0>(h, two, two, three) y = Reshape(x, t)`, constants)
  const { after } = await rewriteEqually(foldShapeArithmetic, one, { sizes: { N: 4 } })
  expect(numbersOf(after, after.graph.nodes.at(-1)!.inputs[1]!)).toEqual([-1, 2, 2, 3])
  const both = model(
    'float[N,M] x',
    `${half} m = Slice(s, one, two) t = Concat<axis = 0>(two, h, one, m) y = Reshape(x, t)`,
    constants,
  )
  const refused = await rewriteWith(foldShapeArithmetic, both)
  expect(refused.reasons).toEqual(['its target has sizes that are known only when it runs'])
})

test('initial states of zeros are left out, and others stay', async () => {
  const weights = (gates: number) =>
    `float[2,${3 * gates},3] w = ${randomList(18 * gates, 1)}, float[2,${3 * gates},3] r = ${randomList(18 * gates, 2)}`
  const constants = `int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3}`
  const zeros = `s = Shape(x) n = Slice(s, one, two) t = Concat<axis = 0>(two, n, three) z = ConstantOfShape(t)`
  const recurrent = (layer: string, gates: number, extra = '') =>
    model('float[5,N,3] x', layer, `${constants}, ${weights(gates)}${extra}`)
  const lstm = 'y, hn = LSTM<hidden_size = 3, direction = "bidirectional">'
  const states = `${zeros} h = Slice(z, zero, two) c = Identity(h) ${lstm}(x, w, r, , , h, c)`
  expect((await rewriteEqually(dropZeroStates, recurrent(states, 4))).ops).toEqual(['LSTM'])
  const gru = 'y = GRU<hidden_size = 3, direction = "bidirectional">'
  expect((await rewriteEqually(dropZeroStates, recurrent(`${zeros} ${gru}(x, w, r, , , z)`, 3))).ops).toEqual(['GRU'])
  // One state of the two, and what is no zero.
  const cell = `${zeros} o = Add(z, full) ${lstm}(x, w, r, , , z, o)`
  const { after, ops } = await rewriteEqually(dropZeroStates, recurrent(cell, 4, ', float full = {0.5}'))
  expect(ops).toContain('ConstantOfShape')
  expect(after.graph.nodes.at(-1)!.inputs.slice(3)).toEqual(['', '', '', 'o'])
  const ones = `${zeros.replace('ConstantOfShape(t)', 'ConstantOfShape<value = float[1] {1}>(t)')} ${gru}(x, w, r, , , z)`
  expect((await rewriteWith(dropZeroStates, recurrent(ones, 3))).report.applied).toBe(0)
})

test('an Expand in front of what repeats by itself is left out', async () => {
  const norm = 'n = ReduceL2(x, last) s = Shape(x) e = Expand(n, s)'
  const constants = 'int64[1] last = {-1}, int64[4] wide = {2, 3, 4, 6}, float half = {0.5}'
  const run = (body: string, input = IMAGE) => rewriteEqually(dropExpand, model(input, body, constants))
  expect((await run(`${norm} y = Div(x, e)`)).ops).toEqual(['ReduceL2', 'Div'])
  expect((await run(`${norm} b = Less(e, x) z = Mul(x, half) y = Where(b, x, z)`)).ops).not.toContain('Expand')
  // Read twice it is written once; alone it gives the result its size.
  expect((await run(`${norm} a = Div(x, e) y = Add(a, e)`)).ops).toContain('Expand')
  const alone = await run(`m = ReduceL2(x, last) e = Expand(m, wide) y = Add(e, half)`, 'float[1,3,4,6] x')
  expect(alone.ops).toContain('Expand')
  expect(alone.reasons).toEqual(['no other operand is known to have the whole size'])
})
