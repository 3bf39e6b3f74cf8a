import { beforeAll, describe, expect, test } from 'vitest'
import { type Feeds, ortNode, reference, referenceWith, type TensorValue } from '../src/engine/index.ts'
import { elementCount, type Model, parseModel, tensorOf } from '../src/ir/index.ts'
import { productSafety } from '../src/passes/index.ts'
import { saturatesHere } from './products-here.ts'
import { numbers, runHere } from './quantize-kit.ts'

/*
 * What the runtime's integer kernels do on the processor that runs this, held against the two answers that the reference
 * engine has: with VNNI (or on ARM) every one must be exact, without it every one must lose exactly what is foretold.
 */

type Spec = readonly [dtype: 'uint8' | 'int8' | 'int32' | 'float32', dims: readonly number[], values: readonly number[]]
type Specs = Readonly<Record<string, Spec>>

const ARRAYS = { uint8: Uint8Array, int8: Int8Array, int32: Int32Array, float32: Float32Array } as const
const scalar = (dtype: Spec[0], value: number): Spec => [dtype, [], [value]]
const without = referenceWith({ saturate16: true })

function build(text: string, constants: Specs): Model {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 17, "com.microsoft" : 1]> ${text}`)
  const tensors = Object.entries(constants).map(
    ([name, [dtype, dims, values]]) => [name, tensorOf(dtype, dims, ARRAYS[dtype].from(values), name)] as const,
  )
  return { ...model, graph: { ...model.graph, initializers: new Map([...model.graph.initializers, ...tensors]) } }
}

const feedsOf = (inputs: Specs): Feeds =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, [dtype, dims, values]]) => [
      name,
      { dtype, dims, data: ARRAYS[dtype].from(values) } as TensorValue,
    ]),
  )

async function answer(engine: typeof reference, model: Model, feeds: Feeds): Promise<number[]> {
  const session = await engine.open(model)
  try {
    return Array.from((await session.run(feeds)).y!.data as ArrayLike<number>)
  } finally {
    await session.close()
  }
}

let saturates = false
beforeAll(async () => {
  saturates = await saturatesHere()
})

/** Codes near both ends of their type, mostly the upper one, as the worst layers have them. */
function codes(dtype: 'uint8' | 'int8', dims: readonly number[], seed: number): Spec {
  const next = numbers(seed)
  const [low, high] = dtype === 'uint8' ? [0, 255] : [-128, 127]
  const values = Array.from({ length: elementCount(dims) }, () => {
    const step = Math.round(Math.abs(next()) * 30)
    return next() > -0.3 ? high - step : low + step
  })
  return [dtype, dims, values]
}

/** Whether the two answers differ, after the runtime's was found to be the one of its kind at both levels. */
async function held(model: Model, inputs: Specs): Promise<boolean> {
  const feeds = feedsOf(inputs)
  const [exact, lossy] = [await answer(reference, model, feeds), await answer(without, model, feeds)]
  for (const level of ['disabled', 'all'] as const) {
    const here = Array.from((await runHere(model, feeds, level)).y!.data as ArrayLike<number>)
    expect(here).toEqual(saturates ? lossy : exact)
  }
  return exact.some((value, i) => value !== lossy[i])
}

const TYPES = [
  ['uint8', 'int8'],
  ['int8', 'int8'],
  ['uint8', 'uint8'],
] as const

describe('the runtime saturates here as the reference says, or not at all', () => {
  const shapes = [
    [16, 16, 1, 1],
    [3, 5, 3, 1],
    [5, 16, 1, 1],
    [6, 9, 3, 1],
    [17, 8, 3, 1],
    [32, 33, 3, 1],
    [12, 12, 3, 2],
    [32, 16, 1, 4],
    [8, 16, 3, 8],
    [16, 16, 3, 16],
    [3, 3, 5, 3],
  ] as const
  for (const [channels, filters, kernel, group] of shapes)
    for (const [xType, wType] of TYPES)
      test(`QLinearConv ${xType} × ${wType}, ${channels} to ${filters} channels, ${kernel}×${kernel}, ${group} groups`, async () => {
        const differs: boolean[] = []
        for (const [stride, size, perChannel] of [
          [1, 5, true],
          [2, 6, false],
          [1, 1, false],
        ] as const) {
          const pad = kernel >> 1
          const many = perChannel && wType === 'int8' ? filters : 1
          const dims = [1, channels, size, size]
          const attributes = `group = ${group}, strides = [${stride}, ${stride}], pads = [${pad}, ${pad}, ${pad}, ${pad}]`
          // Powers of two: nothing is rounded before the last step, and no code is at its end.
          const scale = 2 ** Math.ceil(Math.log2((channels / group) * kernel * kernel * 512))
          const model = build(
            `g (${xType}[${dims}] x) => (${xType}[1,${filters},p,q] y) { y = QLinearConv<${attributes}>(x, one, xz, w, ws, wz, ys, yz) }`,
            {
              one: scalar('float32', 1),
              xz: scalar(xType, 13),
              w: codes(wType, [filters, channels / group, kernel, kernel], 3),
              ws: ['float32', many > 1 ? [many] : [], Array.from({ length: many }, (_, i) => 2 ** -(i % 3))],
              wz: [wType, many > 1 ? [many] : [], new Array(many).fill(wType === 'int8' ? 0 : 128)],
              ys: scalar('float32', scale),
              yz: scalar(xType, xType === 'uint8' ? 128 : 0),
            },
          )
          differs.push(await held(model, { x: codes(xType, dims, 5) }))
        }
        const isDepthwise = group === channels && group === filters
        expect(differs[0]).toBe(xType === 'uint8' && wType === 'int8' && !isDepthwise)
      })

  for (const [aType, bType] of [...TYPES, ['int8', 'uint8'] as const])
    for (const rows of [1, 2, 7])
      test(`products of ${rows} rows, ${aType} × ${bType}`, async () => {
        const differs: boolean[] = []
        for (const [depth, columns] of [
          [2, 1],
          [7, 16],
          [33, 17],
          [128, 33],
        ] as const) {
          const [a, b] = [codes(aType, [rows, depth], 5), codes(bType, [depth, columns], 3)]
          const transposed: Spec = [bType, [columns, depth], codes(bType, [depth, columns], 4)[2]]
          const points = { az: scalar(aType, 13), bz: scalar(bType, bType === 'int8' ? 0 : 128) }
          const scales = { as: scalar('float32', 0.25), bs: scalar('float32', 0.5) }
          const out = { ys: scalar('float32', depth * 64), yz: scalar(aType, aType === 'uint8' ? 128 : 0) }
          const graph = (result: string, call: string) =>
            `g (${aType}[${rows},${depth}] a) => (${result}[${rows},${columns}] y) { y = ${call} }`
          const integer = graph('int32', 'MatMulInteger(a, b, az, bz)')
          differs.push(await held(build(integer, { b, ...points }), { a }))
          // Only products to 32 bits take this pair of types.
          if (aType === 'int8' && bType === 'uint8') continue
          const float = graph('float', 'com.microsoft.MatMulIntegerToFloat(a, b, as, bs, az, bz)')
          await held(build(float, { b, ...points, ...scales }), { a })
          const linear = graph(aType, 'QLinearMatMul(a, as, az, b, bs, bz, ys, yz)')
          await held(build(linear, { b, ...points, ...scales, ...out }), { a })
          const gemm = graph(aType, 'com.microsoft.QGemm<transB = 1>(a, as, az, b, bs, bz, , ys, yz)')
          await held(build(gemm, { b: transposed, ...points, ...scales, ...out }), { a })
        }
        expect(differs).toEqual(new Array(4).fill(aType === 'uint8' && bType === 'int8'))
      })

  for (const [xType, wType] of [...TYPES, ['int8', 'uint8'] as const])
    for (const [kernel, group] of [
      [1, 1],
      [3, 1],
      [3, 4],
    ] as const)
      test(`ConvInteger ${xType} × ${wType}, ${kernel}×${kernel}, ${group} groups: weights are its left side`, async () => {
        const model = build(
          `g (${xType}[1,4,5,4] x) => (int32[1,8,p,q] y) { y = ConvInteger<group = ${group}, pads = [0, 0, 1, 1]>(x, w, xz, wz) }`,
          { w: codes(wType, [8, 4 / group, kernel, kernel], 3), xz: scalar(xType, 13), wz: scalar(wType, 3) },
        )
        expect(await held(model, { x: codes(xType, [1, 4, 5, 4], 5) })).toBe(xType === 'int8' && wType === 'uint8')
        const isSafe = productSafety(model).every(({ unsafe }) => unsafe.length === 0)
        expect(isSafe).toBe(!(xType === 'int8' && wType === 'uint8'))
      })
})

describe('what saturates, written out', () => {
  const one = (text: string, constants: Specs, inputs: Specs) => {
    const model = build(text, constants)
    return Promise.all([answer(reference, model, feedsOf(inputs)), answer(without, model, feedsOf(inputs))])
  }

  test('pairs are 2i and 2i + 1: 64,770 stays 32,767, and what has no neighbour is exact', async () => {
    const text = 'g (uint8[1,3] x) => (int32[1,2] y) { y = MatMulInteger(x, w) }'
    const w: Spec = ['int8', [3, 2], [127, -128, 127, -128, 127, -128]]
    expect(await one(text, { w }, { x: ['uint8', [1, 3], [255, 255, 255]] })).toEqual([
      [97_155, -97_920],
      [32_767 + 32_385, -32_768 - 32_640],
    ])
  })

  test('QLinearConv pairs channels of one place, ConvInteger places of one channel', async () => {
    // Two channels of two places; the large products are in both channels of the first place.
    const x: Spec = ['uint8', [1, 2, 1, 2], [255, 0, 255, 0]]
    const w: Spec = ['int8', [1, 2, 1, 2], [127, 127, 127, 127]]
    const linear = 'g (uint8[1,2,1,2] x) => (uint8[1,1,1,1] y) { y = QLinearConv(x, one, z, w, one, s, ys, z) }'
    const constants = { w, one: scalar('float32', 1), ys: scalar('float32', 512), z: scalar('uint8', 0) }
    expect(await one(linear, { ...constants, s: scalar('int8', 0) }, { x })).toEqual([[127], [64]])
    // Of a ConvInteger those of signed activations by unsigned weights, where they stand beside each other.
    const integer = 'g (int8[1,2,1,2] x) => (int32[1,1,1,1] y) { y = ConvInteger(x, w) }'
    const unsigned: Spec = ['uint8', [1, 2, 1, 2], [255, 255, 255, 255]]
    const across: Spec = ['int8', [1, 2, 1, 2], [127, 0, 127, 0]]
    expect(await one(integer, { w: unsigned }, { x: across })).toEqual([[64_770], [64_770]])
    const along: Spec = ['int8', [1, 2, 1, 2], [127, 127, -128, -128]]
    expect(await one(integer, { w: unsigned }, { x: along })).toEqual([[-510], [32_767 - 32_768]])
    expect(await one(integer.replace('int8[', 'uint8['), { w }, { x })).toEqual([[64_770], [64_770]])
  })
})

/** Codes of one sign that are even, or half of them under twice the scale: the same numbers. */
const halves = (count: number, safe: boolean) =>
  [1, 2].map((by) => Array.from({ length: count }, (_, i) => (safe && i % 2 === 1 ? 2 : 126) / by))

/** Neighbours along the depth of [depth, columns] are a row apart. */
const along = (depth: number, columns: number, safe: boolean) =>
  halves(depth, safe).map((column) => column.flatMap((code) => new Array<number>(columns).fill(code)))

describe('operators that the reference does not run: as with half the codes wherever the proof says so', () => {
  const alike = async (models: readonly Model[], inputs: Specs): Promise<boolean> => {
    const [whole, half] = await Promise.all(models.map((model) => answer(ortNode, model, feedsOf(inputs))))
    return whole!.every((value, i) => Math.abs(value - half![i]!) <= 1e-5 * Math.abs(value))
  }
  const row = (dims: readonly number[]): Spec => ['float32', dims, new Array(elementCount(dims)).fill(1)]

  for (const safe of [true, false]) {
    const proven = (models: readonly Model[]) => productSafety(models[0]!).every(({ unsafe }) => unsafe.length === 0)

    for (const rows of [1, 3])
      test(`DynamicQuantizeLSTM of ${rows} rows, pairs ${safe ? 'small enough' : 'too large'}`, async () => {
        const [inputs, states] = [along(16, 32, safe), along(8, 32, safe)]
        const models = [0, 1].map((at) =>
          build(
            `g (float[3,${rows},16] x) => (float[3,1,${rows},8] y) { y = com.microsoft.DynamicQuantizeLSTM<hidden_size = 8>(x, w, r, , , , , , s, z, s, z) }`,
            {
              w: ['int8', [1, 16, 32], inputs[at]!],
              r: ['int8', [1, 8, 32], states[at]!],
              s: ['float32', [1], [2 ** (at - 14)]],
              z: ['int8', [1], [0]],
            },
          ),
        )
        expect(proven(models)).toBe(safe)
        expect(await alike(models, { x: row([3, rows, 16]) })).toBe(safe || !saturates)
      })

    test(`QAttention, pairs ${safe ? 'small enough' : 'too large'}`, async () => {
      const weights = along(16, 48, safe)
      const models = [0, 1].map((at) =>
        build(
          'g (uint8[1,4,16] x) => (float[1,4,16] y) { y = com.microsoft.QAttention<num_heads = 2>(x, w, b, s, ws, , xz, wz) }',
          {
            w: ['int8', [16, 48], weights[at]!],
            b: ['float32', [48], new Array(48).fill(0)],
            s: ['float32', [1], [2 ** -6]],
            ws: ['float32', [1], [2 ** (at - 9)]],
            xz: ['uint8', [1], [0]],
            wz: ['int8', [1], [0]],
          },
        ),
      )
      expect(proven(models)).toBe(safe)
      expect(await alike(models, { x: ['uint8', [1, 4, 16], new Array(64).fill(255)] })).toBe(safe || !saturates)
    })
  }

  for (const bits of [4, 8])
    for (const rows of [1, 5])
      test(`MatMulNBits of ${bits} bits, ${rows} rows, at accuracy level 4: the codes never saturate`, async () => {
        const top = 2 ** bits - 2
        const bytes = (code: number) => new Array((64 * 8 * bits) / 8).fill(bits === 8 ? code : code * 17)
        const models = [0, 1].map((at) =>
          build(
            `g (float[${rows},64] x) => (float[${rows},8] y) { y = com.microsoft.MatMulNBits<K = 64, N = 8, bits = ${bits}, block_size = 32, accuracy_level = 4>(x, w, s, z) }`,
            {
              w: ['uint8', [8, 2, (32 * bits) / 8], bytes(top / 2 ** at)],
              s: ['float32', [16], new Array(16).fill(2 ** (at - 6))],
              z: ['uint8', [(16 * bits) / 8], new Array((16 * bits) / 8).fill(0)],
            },
          ),
        )
        expect(await alike(models, { x: row([rows, 64]) })).toBe(true)
      })
})

describe('what the runtime makes unsigned, and what it does not', () => {
  const constants = { s: scalar('float32', 1 / 64), z: scalar('int8', 0), u: scalar('uint8', 0) }
  const left = 'q = QuantizeLinear(x, s, z) a = DequantizeLinear(q, s, z)'
  const right = 'r = QuantizeLinear(v, s, z) b = DequantizeLinear(r, s, z)'
  const cases: Readonly<Record<string, readonly [body: string, safe: boolean]>> = {
    'both sides of their own': [`${left} ${right} y = MatMul(a, b)`, true],
    'a right side that is moved in float': [
      `${left} t = Transpose<perm = [1, 0]>(v) r = QuantizeLinear(t, s, z) d = DequantizeLinear(r, s, z)
        b = Transpose<perm = [1, 0]>(d) y = MatMul(a, b)`,
      true,
    ],
    'a right side that others read': [
      `${left} ${right} m = MatMul(a, b) n = Neg(b) t = ReduceSum<keepdims = 0>(n) y = Add(m, t)`,
      false,
    ],
    'a right side whose codes two read': [
      `${left} ${right} c = DequantizeLinear(r, s, z) m = MatMul(a, b) n = Neg(c) t = ReduceSum<keepdims = 0>(n) y = Add(m, t)`,
      false,
    ],
    'a right side that came as codes': [
      `${left} r = Cast<to = 3>(v) b = DequantizeLinear(r, s, z) y = MatMul(a, b)`,
      false,
    ],
    'two sides that came as codes': [
      'q = Cast<to = 3>(x) a = DequantizeLinear(q, s, z) r = Cast<to = 3>(v) b = DequantizeLinear(r, s, z) y = MatMul(a, b)',
      true,
    ],
  }
  for (const [name, [body, safe]] of Object.entries(cases))
    test(name, async () => {
      const model = build(`g (float[4,32] x, float[32,8] v) => (float[4,8] y) { ${body} }`, constants)
      expect(productSafety(model).map(({ unsafe }) => unsafe.length === 0)).toEqual([safe])
      const side = (name: string) => (body.includes(`Cast<to = 3>(${name})`) ? 127 : 127 / 64)
      const inputs: Specs = {
        x: ['float32', [4, 32], new Array(128).fill(side('x'))],
        v: ['float32', [32, 8], new Array(256).fill(side('v'))],
      }
      const [here, exact] = await Promise.all(
        [ortNode, reference].map((engine) => answer(engine, model, feedsOf(inputs))),
      )
      const isExact = here!.every((value, i) => Math.abs(value - exact![i]!) < 1e-3)
      expect(isExact).toBe(safe || !saturates)
    })
})
