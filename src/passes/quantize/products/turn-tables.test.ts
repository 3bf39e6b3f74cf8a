import { expect, test } from 'vitest'
import { decibels, inIntegers, kernelsOf, modelWith, runOnce } from '../../../../tests/quantize-kit.ts'
import { opsOf, rewriteWith } from '../../../../tests/rewrite-kit.ts'
import { checkModel, type Model, tensorOf } from '../../../ir/index.ts'
import { modelBytes } from '../../../onnx/index.ts'
import { quantizeDynamicInt8, turnTables } from '../index.ts'
import { productSafety } from '../portable.ts'
import { tieTurned } from './tie-turned.ts'

const [WORDS, WIDTH] = [400, 64]
/** The table of an embedding is the weights of the last product, as exporters of language models store it. */
const tied = (more = '', outputs = '') =>
  modelWith(
    `g (int64[3] i) => (float y${outputs}) {
       e = Gather(t, i) p = MatMul(e, w) turned = Transpose<perm = [1,0]>(t) y = MatMul(p, turned) ${more} }`,
    { t: [WORDS, WIDTH], w: [WIDTH, WIDTH] },
  )
const i = { dtype: 'int64', dims: [3], data: BigInt64Array.of(3n, 399n, 17n) } as const
const turnedOf = async (model: Model) => (await turnTables.run(model, {}, [])).model
const dynamic = async (model: Model, options: object = {}) =>
  quantizeDynamicInt8.run(await turnedOf(model), { tables: 'stored', ...options } as never, [])

test('a table that lookups and a product share is laid a second time, for the product to have constant weights', async () => {
  const { before, after, ops } = await rewriteWith(turnTables, tied())
  expect(ops).toEqual(['Gather', 'MatMul', 'MatMul'])
  expect(after.graph.initializers.get('turned')!.dims).toEqual([WIDTH, WORDS])
  expect((await runOnce(after, { i })).y!.data).toEqual((await runOnce(before, { i })).y!.data)
})

test.each([
  ['a turned table that something else reads', tied('z = Relu(turned)', ', float z')],
  ['a turned table that is handed out', tied('', ', float turned')],
])('left alone: %s', async (_, model) => {
  const { report } = await rewriteWith(turnTables, model)
  expect(report.applied).toBe(0)
})

test('dynamic integers multiply by the codes that lookups read, which stand in the file once', async () => {
  const before = tied()
  const { model, report } = await dynamic(before)
  expect(checkModel(model)).toEqual([])
  expect(report).toMatchObject({ applied: 3, refused: [], planned: { DynamicQuantizeMatMul: 2 } })
  expect(await kernelsOf(model)).toMatchObject({ DynamicQuantizeMatMul: 2 })
  // One byte a number, and no table twice.
  const numbers = WORDS * WIDTH + WIDTH * WIDTH
  expect(modelBytes(model)).toBeLessThan(1.35 * numbers)
  expect(modelBytes(model)).toBeLessThan(0.35 * modelBytes(before))
  expect(decibels((await runOnce(before, { i })).y!, (await runOnce(model, { i })).y!)).toBeGreaterThan(30)
  // What may saturate elsewhere is told from its weights, turned or not.
  expect(productSafety(model).map(({ channels }) => channels)).toEqual([WIDTH, WORDS])
})

test('what stays in float has the table once, as before', async () => {
  const product = await dynamic(tied(), { keepFloat: ['y'] })
  expect([...product.model.graph.initializers.keys()]).toContain('t')
  expect([...product.model.graph.initializers.keys()]).not.toContain('turned')
  expect(opsOf(product.model).filter((op) => op === 'Transpose')).toHaveLength(1)
  const reason = 'its table is also read by turned, which would keep it in float'
  expect(product.report.refused).toContainEqual({ node: 'e', reason })
})

test('static integers have an integer product there, too', async () => {
  const before = await turnedOf(tied())
  const { model, report } = await inIntegers(before, { i }, { placement: 'products', tables: 'stored' } as never)
  expect(checkModel(model)).toEqual([])
  expect(report.refused.filter(({ node }) => node === 'y' || node === 'e')).toEqual([])
  expect((await kernelsOf(model)).MatMul ?? 0).toBe(0)
  expect(modelBytes(model)).toBeLessThan(0.65 * modelBytes(tied()))
  expect(decibels((await runOnce(before, { i })).y!, (await runOnce(model, { i })).y!)).toBeGreaterThan(25)
})

test('matrices that differ in one number are no twins', () => {
  const model = modelWith('g (float[2,64] x) => (float y, float z) { y = MatMul(x, w) a = Gather(t, k) z = Relu(a) }', {
    w: [WIDTH, WORDS],
    t: [WORDS, WIDTH],
  })
  const table = Float32Array.from({ length: WORDS * WIDTH }, (_, at) => at)
  const twin = (change: number) => {
    const turned = Float32Array.from(table, (_, at) => table[(at % WORDS) * WIDTH + Math.floor(at / WORDS)]!)
    turned[WIDTH + 1]! += change
    const initializers = new Map(model.graph.initializers)
      .set('t', tensorOf('float32', [WORDS, WIDTH], table, 't'))
      .set('w', tensorOf('float32', [WIDTH, WORDS], turned, 'w'))
      .set('k', tensorOf('int64', [1], BigInt64Array.of(3n), 'k'))
    return { ...model, graph: { ...model.graph, initializers } }
  }
  expect(opsOf(tieTurned(twin(0)))).toEqual(['Transpose', 'MatMul', 'Gather', 'Relu'])
  const other = twin(1)
  expect(tieTurned(other)).toBe(other)
})
