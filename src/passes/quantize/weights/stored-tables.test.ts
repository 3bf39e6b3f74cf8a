import { expect, test } from 'vitest'
import { decibels, inIntegers, modelWith, runOnce } from '../../../../tests/quantize-kit.ts'
import { checkModel } from '../../../ir/index.ts'
import type { StaticInt8Options } from '../static/quantize-static-int8.ts'

const LOOKUPS = modelWith(
  'g (int64[2] i) => (float y, float z) { [words] e = Gather(t, i) y = MatMul(e, w) [few] z = Gather(f, i) }',
  { t: [200, 64], w: [64, 64], f: [4, 3] },
)
const FEEDS = { i: { dtype: 'int64', dims: [2], data: BigInt64Array.of(3n, 1n) } } as const

async function quantized(options: StaticInt8Options, model = LOOKUPS) {
  const after = await inIntegers(model, FEEDS, options)
  expect(checkModel(after.model)).toEqual([])
  const floats = [...after.model.graph.initializers.values()].filter(({ dtype }) => dtype === 'float32')
  const lookups = after.report.refused.filter(({ node }) => ['words', 'few'].includes(node))
  return { model: after.model, floats: floats.map(({ dims }) => dims.join('×')), lookups }
}

test('static integers store embedding tables in 8 bits, and no longer name them as what is in float', async () => {
  const plain = await quantized({})
  expect(plain.floats).toContain('200×64')
  expect(plain.lookups.map(({ node }) => node)).toEqual(['words', 'few'])
  const { model, floats, lookups } = await quantized({ tables: 'stored' })
  expect(floats).not.toContain('200×64')
  expect(lookups).toEqual([{ node: 'few', reason: 'it reads a table' }])
  const [before, after] = [await runOnce(LOOKUPS, FEEDS), await runOnce(model, FEEDS)]
  expect(decibels(before.y!, after.y!)).toBeGreaterThan(35)
})

test('a table that others read, or that was to stay, stays in float and says why', async () => {
  const kept = await quantized({ tables: 'stored', keepFloat: ['words'] })
  expect(kept.floats).toContain('200×64')
  expect(kept.lookups[0]).toEqual({ node: 'words', reason: 'kept in float as asked' })
  const shared = modelWith(
    'g (int64[2] i) => (float y, float z) { [words] e = Gather(t, i) y = MatMul(e, w) [all] z = ReduceSum<keepdims = 0>(t) }',
    { t: [200, 64], w: [64, 64] },
  )
  const { floats, lookups } = await quantized({ tables: 'stored' }, shared)
  expect(floats).toContain('200×64')
  expect(lookups).toEqual([{ node: 'words', reason: 'its table is also read by all, which would keep it in float' }])
})
