import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Attribute,
  byteLengthOf,
  type Dim,
  DTYPES,
  type DType,
  elementCount,
  type Graph,
  inMemory,
  type Model,
  ModelSyntaxError,
  type Node,
  parseModel,
  printModel,
  type SparseTensor,
  type Tensor,
  tensorValues,
  type ValueInfo,
  type ValueType,
} from '../index.ts'

/** A value without functions in it, so that two models can be compared deeply. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(plain)
  if (value instanceof Uint8Array) return `bytes ${[...value]}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : value
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([key, inner]) => [
    key,
    key === 'read' ? plain((inner as () => unknown)()) : plain(inner),
  ])
  return Object.fromEntries(entries)
}

const name = fc.oneof(
  fc.constantFrom(
    'x',
    'conv1/kernel:0',
    'a.b',
    'float',
    'seq',
    'nan',
    'inf',
    'hex',
    'a"b\\c',
    'ü',
    '@',
    '  ',
    'if',
    '日本',
  ),
  fc.string({ minLength: 1, maxLength: 5 }),
)
const text = fc.string({ unit: 'binary', maxLength: 6 })
const docString = fc.option(fc.constantFrom('two\nlines', '"q"', ''), { nil: undefined, freq: 6 })
const dtype = fc.constantFrom(...(Object.keys(DTYPES) as DType[]).filter((type) => type !== 'undefined'))
const dim: fc.Arbitrary<Dim> = fc.oneof(fc.nat(9), name, fc.constant(null))
const shape = fc.option(fc.array(dim, { maxLength: 3 }))

const types = fc.letrec<{ type: ValueType }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('tensor' as const), dtype, shape }),
    fc.record({ kind: fc.constant('sparse' as const), dtype, shape }),
    fc.record({ kind: fc.constant('sequence' as const), elem: fc.option(tie('type')) }),
    fc.record({ kind: fc.constant('optional' as const), elem: fc.option(tie('type')) }),
    fc.record({ kind: fc.constant('map' as const), key: dtype, value: fc.option(tie('type')) }),
  ),
}))

const drop = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as T

const tensor: fc.Arbitrary<Tensor> = fc
  .record({ dtype, dims: fc.array(fc.nat(3), { maxLength: 3 }), name: fc.oneof(fc.constant(''), name), docString })
  .chain(({ dtype, dims, name, docString }) => {
    const count = elementCount(dims)
    const bits = DTYPES[dtype].bits
    const length = byteLengthOf(dtype, count)
    if (dtype === 'string')
      return fc
        .array(fc.uint8Array({ maxLength: 4 }), { minLength: count, maxLength: count })
        .map((values) => drop({ name, dtype, dims, data: { form: 'strings' as const, values }, docString }) as Tensor)
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => {
      if (dtype === 'bool') bytes = bytes.map((byte) => byte & 1)
      const spare = length * 8 - count * bits
      if (bits < 8 && spare > 0) bytes[length - 1]! &= 0xff >> spare
      return drop({ name, dtype, dims, data: { form: 'raw' as const, bytes: inMemory(bytes) }, docString }) as Tensor
    })
  })

const sparse: fc.Arbitrary<SparseTensor> = fc
  .record({ values: tensor, indices: tensor, dims: fc.array(fc.nat(9), { maxLength: 2 }), name })
  .map(({ values, indices, dims, name }) => ({ values: { ...values, name }, indices, dims }))

const float = fc.float().map(Math.fround)
const int = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const bytes = fc.uint8Array({ maxLength: 4 })
const stringValue = fc.oneof(text, bytes)

const tree = fc.letrec<{ graph: Graph; node: Node; attribute: Attribute }>((tie) => ({
  attribute: fc
    .tuple(
      fc.oneof(
        { depthSize: 'small' },
        fc.record({ type: fc.constant('float' as const), value: float }),
        fc.record({ type: fc.constant('int' as const), value: int }),
        fc.record({ type: fc.constant('string' as const), value: stringValue }),
        fc.record({ type: fc.constant('tensor' as const), value: tensor }),
        fc.record({ type: fc.constant('sparseTensor' as const), value: sparse }),
        fc.record({ type: fc.constant('typeProto' as const), value: types.type }),
        fc.record({ type: fc.constant('floats' as const), value: fc.array(float, { maxLength: 3 }) }),
        fc.record({ type: fc.constant('ints' as const), value: fc.array(int, { maxLength: 3 }) }),
        fc.record({ type: fc.constant('strings' as const), value: fc.array(stringValue, { maxLength: 3 }) }),
        fc.record({ type: fc.constant('tensors' as const), value: fc.array(tensor, { maxLength: 2 }) }),
        fc.record({ type: fc.constant('sparseTensors' as const), value: fc.array(sparse, { maxLength: 2 }) }),
        fc.record({ type: fc.constant('typeProtos' as const), value: fc.array(types.type, { maxLength: 2 }) }),
        fc.record({ type: fc.constant('ref' as const), name, kind: fc.nat(14) }),
        fc.constant({ type: 'undefined' as const }),
        fc.record({ type: fc.constant('graph' as const), value: tie('graph') }),
        fc.record({ type: fc.constant('graphs' as const), value: fc.array(tie('graph'), { maxLength: 2 }) }),
      ),
      docString,
    )
    .map(([attribute, docString]) => drop({ ...attribute, docString }) as Attribute),
  node: fc
    .record({
      opType: name,
      domain: fc.constantFrom('', 'com.microsoft', 'my domain.x', 'aten:', '.'),
      name: fc.oneof(fc.constant(''), name),
      inputs: fc.array(fc.oneof(fc.constant(''), name), { maxLength: 3 }),
      outputs: fc.array(fc.oneof(fc.constant(''), name), { maxLength: 3 }),
      attributes: fc.array(fc.tuple(name, tie('attribute')), { maxLength: 3 }).map((list) => new Map(list)),
      overload: fc.option(name, { nil: undefined, freq: 5 }),
      docString,
      metadata: fc.option(fc.array(fc.tuple(text, text), { maxLength: 2 }), { nil: undefined, freq: 5 }),
    })
    .map((node) => drop(node) as Node),
  graph: fc
    .record({
      name,
      nodes: fc.array(tie('node'), { maxLength: 2, depthIdentifier: 'nodes' }),
      inputs: fc.array(valueInfo(), { maxLength: 2 }),
      outputs: fc.array(valueInfo(), { maxLength: 2 }),
      initializers: fc
        .array(fc.tuple(name, tensor), { maxLength: 2 })
        .map((list) => new Map(list.map(([name, tensor]) => [name, { ...tensor, name }]))),
      sparseInitializers: fc.option(fc.array(sparse, { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 4 }),
      valueInfos: fc.array(valueInfo(), { maxLength: 2 }).map((list) => new Map(list.map((v) => [v.name, v]))),
      docString,
    })
    .map((graph) => drop(graph) as Graph),
}))

function valueInfo(): fc.Arbitrary<ValueInfo> {
  const type = fc.oneof(
    { weight: 5, arbitrary: types.type },
    { weight: 1, arbitrary: fc.constant({ kind: 'unknown' as const }) },
  )
  return fc.record({ name, type, docString }).map((value) => drop(value) as ValueInfo)
}

const opsets = fc.array(fc.tuple(fc.constantFrom('', 'com.microsoft', 'ü'), fc.nat(30))).map((list) => new Map(list))

const model: fc.Arbitrary<Model> = fc.record({
  irVersion: fc.nat(13),
  opsets,
  producerName: text,
  producerVersion: text,
  domain: text,
  modelVersion: int,
  docString: text,
  metadata: fc.array(fc.tuple(text, text), { maxLength: 2 }),
  graph: tree.graph,
  functions: fc.array(
    fc
      .record({
        name,
        domain: text,
        overload: fc.option(name, { nil: undefined }),
        inputs: fc.array(name, { maxLength: 2 }),
        outputs: fc.array(name, { maxLength: 2 }),
        attributes: fc.array(name, { maxLength: 2 }),
        defaults: fc.array(fc.tuple(name, tree.attribute), { maxLength: 2 }).map((list) => new Map(list)),
        opsets,
        nodes: fc.array(tree.node, { maxLength: 2 }),
        valueInfos: fc.array(valueInfo(), { maxLength: 2 }).map((list) => new Map(list.map((v) => [v.name, v]))),
        docString,
      })
      .map((fn) => drop(fn) as Model['functions'][number]),
    { maxLength: 2 },
  ),
})

test('every model reads back equal from its text', () => {
  fc.assert(
    fc.property(model, (before) => {
      expect(plain(parseModel(printModel(before)))).toEqual(plain(before))
    }),
    { numRuns: 200 },
  )
})

test("ONNX's own example reads as ONNX reads it", () => {
  const { opsets, irVersion, graph } = parseModel(`
    <ir_version: 7, opset_import: [ "" : 10, "com.microsoft" : 1 ]>
    agraph (float[N, 128] X, float[128, 10] W, float[10] B) => (float[N, 10] C)
      <float[128] q = {${Array(128).fill('0.5').join()}}, int64[2] "shape/1" = {-1, 10}, float T>
    { # a comment
      [matmul_1] T = MatMul(X, W)
      S = com.microsoft.Op <attr = 1, f = 1.0, l = [1, 2], s = "a\\"b", e: ints = [], g = sub () => (y) { y = Relu(T) }> (T, , B)
      C, _ = Dropout(S,) <seed: int = 3>
    }`)
  expect(irVersion).toBe(7)
  expect([...opsets]).toEqual([
    ['', 10],
    ['com.microsoft', 1],
  ])
  expect(graph.inputs.map((value) => value.type)).toEqual([
    { kind: 'tensor', dtype: 'float32', shape: ['N', 128] },
    { kind: 'tensor', dtype: 'float32', shape: [128, 10] },
    { kind: 'tensor', dtype: 'float32', shape: [10] },
  ])
  expect([...tensorValues(graph.initializers.get('shape/1')!)]).toEqual([-1n, 10n])
  expect(graph.valueInfos.get('T')!.type).toEqual({ kind: 'tensor', dtype: 'float32', shape: [] })
  const [matmul, op, dropout] = graph.nodes
  expect([matmul!.name, matmul!.opType]).toEqual(['matmul_1', 'MatMul'])
  expect([op!.domain, op!.opType, op!.inputs]).toEqual(['com.microsoft', 'Op', ['T', '', 'B']])
  const attributes = Object.fromEntries(op!.attributes)
  expect(attributes).toMatchObject({
    attr: { type: 'int', value: 1n },
    f: { type: 'float', value: 1 },
    l: { type: 'ints', value: [1n, 2n] },
    s: { type: 'string', value: 'a"b' },
    e: { type: 'ints', value: [] },
  })
  expect(attributes.g?.type === 'graph' && attributes.g.value.nodes[0]!.inputs).toEqual(['T'])
  expect(dropout!.inputs).toEqual(['S'])
  expect(dropout!.attributes.get('seed')).toEqual({ type: 'int', value: 3n })
})

test('numbers keep their bits', () => {
  const { graph } = parseModel(`g () => ()
    <float[6] a = {0.1, -0, nan, -inf, 1e-45, nan(0xffc00001)}, float16[3] h = {1.0, 15361, inf}, int4[3] q = {-8, 7, 1},
     bool[2] b = {true, 0}, uint64 u = {18446744073709551615}> {}`)
  const bits = (name: string) => Buffer.from(tensorValues(graph.initializers.get(name)!).buffer).toString('hex')
  expect(bits('a')).toBe('cdcccc3d000000800000c07f000080ff010000000100c0ff')
  expect(bits('h')).toBe('003c013c007c')
  expect(bits('q')).toBe('7801')
  expect(bits('b')).toBe('0100')
  expect(bits('u')).toBe('ffffffffffffffff')
})

test('what is wrong is said with its line and column', () => {
  const at = (text: string) => {
    try {
      parseModel(text)
      return 'parsed'
    } catch (error) {
      return error instanceof ModelSyntaxError ? error.message : `internal ${error}`
    }
  }
  expect(at('g (float x) => (y)\n{ y = Relu(x }')).toBe("2:14: expected ')', found '}'")
  expect(at('g (flout x) => () {}')).toBe("1:10: expected ')', found 'x'")
  expect(at('g () => () <float[3] w = {1, 2}> {}')).toBe('1:26: expected 3 elements, found 2')
  expect(at('g () => () <uint8 w = {256}> {}')).toBe('1:23: 256 is out of range for uint8')
  expect(at('g () => () { y = Op <a = [1, "x"]> () }')).toBe('1:26: the value is not of type ints')
  expect(at('g () => () { y = Op <a = "x> () }')).toBe('1:26: string without its closing quote')
  expect(at('g () => () {')).toBe("1:13: expected '=', found the end of the text")
})

test('a big constant can be left out, and the text then says so to its reader', () => {
  const before = parseModel('g () => () <int64[6] w = {1, 2, 3, 4, 5, 6}> {}')
  const short = printModel(before, { maxElements: 5 })
  expect(short).toContain('int64[6] w = {1, 2, 3, 4, ...}')
  expect(() => parseModel(short)).toThrow('left out')
})
