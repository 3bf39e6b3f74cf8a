// A table that lookups read as rows, and a product as its weights.
import { describe, expect, test } from 'vitest'
import { decibels, modelWith, randomValue, runHere } from '../../../../tests/quantize-kit.ts'
import { type Model, roundTo, tensorOf, tensorValues } from '../../../ir/index.ts'
import { quantizeWeights, type WeightOptions } from './quantize-weights.ts'

const [WORDS, WIDTH] = [96, 64]
const run = (model: Model, options: Partial<WeightOptions> = {}) =>
  quantizeWeights.run(model, { bits: 8, block: 32, stored: false, ...options }, [])
const tied = (body: string, outputs = 'e, y') =>
  modelWith(`g (int64[5] i, float[4, ${WIDTH}] x) => (${outputs.replace(/\w+/g, 'float $&')}) { ${body} }`, {
    table: [WORDS, WIDTH],
  })
const feeds = {
  i: { dtype: 'int64', dims: [5], data: BigInt64Array.of(0n, 95n, 7n, 7n, -1n) },
  x: randomValue([4, WIDTH], 3),
} as const
const TURNED = 't = Transpose<perm = [1, 0]>(table) y = MatMul(x, t)'

describe('one set of codes serves both', () => {
  test.each([
    ['through a Transpose', `e = Gather(table, i) ${TURNED}`, 'e, y'],
    [
      'through a Transpose that turns as it is usual',
      'e = Gather(table, i) t = Transpose(table) y = MatMul(x, t)',
      'e, y',
    ],
    ['turned by the product', 'e = Gather(table, i) y = Gemm<transB = 1>(x, table)', 'e, y'],
    ['the product first', `${TURNED} e = Gather<axis = 0>(table, i)`, 'e, y'],
    ['two lookups', `e = Gather(table, i) j = Neg(i) f = Gather(table, j) ${TURNED}`, 'e, f, y'],
  ])('%s', async (_, body, outputs) => {
    const model = tied(body, outputs)
    for (const [bits, least] of [
      [8, 40],
      [4, 15],
    ] as const) {
      const { model: after, report } = await run(model, { bits })
      const lookups = outputs.split(',').length - 1
      expect(report).toMatchObject({ refused: [], planned: { MatMulNBits: 1, GatherBlockQuantized: lookups } })
      expect([...after.graph.initializers.keys()].filter((name) => name.endsWith('_codes'))).toEqual(['table_codes'])
      const [before, coded] = [await runHere(model, feeds), await runHere(after, feeds)]
      for (const name of outputs.split(', ')) expect(decibels(before[name]!, coded[name]!)).toBeGreaterThan(least)
    }
  })
})

test.each([
  ['its table is an output of the graph', `e = Gather(table, i) ${TURNED}`, 'e, y, table'],
  [
    'its table is also read by r, which would keep it in float',
    `e = Gather(table, i) r = Tanh(table) ${TURNED}`,
    'e, y, r',
  ],
  [
    'its table is also read by r, which would keep it in float',
    `e = Gather(table, i) r = Tanh(t) ${TURNED}`,
    'e, y, r',
  ],
  ['its table is also read by t, which would keep it in float', `e = Gather(table, i) ${TURNED}`, 'e, y, t'],
  [
    'its table is also read by r, which would keep it in float',
    `e = Gather(table, i) r = Gather<axis = 1>(table, k) ${TURNED}`,
    'e, y, r',
  ],
  [
    'its table is also read by r, which would keep it in float',
    `e = Gather(table, i) r = Gemm<transB = 1, alpha = 0.5>(x, table) ${TURNED}`,
    'e, y, r',
  ],
])('%s: it stays one table of floats', async (reason, body, outputs) => {
  const text = body.includes(', k)')
    ? `k = Abs(i) ${body}`
    : body.includes('Tanh(t)')
      ? `${TURNED} ${body.replace(TURNED, '')}`
      : body
  const { model, report } = await run(tied(text, outputs))
  expect(report.refused.find(({ node }) => node === 'e')).toEqual({ node: 'e', reason })
  expect(report.refused.find(({ node }) => node === 'y')?.reason).toBe(
    `${reason}; in codes beside the float table the file would grow`,
  )
  expect(model.graph.initializers.has('table')).toBe(true)
  expect(report.applied).toBe(0)
})

test('a Transpose that turns nothing leaves rows of the table the inputs of the product', async () => {
  const body = 'e = Gather(table, i) t = Transpose<perm = [0, 1]>(table) h = MatMul(x, v) y = MatMul(h, t)'
  const model = modelWith(`g (int64[5] i, float[4, ${WIDTH}] x) => (float e, float y) { ${body} }`, {
    ...{ table: [WORDS, WIDTH], v: [WIDTH, WORDS] },
  })
  const { model: after, report } = await run(model)
  expect(report.planned).not.toHaveProperty('GatherBlockQuantized')
  const [before, coded] = [await runHere(model, feeds), await runHere(after, feeds)]
  expect(decibels(before.y!, coded.y!)).toBeGreaterThan(40)
})

test('a table that holds what is no number stays as it is', async () => {
  const model = tied(`e = Gather(table, i) ${TURNED}`)
  const values = (tensorValues(model.graph.initializers.get('table')!) as Float32Array).slice()
  values[3] = Number.NaN
  const table = tensorOf('float32', [WORDS, WIDTH], values, 'table')
  const { report } = await run({ ...model, graph: { ...model.graph, initializers: new Map([['table', table]]) } })
  expect(report.applied).toBe(0)
  expect(report.refused.map(({ node }) => node).toSorted()).toEqual(['e', 'y'])
})

describe('a table of lookups alone, where codes are 4 bits', () => {
  const only = (change: (value: number, place: number) => number, body = 'e = Gather(table, i)', outputs = 'e') => {
    const model = tied(body, outputs)
    const values = (tensorValues(model.graph.initializers.get('table')!) as Float32Array).map(change)
    const table = tensorOf('float32', [WORDS, WIDTH], values, 'table')
    return { ...model, graph: { ...model.graph, initializers: new Map([['table', table]]) } }
  }
  const half = (value: number) => roundTo('float16', value)

  test('is float16 where it came as that, and every lookup gives the same', async () => {
    const model = only(half, 'e = Gather(table, i) j = Neg(i) f = Gather(table, j)', 'e, f')
    const { model: after, report } = await run(model, { bits: 4 })
    expect(report.applied).toBe(1)
    expect([...after.graph.initializers.values()].map(({ dtype }) => dtype)).toEqual(['float16'])
    const [before, halved] = [await runHere(model, feeds), await runHere(after, feeds)]
    for (const name of ['e', 'f']) expect(halved[name]!.data).toEqual(before[name]!.data)
  })

  test.each([
    ['one value is no float16', only((value, place) => (place === 7 ? 0.1 : half(value)))],
    ['it is an output', only(half, 'e = Gather(table, i)', 'e, table')],
    ['another reads it', only(half, 'e = Gather(table, i) r = Tanh(table)', 'e, r')],
  ])('stays where %s', async (_, model) => {
    const { model: after, report } = await run(model, { bits: 4 })
    expect(report.applied).toBe(0)
    expect(after.graph.initializers.get('table')!.dtype).toBe('float32')
  })
})
