import { expect, test } from 'vitest'
import { type Model, type Node, parseModel, tensorOf } from '../ir/index.ts'
import { inspect } from './inspect.ts'

test('weights count wherever they are: initializers, Constant nodes, and those of nested graphs', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,2] x, bool b) => (float[N,2] y) <float[2,2] w = {1,2,3,4}>
    { h = MatMul(x, w)
      c = Constant<value = float[2] {5,6}>()
      i = Add(h, c)
      y = If (b) <then_branch = t () => (float[N,2] p) <float[2] d = {7,8}> { p = Mul(i, d) },
                  else_branch = e () => (float[N,2] q) { k = Constant<value_float = 2.0>()
                    q = Mul(i, k) }> }`)
  const { parameters, memory } = inspect(model)
  expect(parameters).toBe(4 + 2 + 2 + 1)
  expect(memory?.weightBytes).toBe(9 * 4)
})

test('of sparse weights the values that are stored count, and the bytes of their places', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,2] x) => (float[N,2] y) { y = MatMul(x, w) }`)
  const tensor = (name: string, values: readonly number[], dtype: 'float32' | 'int64') =>
    tensorOf(dtype, [values.length], dtype === 'int64' ? BigInt64Array.from(values, BigInt) : values, name)
  const w = { values: tensor('w', [5, 6, 7], 'float32'), indices: tensor('', [0, 1, 3], 'int64'), dims: [2, 2] }
  const made: Node = {
    opType: 'Constant',
    domain: '',
    name: '',
    inputs: [],
    outputs: ['w'],
    attributes: new Map([['sparse_value', { type: 'sparseTensor', value: w }]]),
  }
  const initializer: Model = { ...model, graph: { ...model.graph, sparseInitializers: [w] } }
  const constant: Model = { ...model, graph: { ...model.graph, nodes: [made, ...model.graph.nodes] } }
  for (const sparse of [initializer, constant])
    expect(inspect(sparse)).toMatchObject({ parameters: 3, memory: { weightBytes: 3 * 4 + 3 * 8 } })
})

test('what a linear model or a forest learned stands in attributes, and counts as well', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]>
    g (float[N,2] x) => (float[N,1] y)
    { y = ai.onnx.ml.LinearRegressor<coefficients: floats = [1.5, 2.5], intercepts: floats = [0.5], targets: int = 1>(x) }`)
  expect(inspect(model)).toMatchObject({ parameters: 3, memory: { weightBytes: 3 * 4 } })
})

test('nodes that share a name are told of: the runtime would refuse them', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N] x) => (float[N] y) { h = Neg(x)
      y = Abs(h) }`)
  const named: Model = {
    ...model,
    graph: { ...model.graph, nodes: model.graph.nodes.map((node) => ({ ...node, name: 'a' })) },
  }
  expect(inspect(model).warnings).toEqual([])
  expect(inspect(named).warnings).toEqual([expect.stringMatching(/2 nodes are named "a"/)])
})

test('inputs that have a value in the file are told of, where the file need not list its weights as inputs', () => {
  const parsed = (irVersion: number) =>
    parseModel(`<ir_version: ${irVersion}, opset_import: ["" : 12]>
      g (float[N] x, float[1] heat) => (float[N] y) <float[1] heat = {2}> { y = Mul(x, heat) }`)
  expect(inspect(parsed(4)).warnings).toEqual([expect.stringMatching(/taken as constants .*: "heat"$/)])
  expect(inspect(parsed(3)).warnings).toEqual([])
})

test('a file that rounds in each run is told what can be done about it', () => {
  const told = (body: string) =>
    inspect(
      parseModel(`<ir_version: 8, opset_import: ["" : 17]> g (float[N,2] x) => (float[N,2] y)
        <int8[2,2] w = {1,2,3,4}, float s = {0.1}, float16[2,2] h = {1,2,3,4}> { ${body} }`),
    ).possibilities!.join()
  const rounded =
    'c, r, z = DynamicQuantizeLinear(x) i = MatMulInteger(c, w, z) f = Cast<to = 1>(i) t = Mul(r, s) y = Mul(f, t)'
  expect(told(rounded)).toMatch(/round what they read in each run: whet optimize undoes that/)
  expect(told('f = Cast<to = 1>(h) y = MatMul(x, f)')).toMatch(/float16: whet optimize/)
  expect(told('q = QuantizeLinear(x, s) y = DequantizeLinear(q, s)')).toMatch(
    /already quantized in part: whet quantize leaves/,
  )
})

test('trees and linear models are not promised integers; sizes without a name have none', () => {
  const pipeline = (body: string) =>
    inspect(
      parseModel(`<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]> g (float[N,2] x) => (int64 y)
        <float[2,2] w = {1,2,3,4}> { ${body} s = ai.onnx.ml.Scaler<offset = [0.0, 0.0], scale = [1.0, 1.0]>(${body ? 'h' : 'x'})
        l, p = ai.onnx.ml.LinearClassifier<coefficients = [1.0, 2.0, 3.0, 4.0], intercepts = [0.0, 0.0], classlabels_ints = [0, 1]>(s)
        y = Identity(l) }`),
    )
  const trees = pipeline('')
  expect(trees.possibilities![0]).toMatch(/^nothing here becomes integer: trees/)
  expect(trees).not.toHaveProperty('trees')
  expect(trees.outputs[0]!.shape?.some((size) => String(size).startsWith('?'))).not.toBe(true)
  expect(pipeline('h = MatMul(x, w)').possibilities!.join()).not.toMatch(/nothing here becomes integer/)
})

test('trees and their splits are counted, with leaves as nodes or in lists of their own', () => {
  const treesOf = (attributes: string) =>
    inspect(
      parseModel(`<ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 5]> g (float[N,2] x) => (float[N,1] y)
        { y = ai.onnx.ml.${attributes}(x) }`),
    ).trees
  expect(
    treesOf(`TreeEnsembleRegressor<nodes_treeids = [0, 0, 0, 7], nodes_nodeids = [0, 1, 2, 0],
      nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF", "LEAF"]>`),
  ).toEqual({ trees: 2, splits: 1 })
  expect(treesOf('TreeEnsemble<tree_roots = [0, 2], nodes_featureids = [0, 1, 1]>')).toEqual({ trees: 2, splits: 3 })
})

test('commands that are offered name the file as a shell takes it', () => {
  const model = parseModel('g (float[N,2] x) => (float[N,2] y) <float[2,2] w = {1,2,3,4}> { y = MatMul(x, w) }')
  const offered = inspect(model, { path: "it's/my model.onnx" }).possibilities!.join()
  expect(offered).toContain(`whet optimize 'it'\\''s/my model.onnx' --data YOUR_ROWS -o out`)
  expect(offered).not.toMatch(/\b(MODEL|OUT|DIR)\b/)
})

test('what functions compute counts like what stands outside', () => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 20, "local" : 1]>
    g (float[3,2] x) => (float[3,2] y) <float[2,2] w = {1,2,3,4}> { h = local.Block(x, w)
      y = local.Block(h, w) }
    <domain: "local", opset_import: ["" : 20]> Block (x, w) => (y) { m = MatMul(x, w)
      y = Relu(m) }`)
  const { macs, operators, possibilities } = inspect(model)
  expect(macs).toBe(2 * 3 * 2 * 2)
  expect(operators).toEqual({ 'local.Block': 2 })
  expect(possibilities!.join()).toMatch(/dynamic int8/)
  expect(possibilities![0]).toMatch(/whet optimize MODEL/)
})

test.each([
  [
    'float[N,3] x, float[M,3,sequence] z',
    'y = MatMul (x, w)',
    'shapes are open (give --shape x=1,3 --shape z=1,3,128)',
  ],
  ['float[2,3] x, float[] z', 'y = MatMul (z, w)', 'shapes are open (give --shape z=N,N,…)'],
  ['float[2,3] x', 'y = my.Op (x)', 'what my.Op computes is not known here'],
  ['float[2,3] x', 'y = com.microsoft.GemmFloat8 (x, w)', 'what com.microsoft.GemmFloat8 computes is not known here'],
  [
    'float[2,3] x, int64 n, bool b',
    'y = Loop (n, b) <body = l (int64 i, bool c) => (bool d, float[2,4] p) { d = Identity (c)  p = MatMul (x, w) }>',
    'how often Loop runs what is in it is known only when it does',
  ],
  [
    'float[T,2,3] x',
    'y = Scan <num_scan_inputs = 1, body = s (float[2,3] r) => (float[2,4] p) { p = MatMul (r, w) }> (x)',
    'shapes are open (give --shape x=1,2,3)',
  ],
  [
    'float[2,3] x, bool b',
    'y = If (b) <then_branch = t () => (p) { p = Relu (x) }, else_branch = e () => (q) { q = my.Op (x) }>',
    'what my.Op computes is not known here',
  ],
  [
    'float[4] x',
    'n = NonZero (x)  f = Cast <to = 1> (n)  y = MatMul (v, f)',
    'the sizes of what MatMul reads are known only when the model runs',
  ],
])('why multiply-accumulates cannot be told: of %s, %s', (inputs, nodes, reason) => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1, "my" : 1]>
    g (${inputs}, float[3,4] w, float[1,1] v) => () { ${nodes} }`)
  expect(inspect(model)).toMatchObject({ macs: null, macsReason: reason })
})

test('where they can be told no reason is given', () => {
  const model = parseModel('g (float[2,3] x, float[3,4] w) => () { y = MatMul (x, w) }')
  expect(inspect(model)).toMatchObject({ macs: 24 })
  expect(inspect(model)).not.toHaveProperty('macsReason')
})
