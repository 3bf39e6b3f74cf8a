import { describe, expect, test } from 'vitest'
import { decibels, modelWith, randomValue, runHere } from '../../../../tests/quantize-kit.ts'
import { checkModel, type Model, tensorOf, tensorValues } from '../../../ir/index.ts'
import type { MomentsReport } from '../../../report/index.ts'
import type { Evidence } from '../../../rewrite/index.ts'
import { quantizeWeights } from './quantize-weights.ts'
import { type ScaleInputsOptions, scaleWeightInputs } from './scale-weight-inputs.ts'

const WIDTH = 64
const LARGE = 40

/** Every eighth channel forty times as large as the others. */
const outliers = (k: number) => (k % 8 === 0 ? LARGE : 1)
const observed = (meanAbs: (k: number) => number, gram?: (i: number, k: number) => number): readonly Evidence[] => {
  const vector = Float32Array.from({ length: WIDTH }, (_, k) => meanAbs(k))
  const square = gram && Float32Array.from({ length: WIDTH ** 2 }, (_, at) => gram(Math.floor(at / WIDTH), at % WIDTH))
  const values = { x: { vectors: 1, meanAbs: { digest: 'm' }, ...(square && { gram: { digest: 'g' } }) } }
  const tensors = new Map([['m', vector], ...(square ? [['g', square] as const] : [])])
  return [{ report: { kind: 'moments', values } as unknown as MomentsReport, tensors }]
}

const SIZES: Readonly<Record<string, readonly number[]>> = {
  ...{ b: [WIDTH], g: [WIDTH], k: [1], q: [4, WIDTH], r: [1, WIDTH] },
  ...{ u: [WIDTH, 3 * WIDTH], v: [WIDTH, 8], w: [WIDTH, WIDTH] },
}
/** h [2, 4, 64] and whatever else is asked for as inputs; weights by their first letter. */
const graph = (body: string, outputs = 'y', inputs = '', constants = '') => {
  const names = new Set(body.match(/\b[bgkqruvw]\d?\b/g))
  return modelWith(
    `g (float[2, 4, ${WIDTH}] h${inputs}) => (${outputs.replace(/\w+/g, 'float $&')}) ${constants && `<${constants}>`} { ${body} }`,
    Object.fromEntries([...names].map((name) => [name, SIZES[name[0]!]!])),
  )
}
const run = (model: Model, options: Partial<ScaleInputsOptions> = {}, evidence = observed(outliers)) =>
  scaleWeightInputs.run(model, { bits: 4, block: 32, ...options }, evidence)
const constantOf = (model: Model, output: string, slot: number) => {
  const node = model.graph.nodes.find(({ outputs }) => outputs.includes(output))!
  return tensorValues(model.graph.initializers.get(node.inputs[slot]!)!) as Float32Array
}
const feeds = { h: randomValue([2, 4, WIDTH], 3) }

describe('the function stays the same, with not a node more, where the scales go into', () => {
  test.each([
    ['a factor', 'x = Mul(h, g)'],
    ['a factor on the left', 'x = Mul(g, h)'],
    ['a factor of one row', 'x = Mul(h, r)'],
    ['a normalization', 'x = LayerNormalization(h, g, b)'],
    ['a normalization without a bias', 'x = LayerNormalization(h, g)'],
    ['a product', 'x = MatMul(h, w1)'],
    ['a product and its bias', 'p = MatMul(h, w1) x = Add(p, b)'],
    ['a product behind its bias', 'p = MatMul(h, w1) x = Add(b, p)'],
    ['a product of two dimensions', 'f = Flatten<axis = 2>(h) x = Gemm(f, w1, b)'],
    ['a turned one', 'f = Flatten<axis = 2>(h) x = Gemm<transB = 1>(f, w1, b)'],
    ['what a bend is applied to', 'p = MatMul(h, w1) x = Relu(p)'],
    ['what a leaky bend is applied to', 'p = MatMul(h, w1) x = LeakyRelu<alpha = 0.1>(p)'],
    ['the left side of a gate', 'p = MatMul(h, w1) s = Sigmoid(h) x = Mul(p, s)'],
    ['the right side of a gate', 'p = MatMul(h, w1) s = Sigmoid(h) x = Mul(s, p)'],
  ])('%s', async (_, body) => {
    const model = graph(`${body} y = MatMul(x, w)`)
    const { model: after, report } = await run(model)
    expect(report).toMatchObject({ applied: 1, refused: [] })
    expect(checkModel(after)).toEqual([])
    expect(after.graph.nodes.map(({ opType }) => opType)).toEqual(model.graph.nodes.map(({ opType }) => opType))
    expect(constantOf(after, 'y', 1)).not.toEqual(constantOf(model, 'y', 1))
    expect(decibels((await runHere(model, feeds)).y!, (await runHere(after, feeds)).y!)).toBeGreaterThan(100)
  })

  test.each([
    ['turned weights', 'y = Gemm<transB = 1>(f, w, b)'],
    ['weights under a factor', 'y = Gemm<alpha = 0.5>(f, w, b)'],
    ['both', 'y = Gemm<alpha = 0.5, transB = 1>(f, w)'],
  ])('%s of the reader', async (_, reader) => {
    const model = graph(`e = Flatten<axis = 2>(h) x = Mul(e, g) ${reader.replace('(f', '(x')}`)
    const { model: after, report } = await run(model)
    expect(report.applied).toBe(1)
    expect(decibels((await runHere(model, feeds)).y!, (await runHere(after, feeds)).y!)).toBeGreaterThan(100)
  })

  const SPLIT = 'p = MatMul(h, u)'
  const ENDS = 'int64[1] l = {-1}, int64[1] m = {1}, int64[1] n0 = {0}, int64[1] n1 = {64}, int64[1] n2 = {128}'
  const SLICES = `${SPLIT} a = Slice(p, n0, n1, l) x = Slice(p, n1, n2, l)`
  test.each([
    ['the second of three', `${SPLIT} a, x, c = Split<axis = -1, num_outputs = 3>(p) z = Mul(a, c)`, ''],
    ['the same by its axis', `${SPLIT} a, x, c = Split<axis = 2, num_outputs = 3>(p) z = Mul(a, c)`, ''],
    ['one of several sizes', `${SPLIT} z, x, c = Split<axis = -1>(p, parts)`, 'int64[3] parts = {32, 64, 96}'],
    ['one of several slices', `${SLICES} z = Tanh(a)`, ENDS],
    [
      'the same with a step of 1',
      `${SPLIT} x = Slice(p, n1, n2, l, m) z = Slice(p, n2, far, l, m)`,
      `${ENDS}, int64[1] far = {999}`,
    ],
    [
      'one counted from the end',
      `${SPLIT} x = Slice(p, f, t, l) z = Slice(p, n0, n1, l)`,
      `${ENDS}, int64[1] f = {-128}, int64[1] t = {-64}`,
    ],
  ])('a part of a joint product: %s', async (_, body, constants) => {
    const model = graph(`${body} y = MatMul(x, w)`, 'y, z', '', constants)
    const { model: after, report } = await run(model)
    expect(report).toMatchObject({ applied: 1, refused: [] })
    expect(constantOf(after, 'p', 1)).not.toEqual(constantOf(model, 'p', 1))
    const [before, scaled] = [await runHere(model, feeds), await runHere(after, feeds)]
    expect(decibels(before.y!, scaled.y!)).toBeGreaterThan(100)
    // What the other parts hold is as it was.
    expect(scaled.z!.data).toEqual(before.z!.data)
  })

  test.each([
    [
      'what x reads is read elsewhere as well',
      `${SPLIT} x = Slice(p, n1, n2, l) z = Slice(p, n0, o, l)`,
      `${ENDS}, int64[1] o = {65}`,
    ],
    [
      'what x reads is read elsewhere as well',
      `${SPLIT} x = Slice(p, n1, n2, l) z = Slice(p, o, far, l)`,
      `${ENDS}, int64[1] o = {127}, int64[1] far = {999}`,
    ],
    ['what x reads is read elsewhere as well', `${SPLIT} x = Slice(p, n1, n2, l) z = Tanh(p)`, ENDS],
    [
      'Slice in front of it cannot take the scales',
      `${SPLIT} x = Slice(p, n1, far, l, s) z = Tanh(h)`,
      `${ENDS}, int64[1] far = {191}, int64[1] s = {2}`,
    ],
    [
      'Slice in front of it cannot take the scales',
      'p = MatMul(h, w1) x = Slice(p, n0, two, m) z = Tanh(h)',
      `${ENDS}, int64[1] two = {2}`,
    ],
    ['Split in front of it cannot take the scales', 'p = MatMul(h, w1) x, z = Split<axis = 1, num_outputs = 2>(p)', ''],
  ])('%s: %s', async (reason, body, constants) => {
    const model = graph(`${body} y = MatMul(x, w)`, 'y, z', '', constants)
    expect((await run(model)).report).toMatchObject({ applied: 0, refused: [{ node: 'y', reason }] })
  })

  test('every reader is scaled, the one that is too small for codes too', async () => {
    const model = graph('x = Mul(h, g) y = MatMul(x, w) z = MatMul(x, v)', 'y, z')
    const { model: after, report } = await run(model)
    expect(report).toMatchObject({ applied: 1, refused: [] })
    const [a, b] = [await runHere(model, feeds), await runHere(after, feeds)]
    for (const name of ['y', 'z']) expect(decibels(a[name]!, b[name]!)).toBeGreaterThan(100)
  })
})

test.each<[string, string, Partial<{ outputs: string; inputs: string; options: Partial<ScaleInputsOptions> }>]>([
  ['its input is an output of the graph', 'x = Mul(h, g) y = MatMul(x, w)', { outputs: 'y, x' }],
  ['its input is an input of the graph', 'y = MatMul(x, w)', { inputs: `, float[2, 4, ${WIDTH}] x`, outputs: 'y' }],
  ['its input is also read by z', 'x = Mul(h, g) y = MatMul(x, w) z = Relu(x)', { outputs: 'y, z' }],
  ['its weights are shared with another node', 'x = Mul(h, g) y = MatMul(x, w) z = MatMul(h, w)', { outputs: 'y, z' }],
  ['Sigmoid in front of it cannot take the scales', 'x = Sigmoid(h) y = MatMul(x, w)', {}],
  ['Add in front of it cannot take the scales', 'x = Add(h, h) y = MatMul(x, w)', {}],
  ['nothing in front of x can take the scales', 's = Tanh(h) e = Sigmoid(h) x = Mul(s, e) y = MatMul(x, w)', {}],
  [
    'the weights of x cannot take the scales',
    'x = MatMul(h, w1) y = MatMul(x, w) z = MatMul(h, w1)',
    { outputs: 'y, z' },
  ],
  [
    'what x reads is read elsewhere as well',
    'p = MatMul(h, w1) x = Relu(p) y = MatMul(x, w) z = Tanh(p)',
    { outputs: 'y, z' },
  ],
  ['what x reads is read elsewhere as well', 'p = MatMul(h, w1) x = Relu(p) y = MatMul(x, w)', { outputs: 'y, p' }],
  ['nothing in front of x can take the scales', 'p = MatMul(h, w1) x = Mul(p, p) y = MatMul(x, w)', {}],
  ['no scale of its inputs makes the codes better', 'x = Mul(h, g) y = MatMul(x, v)', {}],
  ['nothing in front of x can take the scales', 'x = Mul(h, q) y = MatMul(x, w)', {}],
  ['the factors of x are not one a channel', 'x = LayerNormalization<axis = 1>(h, q, q1) y = MatMul(x, w)', {}],
  ['the weights of x cannot take the scales', 'f = Flatten<axis = 2>(h) x = Gemm(f, w1, k) y = MatMul(x, w)', {}],
  ['Tanh in front of it cannot take the scales', 'p = Tanh(h) x = Add(p, b) y = MatMul(x, w)', {}],
  ['its input is also read by y', 't = Transpose<perm = [0, 2, 1]>(h) x = Mul(h, g) y = MatMul(t, x)', {}],
  [
    'kept in float as asked',
    'x = Mul(h, g) y = MatMul(x, w) z = MatMul(x, w1)',
    { outputs: 'y, z', options: { keepFloat: ['z'] } },
  ],
  ['kept in float as asked', 'x = Mul(h, g) y = MatMul(x, w)', { options: { keepFloat: ['y'] } }],
])('%s: %s is left alone', async (reason, body, { outputs, inputs, options }) => {
  const model = graph(body, outputs, inputs)
  const { model: after, report } = await run(model, options)
  expect(report).toMatchObject({ applied: 0, refused: [{ node: 'y', reason }] })
  expect(after.graph.initializers).toEqual(model.graph.initializers)
})

describe('the scales', () => {
  const model = graph('x = Mul(h, g) y = MatMul(x, w)')
  /** What the factor was divided by. */
  const scalesOf = (after: Model) => {
    const [before, divided] = [constantOf(model, 'x', 1), constantOf(after, 'x', 1)]
    return before.map((value, k) => value / divided[k]!)
  }

  test('are a power of the mean magnitudes, a twentieth of 1 at a time, around 1', async () => {
    const scales = scalesOf((await run(model)).model)
    const power = Math.log(scales[0]! / scales[1]!) / Math.log(LARGE)
    expect(power * 20).toBeCloseTo(Math.round(power * 20), 3)
    expect(power).toBeGreaterThan(0)
    expect(power).toBeLessThan(1.001)
    for (const [k, scale] of scales.entries())
      expect(scale).toBeCloseTo(Math.sqrt(LARGE) ** (k % 8 === 0 ? power : -power), 4)
  })

  test('are the same in whatever unit it was observed, and by magnitudes or by products that tell no more', async () => {
    const scales = scalesOf((await run(model)).model)
    const same = [observed((k) => outliers(k) / 1000), observed(outliers, (i, k) => (i === k ? outliers(k) ** 2 : 0))]
    for (const evidence of same)
      for (const [k, scale] of scalesOf((await run(model, {}, evidence)).model).entries())
        expect(scale).toBeCloseTo(scales[k]!, 4)
  })

  test('are the magnitudes themselves where weights of large channels are small; channels never seen keep theirs', async () => {
    const unseen = (k: number) => k % 8 === 1
    const w = (tensorValues(model.graph.initializers.get('w')!) as Float32Array).map((value, i) =>
      Math.floor(i / WIDTH) % 8 < 2 ? value / 100 : value,
    )
    const initializers = new Map(model.graph.initializers).set('w', tensorOf('float32', [WIDTH, WIDTH], w, 'w'))
    const small = { ...model, graph: { ...model.graph, initializers } }
    const scales = scalesOf(
      (
        await run(
          small,
          {},
          observed((k) => (unseen(k) ? 0 : outliers(k))),
        )
      ).model,
    )
    for (const [k, scale] of scales.entries())
      expect(scale).toBeCloseTo(unseen(k) ? 1 : outliers(k) / Math.sqrt(LARGE), 4)
  })

  test('are none where no channel is larger than another, or nothing was observed', async () => {
    const reason = 'no scale of its inputs makes the codes better'
    expect(
      (
        await run(
          model,
          {},
          observed(() => 3),
        )
      ).report,
    ).toMatchObject({ applied: 0, refused: [{ reason }] })
    const { model: same, report } = await run(model, {}, [])
    expect(same).toBe(model)
    expect(report.refused[0]!.reason).toMatch(/^no moments/)
  })

  test.each([
    ['their magnitudes', observed(outliers)],
    ['their products', observed(outliers, (i, k) => (i === k ? outliers(k) ** 2 : 0))],
  ])('make codes lose less of what is read, by %s', async (_, evidence) => {
    const x = randomValue([2, 4, WIDTH], 5)
    const h = {
      ...x,
      data: (x.data as Float32Array).map(
        (value, i) => (value * outliers(i % WIDTH)) / constantOf(model, 'x', 1)[i % WIDTH]!,
      ),
    }
    const lost = async (from: Model) => {
      const codes = (await quantizeWeights.run(from, { bits: 4, block: 32 }, [])).model
      return decibels((await runHere(model, { h })).y!, (await runHere(codes, { h })).y!)
    }
    expect(await lost((await run(model, {}, evidence)).model)).toBeGreaterThan((await lost(model)) + 1)
  })
})
