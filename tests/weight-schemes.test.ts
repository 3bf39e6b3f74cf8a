import { describe, expect, test } from 'vitest'
import { type Feeds, reference } from '../src/engine/index.ts'
import {
  checkModel,
  fromNumbers,
  graphNames,
  int,
  type Model,
  operatorName,
  parseModel,
  tensorValues,
  toNumbers,
} from '../src/ir/index.ts'
import { modelBytes } from '../src/onnx/index.ts'
import { passes } from '../src/passes/index.ts'
import { saturatesHere } from './products-here.ts'
import { decibels, kernelsOf, modelWith, randomTensor, randomValue, runOnce } from './quantize-kit.ts'

const run = async (id: string, model: Model, options: Readonly<Record<string, unknown>> = {}) =>
  passes[id]!.run(model, options as never, [])

/** Runs both models; decibels of output y. */
async function noise(before: Model, after: Model, feeds: Feeds): Promise<number> {
  return decibels((await runOnce(before, feeds)).y!, (await runOnce(after, feeds)).y!)
}

describe('dynamic int8', () => {
  const cases = {
    'MatMul, 2-D': ['g (float[4,64] x) => (float y) { y = MatMul(x, w) }', { w: [64, 64] }, [4, 64]],
    'MatMul, 3-D, with bias': [
      'g (float[2,4,64] x) => (float y) { a = MatMul(x, w) y = Add(a, b) }',
      { w: [64, 96], b: [96] },
      [2, 4, 64],
    ],
    'Gemm transposed, with bias': [
      'g (float[4,64] x) => (float y) { y = Gemm<transB = 1>(x, w, b) }',
      { w: [96, 64], b: [96] },
      [4, 64],
    ],
    'Gemm with factors': [
      'g (float[4,64] x) => (float y) { y = Gemm<alpha = 0.5, beta = 2.0>(x, w, b) }',
      { w: [64, 96], b: [96] },
      [4, 64],
    ],
  } as const
  for (const [name, [graph, weights, dims]] of Object.entries(cases))
    test.each([{}, { oneScale: true }])(`${name}, %j`, async (options) => {
      const before = modelWith(graph, weights)
      const { model, report } = await run('quantizeDynamicInt8', before, options)
      expect(checkModel(model)).toEqual([])
      expect(report.planned).toEqual({ DynamicQuantizeMatMul: 1 })
      const scales = [...model.graph.initializers.values()].filter(({ name }) => name.endsWith('_scale'))
      expect(scales.map(({ dims }) => dims)).toEqual([options.oneScale ? [] : [name === 'MatMul, 2-D' ? 64 : 96]])
      const counts = await kernelsOf(model)
      expect(counts.DynamicQuantizeMatMul).toBe(1)
      expect(counts.MatMul ?? 0).toBe(0)
      expect(await noise(before, model, { x: randomValue(dims, 3, 2) })).toBeGreaterThan(35)
      expect(modelBytes(model)).toBeLessThan(modelBytes(before) / 2)
    })

  test('a product keeps the axes that a constant behind it adds', async () => {
    const source = 'g (float[4,64] x) => (float y) { a = MatMul(x, w) y = Add(a, b) }'
    const { model, report } = await run('quantizeDynamicInt8', modelWith(source, { w: [64, 64], b: [1, 1, 64] }))
    expect((await runOnce(model, { x: randomValue([4, 64], 3, 2) })).y!.dims).toEqual([1, 4, 64])
    expect(report.refused[0]!.reason).toMatch(/has more axes/)
    const fits = await run('quantizeDynamicInt8', modelWith(source, { w: [64, 64], b: [1, 64] }))
    expect(fits.report.applied).toBe(1)
  })

  test('products of one value share its codes', async () => {
    const before = modelWith('g (float[4,64] x) => (float y) { a = MatMul(x, w) b = MatMul(x, v) y = Add(a, b) }', {
      w: [64, 64],
      v: [64, 64],
    })
    const { model, report } = await run('quantizeDynamicInt8', before)
    expect(report.planned).toEqual({ MatMulIntegerToFloat: 2 })
    expect(model.graph.nodes.filter((node) => node.opType === 'DynamicQuantizeLinear')).toHaveLength(1)
    expect(await kernelsOf(model)).toMatchObject({ MatMulIntegerToFloat: 2, DynamicQuantizeLinear: 1 })
    expect(await noise(before, model, { x: randomValue([4, 64], 3, 2) })).toBeGreaterThan(35)
  })

  test('products with one matrix share its codes, as far as they read it alike', async () => {
    const text =
      'g (float[4,64] x) => (float y) { a = MatMul(x, w) b = MatMul(a, w) c = Gemm<transB = 1>(b, w) y = Gemm(c, w) }'
    const before = modelWith(text, { w: [64, 64] })
    const { model } = await run('quantizeDynamicInt8', before)
    const matrices = [...model.graph.initializers].filter(
      ([, { dtype, dims }]) => dtype === 'int8' && dims.length === 2,
    )
    expect(matrices).toHaveLength(2)
    expect(await noise(before, model, { x: randomValue([4, 64], 1) })).toBeGreaterThan(25)
  })

  test('products of flattened rows are products of the whole', async () => {
    const flat = 'int64[2] flat = {-1, 64}, int64[3] whole = {-1, 4, 96}, int64[3] other = {-1, 2, 96}'
    const source = (shape: string) =>
      modelWith(
        `g (float[N,4,64] x) => (float y) <${flat}> { a = Reshape(x, flat) c = Gemm(a, w, b) y = Reshape(c, ${shape}) }`,
        {
          w: [64, 96],
          b: [96],
        },
      )
    const { model } = await run('quantizeDynamicInt8', source('whole'))
    expect(model.graph.nodes.map(operatorName)).not.toContain('Reshape')
    expect(await kernelsOf(model)).toEqual({ DynamicQuantizeMatMul: 1 })
    expect(await noise(source('whole'), model, { x: randomValue([3, 4, 64], 3, 2) })).toBeGreaterThan(35)
    // Sizes other than before stay as they are asked for.
    const { model: kept } = await run('quantizeDynamicInt8', source('other'))
    expect(kept.graph.nodes.map(operatorName).filter((op) => op === 'Reshape')).toHaveLength(2)
  })

  test('LSTM, one way and both', async () => {
    for (const direction of ['forward', 'bidirectional', 'one scale']) {
      const oneScale = direction === 'one scale'
      const d = direction === 'forward' ? 1 : 2
      const before = modelWith(
        `g (float[5,2,32] x) => (float y) { y, h, c = LSTM<hidden_size = 32, direction = "${oneScale ? 'bidirectional' : direction}", layout = 0>(x, w, r, b) }`,
        { w: [d, 128, 32], r: [d, 128, 32] },
      )
      const initializers = new Map([...before.graph.initializers, ['b', randomTensor([d, 256], 9, 0.3, 'b')]])
      const whole = { ...before, graph: { ...before.graph, initializers } }
      // The reference has no such kernel: where full ranges saturate, reduced ones have to be as near.
      const target = (await saturatesHere()) ? 'portable' : 'native'
      const { model, report } = await run('quantizeDynamicInt8', whole, { oneScale, target })
      expect(report.planned).toEqual({ DynamicQuantizeLSTM: 1 })
      expect(await kernelsOf(model)).toMatchObject({ DynamicQuantizeLSTM: 1 })
      const feeds = { x: randomValue([5, 2, 32], 3, 2) }
      const [truth, coded] = [(await runOnce(whole, feeds)).y!, (await runOnce(model, feeds)).y!]
      expect(decibels(truth, coded)).toBeGreaterThan(30)
    }
  })

  test('LSTMs of the same weights share their codes', async () => {
    const before = modelWith(
      'g (float[5,2,32] x) => (float y) { a = LSTM<hidden_size = 32>(x, w, r) s = Squeeze(a, one) y = LSTM<hidden_size = 32>(s, w, v) one = Constant<value_ints = [1]>() }',
      { w: [1, 128, 32], r: [1, 128, 32], v: [1, 128, 32] },
    )
    const { model, report } = await run('quantizeDynamicInt8', before)
    expect(report.planned).toEqual({ DynamicQuantizeLSTM: 2 })
    const codes = [...model.graph.initializers].filter(([, { dims }]) => dims.length === 3)
    expect(codes.map(([name]) => name)).toEqual(['w_codes', 'r_codes', 'v_codes'])
    const feeds = { x: randomValue([5, 2, 32], 3, 2) }
    expect(decibels((await runOnce(before, feeds)).y!, (await runOnce(model, feeds)).y!)).toBeGreaterThan(25)
  })

  test('a large GRU is its steps, whose products have integer kernels', async () => {
    const cases = [
      // direction, steps, linear_before_reset, a start, outputs, products
      ['forward', 4, 1, true, 'y, h', 2],
      ['reverse', 4, 0, false, ', y', 3],
      ['bidirectional', 4, 1, true, 'y, h', 3],
      ['bidirectional', 4, 0, false, 'y', 5],
      ['bidirectional', 1, 1, true, 'y, h', 3],
      ['forward', 1, 0, true, ', y', 3],
    ] as const
    for (const [direction, steps, resetsProduct, start, outputs, products] of cases) {
      const d = direction === 'bidirectional' ? 2 : 1
      const attributes = `hidden_size = 256, direction = "${direction}", linear_before_reset = ${resetsProduct}`
      const before = modelWith(
        `g (float[${steps},N,32] x, float[${d},N,256] s) => (float y${outputs.includes('h') ? ', float h' : ''})
         { ${outputs} = GRU<${attributes}>(x, w, r, b, ${start ? ', s' : ''}) }`,
        { w: [d, 768, 32], r: [d, 768, 256] },
      )
      const initializers = new Map([...before.graph.initializers, ['b', randomTensor([d, 1536], 9, 0.3, 'b')]])
      const whole = { ...before, graph: { ...before.graph, initializers } }
      const { model, report } = await run('quantizeDynamicInt8', whole)
      checkModel(model)
      const words = `${direction}, ${steps} steps, ${outputs}`
      expect(report.planned, words).toEqual({ DynamicQuantizeMatMul: products })
      expect(await kernelsOf(model), words).toMatchObject({ DynamicQuantizeMatMul: products })
      const feeds = { x: randomValue([steps, 2, 32], 3, 2), s: randomValue([d, 2, 256], 5) }
      const [expected, actual] = [await runOnce(whole, feeds), await runOnce(model, feeds)]
      for (const name of Object.keys(expected))
        expect(decibels(expected[name]!, actual[name]!), `${words}: ${name}`).toBeGreaterThan(35)
    }
  })

  test('a GRU that has no integer form says why', async () => {
    const reasons = async (hidden: number, attributes = '', inputs = 'x, w, r', opset = 21) => {
      const model = modelWith(
        `g (float[4,2,32] x, int32[2] n) => (float y) { y = GRU<hidden_size = ${hidden}${attributes}>(${inputs}) }`,
        { w: [1, 3 * hidden, 32], r: [1, 3 * hidden, hidden] },
        opset,
      )
      const after = await run('quantizeDynamicInt8', model)
      expect(after.model).toBe(model)
      return after.report.refused.map(({ reason }) => reason)
    }
    expect(await reasons(64)).toEqual([
      '12,288 weights for its states are too few to gain without an integer kernel for GRU',
    ])
    expect(await reasons(256, '', 'x, w, r, , n')).toEqual([
      'its rows may differ in length, which its integer form does not know',
    ])
    expect(await reasons(256, ', clip = 3.0')).toEqual(['its clip attribute has no integer form'])
    expect(await reasons(256, ', activations = ["HardSigmoid", "Tanh"]')).toEqual([
      'its activations attribute has no integer form',
    ])
    expect(await reasons(256, '', 'x, w, r', 12)).toEqual([
      'its steps need operator set 13 or newer, and the model has 12',
    ])
  })

  test('what stays in float says why', async () => {
    const before = modelWith(
      'g (float[1,8,9,9] x, float[3,3] q) => (float y, float z) { y = Conv(x, w) a = MatMul(q, v) z = MatMul(a, q) }',
      { w: [8, 8, 3, 3], v: [3, 3] },
    )
    const { model, report } = await run('quantizeDynamicInt8', before)
    expect(model).toBe(before)
    expect(report.refused.map(({ node, reason }) => [node, reason])).toEqual([
      ['y', 'integer convolutions with dynamic ranges are several times slower than float'],
      ['a', '9 weights are too few to gain'],
      ['z', 'both sides are activations'],
    ])
  })

  const LOOKUPS = modelWith(
    'g (int64[2] i) => (float y, float z) { e = Gather(t, i) d = Gather(t, i) s = Add(e, d) y = MatMul(s, w) z = Gather(few, i) }',
    { t: [200, 64], w: [64, 64], few: [4, 3] },
  )

  test('tables of embeddings are stored in 8 bits where asked for, once; a handful of numbers is not', async () => {
    const { model, report } = await run('quantizeDynamicInt8', LOOKUPS, { tables: 'stored' })
    expect(checkModel(model)).toEqual([])
    expect(report).toMatchObject({ applied: 3, refused: [] })
    expect(modelBytes(model)).toBeLessThan(0.35 * modelBytes(LOOKUPS))
    const i = { dtype: 'int64', dims: [2], data: BigInt64Array.of(3n, 1n) } as const
    expect(await noise(LOOKUPS, model, { i })).toBeGreaterThan(35)
  })

  test('a product with a table behind a Transpose says that it is one', async () => {
    const tied = modelWith(
      'g (int64[2] i) => (float y) { e = Gather(t, i) turned = Transpose<perm = [1,0]>(t) y = MatMul(e, turned) }',
      { t: [200, 64] },
    )
    const { report } = await run('quantizeDynamicInt8', tied)
    const reason = 'its weights "t" are stored once for turned and e; in integers beside them the file would grow'
    expect(report.refused).toContainEqual({ node: 'y', reason })
  })

  test('a table that stays in float is named', async () => {
    const reasons = async (model: Model, options: Readonly<Record<string, unknown>>) =>
      (await run('quantizeDynamicInt8', model, options)).report.refused.filter(({ node }) => node === 'e')
    const because = (reason: string) => [{ node: 'e', reason }]
    expect(await reasons(LOOKUPS, {})).toEqual(because('it reads a table, which was to stay in float'))
    const other = because('its table is also read by d, which would keep it in float')
    expect(await reasons(LOOKUPS, { tables: 'stored', keepFloat: ['d'] })).toEqual(other)
  })

  test('portable weights stay clear of 16-bit saturation', async () => {
    const before = modelWith('g (float[4,64] x) => (float y) { y = MatMul(x, w) }', { w: [64, 64] })
    const { model } = await run('quantizeDynamicInt8', before, { target: 'portable' })
    const codes = tensorValues(
      [...model.graph.initializers.values()].find((t) => t.dtype === 'int8' && t.dims.length === 2)!,
    )
    // The kernels add the products of rows 2i and 2i + 1 in 16 bits.
    let worst = 0
    for (let column = 0; column < 64; column++)
      for (let row = 0; row < 64; row += 2)
        worst = Math.max(worst, Math.abs(Number(codes[row * 64 + column]) + Number(codes[(row + 1) * 64 + column])))
    expect(worst).toBeLessThanOrEqual(128)
  })
})

describe('weight-only', () => {
  for (const bits of [4, 8] as const)
    for (const [rows, block] of [
      [128, 32],
      [100, 16],
      [73, 64],
      [96, 128],
    ] as const)
      test(`${bits} bits, ${rows} rows in blocks of ${block}`, async () => {
        const before = modelWith(
          'g (float[3,ROWS] x) => (float y) { a = MatMul(x, w) y = Add(a, b) }'.replace('ROWS', `${rows}`),
          { w: [rows, 64], b: [64] },
        )
        const { model, report } = await run('quantizeWeights', before, { bits, block })
        expect(checkModel(model)).toEqual([])
        expect(report.planned).toEqual({ MatMulNBits: 1 })
        expect(await kernelsOf(model)).toMatchObject({ MatMulNBits: 1 })
        const feeds = { x: randomValue([3, rows], 4) }
        expect(await noise(before, model, feeds)).toBeGreaterThan(bits === 8 ? 38 : 15)
        // The reference engine reads the same packed codes by the operator's text: the layout is not the runtime's whim.
        const session = await reference.open(model)
        const plain = (await session.run(feeds)).y!
        expect(decibels(plain, (await runOnce(model, feeds)).y!)).toBeGreaterThan(90)
      })

  test('the largest products may take 4 bits beside others of 8, once for weights that two read', async () => {
    const before = modelWith(
      'g (float[3,256] x) => (float y) { a = MatMul(x, w) r = Relu(a) b = MatMul(r, w) y = MatMul(b, v) }',
      { w: [256, 256], v: [256, 64] },
    )
    const options = { bits: 8, block: 128, fourBitsFrom: 256 * 256, accuracyLevel: 4 }
    const { model, report } = await run('quantizeWeights', before, options)
    expect(checkModel(model)).toEqual([])
    expect(report.planned).toEqual({ MatMulNBits: 3 })
    expect(await kernelsOf(model)).toMatchObject({ MatMulNBits: 3 })
    const codes = [...model.graph.initializers.values()].filter(({ name }) => name.endsWith('_codes'))
    expect(codes.map(({ name, dims }) => [name, ...dims])).toEqual([
      ['w_codes', 256, 2, 64],
      ['v_codes', 64, 2, 128],
    ])
    const feeds = { x: randomValue([3, 256], 4) }
    expect(await noise(before, model, feeds)).toBeGreaterThan(14)
  })

  test('a table that is read by rows keeps its 8 bits, however large its product is', async () => {
    const before = modelWith(
      'g (int64[1,3] i) => (float y) { e = Gather(t, i) u = Transpose<perm = [1,0]>(t) y = MatMul(e, u) }',
      { t: [512, 128] },
    )
    const { model } = await run('quantizeWeights', before, { bits: 8, fourBitsFrom: 1, accuracyLevel: 4 })
    const widths = model.graph.nodes.flatMap(({ attributes }) => attributes.get('bits') ?? [])
    expect(widths).toEqual([int(8), int(8)])
  })

  test('Gemm in all its spellings', async () => {
    for (const [attributes, w] of [
      ['', [96, 64]],
      ['transB = 1', [64, 96]],
      ['alpha = 0.5, beta = 2.0', [96, 64]],
    ] as const) {
      const before = modelWith(
        `g (float[3,96] x) => (float y) { y = Gemm<${attributes}>(x, w, b) }`.replace('<>', ''),
        { w, b: [64] },
      )
      const { model } = await run('quantizeWeights', before, { bits: 8 })
      expect(await noise(before, model, { x: randomValue([3, 96], 4) })).toBeGreaterThan(38)
    }
  })

  test('convolutions and stored products: int8 in the file, float when loaded', async () => {
    const before = modelWith(
      'g (float[1,16,9,9] x) => (float y) { a = Conv(x, w) t = Transpose<perm = [0,2,3,1]>(a) y = MatMul(t, v) }',
      {
        w: [32, 16, 3, 3],
        v: [32, 128],
      },
    )
    const { model } = await run('quantizeWeights', before, { bits: 8, products: 'stored' })
    expect(modelBytes(model)).toBeLessThan(modelBytes(before) / 2.5)
    const counts = await kernelsOf(model)
    expect([counts.Cast ?? 0, counts.DequantizeLinear ?? 0, counts.Mul ?? 0]).toEqual([0, 0, 0])
    expect(await noise(before, model, { x: randomValue([1, 16, 9, 9], 4) })).toBeGreaterThan(38)
    const four = await run('quantizeWeights', before, { bits: 4 })
    const reason = 'the runtime has no 4-bit Conv; only stored (--stored) its weights could take 4 bits'
    expect(four.report.refused).toEqual([{ node: 'a', reason }])
  })

  test('layers too small for a kernel of their own are stored, where that saves bytes', async () => {
    const before = modelWith(
      'g (float[1,16,9] x) => (float y) { a = Conv(x, w) b = MatMul(a, v) c = MatMul(b, u) y = MatMul(c, q) }',
      { w: [24, 16, 3], v: [7, 48], u: [24, 48, 16], q: [16, 4] },
    )
    for (const products of ['blocks', 'stored'] as const) {
      const { model, report } = await run('quantizeWeights', before, { bits: 8, products })
      expect(checkModel(model)).toEqual([])
      expect(report.applied).toBe(3)
      expect(report.refused).toEqual([{ node: 'y', reason: '64 weights are too few to gain' }])
      expect(modelBytes(model)).toBeLessThan(modelBytes(before) / 2.5)
      expect((await kernelsOf(model)).Cast ?? 0).toBe(0)
      expect(await noise(before, model, { x: randomValue([1, 16, 9], 4) })).toBeGreaterThan(35)
    }
  })

  test('a table that a product turns is stored once, wherever the Transpose stands', async () => {
    const lookup = 'e = Gather(t, i)'
    const turn = 'w = Transpose<perm = [1, 0]>(t)'
    for (const first of [`${lookup} ${turn}`, `${turn} ${lookup}`]) {
      const before = modelWith(`g (int64[2] i) => (float y) { ${first} y = MatMul(e, w) }`, { t: [200, 48] })
      const { model, report } = await run('quantizeWeights', before, { bits: 8, products: 'stored' })
      expect(checkModel(model)).toEqual([])
      expect(report.refused).toEqual([])
      expect(modelBytes(model)).toBeLessThan(modelBytes(before) / 2.5)
      const i = { dtype: 'int64' as const, dims: [2], data: BigInt64Array.of(3n, 77n) }
      expect(await noise(before, model, { i })).toBeGreaterThan(38)
    }
  })

  test('recurrent layers and embedding tables are stored too, also inside branches', async () => {
    const graph = `g (float[5,2,32] x, int64[5,2] i) => (float y) {
      e = Gather(t, i) s = Add(x, e) o, h, c = LSTM<hidden_size = 32>(s, w, r) f = Flatten<axis = 3>(o) y = Add(f, f)
    }`
    const before = modelWith(graph, { t: [200, 32], w: [1, 128, 32], r: [1, 128, 32] })
    const { model, report } = await run('quantizeWeights', before, { bits: 8 })
    expect(checkModel(model)).toEqual([])
    expect(report.applied).toBe(2)
    // Where 4 bits are asked for, these keep 8: one scale for fifteen codes of a whole row is too little.
    const four = await run('quantizeWeights', before, { bits: 4, stored: true })
    const stored = ({ graph }: Model) =>
      [...graph.initializers.values()].map(({ name, dtype }) => `${name} ${dtype}`).sort()
    expect(stored(four.model)).toEqual(stored(model))
    const plain = await run('quantizeWeights', before, { bits: 4 })
    expect(plain.report.refused.map(({ reason }) => reason)).toEqual(
      ['Gather', 'LSTM'].map(
        (name) => `the runtime has no 4-bit ${name}; only stored (--stored) its weights could take 8 bits`,
      ),
    )
    expect([...model.graph.initializers.values()].filter((tensor) => tensor.dtype === 'int8')).toHaveLength(3)
    expect(modelBytes(model)).toBeLessThan(modelBytes(before) / 2.5)
    const i = {
      dtype: 'int64' as const,
      dims: [5, 2],
      data: BigInt64Array.from({ length: 10 }, (_, k) => BigInt(k * 19)),
    }
    expect(await noise(before, model, { x: randomValue([5, 2, 32], 3), i })).toBeGreaterThan(35)
    expect((await kernelsOf(model)).Cast ?? 0).toBe(0)
    const branch = parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (bool p, float[3,64] x) => (float[3,64] y) {
      y = If (p) <then_branch = a () => (float[3,64] u) { u = MatMul(x, w) }, else_branch = b () => (float[3,64] v) { v = Identity(x) }>
    }`)
    const whole = {
      ...branch,
      graph: { ...branch.graph, initializers: new Map([['w', randomTensor([64, 64], 3, 0.1, 'w')]]) },
    }
    for (const options of [{ bits: 8, products: 'stored' }, { bits: 4 }]) {
      const nested = await run('quantizeWeights', whole, options)
      expect(nested.report.applied).toBe(1)
      expect(modelBytes(nested.model)).toBeLessThan(modelBytes(whole) / 2.5)
      const feeds = { p: { dtype: 'bool' as const, dims: [], data: Uint8Array.of(1) }, x: randomValue([3, 64], 3) }
      expect(await noise(whole, nested.model, feeds)).toBeGreaterThan(18)
    }
  })

  test('a block that the kernel does not know is refused', async () => {
    const before = modelWith('g (float[3,96] x) => (float y) { y = MatMul(x, w) }', { w: [96, 64] })
    for (const block of [8, 20, 0]) {
      const { model, report } = await run('quantizeWeights', before, { bits: 4, block })
      expect(model).toBe(before)
      expect(report.refused[0]!.reason).toContain(`a block of ${block}`)
    }
  })

  test('weights that two nodes share are stored once', async () => {
    const before = modelWith('g (float[1,16,9,9] x) => (float y) { a = Conv<pads = [1,1,1,1]>(x, w) y = Conv(a, w) }', {
      w: [16, 16, 5, 5],
    })
    const { model, report } = await run('quantizeWeights', before, { bits: 8 })
    expect(report.applied).toBe(2)
    expect([...model.graph.initializers.values()].filter((tensor) => tensor.dtype === 'int8')).toHaveLength(1)
    expect(model.graph.initializers.has('w')).toBe(false)
  })

  test.each([
    ['quantizeWeights', { bits: 4 }],
    ['quantizeWeights', { bits: 8 }],
    ['quantizeWeights', { bits: 8, products: 'stored' }],
    ['quantizeDynamicInt8', {}],
  ] as const)(
    'weights that branches read together, and the graph around them, are stored once: %s %o',
    async (id, options) => {
      const branching =
        parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (bool p, float[3,64] x) => (float[3,96] y, float[3,96] z) {
      y = If (p) <then_branch = a () => (float[3,96] u) { u = MatMul(x, w) },
                  else_branch = b () => (float[3,96] v) { n = Neg(x) h = MatMul(n, w) v = MatMul(h, own) }>
      z = MatMul(x, around) }`)
      const initializers = new Map([
        ['w', randomTensor([64, 96], 3, 0.1, 'w')],
        ['own', randomTensor([96, 96], 4, 0.1, 'own')],
        ['around', randomTensor([64, 96], 5, 0.1, 'around')],
      ])
      const before = { ...branching, graph: { ...branching.graph, initializers } }
      const { model, report } = await run(id, before, options)
      expect(report.applied).toBe(4)
      expect(checkModel(model)).toEqual([])
      // Codes of three matrices, and not of four.
      const codes = [...graphNames(model.graph)].filter((name) => /^(w|own|around)_(codes|quantized)/.test(name))
      expect(modelBytes(model)).toBeLessThan(modelBytes(before) / 2.1)
      expect(
        codes.filter((name) => name.startsWith('w_')),
        codes.join(),
      ).toHaveLength(1)
      for (const p of [0, 1]) {
        const feeds = { p: { dtype: 'bool' as const, dims: [], data: Uint8Array.of(p) }, x: randomValue([3, 64], 3) }
        expect(await noise(before, model, feeds)).toBeGreaterThan(14)
      }
    },
  )

  test('a table that came in float16 is no larger beside 4-bit products, and its rows are the same', async () => {
    const before = modelWith(
      'g (int64[2,5] i) => (float y, float e) { e = Gather(table, i) f = Gather(table, i) s = Add(e, f) y = MatMul(s, w) }',
      { table: [96, 64], w: [64, 64] },
    )
    const table = before.graph.initializers.get('table')!
    const halves = fromNumbers('float32', [96, 64], toNumbers(fromNumbers('float16', [96, 64], toNumbers(table))))
    const initializers = new Map([...before.graph.initializers, ['table', { ...halves, name: 'table' }]])
    const came = { ...before, graph: { ...before.graph, initializers } }
    const { model, report } = await run('quantizeWeights', came, { bits: 4 })
    expect(checkModel(model)).toEqual([])
    expect(report.refused.map(({ node }) => node)).toEqual(['e', 'f'])
    expect(modelBytes(came) - modelBytes(model)).toBeGreaterThan(96 * 64 * 2 + 64 * 64 * 3)
    const i = {
      dtype: 'int64' as const,
      dims: [2, 5],
      data: BigInt64Array.from({ length: 10 }, (_, k) => BigInt(9 * k)),
    }
    expect((await runOnce(model, { i })).e!.data).toEqual((await runOnce(came, { i })).e!.data)
    // One value that float16 does not hold, and the table stays as it is.
    const other = await run('quantizeWeights', before, { bits: 4 })
    expect(other.model.graph.initializers.get('table')?.dtype).toBe('float32')
  })

  test('a name in keepFloat is obeyed', async () => {
    const before = modelWith('g (float[3,96] x) => (float y) { y = MatMul(x, w) }', { w: [96, 64] })
    expect((await run('quantizeWeights', before, { bits: 4, keepFloat: ['MatMul'] })).model).toBe(before)
    expect((await run('quantizeDynamicInt8', before, { keepFloat: ['y'] })).model).toBe(before)
  })
})

describe('float16', () => {
  const graph =
    'g (float[1,16,9,9] x) => (float y) { a = Conv(x, w, b) r = Relu(a) s = Softmax<axis = 1>(r) y = Add(s, r) }'
  const weights = { w: [32, 16, 3, 3], b: [32] }
  const feeds = { x: randomValue([1, 16, 9, 9], 4) }

  test('stored: half the size, float32 when loaded, borders untouched', async () => {
    const before = modelWith(graph, weights)
    const { model, report } = await run('convertFloat16', before)
    expect(report.applied).toBe(1)
    expect(modelBytes(model)).toBeLessThan(modelBytes(before) * 0.55)
    expect((await kernelsOf(model)).Cast ?? 0).toBe(0)
    expect(await noise(before, model, feeds)).toBeGreaterThan(60)
  })

  test('stored: constants that are nodes as well, but for small ones, integers, and what is kept as asked', async () => {
    const numbers = (count: number, value = 0.5) => Array(count).fill(value).join(',')
    const model = parseModel(
      `<ir_version: 10, opset_import: ["" : 21]> g (float[64] x) => (float[64] y)
        <float[64] w = {${numbers(64)}}, float[64] v = {${numbers(64)}}, float[63] less = {${numbers(63)}}> {
          k = Constant<value = float[64] {${numbers(64)}}>()
          few = Constant<value = float[63] {${numbers(63)}}>()
          whole = Constant<value = int64[64] {${numbers(64, 1)}}>()
          far = Constant<value = float[64] {${numbers(64, 7e4)}}>()
          one = Constant<value_float = 2.5>()
          a = Mul(x, w) b = Add(a, v) c = Sub(b, k) d = Div(c, far) y = Mul(d, one) }`,
    )
    const { model: half, report } = await run('convertFloat16', model, { keepFloat: ['Add'] })
    expect(checkModel(half)).toEqual([])
    expect(report.applied).toBe(2)
    expect(half.graph.nodes.filter(({ opType }) => opType === 'Cast').map(({ outputs }) => outputs[0])).toEqual([
      'w',
      'k',
    ])
    expect(report.refused).toEqual([
      { node: 'v', reason: 'kept in float32 as asked' },
      { node: 'far', reason: expect.stringContaining('70000') },
    ])
    expect(await noise(model, half, { x: randomValue([64], 4) })).toBe(Number.POSITIVE_INFINITY)
    const kept = await run('convertFloat16', model, { keepFloat: ['Constant', 'Mul', 'Add'] })
    expect(kept.model).toBe(model)
  })

  test('computed in float16, with a list that keeps float32', async () => {
    const before = modelWith(graph, weights)
    const { model, report } = await run('convertFloat16', before, { compute: 'float16', keepFloat: ['Softmax'] })
    expect(checkModel(model)).toEqual([])
    expect(report.refused).toEqual([{ node: 's', reason: 'kept in float32 as asked' }])
    expect(model.graph.inputs).toEqual(before.graph.inputs)
    expect(model.graph.outputs).toEqual(before.graph.outputs)
    // One cast in, one around Softmax each way, one out.
    expect(model.graph.nodes.filter((node) => operatorName(node) === 'Cast')).toHaveLength(4)
    expect(await noise(before, model, feeds)).toBeGreaterThan(50)
  })

  test('weights beyond 65504 keep float32 and are named; those below 2⁻²⁵ are counted', async () => {
    const numbers = Array.from({ length: 64 }, (_, i) => (i === 3 ? 7e4 : 1))
    const model = parseModel(
      `<ir_version: 10, opset_import: ["" : 21]> g (float[64] x) => (float[64] y) <float[64] w = {${numbers.join(',')}}> { y = Mul(x, w) }`,
    )
    const kept = await run('convertFloat16', model)
    expect(kept.model).toBe(model)
    expect(kept.report.refused[0]!.reason).toContain('70000')
    const tiny = parseModel(
      `<ir_version: 10, opset_import: ["" : 21]> g (float[64] x) => (float[64] y) <float[64] w = {${numbers.map((_, i) => (i < 2 ? 1e-9 : 1)).join(',')}}> { y = Mul(x, w) }`,
    )
    expect((await run('convertFloat16', tiny)).report.notes).toEqual([
      '2 weights are too small for float16 and became 0',
    ])
  })
})

test.each(['quantizeDynamicInt8', 'quantizeWeights'])('%s: an Einsum with weights is told of', async (id) => {
  const graph =
    'g (float[4,64] x) => (float y) { h = Einsum<equation = "nd,dh->nh">(x, w) y = Einsum<equation = "nh,nh->n">(h, h) }'
  const { report } = await run(id, modelWith(graph, { w: [64, 64] }))
  expect(report.applied).toBe(0)
  expect(report.refused).toEqual([{ node: 'h', reason: expect.stringContaining('no integer kernel for Einsum') }])
})
